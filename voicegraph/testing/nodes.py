"""Runs one node alone, on the real engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

from voicegraph.engine.jumping import JumpingLoop
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
    models first. Frames of a reply share one turn, which ends behind the last one. Pauses take no time: the clock jumps
    over them. Raises CallFailed, caused by what the node raised, or by an ExceptionGroup when that was more than one;
    ValueError for a line, and for a frame that the node does not take.
    """
    kind = node_type(target).with_settings(with_ or {})
    _check(kind, frames)
    plan = Plan(
        name=kind.name,
        nodes={
            _CALLER: PlannedNode(_CALLER, _source(frames)),
            _NODE: PlannedNode(_NODE, kind, dict(with_ or {})),
        },
        edges=tuple(Edge(_CALLER, _NODE, taken) for taken in FRAME_TYPES.values() if taken in kind.takes),
    )
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        return runner.run(_run(plan, warmed=warmed))


def _check(kind: NodeType, frames: tuple[Frame, ...]) -> None:
    if kind.line:
        raise ValueError(
            f"`{kind.name}` is a line, and a line has a call around it: test it in a graph with `voicegraph run`, or "
            f"make one with node_type({kind.target.__name__}).configure({{}}) and call its methods yourself"
        )
    if wrong := [type(frame).__name__ for frame in frames if type(frame) not in kind.takes]:
        takes = ", ".join(frame_type.__name__ for frame_type in FRAME_TYPES.values() if frame_type in kind.takes)
        raise ValueError(f"`{kind.name}` takes {takes or 'no frames'}, not {', '.join(dict.fromkeys(wrong))}")


async def _run(plan: Plan, *, warmed: bool) -> list[Frame]:
    if warmed:
        await warm(plan)
    given = _Given()
    session = Session(plan, seed=0, observers=(given,))
    try:
        await session.run()
    except CallFailed:
        if not session.faults:
            raise
    if session.faults:
        raise _failure([*(error for _, error in session.faults)])
    return given.frames


def _failure(errors: list[BaseException]) -> CallFailed:
    """What tells of all the errors of the node under test."""
    first, *others = errors
    more = f" (and {len(others)} more)" if others else ""
    failure = CallFailed(_NODE, f"{first}{more}")
    failure.__cause__ = BaseExceptionGroup("what the node raised", errors) if others else first
    return failure


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
