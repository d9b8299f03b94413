"""Handlers that have to wait: streams, concurrency, fan-out, and what an interrupt does to what waits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

from tests.engine.calls import ScriptedLine, jumping, plan
from tests.engine.test_interrupts import TTS, TwoWords, boss, interrupted_call
from voicegraph import Interrupt, SpeechStarted, SpeechStopped, Token, TTSAudio, UserTurn, node


@node("test.takes_over")
class TakesOver:
    """Swallows its cancellation and reads on."""

    async def speak(self, tokens: AsyncIterator[Token]) -> AsyncIterator[TTSAudio]:
        while True:
            try:
                async for token in tokens:
                    yield TTSAudio(bytes(3200), text=token.text)
                return
            except asyncio.CancelledError:
                continue


def test_a_stream_handler_that_swallows_its_cancellation_does_not_take_the_next_turn() -> None:
    session, _ = interrupted_call(llm=TwoWords, tts=TakesOver)
    assert [audio.turn for audio in session.nodes["line"].instance.heard] == [1, 1, 2, 2]


@node("test.concurrent", concurrency=2)
class Concurrent:
    """Works on two tokens at once; hangs in its clean-up."""

    async def on_token(self, token: Token) -> AsyncIterator[TTSAudio]:
        try:
            yield TTSAudio(bytes(3200), text=token.text)
            await asyncio.sleep(1000 if token.text == "1" else 0.1)
        finally:
            if token.text == "1":
                await asyncio.sleep(3600)


def test_concurrent_handlers_that_hang_hold_up_nobody() -> None:
    session, _ = interrupted_call(llm=TwoWordsOf, tts=Concurrent)
    assert [audio.turn for audio in session.nodes["line"].instance.heard] == [1, 1, 2, 2]


@node("test.two_words_of")
class TwoWordsOf:
    """Says the turn twice."""

    async def on_turn(self, turn: UserTurn) -> AsyncIterator[Token]:
        yield Token(str(turn.turn))
        yield Token(str(turn.turn))


@node("test.takes_over_late")
class TakesOverLate:
    """Swallows its cancellation, and reads on when another worker has long begun to wait for the next turn."""

    async def speak(self, tokens: AsyncIterator[Token]) -> AsyncIterator[TTSAudio]:
        try:
            async for token in tokens:
                yield TTSAudio(bytes(3200), text=token.text)
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            await asyncio.sleep(0.5)
            await anext(tokens, None)


@node("test.pauses")
class Pauses:
    """Says a word and then thinks."""

    async def on_turn(self, turn: UserTurn) -> AsyncIterator[Token]:
        yield Token("word")
        await asyncio.sleep(1000)


def script(*steps: Any) -> dict[str, Any]:
    return {"line": {"script": list(steps)}}


def test_a_stream_that_is_read_late_does_not_take_the_wake_up_of_the_next_one() -> None:
    nodes = {"line": ScriptedLine, "boss": boss, "llm": Pauses, "tts": TakesOverLate}
    steps = script(
        SpeechStopped(at=1.0), 1.0, SpeechStarted(at=2.0), 1.0, SpeechStopped(at=3.0), 1.0, SpeechStarted(at=4.0)
    )
    session, _ = jumping(plan(nodes, "line -> boss -> llm -> tts -> line", config=steps))
    assert [audio.turn for audio in session.nodes["line"].instance.heard] == [1, 2]


@node("test.reads_one")
class ReadsOne:
    """Has enough after one token of a turn."""

    async def speak(self, tokens: AsyncIterator[Token]) -> AsyncIterator[TTSAudio]:
        yield TTSAudio(bytes(640), text=(await anext(tokens)).text)


def test_what_a_stream_handler_leaves_unread_is_not_its_next_stream() -> None:
    nodes = {"line": ScriptedLine, "boss": boss, "llm": TwoWords, "tts": ReadsOne}
    steps = script(SpeechStopped(at=1.0), SpeechStopped(at=2.0))
    session, _ = jumping(plan(nodes, "line -> boss -> llm -> tts -> line", config=steps))
    assert [(audio.turn, audio.text) for audio in session.nodes["line"].instance.heard] == [(1, "two"), (2, "two")]


@node("test.at_once", concurrency=2)
class AtOnce:
    """Takes 100 ms for each token, and counts how many it has in hand."""

    def __post_init__(self) -> None:
        self.now = self.most = 0

    async def on_token(self, token: Token) -> Token:
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0.1)
        self.now -= 1
        return Token(token.text)


@node("test.five_words")
async def five_words(turn: UserTurn) -> AsyncIterator[Token]:
    """Five words."""
    for word in ("one", "two", "three", "four", "five"):
        yield Token(word)


@node("test.whole")
class Whole:
    """One sound for all the tokens of a turn."""

    async def speak(self, tokens: AsyncIterator[Token]) -> AsyncIterator[TTSAudio]:
        yield TTSAudio(bytes(640), text=" ".join([token.text async for token in tokens]))


def test_concurrency_is_bounded_and_the_reply_ends_behind_all_of_it() -> None:
    nodes = {"line": ScriptedLine, "boss": boss, "llm": five_words, "at_once": AtOnce, "tts": Whole}
    flow = "line -> boss -> llm -> at_once -> tts -> line"
    session, _ = jumping(plan(nodes, flow, config=script(SpeechStopped(at=1.0))))
    assert session.nodes["at_once"].instance.most == 2
    assert [sorted(audio.text.split()) for audio in session.nodes["line"].instance.heard] == [
        ["five", "four", "one", "three", "two"]
    ]


@node("test.notes")
class Notes:
    """Writes down what it sees, inline."""

    def __post_init__(self) -> None:
        self.seen: list[str] = []

    def on_token(self, token: Token) -> None:
        self.seen.append(token.text)


@node("test.censor")
def censor(token: Token) -> Interrupt | None:
    """Interrupts at the second word."""
    return Interrupt() if token.text == "words" else None


def test_a_taker_behind_the_one_that_interrupts_sees_nothing_more() -> None:
    nodes = {"line": ScriptedLine, "boss": boss, "llm": TwoWords, "censor": censor, "notes": Notes, "tts": TTS}
    flow = ("line -> boss -> llm -> censor", "llm -> notes", "llm -> tts -> line")
    session, _ = jumping(plan(nodes, *flow, config=script(SpeechStopped(at=1.0), 1.0)))
    assert session.nodes["notes"].instance.seen == ["two"]


@node("test.noted_brain")
class NotedBrain:
    """A long answer without awaiting anything; notes which turns it was asked."""

    def __post_init__(self) -> None:
        self.asked: list[int] = []

    def on_turn(self, turn: UserTurn) -> Iterator[Token]:
        self.asked.append(turn.turn)
        for index in range(100):
            yield Token(str(index))


def test_what_waited_when_the_interrupt_came_goes_to_nobody() -> None:
    nodes = {"line": ScriptedLine, "boss": boss, "llm": NotedBrain, "tts": TTS, "notes": Notes}
    flow = ("line -> boss -> llm -> tts -> line", "llm -> notes")
    steps = script(SpeechStopped(at=1.0), SpeechStopped(at=1.5), 0.55, SpeechStarted(at=2.0), 1.0)
    session, log = jumping(plan(nodes, *flow, config=steps))
    at = next(index for index, (_, frame) in enumerate(log.frames) if isinstance(frame, Interrupt))
    given = sum(isinstance(frame, Token) for _, frame in log.frames[:at])
    assert session.nodes["llm"].instance.asked == [1]  # the second turn waited for the first, and was void by then
    assert len(session.nodes["notes"].instance.seen) == given - 1  # the last one waited for room in the voice
