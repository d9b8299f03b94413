"""The caller's last words, kept until they were understood."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from msgspec.structs import replace

from voicegraph.call import SLACK
from voicegraph.engine.stream import FrameStream
from voicegraph.frames import Audio, Frame, SpeechStarted, SpeechStopped, Transcript

REPLAY = 10.0
"""Seconds of sound that are kept."""
ENOUGH = 1.0
"""Seconds of speech of which something should have been understood: a cough is no reason to change the transcriber."""


class Tape:
    """What came of the caller since the last final transcript, `REPLAY` seconds of it at the most.

    replays: what was read once may be read again; of what writes no transcripts, nobody knows from where on.
    live: the caller does not wait, so what is too much is lost; otherwise it waits to be read. news: is called when
    something comes. ended: nothing more comes. lost: something may have been said that nobody will hear again.
    unheeded: seconds of speech, up to the last pause, of which no final transcript came.
    """

    def __init__(self, frames: FrameStream, *, live: bool, replays: bool, news: Callable[[], None]) -> None:
        self.ended = False
        self.unheeded = 0.0
        self._since = 0.0  # when the last pause was, or something was understood, in loop time
        self._frames = frames
        self._live = live
        self._replays = replays
        self._news = news
        self._kept: deque[Frame] = deque()
        self._dropped = 0  # frames before the first that is kept
        self._seconds = 0.0
        self._read = 0  # frames that the newest reader has read, those before it included
        self._moved = asyncio.Event()
        self._speech: float | None = None  # where the speech begins that was not understood yet, in the call's sound
        self._started: float | None = None  # where the caller began to speak, while they do
        self._given_up = False
        self._begun: SpeechStarted | None = None  # of speech whose beginning is not kept any more, but its end is

    @property
    def lost(self) -> bool:
        first = next((frame for frame in self._kept if isinstance(frame, Audio)), None)
        cut = self._speech is not None and first is not None and first.at > self._speech + SLACK
        return cut or self._given_up

    @property
    def speaking(self) -> bool:
        return self._started is not None

    @property
    def unheeded_since(self) -> float | None:
        """Since when a transcript is due, in loop time: enough was said for that."""
        return self._since if self.unheeded >= ENOUGH else None

    async def record(self) -> None:
        """Takes in what comes, until the call is over."""
        async for frame in self._frames:
            while not self._live and self._seconds > REPLAY and self._dropped + len(self._kept) > self._read:
                self._moved.clear()
                await self._moved.wait()
            self._take(frame)
        self.ended = True
        self._move()

    def reader(self) -> TapeReader:
        """All that is kept, and then what comes. It takes the place of the reader before it."""
        self._read, self._given_up = self._dropped, False
        self._since = asyncio.get_running_loop().time()
        first = next((frame.at for frame in self._kept if isinstance(frame, Audio)), None)
        opening = None if self._begun is None or first is None else replace(self._begun, at=first, noticed=first)
        return TapeReader(self, opening)

    def understood(self, transcript: Transcript) -> None:
        """Something came of it. What is before the end of a final transcript needs no second hearing."""
        self._since = asyncio.get_running_loop().time()
        if not transcript.final:
            return
        self.unheeded = 0.0
        end = transcript.end
        while self._kept and self._dropped < self._read and (not end or _end(self._kept[0]) <= end + SLACK):
            self._drop()
        self._speech = None if self._started is None else max(self._started, end)

    def give_up(self) -> None:
        """Nobody understands this: it is not played again."""
        while self._kept and self._dropped < self._read:
            self._drop()
        self.unheeded, self._given_up = 0.0, True

    async def at(self, index: int) -> tuple[int, Frame | None]:
        """The frame in that place, or the first behind it that is kept, with its place; None at the end."""
        while (index := max(index, self._dropped)) >= self._dropped + len(self._kept):
            if self.ended:
                return index, None
            self._moved.clear()
            await self._moved.wait()
        self._read = index + 1
        frame = self._kept[index - self._dropped]
        while not self._replays and self._dropped <= index:
            self._drop()
        self._move()
        return index, frame

    def _take(self, frame: Frame) -> None:
        self._kept.append(frame)
        match frame:
            case Audio():
                self._seconds += frame.seconds
                while self._seconds > REPLAY and (self._live or self._dropped < self._read):
                    self._drop()
            case SpeechStarted():
                self._started = frame.at
                self._speech = frame.at if self._speech is None else self._speech
            case SpeechStopped():
                self._pause(frame)
            case _:
                pass
        self._move()

    def _pause(self, stopped: SpeechStopped) -> None:
        if self._started is not None:
            if self.unheeded < ENOUGH:  # else a transcript has been due since an earlier pause
                self._since = asyncio.get_running_loop().time()
            self.unheeded += stopped.at - self._started
            self._started = None
            self._news()

    def _drop(self) -> None:
        frame = self._kept.popleft()
        if isinstance(frame, SpeechStarted | SpeechStopped):
            self._begun = frame if isinstance(frame, SpeechStarted) else None
        if self._dropped >= self._read:
            self._frames.missed()
        self._dropped += 1
        if isinstance(frame, Audio):
            self._seconds -= frame.seconds

    def _move(self) -> None:
        self._moved.set()


class TapeReader:
    """A tape as one candidate reads it. One that was replaced reads no more than the next one leaves it."""

    def __init__(self, tape: Tape, opening: Frame | None) -> None:
        """opening: what comes first, where the tape begins in the midst of speech."""
        self._tape = tape
        self._opening = opening
        self._next = 0

    def __aiter__(self) -> TapeReader:
        return self

    async def __anext__(self) -> Frame:
        if self._opening is not None:
            opening, self._opening = self._opening, None
            return opening
        place, frame = await self._tape.at(self._next)
        if frame is None:
            raise StopAsyncIteration
        self._next = place + 1
        return frame


def _end(frame: Frame) -> float:
    """Where it ends in the call's sound."""
    match frame:
        case Audio():
            return frame.at + frame.seconds
        case SpeechStarted() | SpeechStopped():
            return frame.at
        case _:
            return 0.0
