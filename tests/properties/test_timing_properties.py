"""Random graphs under random interrupts: their figures add up, and measuring a frame never changes its way."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from typing import Any, TypeVar

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.calls import Log, ScriptedLine, plan
from tests.properties.nodes import HOSTILE, KIND, Inline, Slow, origin
from tests.properties.test_interrupts import Made, call, graphs, schedules
from voicegraph import Audio, Commit, Frame, Interrupt, Sentence, Token, TTSAudio, UserTurn, node
from voicegraph.engine import timing
from voicegraph.engine.session import Session
from voicegraph.frames import UNSTAMPED
from voicegraph.graph.plan import Plan
from voicegraph.observe.call_times import timeline
from voicegraph.observe.timeline import Stage, Timeline, Turn
from voicegraph.testing import run_virtual


@node("property.dawdles")
class Dawdles(Inline):
    """Takes another time for each token."""

    async def on_token(self, token: Token) -> AsyncIterator[Token]:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        await asyncio.sleep(origin(token.text).number * 7 % 5 / 1000)
        yield self._pass(token)


def check_answer(told: Timeline, turn: Turn) -> None:
    """The parts of an answer add up to it, one behind the other, and each is a node's."""
    assert turn.answer is not None
    names = {each.name for each in told.nodes}
    for parts in (turn.path, turn.steps):
        assert sum(part.seconds for part in parts) == pytest.approx(turn.answer, abs=1e-3)
        assert all(part.seconds >= 0 and part.node in names for part in parts)
        assert all(one.end == pytest.approx(other.start) for one, other in itertools.pairwise(parts))


def check_stage(stage: Stage) -> None:
    known = [each for each in (stage.came, stage.taken, stage.first, stage.last) if each is not None]
    assert known == sorted(known), stage
    figures = (stage.items, stage.given, stage.queued, stage.blocked, stage.starved, stage.own, stage.waited)
    assert min(figures) >= 0, stage


def check_counts(made: Made, session: Session, log: Log) -> None:
    """What an observer counted. Of sound every frame is counted only where each is an answer to something else."""
    given: dict[str, Counter[bool]] = {}
    for name, frame in log.frames:
        if frame.side != "control":
            given.setdefault(name, Counter())[isinstance(frame, TTSAudio)] += 1
    for name, each in session.timings().items():
        sound, other = given.get(name, Counter())[True], given.get(name, Counter())[False]
        if sound:
            assert (sound + 1) // 2 <= each.given <= sound + session.turns.latest, name
        assert sound or each.given == other or name == "boss", name  # whose turns may be void before they are taken
        if isinstance(session.nodes[name].instance, Inline) and not {Slow, Dawdles, *HOSTILE} & {*made.kinds}:
            assert each.items == len(session.nodes[name].instance.seen), name


@settings(max_examples=150, deadline=None)
@given(made=graphs([*KIND, Dawdles, *HOSTILE]), schedule=schedules, seed=st.integers(0, 9))
def test_the_figures_of_any_call_add_up(made: Made, schedule: list[Any], seed: int) -> None:
    session, log, _ = run_virtual(call(made, schedule), seed=seed)
    told = timeline(session)
    for turn in told.turns:
        for stage in turn.stages:
            check_stage(stage)
        if turn.answer is not None:
            check_answer(told, turn)
    for total in told.totals:
        assert min(0.0, total.blocked, total.starved, total.own, *total.queue, *total.first, *total.total) == 0.0
    check_counts(made, session, log)


S = TypeVar("S", Audio, TTSAudio)

# --- whether measured or not -----------------------------------------------------------------------------------------


@node("property.ear")
class Ear:
    """Passes the caller's sound on, and sees to turns and interrupts at its own pace."""

    every: int = 7
    sure: int = 3

    def __post_init__(self) -> None:
        self.count = 0

    def on_audio(self, audio: Audio) -> Iterator[UserTurn | Interrupt | Commit]:
        self.count += 1
        if self.count % self.every == 0:
            yield Interrupt()
            yield UserTurn("go", speculative=self.sure > 0)
        if self.count % self.every == self.sure:
            yield Commit()


@node("property.hum")
class Hum:
    """Half a second of sound, and a word that must be said."""

    async def on_turn(self, turn: UserTurn) -> AsyncIterator[TTSAudio | Sentence]:
        for index in range(25):
            yield TTSAudio(bytes(640), text=str(index), interruptible=index != 20)
            if index % 8 == 0:
                yield Sentence(str(index))


