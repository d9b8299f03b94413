"""Random chains of nodes, kind and hostile, under random interrupts: what the engine promises holds for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.calls import Log, ScriptedLine, plan
from voicegraph import Interrupt, SpeechStarted, SpeechStopped, Token, TTSAudio, UserTurn, node
from voicegraph.engine.jumping import JumpingLoop
from voicegraph.engine.session import Session

TOKENS = 25


@node("property.boss")
def boss(frame: SpeechStarted | SpeechStopped) -> UserTurn | Interrupt:
    """Speech interrupts; its end is a turn."""
    return Interrupt() if isinstance(frame, SpeechStarted) else UserTurn("go")


@node("property.interrupts")
def interrupts(frame: SpeechStarted) -> Interrupt:
    """Speech interrupts."""
    return Interrupt()


@node("property.llm")
class LLM:
    """Counts, a token every few milliseconds."""

    pause: float = 0.0

    async def on_turn(self, turn: UserTurn) -> AsyncIterator[Token]:
        for number in range(TOKENS):
            if self.pause:
                await asyncio.sleep(self.pause)
            yield Token(str(number))


@node("property.inline_llm")
def inline_llm(turn: UserTurn) -> Iterator[Token]:
    """Counts, all at once."""
    for number in range(TOKENS):
        yield Token(str(number))


@node("property.direct_llm")
def direct_llm(frame: SpeechStopped) -> Iterator[Token]:
    """Counts in answer to the pause itself."""
    for number in range(TOKENS):
        yield Token(str(number))


@node("property.inline")
def inline(token: Token) -> Token:
    """Passes on."""
    return Token(token.text)


@node("property.same")
def same(token: Token) -> Token:
    """Passes the very frame on."""
    return token


@node("property.generator")
def generator(token: Token) -> Iterator[Token]:
    """Passes on, from a generator."""
    yield Token(token.text)


@node("property.slow")
class Slow:
    """Takes a while for each token, and for letting go."""

    async def on_token(self, token: Token) -> Token:
        try:
            await asyncio.sleep(0.01)
        finally:
            await asyncio.sleep(0.03)
        return Token(token.text)


@node("property.stream")
class Stream:
    """Passes a turn's tokens on as a stream."""

    async def each(self, tokens: AsyncIterator[Token]) -> AsyncIterator[Token]:
        async for token in tokens:
            yield Token(token.text)


@node("property.concurrent", concurrency=1)
class Async:
    """Passes on, from a task."""

    async def on_token(self, token: Token) -> AsyncIterator[Token]:
        yield Token(token.text)


KIND = [inline, same, generator, Slow, Stream, Async]


@node("property.swallows")
class Swallows:
    """Swallows its cancellation and speaks on."""

    async def on_token(self, token: Token) -> AsyncIterator[Token]:
        for _ in range(3):
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(0.005)
            yield Token(token.text)


@node("property.hangs")
class Hangs:
    """Hangs when it is to let go."""

    async def each(self, tokens: AsyncIterator[Token]) -> AsyncIterator[Token]:
        try:
            async for token in tokens:
                yield Token(token.text)
                await asyncio.sleep(0.001)
        except asyncio.CancelledError:
            await asyncio.sleep(5.0)
            yield Token("late")


@node("property.raises")
class Raises:
    """Raises now and then, and when it lets go."""

    async def on_token(self, token: Token) -> AsyncIterator[Token]:
        try:
            if int(token.text or 0) % 7 == 3:
                raise ValueError("seven")
            yield Token(token.text)
            await asyncio.sleep(0.001)
        except asyncio.CancelledError:
            raise RuntimeError("no") from None


@node("property.late")
class Late:
    """Gives what it kept of the reply before."""

    def __post_init__(self) -> None:
        self.kept: list[Token] = []

    async def each(self, tokens: AsyncIterator[Token]) -> AsyncIterator[Token]:
        async for token in tokens:
            self.kept.append(token)
            yield self.kept.pop(0) if len(self.kept) > 3 else Token(token.text)


@node("property.failing")
def failing(token: Token) -> Token:
    """Cannot do anything."""
    raise RuntimeError("never")


