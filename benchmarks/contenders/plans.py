"""Plans made by hand, for graphs whose nodes stand in a benchmark."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

from voicegraph.frames import FRAME_TYPES
from voicegraph.graph.plan import Edge, Plan, PlannedNode
from voicegraph.node import node_type


def plan_of(nodes: Mapping[str, tuple[Any, dict[str, Any]]], *rows: str) -> Plan:
    """nodes: by name, the class and its configuration; the first is the line. rows: such as "line -> vad -> llm"."""
    planned = {name: PlannedNode(name, node_type(kind), config) for name, (kind, config) in nodes.items()}
    edges = [
        Edge(giver, taker, frame)
        for row in rows
        for giver, taker in itertools.pairwise(row.split(" -> "))
        for frame in FRAME_TYPES.values()
        if frame in planned[giver].kind.gives & planned[taker].kind.takes
    ]
    return Plan("benchmark", planned, tuple(edges), line=next(iter(planned)))
