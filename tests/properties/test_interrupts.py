"""Random graphs of nodes, kind and hostile, under random interrupts: what the engine promises holds for all of them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.calls import Log, plan
from tests.properties import nodes
from tests.properties.nodes import (
    HOSTILE,
    KIND,
    MUST,
    THREADED,
    TOKENS,
    DirectLLM,
    EagerLLM,
    InlineLLM,
    Late,
    Line,
    Same,
    SentenceVoice,
    Voice,
    all_stale,
    origin,
)
from voicegraph import Frame, Interrupt, SpeechStarted, SpeechStopped
from voicegraph.engine.jumping import JumpingLoop
from voicegraph.engine.session import Session
from voicegraph.engine.stream import ENDS
from voicegraph.graph.plan import Plan
from voicegraph.testing.virtual import run_virtual


@dataclass(frozen=True)
class Made:
    """A random graph: a brain, nodes that each take from one or two before them, a voice that takes what is left over.

    givers: for each node, places of those it takes from; 0 is the brain.
    """

    brain: Any
    kinds: Sequence[Any]
    givers: Sequence[frozenset[int]]
    voice: Any
    must: bool

    def plan(self, script: list[Any]) -> Plan:
        names = ["llm", *(f"n{index}" for index in range(1, len(self.kinds) + 1))]
        taken = {place for givers in self.givers for place in givers}
        flow = ["line -> llm", "line -> boss"] if self.brain is DirectLLM else ["line -> boss -> llm"]
        flow += [f"{names[g]} -> {names[i]}" for i, givers in enumerate(self.givers, 1) for g in sorted(givers)]
        flow += [f"{name} -> tts" for place, name in enumerate(names) if place not in taken]
        each = dict(zip(names[1:], self.kinds, strict=True))
        boss = nodes.interrupts if self.brain is DirectLLM else nodes.boss
        return plan(
            {"line": Line, "boss": boss, "llm": self.brain, **each, "tts": self.voice},
            *flow,
            "tts -> line",
            config={
                "line": {"script": script},
                "llm": {"must": self.must},
                **{name: {"name": name} for name in (*each, "tts")},
            },
        )

    def ways(self) -> int:
        """How many ways lead from the brain to the voice."""
        count = [1]
        for givers in self.givers:
            count.append(sum(count[giver] for giver in givers))
        taken = {place for givers in self.givers for place in givers}
        return sum(ways for place, ways in enumerate(count) if place not in taken)


@st.composite
def graphs(draw: st.DrawFn, kinds: list[Any]) -> Made:
    chosen = draw(st.lists(st.sampled_from(kinds), max_size=5))
    return Made(
        draw(st.sampled_from([nodes.LLM, EagerLLM, InlineLLM, DirectLLM])),
        chosen,
        [draw(st.frozensets(st.integers(0, place), min_size=1, max_size=2)) for place in range(len(chosen))],
        draw(st.sampled_from([Voice, SentenceVoice])),
        draw(st.booleans()),
    )


pauses = st.floats(0.001, 0.4, allow_nan=False).map(lambda pause: round(pause, 3))
schedules = st.lists(st.one_of(st.just("start"), st.just("stop"), pauses), max_size=14)


class Bounds:
    """An observer that looks into every inbox each time that something is given."""

    def __init__(self) -> None:
        self.session: Session | None = None

    def given(self, node: str, frame: Frame) -> None:
        assert self.session is not None
        for each in self.session.nodes.values():
            for lane in each.lanes:
                waiting = [f for f in lane.inbox._frames if type(f) not in ENDS]  # pyright: ignore[reportPrivateUsage]
                self.session_keeps_bound = len(waiting) <= lane.inbox.bound
                assert self.session_keeps_bound, f"{each.name} has {len(waiting)} frames waiting"

    def played(self, turn: int, seconds: float) -> None:
        """Nothing changes by it."""


async def call(made: Made, schedule: list[Any]) -> tuple[Session, Log, int]:
    """One call to its end. Also how many tasks are left a while after it."""
    script: list[Any] = []
    for index, step in enumerate([*schedule, "stop"]):
        at = float(index)
        script.append({"start": SpeechStarted(at=at), "stop": SpeechStopped(at=at)}.get(step, step))
    log, bounds = Log(), Bounds()
    session = bounds.session = Session(made.plan(script), observers=(log,))
    session.taps.append(bounds.given)
    async with asyncio.timeout(300):
        await session.run()
    await asyncio.sleep(10.0)  # the worst of them hangs for five seconds
    return session, log, len(asyncio.all_tasks()) - 1


def check_guarantee(made: Made, session: Session, log: Log) -> None:
    """No stale frame is given, or comes to a node or the line; frames keep their order on every way."""
    assert all_stale(session) == []
    opened, floor = 0, 0
    for giver, frame in log.frames:
        if isinstance(frame, Interrupt):
            floor = opened + 1
        elif frame.turn:
            assert frame.turn >= floor or not frame.interruptible, f"{giver} gave {frame} after its interrupt"
            opened = max(opened, frame.turn)
    line = session.nodes["line"].instance
    turns = [audio.turn for audio in line.heard]
    assert turns == sorted(turns)
    assert turns == [origin(audio.text).turn for audio in line.heard]
    if not {Same, Late}.isdisjoint(made.kinds):  # they do not tell which way a frame came
        return
    for each in session.nodes.values():
        ways: dict[tuple[Any, ...], list[int]] = {}
        for came in getattr(each.instance, "seen", ()):
            ways.setdefault((came.turn, *came.path), []).append(came.number)
        for way, numbers in ways.items():
            assert numbers == sorted(numbers), f"{each.name} got {way} out of order"


@settings(max_examples=120, deadline=None)
@given(made=graphs([*KIND, *HOSTILE]), schedule=schedules, seed=st.integers(0, 9))
def test_nothing_of_an_interrupted_reply_comes_anywhere(made: Made, schedule: list[Any], seed: int) -> None:
    session, log, left = run_virtual(call(made, schedule), seed=seed)
    check_guarantee(made, session, log)
    assert left == 0


@settings(max_examples=20, deadline=None)
@given(made=graphs([*KIND, *THREADED]), schedule=schedules)
def test_not_even_from_a_thread(made: Made, schedule: list[Any]) -> None:
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        session, log, _ = runner.run(call(made, schedule))
    check_guarantee(made, session, log)


@settings(max_examples=120, deadline=None)
@given(made=graphs(KIND), schedule=schedules, seed=st.integers(0, 9))
def test_nothing_else_is_lost_or_out_of_order(made: Made, schedule: list[Any], seed: int) -> None:
    session, log, left = run_virtual(call(made, schedule), seed=seed)
    check_guarantee(made, session, log)
    assert left == 0
    assert not session.faults
    heard: dict[int, Counter[int]] = {}
    for audio in session.nodes["line"].instance.heard:
        came = origin(audio.text)
        heard.setdefault(came.turn, Counter())[came.number] += 1
    ways = made.ways()
    must = {origin(frame.text) for giver, frame in log.frames if giver == "llm" and not frame.interruptible}  # type: ignore[attr-defined]
    assert {came.number for came in must} <= set(MUST)
    for came in must:
        assert heard[came.turn][came.number] == ways, f"{came} had to be said"
    for reply in session.replies():
        assert reply.over
        if not reply.interrupted:
            assert heard[reply.turn] == dict.fromkeys(range(TOKENS), ways), f"turn {reply.turn} lost something"
            assert reply.heard == reply.said