HOSTILE = [Swallows, Hangs, Raises, Late, failing]


@node("property.tts")
class Voice:
    """20 ms a token."""

    async def on_token(self, token: Token) -> TTSAudio:
        return TTSAudio(bytes(640), text=token.text)


schedules = st.lists(
    st.one_of(
        st.just("start"), st.just("stop"), st.floats(0.001, 0.4, allow_nan=False).map(lambda pause: round(pause, 3))
    ),
    max_size=14,
)


def call(schedule: list[Any], brain: Any, chain: list[Any]) -> tuple[Session, Log, int]:
    steps: list[Any] = []
    for index, step in enumerate([*schedule, "stop"]):
        at = float(index)
        steps.append({"start": SpeechStarted(at=at), "stop": SpeechStopped(at=at)}.get(step, step))
    names = [f"n{index}" for index in range(len(chain))]
    decides = interrupts if brain is direct_llm else boss
    nodes = {"line": ScriptedLine, "boss": decides, "llm": brain, **dict(zip(names, chain, strict=True)), "tts": Voice}
    flow = " -> ".join(["llm", *names, "tts", "line"])
    first = ["line -> llm", "line -> boss"] if brain is direct_llm else ["line -> boss -> llm"]
    made = plan(nodes, *first, flow, config={"line": {"script": steps}})

    async def go() -> tuple[Session, Log, int]:
        log = Log()
        session = Session(made, observers=(log,))
        async with asyncio.timeout(300):
            await session.run()
        left = len(asyncio.all_tasks()) - 1
        return session, log, left

    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        return runner.run(go())


def check_no_stale_frame(session: Session, log: Log) -> None:
    opened, floor = 0, 0
    for _, frame in log.frames:
        if isinstance(frame, Interrupt):
            floor = opened + 1
        elif frame.turn:
            assert frame.turn >= floor, f"{frame} was given after the interrupt of its turn"
            opened = max(opened, frame.turn)
    interrupts = [at for at, (_, frame) in zip(log.times, log.frames, strict=True) if isinstance(frame, Interrupt)]
    line = session.nodes["line"].instance
    first_given: dict[int, float] = {}
    for at, (_, frame) in zip(log.times, log.frames, strict=True):
        if frame.turn:
            first_given.setdefault(frame.turn, at)
    for at, audio in zip(line.times, line.heard, strict=True):
        assert not any(first_given[audio.turn] <= interrupt < at for interrupt in interrupts)
    turns = [audio.turn for audio in line.heard]
    assert turns == sorted(turns)


brains = st.sampled_from([LLM, inline_llm, direct_llm])


@settings(max_examples=150, deadline=None)
@given(schedule=schedules, brain=brains, chain=st.lists(st.sampled_from([*KIND, *HOSTILE]), max_size=4))
def test_nothing_of_an_interrupted_reply_is_given(schedule: list[Any], brain: Any, chain: list[Any]) -> None:
    session, log, _ = call(schedule, brain, chain)
    check_no_stale_frame(session, log)
    for node_at_work in session.nodes.values():
        assert all(len(lane.inbox) <= lane.inbox.bound for lane in node_at_work.lanes)


@settings(max_examples=100, deadline=None)
@given(schedule=schedules, brain=brains, chain=st.lists(st.sampled_from(KIND), max_size=4))
def test_nothing_else_is_lost_or_out_of_order(schedule: list[Any], brain: Any, chain: list[Any]) -> None:
    session, log, left = call(schedule, brain, chain)
    check_no_stale_frame(session, log)
    assert left == 0
    assert not session.faults
    heard: dict[int, list[str]] = {}
    for audio in session.nodes["line"].instance.heard:
        heard.setdefault(audio.turn, []).append(audio.text)
    numbers = [str(number) for number in range(TOKENS)]
    for turn, texts in heard.items():
        assert texts == numbers[: len(texts)], f"turn {turn} is out of order"
    for reply in session.replies():
        if not reply.interrupted:
            assert heard[reply.turn] == numbers, f"turn {reply.turn} was not interrupted and lost something"
            assert reply.over
            assert reply.heard == reply.said