def same(frame: S) -> S:
    """A new frame with the same sound."""
    return msgspec.structs.replace(frame, born=UNSTAMPED)


@node("property.sound")
class Sound:
    def on_caller(self, frame: Audio) -> Audio:
        return same(frame)

    def on_reply(self, frame: TTSAudio) -> TTSAudio:
        return same(frame)


@node("property.sound_generator")
class SoundGenerator:
    def on_caller(self, frame: Audio) -> Iterator[Audio]:
        yield same(frame)
        yield frame

    def on_reply(self, frame: TTSAudio) -> Iterator[TTSAudio]:
        yield same(frame)
        yield frame


@node("property.sound_async")
class SoundAsync:
    async def on_caller(self, frame: Audio) -> Audio:
        return same(frame)

    async def on_reply(self, frame: TTSAudio | Sentence) -> TTSAudio:
        if isinstance(frame, Sentence):
            return TTSAudio(bytes(640), text=frame.text)
        await asyncio.sleep(0.002)
        return frame


@node("property.sound_many", concurrency=2)
class SoundMany:
    async def on_caller(self, frame: Audio) -> AsyncIterator[Audio]:
        yield same(frame)

    async def on_reply(self, frame: TTSAudio) -> AsyncIterator[TTSAudio]:
        yield same(frame)
        await asyncio.sleep(0.003)


@node("property.sound_stream")
class SoundStream:
    async def on_caller(self, frames: AsyncIterator[Audio]) -> AsyncIterator[Audio]:
        async for frame in frames:
            yield same(frame)

    async def on_reply(self, frames: AsyncIterator[TTSAudio]) -> AsyncIterator[TTSAudio]:
        async for frame in frames:
            yield same(frame)


@node("property.sound_raises")
class SoundRaises:
    def __post_init__(self) -> None:
        self.count = 0

    def on_reply(self, frame: TTSAudio) -> TTSAudio:
        self.count += 1
        if self.count % 5 == 0:
            raise ValueError("five")
        return frame

    def on_caller(self, frame: Audio) -> Audio:
        return same(frame)


SOUNDS = [Sound, SoundGenerator, SoundAsync, SoundMany, SoundStream, SoundRaises]


@st.composite
def sounding(draw: st.DrawFn) -> Plan:
    """Nodes for sound on both ways, each fed by one or two before it; the last of them, and some others, go on."""
    nodes: dict[str, Any] = {"line": ScriptedLine, "ear": Ear, "voice": Hum}
    flow: list[str] = ["ear -> voice"]
    for first, last, letter in (("line", "ear", "c"), ("voice", "line", "r")):
        names = [first]
        for index in range(draw(st.integers(0, 4))):
            name = f"{letter}{index}"
            nodes[name] = draw(st.sampled_from(SOUNDS))
            givers = sorted({draw(st.sampled_from(names)), names[-1]})
            flow += [f"{giver} -> {name}" for giver in givers]
            names.append(name)
        flow += [f"{giver} -> {last}" for giver in sorted({names[-1], draw(st.sampled_from(names))})]
    script = [step for index in range(60) for step in (Audio(bytes(640), at=index * 0.02), 0.02)]
    every = draw(st.integers(5, 30))
    config: dict[str, dict[str, Any]] = {
        "line": {"script": [*script, 3.0]},
        "ear": {"every": every, "sure": draw(st.integers(0, 4))},
    }
    return plan(nodes, *flow, config=config)


def trace(made: Plan, seed: int) -> tuple[list[tuple[float, str, Frame]], list[tuple[float, TTSAudio]], Timeline]:
    async def go() -> tuple[Session, Log]:
        log = Log()
        session = Session(made, seed=1, observers=(log,))
        async with asyncio.timeout(300):
            await session.run()
        return session, log

    session, log = run_virtual(go(), seed=seed)
    given = [(at, name, frame) for at, (name, frame) in zip(log.times, log.frames, strict=True)]
    line = session.nodes["line"].instance
    return given, [*zip(line.times, line.heard, strict=True)], timeline(session)


@settings(max_examples=60, deadline=None)
@given(made=sounding(), seed=st.integers(0, 9))
def test_a_measured_frame_goes_the_way_of_all_frames(made: Plan, seed: int) -> None:
    found: list[Any] = []
    for sample in (1, timing.SAMPLE, 10**9):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(timing, "SAMPLE", sample)
            *what, told = trace(made, seed)
        found.append(what)
        for turn in told.turns:
            for stage in turn.stages:
                check_stage(stage)
            if turn.answer is not None:
                check_answer(told, turn)
    assert found[0] == found[1] == found[2]
