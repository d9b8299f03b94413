"""Brains, and nodes kind and hostile, that pass tokens on and note what came to them.

A token's text tells what it was really made for: `turn.number` and then the nodes that it came through, `3.17 a b`. The
engine's stamp could be wrong; this cannot.
"""

# The nodes inherit their notes from the first of them, and each has a handler of its own shape.
# mypy: disable-error-code="override"
# pyright: reportIncompatibleMethodOverride=false

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from typing import Any, NamedTuple

from tests.engine.calls import ScriptedLine
from voicegraph import (
    Call,
    Interrupt,
    Sentence,
    SpeechStarted,
    SpeechStopped,
    Token,
    TTSAudio,
    UserTurn,
    node,
    this_call,
)
from voicegraph.engine.session import Session

TOKENS = 25
MUST = range(18, 21)
"""Tokens of a reply that must be said, in brains that are told so."""


class Origin(NamedTuple):
    """What a token's text tells."""

    turn: int
    number: int
    path: tuple[str, ...]


def origin(text: str) -> Origin:
    first, *path = text.split()
    turn, number = first.split(".")
    return Origin(int(turn), int(number), tuple(path))


@node("property.boss")
def boss(frame: SpeechStarted | SpeechStopped) -> UserTurn | Interrupt:
    """Speech interrupts; its end is a turn."""
    return Interrupt() if isinstance(frame, SpeechStarted) else UserTurn("go")


@node("property.interrupts")
def interrupts(frame: SpeechStarted) -> Interrupt:
    """Speech interrupts."""
    return Interrupt()


# --- brains ----------------------------------------------------------------------------------------------------------


def _count(turn: int, must: bool) -> Iterator[Token]:
    for number in range(TOKENS):
        yield Token(f"{turn}.{number}", interruptible=not (must and number in MUST))


@node("property.llm")
class LLM:
    """Counts, a token every few milliseconds."""

    must: bool = False

    async def on_turn(self, turn: UserTurn) -> AsyncIterator[Token]:
        for token in _count(turn.turn, self.must):
            await asyncio.sleep(0.002)
            yield token


@node("property.eager_llm")
class EagerLLM:
    """Counts as fast as it is allowed to."""

    must: bool = False

    async def on_turn(self, turn: UserTurn) -> AsyncIterator[Token]:
        for token in _count(turn.turn, self.must):
            yield token


@node("property.inline_llm")
class InlineLLM:
    """Counts, all at once."""

    must: bool = False

    def on_turn(self, turn: UserTurn) -> Iterator[Token]:
        yield from _count(turn.turn, self.must)


@node("property.direct_llm")
class DirectLLM:
    """Counts in answer to the pause itself."""

    must: bool = False
    call: Call = this_call()

    def on_pause(self, frame: SpeechStopped) -> Iterator[Token]:
        turn = len(self.call.replies()) + 1
        yield from _count(turn, self.must)


# --- on the way ------------------------------------------------------------------------------------------------------


@node("property.inline")
class Inline:
    """Passes on, and notes what came in, and what should not have."""

    name: str = ""
    call: Call = this_call()

    def __post_init__(self) -> None:
        self.seen: list[Origin] = []
        self.stale: list[str] = []

    def on_token(self, token: Token) -> Token:
        return self._pass(token)

    def _pass(self, token: Token) -> Token:
        self._note(token)
        return Token(f"{token.text} {self.name}")

    def _note(self, token: Token) -> None:
        came = origin(token.text)
        assert isinstance(self.call, Session)
        if came.turn < self.call.turns.floor and token.interruptible:
            self.stale.append(f"{self.name}: {token}")
        self.seen.append(came)


@node("property.same")
class Same(Inline):
    """Passes the very frame on."""

    def on_token(self, token: Token) -> Token:
        self._note(token)
        return token


@node("property.generator")
class Generates(Inline):
    """Passes on, from a generator."""

    def on_token(self, token: Token) -> Iterator[Token]:
        yield self._pass(token)


@node("property.async")
class Async(Inline):
    """Passes on, from a task."""

    async def on_token(self, token: Token) -> AsyncIterator[Token]:
        yield self._pass(token)


@node("property.slow")
class Slow(Inline):
    """Takes a while for each token, and for letting go."""

    async def on_token(self, token: Token) -> Token:
        try:
            await asyncio.sleep(0.01)
        finally:
            await asyncio.sleep(0.03)
        return self._pass(token)


