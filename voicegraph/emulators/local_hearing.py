"""Hears with Silero VAD and Whisper: what is said becomes final at each pause, and when a client asks for it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass, replace

from voicegraph import models
from voicegraph.emulators.backend import FLUSH, Began, Heard, Paused, Said
from voicegraph.emulators.listening import MIN_PAUSE, spread
from voicegraph.engine.offload import offload
from voicegraph.frames import Audio, SpeechStarted
from voicegraph.processors.silero import SileroVAD
from voicegraph.providers.whisper import RATE, Reading, Recognised, Whisper
from voicegraph.shared import shared

PRE_ROLL, TAIL = 0.3, 0.3
"""Seconds before the start that the VAD tells, and behind the end, that are read too."""
KEPT = 1.3
"""Seconds of silence that are kept, for a start that is told late."""
LONGEST = 28.0
"""Seconds: a longer utterance is cut. Whisper takes 30."""
PARTIALS, SHARE = 0.5, 0.1
"""A partial comes after so many seconds of speech, and after such a part of the utterance."""

_FINAL, _GLANCE = Reading(), Reading(repeated="cut", beam=1)


class LocalHearing:
    """model: a Whisper. vad: one for each stream, from the seconds of silence that are a pause."""

    def __init__(self, model: str, vad: Callable[[float], SileroVAD]) -> None:
        self._model = model
        self._vad = vad

    async def hear(self, pcm: AsyncIterator[bytes], rate: int, *, pause: float = 0.3) -> AsyncGenerator[Heard, None]:
        """Goes on listening while Whisper, in a thread, reads one excerpt at a time."""
        speech = _Speech()
        listening = asyncio.create_task(self._listen(pcm, rate, max(pause, MIN_PAUSE), speech))
        try:
            while not (speech.ended and not speech.due):
                if speech.due:
                    told = speech.due[0]
                    if isinstance(told, _Final):
                        for heard in await self._tell(told):
                            yield heard
                    else:
                        yield told
                    speech.due.popleft()
                elif glance := speech.glance():
                    read = await self._read(glance.pcm, _GLANCE)
                    if read and not speech.due:
                        yield glance.said(read)
                else:
                    await speech.news.wait()
                    speech.news.clear()
            await listening
        finally:
            listening.cancel()
            await asyncio.wait([listening])

    async def _listen(self, pcm: AsyncIterator[bytes], rate: int, pause: float, speech: _Speech) -> None:
        from voicegraph.audio.resample import Resampler

        resampler = Resampler(rate, RATE)
        try:
            async with self._vad(pause) as vad:
                async for piece in pcm:
                    if piece == FLUSH:
                        speech.flush()
                    elif sound := resampler.feed(piece):
                        speech.hear(sound, vad)
        finally:
            speech.end()

    async def _tell(self, final: _Final) -> list[Heard]:
        read = await self._read(final.pcm, _FINAL) if final.pcm else None
        told: list[Heard] = [final.said(read)] if read or final.flushed else []
        return told if final.paused is None else [*told, Paused(final.paused)]

    async def _read(self, pcm: bytes, reading: Reading) -> Recognised | None:
        folder = models.path(self._model)
        whisper = await offload(lambda: shared(("whisper", folder, 1), lambda: Whisper(folder, 1)))
        return await offload(whisper.read, pcm, reading)


@dataclass
class _Excerpt:
    """Sound to be read, and where it is: from the first voiced sample to the last."""

    pcm: bytes
    since: float
    start: float
    end: float

    def said(self, read: Recognised | None) -> Said:
        """A partial transcript."""
        if read is None:
            return Said((), self.since, self.end)
        words = spread(read.text.split(), self.start, self.end)
        sure = tuple(word._replace(confidence=round(read.confidence, 3)) for word in words)
        return Said(sure, self.since, self.end, language=read.language)


@dataclass
class _Final(_Excerpt):
    """paused: where the pause behind it began, if one did. flushed: a FLUSH waits for it."""

    paused: float | None = None
    flushed: bool = False

    def said(self, read: Recognised | None) -> Said:
        """The final one."""
        return replace(super().said(read), final=True, flushed=self.flushed)


class _Speech:
    """The sound of the utterance in progress, and what is to be told, in order. Positions in seconds of the stream."""

    def __init__(self) -> None:
        self.due: deque[Began | _Final] = deque()
        self.news = asyncio.Event()
        self.ended = False
        self._pcm = bytearray()
        self._first = 0  # sample
        self._start: float | None = None  # of the utterance
        self._since = 0.0  # end of the last final
        self._glanced = 0.0

    @property
    def _position(self) -> float:
        return self._first / RATE + len(self._pcm) / 2 / RATE

    def hear(self, pcm: bytes, vad: SileroVAD) -> None:
        audio = Audio(pcm, RATE, self._position)
        self._pcm += pcm
        for event in vad.hear(audio):
            if isinstance(event, SpeechStarted):
                self._start = self._glanced = max(event.at, self._since)
                self.due.append(Began(event.at))
            else:
                self._finish(event.at, paused=event.at)
                self._start = None
        if self._start is not None and self._position - self._start > LONGEST:
            self._finish(self._position)
        self._forget()
        self.news.set()

    def flush(self) -> None:
        """What there is so far becomes final, with a mark; so does what is being read just now."""
        waiting = next((each for each in reversed(self.due) if isinstance(each, _Final)), None)
        if self._start is not None:
            self._finish(self._position, flushed=True)
        elif waiting is not None and not waiting.flushed:
            waiting.flushed = True
        else:
            self.due.append(_Final(b"", self._since, self._since, self._position, flushed=True))
            self._since = self._position
        self.news.set()

    def end(self) -> None:
        if self._start is not None:
            self._finish(self._position, paused=self._position)
        self.ended = True
        self.news.set()

    def glance(self) -> _Excerpt | None:
        """What there is of the utterance, if it is time for a partial."""
        if self._start is None:
            return None
        here = self._position
        if here - self._glanced < max(PARTIALS, SHARE * (here - self._start)):
            return None
        self._glanced = here
        return _Excerpt(self._cut(self._start, here), self._since, self._start, here)

    def _finish(self, end: float, *, paused: float | None = None, flushed: bool = False) -> None:
        assert self._start is not None
        end = max(end, self._start)
        self.due.append(_Final(self._cut(self._start, end), self._since, self._start, end, paused, flushed))
        self._start = self._glanced = self._since = end

    def _cut(self, start: float, end: float) -> bytes:
        begin = round(max(start - PRE_ROLL, self._since) * RATE) - self._first
        return bytes(self._pcm[2 * max(0, begin) : 2 * (round((end + TAIL) * RATE) - self._first)])

    def _forget(self) -> None:
        needed = (self._position - KEPT) if self._start is None else min(self._start, self._position) - KEPT
        if (extra := int(needed * RATE) - self._first) > 0:
            del self._pcm[: 2 * extra]
            self._first += extra
