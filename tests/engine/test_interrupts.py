"""After an interrupt nothing of the reply is given to any node or to the line, whatever the nodes do."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from itertools import groupby
from typing import Any

import pytest
from loguru import logger

from tests.engine.calls import Log, ScriptedLine, jumping, plan
from voicegraph import (
    Error,
    Interrupt,
    Reply,
    Sentence,
    SpeechStarted,
    SpeechStopped,
    Token,
    TTSAudio,
    UserTurn,
    node,
)
from voicegraph.engine.session import Session


@node("test.boss")
def boss(frame: SpeechStarted | SpeechStopped) -> Iterator[UserTurn | Interrupt]:
    """Speech interrupts; its end is a turn."""
    yield Interrupt() if isinstance(frame, SpeechStarted) else UserTurn(f"{frame.at:g}")


@node("test.endless_llm")
class EndlessLLM:
    """Never stops talking."""

    def __post_init__(self) -> None:
        self.closed: list[int] = []

    async def on_turn(self, turn: UserTurn) -> AsyncIterator[Token]:
        try:
            while True:
                yield Token(turn.text)
        finally:
            self.closed.append(turn.turn)


@node("test.tts")
class TTS:
    """100 ms of sound a token."""

    async def on_token(self, token: Token) -> TTSAudio:
        return TTSAudio(bytes(3200), text=token.text)


STARTED, STOPPED = SpeechStarted(at=0.0), SpeechStopped(at=1.0)


def interrupted_call(**nodes: Any) -> tuple[Session, Log]:
    """Two turns; each is interrupted after a second. What comes of the second turn is heard."""
    script = [SpeechStopped(at=1.0), 1.0, SpeechStarted(at=2.0), SpeechStopped(at=2.0), 1.0, SpeechStarted(at=3.0)]
    made = plan(
        {"line": ScriptedLine, "boss": boss, "llm": EndlessLLM, "tts": TTS, **nodes},
        "line -> boss -> llm -> tts -> line",
        config={"line": {"script": script}},
    )
    return jumping(made)


def test_the_next_reply_follows_the_interrupted_one_with_nothing_between() -> None:
    session, _ = interrupted_call()
    line = session.nodes["line"].instance
    turns = [audio.turn for audio in line.heard]
    assert turns == sorted(turns)
    assert set(turns) == {1, 2}
    assert line.events == ["clear", "clear", "drain"]


def test_what_was_heard_is_what_was_played() -> None:
    session, _ = interrupted_call()
    for reply in session.replies():
        assert reply.interrupted
        assert reply.heard_seconds == pytest.approx(1.0, abs=0.11)
        assert len(reply.heard.split()) == pytest.approx(10, abs=1)
        assert len(reply.said.split()) > len(reply.heard.split())


def test_the_handler_of_an_interrupted_turn_is_closed() -> None:
    session, _ = interrupted_call()
    assert session.nodes["llm"].instance.closed == [1, 2]


@node("test.slow_to_go")
class SlowToGo(EndlessLLM):
    """Takes its time to clean up."""

    async def on_turn(self, turn: UserTurn) -> AsyncIterator[Token]:
        try:
            while True:
                yield Token(turn.text)
                await asyncio.sleep(0.01)
        finally:
            await asyncio.sleep(0.2)
            self.closed.append(turn.turn)


@node("test.will_not_go")
class WillNotGo(EndlessLLM):
    """Swallows its cancellation, and talks on."""

    async def on_turn(self, turn: UserTurn) -> AsyncIterator[Token]:
        for _ in range(500):
            try:
                await asyncio.sleep(0.15)
            except asyncio.CancelledError:
                self.closed.append(turn.turn)
            yield Token(turn.text)


@node("test.raises_on_leaving")
class RaisesOnLeaving(EndlessLLM):
    """Makes an end with a bang."""

    async def on_turn(self, turn: UserTurn) -> AsyncIterator[Token]:
        try:
            while True:
                yield Token(turn.text)
                await asyncio.sleep(0.01)
        finally:
            raise RuntimeError("bang")


@node("test.hangs")
class Hangs(EndlessLLM):
    """Hangs in its clean-up."""

    async def on_turn(self, turn: UserTurn) -> AsyncIterator[Token]:
        try:
            while True:
                yield Token(turn.text)
        finally:
            await asyncio.sleep(3600)


@pytest.mark.parametrize("hostile", [SlowToGo, WillNotGo, RaisesOnLeaving, Hangs])
def test_a_hostile_node_gets_nothing_through(hostile: type) -> None:
    session, log = interrupted_call(llm=hostile)
    interrupts = [index for index, (_, frame) in enumerate(log.frames) if isinstance(frame, Interrupt)]
    first, last = interrupts[0], interrupts[-1]
    assert all(frame.turn in (0, 1) for _, frame in log.frames[:first])
    assert all(frame.turn != 1 for _, frame in log.frames[first + 1 :])
    assert all(frame.turn == 0 for _, frame in log.frames[last + 1 :])
    assert {audio.turn for audio in session.nodes["line"].instance.heard} == {1, 2}


@node("test.swallows")
class Swallows(EndlessLLM):
    """Takes its cancellation for the end of the reply."""

    async def on_turn(self, turn: UserTurn) -> AsyncIterator[Token]:
        try:
            while True:
                yield Token(turn.text)
                await asyncio.sleep(0.15)
        except asyncio.CancelledError:
            return


@node("test.swallows_a_stream")
class SwallowsInAStream:
    """The same."""

    async def each(self, turns: AsyncIterator[UserTurn]) -> AsyncIterator[Token]:
        try:
            async for turn in turns:
                while True:
                    yield Token(turn.text)
                    await asyncio.sleep(0.15)
        except asyncio.CancelledError:
            return


def notices_of(llm: type) -> list[str]:
    notices: list[str] = []
    sink = logger.add(notices.append, format="{message}", level="WARNING")
    interrupted_call(llm=llm)
    logger.remove(sink)
    return [notice.strip() for notice in notices]


@pytest.mark.parametrize(
    ("hostile", "told"),
    [
        (SlowToGo, "llm: took 200 ms to let go of an interrupted reply"),
        (Hangs, "llm: did not let go of an interrupted reply within 0.25 s; went on without it"),
        (WillNotGo, "llm: swallowed its cancellation: a handler must let CancelledError pass"),
        (Swallows, "llm: swallowed its cancellation: a handler must let CancelledError pass"),
        (SwallowsInAStream, "llm: swallowed its cancellation: a handler must let CancelledError pass"),
        (RaisesOnLeaving, "llm: RuntimeError at "),
    ],
)
def test_a_node_that_does_not_let_go_as_it_should_is_told_of_by_name(hostile: type, told: str) -> None:
    assert any(re.sub(r"took 20\d ms", "took 200 ms", notice).startswith(told) for notice in notices_of(hostile))


def test_a_node_that_lets_go_is_not_told_of() -> None:
    assert notices_of(EndlessLLM) == []


@node("test.two_words")
class TwoWords:
    """Says two words."""

    async def on_turn(self, turn: UserTurn) -> AsyncIterator[Token]:
        yield Token("two")
        yield Token("words")


@node("test.constant")
class Constant:
    """Gives an old frame again, which a node must not do."""

    def __post_init__(self) -> None:
        self.kept: list[Sentence] = []

    async def on_turn(self, turn: UserTurn) -> AsyncIterator[Sentence]:
        if not self.kept:
            self.kept.append(Sentence("stale"))
        yield self.kept[0]
        yield Sentence("fresh")


@node("test.sentence_tts")
class SentenceTTS:
    """100 ms of sound a sentence."""

    async def on_sentence(self, sentence: Sentence) -> TTSAudio:
        return TTSAudio(bytes(3200), text=sentence.text)


def test_a_frame_kept_from_another_turn_is_refused_and_told() -> None:
    script = [SpeechStopped(at=1.0), 1.0, SpeechStarted(at=2.0), SpeechStopped(at=2.0), 1.0]
    nodes = {"line": ScriptedLine, "boss": boss, "llm": Constant, "tts": SentenceTTS}
    session, log = jumping(plan(nodes, "line -> boss -> llm -> tts -> line", config={"line": {"script": script}}))
    assert [audio.text for audio in session.nodes["line"].instance.heard] == ["stale", "fresh"]
    assert ["make a new one for each turn" in error.message for error in log.of(Error)] == [True]


@node("test.inline_brain")
def inline_brain(turn: UserTurn) -> Iterator[Token]:
    """A long answer, without awaiting anything."""
    for index in range(100):
        yield Token(f"{index} ")


def test_an_inline_brain_does_not_hold_up_who_decides_on_interrupts() -> None:
    session, log = interrupted_call(llm=inline_brain)
    times = [at for at, (_, frame) in zip(log.times, log.frames, strict=True) if isinstance(frame, Interrupt)]
    assert [round(at - times[0], 1) for at in times] == [0.0, 1.0]
    assert {audio.turn for audio in session.nodes["line"].instance.heard} == {1, 2}


@node("test.endless_inline")
def endless_inline(frame: SpeechStopped) -> Iterator[Sentence]:
    """Answers the caller's pause itself, and never stops."""
    while True:
        yield Sentence(f"{frame.at:g}")


