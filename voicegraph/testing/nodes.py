"""Runs one node alone, on the real engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

from voicegraph.engine.session import Session, warm
from voicegraph.errors import CallFailed
from voicegraph.frames import FRAME_TYPES, Error, Frame
from voicegraph.graph.plan import Edge, Plan, PlannedNode
from voicegraph.node import NodeType, node_type
from voicegraph.ports import Form, Handler, Style

_CALLER, _NODE = "test", "node"


def run_node(
    target: object, *frames: Frame, with_: Mapping[str, Any] | None = None, warmed: bool = False
) -> list[Frame]:
    """Gives these frames to a node in a call of its own; returns what the node gives, in order.

    target: a function or class under @node. with_: its configuration, as a graph file writes it. warmed: load its
    models first. Frames of a reply share one turn, which ends behind the last one. Raises CallFailed, caused by what
    the node raised.
    """
    kind = node_type(target)
    plan = Plan(
        name=kind.name,
        nodes={
            _CALLER: PlannedNode(_CALLER, _source(frames)),
            _NODE: PlannedNode(_NODE, kind, dict(with_ or {})),
        },
        edges=tuple(Edge(_CALLER, _NODE, taken) for taken in FRAME_TYPES.values() if taken in kind.takes),
    )
    return asyncio.run(_run(plan, warmed=warmed))


async def _run(plan: Plan, *, warmed: bool) -> list[Frame]:
    if warmed:
        await warm(plan)
    given = _Given()
    session = Session(plan, seed=0, observers=(given,))
    await session.run()
    for node, error in session.faults:
        raise CallFailed(node, str(error)) from error
    return given.frames


def _source(frames: tuple[Frame, ...]) -> NodeType:
    async def give() -> AsyncIterator[Frame]:
        for frame in frames:
            yield frame

    every = tuple(FRAME_TYPES.values())
    return NodeType("test.source", give, (Handler("give", Form.SOURCE, Style.ASYNC_GENERATOR, (), every),))


class _Given:
    """An observer that keeps what the node under test gives."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []

    def given(self, node: str, frame: Frame) -> None:
        if node == _NODE and not isinstance(frame, Error):
            self.frames.append(frame)

    def played(self, turn: int, seconds: float) -> None:
        """There is no line here."""
