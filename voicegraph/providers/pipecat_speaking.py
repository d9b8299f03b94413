"""A hosted voice: the sentences of a reply go in as pipecat's sentences, and its sound comes out with its words."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from typing import TYPE_CHECKING

from pipecat.frames.frames import (
    AggregatedTextFrame,
    Frame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    OutputAudioRawFrame,
    TTSStartedFrame,
    TTSStoppedFrame,
    TTSTextFrame,
)

from voicegraph.frames import Sentence, TTSAudio
from voicegraph.providers.pipecat_exchange import Exchange
from voicegraph.providers.pipecat_frames import from_pipecat, to_pipecat
from voicegraph.providers.pipecat_host import Host
from voicegraph.providers.pipecat_pipe import Pipe

if TYPE_CHECKING:
    from voicegraph.audio.resample import Resampler

QUIET = 3.0
"""Seconds without a frame behind the end of a reply after which a voice that said it would speak on has spoken."""
QUICKEST = 0.04
"""Seconds a letter, for the quickest of voices: a text begins no sooner than the one before it can have been said."""


class Speech:
    """One reply's sound as it comes out. rate: at which it is wanted, in Hz.

    Words that the service times are told with the sound in which they begin. Of others it is known which sentence was
    begun, so that is told with the next sound.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._resampler: Resampler | None = None
        self._at = 0.0  # seconds of sound so far
        self._floor = 0  # reading of pipecat's clock before which no word is timed: there the last one is
        self._base: tuple[int, float] | None = None  # such a reading, and where the sound was then
        self._timed = False
        self._words: deque[tuple[float, str]] = deque()  # and no sooner than at this position

    def sound(self, frame: OutputAudioRawFrame, clock: int) -> TTSAudio | None:
        """clock: what pipecat's says now, in ns."""
        made = from_pipecat(frame)
        assert isinstance(made, TTSAudio)
        pcm = made.pcm if made.rate == self._rate else self._at_rate(made)
        if self._base is None:
            self._base = max(clock, self._floor), self._at
        begun = self._at + len(pcm) / (2 * self._rate)
        text: list[str] = []
        while self._words and self._words[0][0] < begun:
            text.append(self._words.popleft()[1])
        self._at = begun
        return TTSAudio(pcm, self._rate, " ".join(text)) if pcm or text else None

    def announced(self, text: str, at: int | None) -> None:
        """A sentence is about to be spoken. at: the time of its first word, if its words are timed."""
        if at is not None:
            self._floor = at if self._base is None else self._floor
        elif not self._timed:
            last_at, last = self._words[-1] if self._words else (self._at, "")
            self._words.append((max(self._at, last_at + QUICKEST * len(last)), text))

    def word(self, text: str, at: int) -> None:
        """A word begins at that reading of pipecat's clock."""
        if not self._timed:
            self._timed = True
            self._words.clear()  # the sentences, which are told by their words now
        base, position = self._base or (at, self._at)
        self._words.append((position + max(0, at - base) / 1e9, text))

    def context_over(self) -> None:
        """The next words are timed from the next sound on."""
        self._base = None

    def rest(self) -> list[TTSAudio]:
        """What is left at the end."""
        pcm = self._resampler.flush() if self._resampler else b""
        text = " ".join(text for _, text in self._words)
        self._words.clear()
        return [TTSAudio(pcm, self._rate, text)] if pcm or text else []

    def _at_rate(self, sound: TTSAudio) -> bytes:
        from voicegraph.audio.resample import Resampler

        if self._resampler is None or self._resampler.source != sound.rate:
            self._resampler = Resampler(sound.rate, self._rate)
        return self._resampler.feed(sound.pcm)


async def speak(host: Host, sentences: AsyncIterator[Sentence], rate: int) -> AsyncGenerator[TTSAudio]:
    """The sound of one reply."""
    async with host.request() as (pipe, exchange):
        speech, reply = Speech(rate), _Reply()
        saying = asyncio.create_task(_say(host, pipe, exchange, sentences, reply))
        try:
            while not exchange.whole:
                frame = await _next(exchange, reply)
                match frame:
                    case OutputAudioRawFrame():
                        if made := speech.sound(frame, pipe.clock()):
                            yield made
                    case TTSTextFrame(pts=int(at)):
                        speech.word(frame.text, at)
                    case AggregatedTextFrame(will_be_spoken=True) if not isinstance(frame, TTSTextFrame):
                        speech.announced(frame.text, frame.pts)
                    case TTSStoppedFrame():
                        speech.context_over()
                    case _:
                        pass
                exchange.whole = reply.ends_with(frame)
            for made in speech.rest():
                yield made
        finally:
            saying.cancel()


class _Reply:
    """How far a reply has come. told: the service has all of it. spoken: so it said itself. open: sounds that it has
    begun and not ended.
    """

    def __init__(self) -> None:
        self.told = False
        self.spoken = False
        self.open = 0

    def ends_with(self, frame: Frame | None) -> bool:
        match frame:
            case TTSStartedFrame():
                self.open += 1
            case TTSStoppedFrame():
                self.open -= 1
            case LLMFullResponseEndFrame():
                self.spoken = self.told
            case _:
                pass
        return frame is None or (self.spoken and self.open <= 0)


async def _next(exchange: Exchange, reply: _Reply) -> Frame | None:
    """The next frame; None: there is none, and there will be none."""
    if not reply.spoken:
        return await exchange.get()
    try:
        async with asyncio.timeout(QUIET):
            return await exchange.get()
    except TimeoutError:
        return None


async def _say(host: Host, pipe: Pipe, exchange: Exchange, sentences: AsyncIterator[Sentence], reply: _Reply) -> None:
    """Tells the service the sentences as they come, not too far ahead of what it has said."""
    try:
        await pipe.give(LLMFullResponseStartFrame())
        async for sentence in sentences:
            host.mentions(sentence.text)
            if exchange.asked:
                await pipe.behind(1)
                await exchange.room()
            frame = to_pipecat(sentence)
            assert frame is not None
            frame.interruptible = True  # whether it is, the engine decides: it does not ask for what must be said
            exchange.asked.append(frame)
            await pipe.give(frame)
        reply.told = True
        await pipe.give(LLMFullResponseEndFrame())
    except Exception as error:  # noqa: BLE001 - raised where the sound is awaited
        exchange.fail(error)
