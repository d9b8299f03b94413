"""A plan: a checked graph, ready for the engine. Compiled once per graph file; a session is made from it per call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from voicegraph.frames import Frame
from voicegraph.node import NodeType


@dataclass(frozen=True)
class Recover:
    """What the engine does when a node fails. Durations in seconds; None means not asked for."""

    timeout: float | None = None
    stall: float | None = None
    retries: int = 0
    fallback: tuple[str, ...] = ()
    say: str | None = None
    then: str | None = None


@dataclass(frozen=True)
class PlannedNode:
    """One node of the graph: its type, and its configuration as it was validated."""

    name: str
    kind: NodeType
    config: Mapping[str, Any] = field(default_factory=dict[str, Any])
    recover: Recover | None = None

    def make(self) -> Any:
        """A fresh instance, for one call."""
        return self.kind.configure(self.config)


@dataclass(frozen=True)
class Edge:
    """`giver` gives frames of one type to `taker`. Edges of one giver are in the order of the file."""

    giver: str
    taker: str
    frame: type[Frame]


@dataclass(frozen=True)
class Plan:
    """What a session is made from.

    nodes: in topological order, the line first. Converters that the audio formats ask for are nodes like any other.
    line: name of the line node, or None for a graph without one (a test of a part).
    standby: nodes outside the flow that a `fallback` names, and the converters that only they need.
    standby_edges: the edges of each standby node, as if it stood in the place of the node that it stands in for, with
    their converters. An edge into a standby node is to be used only while it stands in.
    budgets: p95 limits in seconds by name (`answer`, `barge_in`, or a node's).
    """

    name: str
    nodes: Mapping[str, PlannedNode]
    edges: tuple[Edge, ...]
    line: str | None = None
    standby: Mapping[str, PlannedNode] = field(default_factory=dict[str, PlannedNode])
    budgets: Mapping[str, float] = field(default_factory=dict[str, float])
    standby_edges: tuple[Edge, ...] = ()