@node("test.interrupts_only")
def interrupts_only(frame: SpeechStarted) -> Interrupt:
    """Speech interrupts."""
    return Interrupt()


def test_an_endless_reply_that_no_user_turn_began_ends_with_its_interrupt() -> None:
    script = [SpeechStopped(at=1.0), 1.0, SpeechStarted(at=2.0), SpeechStopped(at=2.0), 1.0, SpeechStarted(at=3.0)]
    nodes = {"line": ScriptedLine, "brain": endless_inline, "boss": interrupts_only, "tts": SentenceTTS}
    made = plan(nodes, "line -> brain -> tts -> line", "line -> boss", config={"line": {"script": script}})
    session, _ = jumping(made)
    assert [text for text, _ in groupby(audio.text for audio in session.nodes["line"].instance.heard)] == ["1", "2"]


@node("test.guard")
class Guard:
    """Interrupts at the tenth token."""

    def __post_init__(self) -> None:
        self.count = 0

    def on_token(self, token: Token) -> Iterator[Token | Interrupt]:
        self.count += 1
        if self.count == 10:
            yield Interrupt(reason="guard")
        yield token


def test_an_interrupt_from_below_stops_an_endless_source() -> None:
    script = [SpeechStopped(at=1.0), 5.0]
    nodes = {"line": ScriptedLine, "boss": boss, "llm": EndlessLLM, "guard": Guard, "sink": TTS}
    made = plan(nodes, "line -> boss -> llm -> guard -> sink -> line", config={"line": {"script": script}})
    session, log = jumping(made)
    assert len([frame for name, frame in log.frames if name == "guard" and isinstance(frame, Token)]) == 9
    assert session.nodes["llm"].instance.closed == [1]


