"""A node alone: what the engine takes to bring it a frame, what the node takes itself, and how soon it gives something.

The first two are told apart by three runs of the same frames as fast as they go: with nobody to take them, with an
empty node of the same shape, and with the node. How soon it gives something is measured at the pace of a call.
"""

from __future__ import annotations

import asyncio
import dataclasses
import gc
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from time import perf_counter, process_time
from typing import Any, NamedTuple

from msgspec.structs import replace

from voicegraph.engine.session import Session
from voicegraph.errors import CallFailed
from voicegraph.frames import FRAME_TYPES, Frame, UserTurn
from voicegraph.graph.plan import Edge, Plan, PlannedNode
from voicegraph.node import NodeType
from voicegraph.observe.bench.feed import Feed, Timed
from voicegraph.observe.bench.result import Cost, Yardstick
from voicegraph.observe.bench.yardstick import yardstick
from voicegraph.observe.call_times import timeline
from voicegraph.observe.timeline import Timeline
from voicegraph.ports import Form, Handler, Style

RUN = 0.2
"""Seconds of CPU that a run should take, so that the machine's clock and its moods matter little."""
WALL = 1.5
"""Seconds that it may take, for nodes that mostly wait."""
MOST_TURNS, MOST_CALLS = 100, 10
"""No call has more turns: what a node remembers of them would count."""
SOURCE, ANSWER = "~feed", "~answer"
EVERY = tuple(FRAME_TYPES.values())


@dataclass(frozen=True)
class Alone:
    """A node that is benched alone. feed: what it gets in a turn, be that once or often."""

    node: PlannedNode
    feed: Feed

    def of(self, turns: int) -> Alone:
        """The same for so many turns."""
        return Alone(self.node, dataclasses.replace(self.feed, turns=turns))

    def plan(self, node: PlannedNode | None, *, paced: bool = False) -> Plan:
        """The node, or another in its place, or none, with what feeds it. paced: frames come when they are due."""
        frames = list(self.feed.caller())
        nodes = {SOURCE: PlannedNode(SOURCE, _source(frames, paced=paced))}
        edges: list[Edge] = []
        replies = self.feed.replies
        if replies:
            nodes[ANSWER] = PlannedNode(ANSWER, _answer(self.feed))
            edges.append(Edge(SOURCE, ANSWER, UserTurn))
        if node is not None:
            nodes[node.name] = node
            taken = [frame for frame in EVERY if frame in node.kind.takes and frame.side != "control"]
            edges += [Edge(ANSWER if frame in replies else SOURCE, node.name, frame) for frame in taken]
        return Plan(name=self.node.kind.name, nodes=nodes, edges=tuple(edges))

    @property
    def empty(self) -> PlannedNode:
        """A node that takes the same frames in the same way, does nothing with them, and gives nothing."""
        return PlannedNode(self.node.name, _empty(self.node.kind))


class Size(NamedTuple):
    """Of a run: so many calls of so many turns each."""

    calls: int
    turns: int


async def calibrate(alone: Alone) -> Size:
    """How much a run should be. Does what happens only the first time, too."""
    await _run(alone.of(1).plan(alone.node))
    turns = 1
    while True:  # what a call costs of itself makes the first guesses too small
        began = perf_counter()
        cpu, _ = await _run(alone.of(turns).plan(alone.node))
        factor = min(RUN / cpu, WALL / (perf_counter() - began))
        if factor < 1.5 or turns == MOST_TURNS:
            return Size(min(MOST_CALLS, max(1, int(factor))), turns)
        turns = min(MOST_TURNS, int(turns * min(factor, 10.0)) + 1)


async def cost(alone: Alone, size: Size) -> Cost:
    """One round: the three runs, call by call in turn. Raises CallFailed for a node that fails."""
    gc.collect()  # what others have left is not this node's
    fed = alone.of(size.turns)
    source, empty, node = list[float](), list[float](), list[float]()
    for _ in range(size.calls):
        for taker, seconds in ((None, source), (fed.empty, empty), (fed.node, node)):
            seconds.append((await _run(fed.plan(taker)))[0])
    turns = size.calls * size.turns
    frames = turns * sum(fed.feed.counts().values())
    return Cost(frames=frames, turns=turns, source=sum(source), empty=sum(empty), node=sum(node))