@node("property.stream")
class Stream(Inline):
    """Passes a turn's tokens on as a stream."""

    async def on_token(self, tokens: AsyncIterator[Token]) -> AsyncIterator[Token]:
        async for token in tokens:
            yield self._pass(token)


KIND = [Inline, Same, Generates, Async, Slow, Stream]


@node("property.swallows")
class Swallows(Inline):
    """Swallows its cancellation and speaks on."""

    async def on_token(self, token: Token) -> AsyncIterator[Token]:
        text = self._pass(token).text
        for _ in range(3):
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(0.005)
            yield Token(text)


@node("property.hangs")
class Hangs(Inline):
    """Hangs when it is to let go, and then speaks."""

    async def on_token(self, tokens: AsyncIterator[Token]) -> AsyncIterator[Token]:
        text = ""
        try:
            async for token in tokens:
                text = self._pass(token).text
                yield Token(text)
                await asyncio.sleep(0.001)
        except asyncio.CancelledError:
            await asyncio.sleep(5.0)
            yield Token(text)


@node("property.raises")
class Raises(Inline):
    """Raises now and then, and when it lets go."""

    async def on_token(self, token: Token) -> AsyncIterator[Token]:
        try:
            if origin(token.text).number % 7 == 3:
                raise ValueError("seven")
            yield self._pass(token)
            await asyncio.sleep(0.001)
        except asyncio.CancelledError:
            raise RuntimeError("no") from None


@node("property.late")
class Late(Inline):
    """Gives frames again that it kept, and says of what it gives after its cancellation that it must be said."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.kept: list[Token] = []

    async def on_token(self, tokens: AsyncIterator[Token]) -> AsyncIterator[Token]:
        last = None
        try:
            async for last in tokens:
                self.kept.append(last)
                yield self.kept.pop(0) if len(self.kept) > 3 else self._pass(last)
                await asyncio.sleep(0.003)
        except asyncio.CancelledError:
            if last is not None:
                yield Token(f"{last.text} {self.name}", interruptible=False)


@node("property.failing")
class Failing(Inline):
    """Cannot do anything."""

    def on_token(self, token: Token) -> Token:
        raise RuntimeError("never")


HOSTILE = [Swallows, Hangs, Raises, Late, Failing]


@node("property.offloads")
class Offloads(Inline):
    """Has a thread speak, which speaks on when nobody listens any more."""

    async def on_token(self, token: Token) -> AsyncIterator[Token]:
        passed = self._pass(token)

        def produce(emit: Callable[[str], bool]) -> None:
            for _ in range(3):
                emit(passed.text)

        async for text in self.call.offload_stream(produce):
            yield Token(text)


@node("property.thread")
class Thread(Inline):
    """Is fed by a thread of its own, which knows nothing of turns."""

    async def on_token(self, token: Token) -> AsyncIterator[Token]:
        passed = self._pass(token)
        fed: asyncio.Queue[str] = asyncio.Queue()
        loop = asyncio.get_running_loop()

        def feed() -> None:
            for _ in range(3):
                with suppress(RuntimeError):  # the loop is closed
                    loop.call_soon_threadsafe(fed.put_nowait, passed.text)

        await self.call.offload(threading.Thread(target=feed).run)
        for _ in range(3):
            with suppress(asyncio.CancelledError):
                yield Token(await fed.get())


THREADED = [Offloads, Thread]


# --- the way out -----------------------------------------------------------------------------------------------------


@node("property.voice")
class Voice(Inline):
    """20 ms a token."""

    async def on_token(self, token: Token) -> TTSAudio:
        return TTSAudio(bytes(640), text=self._pass(token).text)


@node("property.sentence_voice")
class SentenceVoice(Inline):
    """The same with a sentence for each token before it, one stream a turn."""

    async def on_token(self, tokens: AsyncIterator[Token]) -> AsyncIterator[TTSAudio]:
        async for token in tokens:
            sentence = Sentence(self._pass(token).text)
            yield TTSAudio(bytes(640), text=sentence.text)


@node("property.line", line=True, live=False)
class Line(ScriptedLine):
    """Notes what it should not have been given."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.stale: list[str] = []

    async def play(self, audio: TTSAudio) -> None:
        assert isinstance(self.call, Session)
        if origin(audio.text).turn < self.call.turns.floor and audio.interruptible:
            self.stale.append(f"line: {audio.text}")
        await super().play(audio)


def all_stale(session: Session) -> list[str]:
    """What came to any node, or to the line, of a reply that was given up."""
    instances: list[Any] = [each.instance for each in session.nodes.values()]
    return [stale for instance in instances for stale in getattr(instance, "stale", ())]