@node("test.conversation")
class Conversation:
    """Answers by itself for the whole call, as a speech-to-speech model does."""

    async def converse(self, frames: AsyncIterator[SpeechStopped]) -> AsyncIterator[Sentence]:
        async for frame in frames:
            yield Sentence(f"{frame.at:g}")


def test_who_speaks_for_the_whole_call_speaks_again_after_an_interrupt() -> None:
    script = [SpeechStopped(at=1.0), 1.0, SpeechStarted(at=2.0), SpeechStopped(at=2.0), 1.0]
    nodes = {"line": ScriptedLine, "model": Conversation, "boss": interrupts_only, "tts": SentenceTTS}
    session, _ = jumping(
        plan(nodes, "line -> model -> tts -> line", "line -> boss", config={"line": {"script": script}})
    )
    assert [(audio.turn, audio.text) for audio in session.nodes["line"].instance.heard] == [(1, "1"), (2, "2")]


@node("test.diary")
class Diary(EndlessLLM):
    """Notes which replies it was told of."""

    def interrupted(self, reply: Reply) -> None:
        self.closed.append(-reply.turn)


def test_a_node_is_told_of_the_reply_that_it_worked_on_and_no_other() -> None:
    script = [SpeechStarted(at=0.0), SpeechStopped(at=1.0), 1.0, SpeechStarted(at=2.0), 0.5, SpeechStarted(at=3.0)]
    nodes = {"line": ScriptedLine, "boss": boss, "llm": Diary, "tts": TTS}
    session, _ = jumping(plan(nodes, "line -> boss -> llm -> tts -> line", config={"line": {"script": script}}))
    assert sorted(session.nodes["llm"].instance.closed) == [-1, 1]


def test_back_pressure_reaches_the_source_of_the_reply() -> None:
    session, log = interrupted_call()
    # One second was heard: ten tokens' worth. The endless source is never further ahead than the inboxes allow.
    assert len(log.of(Token)) < 2 * (11 + 3 * 16)
    assert session.timings()["llm"].given == len(log.of(Token))
