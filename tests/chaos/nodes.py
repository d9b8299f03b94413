"""A model, voices and transcribers that fail, each in its own manner."""

# A subclass has the handler of its base, in its own shape.
# mypy: disable-error-code="override"
# pyright: reportIncompatibleMethodOverride=false

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from functools import cached_property
from typing import Annotated, NoReturn

from tests.chaos.hurt import Ills, Manner
from tests.chaos.words import answer
from voicegraph import Audio, Call, Sentence, Token, TTSAudio, UserTurn, node, this_call
from voicegraph.errors import ProviderError
from voicegraph.frames import ToolCall, ToolResult
from voicegraph.ports import Rate
from voicegraph.testing.blocks import block_size
from voicegraph.testing.faults import Fault, Faults
from voicegraph.testing.scripted.stt import Heard, ScriptedSTT, Told
from voicegraph.testing.speech import utter_words

RATE = 8_000
STRIDES = 1_000
"""Blocks of sound for which each voice has numbers of its own: what two of them say never looks like one word."""


@node("chaos.llm")
class Model:
    """Gives the answer that follows from the question, a word at a time.

    anew: asked to go on, it begins at the beginning. calls: it calls a function at this token; negative: it does not.
    refuses: its failures are not worth a retry.
    """

    name: str = "llm"
    first: float = 0.2
    between: float = 0.015
    anew: bool = False
    calls: int = -1
    refuses: bool = False
    manner: Manner = "at once"
    faults: tuple[Fault, ...] = ()
    call: Call = this_call()

    def __post_init__(self) -> None:
        self._faults = Faults(("error", "hang", "stall", "die", "truncate"), self.faults, by_tokens=True)
        self.misled: list[str] = []  # what it was told that is not so

    @cached_property
    def ills(self) -> Ills:
        return Ills(self.call, self.name, self.manner)

    async def on_turn(self, turn: UserTurn) -> AsyncIterator[Token | ToolCall | ToolResult]:
        fault = self._faults.next()
        if fault is not None and self.refuses and fault.kind == "error":
            self.ills.note("refuse", turn.turn)
            raise ProviderError(self.name, "refused", retryable=False)
        tokens = answer(turn.text).split(" ")
        done = self._said(turn)
        limit = len(tokens) if fault is None else 0 if fault.kind in ("error", "hang") else int(fault.after or 0)
        called = any(message.content.startswith("In this turn you have called") for message in turn.messages)
        await self.ills.wait(self.first)
        for number, token in enumerate(tokens[done:], done):
            if number - done >= limit:
                break
            if number == self.calls and not called:
                yield ToolCall("1", "look", "{}")
                await self.ills.wait(0.3)
                yield ToolResult("1", "seen")
            yield Token(token if number == done == 0 else f" {token}")
            await self.ills.wait(self.between)
        if fault is not None:
            await self.ills.strike(fault, turn.turn)

    def _said(self, turn: UserTurn) -> int:
        """Words of the answer that were said, as it is told."""
        said = [message.content for message in turn.messages[-2:] if message.role == "assistant"]
        if not said or turn.messages[-1].role != "system":
            return 0
        if not answer(turn.text).startswith(said[-1].strip()):
            self.misled.append(f"was told it had said {said[-1]!r} of {answer(turn.text)!r}")
        return 0 if self.anew else len(said[-1].split())


class Larynx:
    """Sound of a voice. aligned: each word comes with its sound; else a text comes with its first chunk."""

    def __init__(self, place: int, *, aligned: bool, chunk: float) -> None:
        self._place = place
        self._aligned = aligned
        self._size = max(1, round(chunk * 50)) * block_size(RATE)
        self._turn = 0
        self._number = 0

    def chunks(self, sentence: Sentence) -> Iterator[TTSAudio]:
        if sentence.turn != self._turn:
            self._turn, self._number = sentence.turn, self._place * STRIDES
        words = list(utter_words(sentence.text, rate=RATE, origin=sentence.turn, number=self._number))
        if not self._aligned:
            words = [(sentence.text, b"".join(pcm for _, pcm in words))]
        for text, pcm in words:
            self._number += len(pcm) // block_size(RATE)
            for start in range(0, len(pcm), self._size):
                yield TTSAudio(pcm[start : start + self._size], RATE, "" if start else text)
        self._number += 1  # what it says again is another word