async def paced(alone: Alone, turns: int, name: str) -> Timeline:
    """Turns at the pace of a call; of the timeline, what is about the node. Raises CallFailed."""
    _, call = await _run(alone.of(turns).plan(alone.node, paced=True), name)
    mine = alone.node.name
    return replace(
        call,
        nodes=tuple(node for node in call.nodes if node.name == mine),
        wires=(),
        totals=tuple(totals for totals in call.totals if totals.node == mine),
        turns=tuple(
            replace(turn, stages=tuple(stage for stage in turn.stages if stage.node == mine)) for turn in call.turns
        ),
    )


async def _run(plan: Plan, name: str = "bench") -> tuple[float, Timeline]:
    """CPU that the process took, in seconds, and what the engine noted."""
    session = Session(plan, call_id=name, seed=0)
    began = process_time()
    await session.run()
    took = process_time() - began
    for node, fault in session.faults:
        raise CallFailed(node, f"{type(fault).__name__}: {fault}") from fault
    return took, replace(timeline(session), cpu=took)


# --- what feeds it, and what stands in for it -------------------------------------------------------------------------


def _source(frames: list[Timed], *, paced: bool) -> NodeType:
    async def give() -> AsyncIterator[Frame]:
        loop = asyncio.get_running_loop()
        began = loop.time()
        for at, frame in frames:
            if paced and (wait := began + at - loop.time()) > 0:
                await asyncio.sleep(wait)
            yield frame

    return NodeType(SOURCE, give, (Handler("give", Form.SOURCE, Style.ASYNC_GENERATOR, (), EVERY),))


def _answer(feed: Feed) -> NodeType:
    async def answer(turn: UserTurn) -> AsyncIterator[Frame]:
        for frame in feed.reply():
            yield frame

    return NodeType(ANSWER, answer, (Handler("answer", Form.FRAME, Style.ASYNC_GENERATOR, (UserTurn,), EVERY),))


def _function(self: Any, frame: Frame) -> None: ...


def _generator(self: Any, frame: Frame) -> Iterator[Frame]:
    yield from ()


async def _coroutine(self: Any, frame: Any) -> None: ...


async def _coroutine_of_stream(self: Any, frames: AsyncIterator[Frame]) -> None:
    async for _ in frames:
        pass


async def _async_generator(self: Any, frame: Frame) -> AsyncIterator[Frame]:
    for nothing in list[Frame]():
        yield nothing


async def _async_generator_of_stream(self: Any, frames: AsyncIterator[Frame]) -> AsyncIterator[Frame]:
    async for _ in frames:
        for nothing in list[Frame]():
            yield nothing


_NOTHING: dict[tuple[Form, Style], Callable[..., Any]] = {
    (Form.FRAME, Style.FUNCTION): _function,
    (Form.FRAME, Style.GENERATOR): _generator,
    (Form.FRAME, Style.COROUTINE): _coroutine,
    (Form.FRAME, Style.ASYNC_GENERATOR): _async_generator,
    (Form.STREAM, Style.COROUTINE): _coroutine_of_stream,
    (Form.STREAM, Style.ASYNC_GENERATOR): _async_generator_of_stream,
}
"""What a handler of each kind is that does nothing."""


def _empty(kind: NodeType) -> NodeType:
    """A node type with the same handlers, of which none does anything. A source of its own gives nothing."""
    handlers = tuple(
        dataclasses.replace(each, takes_rate=None, gives_rate=None) for each in kind.handlers if each.takes
    )
    namespace = {each.name: _NOTHING[each.form, each.style] for each in handlers}
    target = dataclasses.make_dataclass("Empty", [], namespace=namespace)
    return NodeType("~empty", target, handlers, concurrency=kind.concurrency)


@dataclass
class AloneRounds:
    """See `Rounds` of calls; here a round is the three runs, and then some turns at the pace of a call.

    turns: of a run; None for as many as it takes. paced: turns of a round at the pace of a call. run: runs a coroutine.
    """

    alone: Alone
    rounds: int
    paced: int
    run: Callable[[Any], Any]
    done: Callable[[int], None] = lambda done: None
    costs: list[Cost] = field(default_factory=list[Cost])
    yardsticks: list[Yardstick] = field(default_factory=list[Yardstick])
    calls: list[tuple[Timeline, ...]] = field(default_factory=list[tuple[Timeline, ...]])

    def measure(self) -> None:
        """All rounds."""
        size = self.run(calibrate(self.alone))
        for number in range(self.rounds):
            self.costs.append(self.run(cost(self.alone, size)))
            self.calls.append((self.run(paced(self.alone, self.paced, f"round {number}")),))
            self.yardsticks.append(yardstick())
            self.done(number + 1)