@node("chaos.tts")
class Voice:
    """Speaks sentence by sentence. place: among the voices of the call. pace: of computing, a second of sound."""

    name: str = "tts"
    place: int = 0
    first: float = 0.1
    pace: float = 0.1
    chunk: float = 0.08
    aligned: bool = True
    manner: Manner = "at once"
    faults: tuple[Fault, ...] = ()
    call: Call = this_call()

    def __post_init__(self) -> None:
        self._faults = Faults(("error", "hang", "stall", "die", "silence"), self.faults)
        self._larynx = Larynx(self.place, aligned=self.aligned, chunk=self.chunk)

    @cached_property
    def ills(self) -> Ills:
        return Ills(self.call, self.name, self.manner)

    async def on_sentence(self, sentence: Sentence) -> AsyncIterator[Annotated[TTSAudio, Rate(RATE)]]:
        fault = self._faults.next()
        async with aclosing(self._speak(sentence, fault, 0.0)) as made:
            async for audio in made:
                yield audio

    async def _speak(self, sentence: Sentence, fault: Fault | None, seconds: float) -> AsyncGenerator[TTSAudio, None]:
        """seconds: of sound that came before, of the same request."""
        limit = _limit(fault)
        if fault is not None and seconds >= limit:
            await self.ills.strike(fault, sentence.turn)
            return
        await self.ills.wait(self.first)
        for audio in self._larynx.chunks(sentence):
            await self.ills.wait(audio.seconds * self.pace)
            if fault is not None and seconds + audio.seconds > limit:
                cut = int((limit - seconds) * RATE) * 2
                if cut:
                    yield TTSAudio(audio.pcm[:cut], RATE, audio.text)
                await self.ills.strike(fault, sentence.turn)
                return
            seconds += audio.seconds
            yield audio


def _limit(fault: Fault | None) -> float:
    """Seconds of sound that come before it."""
    if fault is None:
        return float("inf")
    return 0.0 if fault.kind in ("error", "hang", "silence") else float(fault.after or 0.5)


@node("chaos.streaming")
class Streaming(Voice):
    """Speaks all of a reply on one connection. ahead: it takes sentences in while it speaks."""

    ahead: bool = True

    async def on_sentence(self, sentences: AsyncIterator[Sentence]) -> AsyncIterator[Annotated[TTSAudio, Rate(RATE)]]:
        fault, seconds = self._faults.next(), 0.0
        texts: asyncio.Queue[Sentence | None] = asyncio.Queue(0 if self.ahead else 1)

        async def take_in() -> None:
            async for sentence in sentences:
                await texts.put(sentence)
            await texts.put(None)

        taking = asyncio.create_task(take_in())
        try:
            while (sentence := await texts.get()) is not None:
                async with aclosing(self._speak(sentence, fault, seconds)) as made:
                    async for audio in made:
                        seconds += audio.seconds
                        yield audio
                if fault is not None and fault.kind == "silence":
                    return
        finally:
            taking.cancel()


@node("chaos.stt")
class Transcriber(ScriptedSTT):
    """Fails at moments of the call, besides what befalls its utterances.

    drops: where in the caller's sound its connection goes, and for how many seconds it cannot be had again. deaf: it
    takes so long to notice.
    """

    name: str = "stt"
    drops: tuple[tuple[float, float], ...] = ()
    deaf: bool = False
    manner: Manner = "at once"

    def __post_init__(self) -> None:
        super().__post_init__()
        self._drops = list(self.drops)
        self._back = 0.0
        self._noted: Fault | None = None

    @cached_property
    def ills(self) -> Ills:
        return Ills(self.call, self.name, self.manner)

    async def listen(self, frames: AsyncIterator[Heard]) -> AsyncIterator[Told]:
        if self.call.now() < self._back:
            await self.ills.wait(0.05)
            self.ills.note("refuse")
            raise ConnectionError("it cannot be had")
        try:
            async for told in super().listen(_Wire(self, frames)):
                yield told
        except asyncio.CancelledError:
            await self.ills.let_go()
            raise

    def drop_at(self, position: float) -> float | None:
        """Seconds for which the connection is gone, if it goes at this position of the caller's sound."""
        if not self._drops or position < self._drops[0][0]:
            return None
        return self._drops.pop(0)[1]

    def drop(self, seconds: float) -> NoReturn:
        self.ills.note("drop")
        self._back = self.call.now() + seconds
        raise ConnectionError("it is gone")

    def _broken(self) -> bool:
        fault, broken = self._fault, True
        try:
            broken = super()._broken()
        finally:
            if broken and fault is not None and fault is not self._noted:
                self._noted = fault
                self.ills.note(fault.kind)
        return broken


class _Wire:
    """The caller's sound, until the connection drops. Cancelling a read loses nothing."""

    def __init__(self, node: Transcriber, frames: AsyncIterator[Heard]) -> None:
        self._node = node
        self._frames = frames
        self._deaf_until: float | None = None

    def __aiter__(self) -> _Wire:
        return self

    async def __anext__(self) -> Heard:
        while True:
            frame = await anext(self._frames)
            if not isinstance(frame, Audio):
                if self._deaf_until is None:
                    return frame
            elif self._deaf_until is not None:
                if frame.at >= self._deaf_until:
                    self._node.drop(0.0)
            elif (seconds := self._node.drop_at(frame.at)) is None:
                return frame
            elif self._node.deaf:
                self._deaf_until = frame.at + seconds
                self._node.ills.note("deaf")
            else:
                self._node.drop(seconds)
