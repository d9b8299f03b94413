"""A transcriber of simulated speech: it reads the words in the sound."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator
from dataclasses import field
from typing import Annotated

from annotated_types import Gt
from msgspec.structs import replace

from voicegraph.call import Call, this_call
from voicegraph.durations import Duration
from voicegraph.frames import Audio, EndOfTurn, SpeechStarted, SpeechStopped, Transcript
from voicegraph.node import node
from voicegraph.testing.faults import Fault, Faults, Kind, break_down
from voicegraph.testing.latency import Latency, draw, pass_time
from voicegraph.testing.scripted.hearing import ROUNDING, Hearing
from voicegraph.testing.speech import HeardWord
from voicegraph.turn_taking.words import plain

Heard = Audio | SpeechStarted | SpeechStopped
Told = Transcript | SpeechStarted | SpeechStopped | EndOfTurn

MIDDLE = 0.5
"""Seconds of speech after which a fault strikes unless it says otherwise."""


@node("scripted.stt")
class ScriptedSTT:
    """Writes down what the caller says: partial transcripts while they speak, a final one at each pause.

    A pause is what a VAD on its wires calls one, or without a VAD `min_silence`. When speech goes on within `join` of a
    pause, the next transcript has the same `start` and replaces the last.

    partials: how often, null for never. latency: from the sound of it to the transcript. mishears: words that it takes
    for others, or for nothing (""). speech: it tells when speech starts and stops, too. end_of_turn: it judges each
    pause to be the end of the caller's turn. faults: `error`, `hang`, `stall`, `die`, of the next utterances.
    """

    partials: Annotated[Duration, Gt(0)] | None = 0.3
    latency: Latency = 0.1
    min_silence: Duration = 0.3
    join: Duration = 1.0
    mishears: dict[str, str] = field(default_factory=dict[str, str])
    speech: bool = False
    end_of_turn: bool = False
    faults: tuple[Fault, ...] = ()
    call: Call = this_call()

    def __post_init__(self) -> None:
        self._mishears = {plain(word): other for word, other in self.mishears.items()}
        self._faults = Faults(("error", "hang", "stall", "die"), self.faults)
        self._begin_anew()

    def _begin_anew(self) -> None:
        """As if nothing had been heard: one that failed may be asked to listen again."""
        self._hearing = Hearing(self.min_silence)
        self._fault: Fault | None = None  # of this utterance
        self._words: list[tuple[float, str]] = []  # of this utterance, with where each ended
        self._speaking = False
        self._position = 0.0  # behind the newest sound
        self._start = 0.0
        self._stop: float | None = None
        self._partial_at = 0.0  # where the newest partial was due
        self._told = 0  # words in it
        self._due: deque[tuple[float, Transcript | EndOfTurn]] = deque()  # with when each is to be given

    def fail(self, kind: Kind, *, after: float | None = None, count: int = 1, skip: int = 0) -> None:
        """Makes the next `count` utterances go wrong, once `skip` have gone well. after: seconds of it; see `Fault`."""
        self._faults.plan(Fault(kind=kind, after=None if after is None else float(after), count=count, skip=skip))

    async def listen(self, frames: AsyncIterator[Heard]) -> AsyncIterator[Told]:
        """Goes on listening while transcripts are on their way."""
        self._begin_anew()
        while True:
            try:
                async with asyncio.timeout_at(self._due[0][0] if self._due else None):
                    frame = await anext(frames)
            except TimeoutError:
                transcript = self._still_so(self._due.popleft()[1])
                if transcript is not None:
                    yield transcript
            except StopAsyncIteration:
                break
            else:
                for told in self._hear(frame):
                    if isinstance(told, SpeechStarted | SpeechStopped):
                        yield told
                    else:
                        self._put(told)
        for last in self._pause(self._position):
            self._put(last)
        for when, last in self._due:
            await pass_time(when - self.call.now())
            yield last

    def _put(self, told: Transcript | EndOfTurn) -> None:
        """It is given when its time has come, and not before the one before it."""
        when = self.call.now() + draw(self.latency, self.call.random)
        self._due.append((max(when, self._due[-1][0]) if self._due else when, told))

    def _still_so(self, told: Transcript | EndOfTurn) -> Transcript | EndOfTurn | None:
        """The caller may have gone on meanwhile: then that was not the end."""
        if not self._speaking:
            return told
        if isinstance(told, EndOfTurn):
            return None
        return replace(told, final=False) if told.final and told.start == self._start else told

    def _hear(self, frame: Heard) -> Iterator[Told]:
        if isinstance(frame, Audio):
            self._position = frame.at + frame.seconds
        for heard in self._hearing.take(frame):
            if isinstance(heard, HeardWord):
                self._read(heard)
                continue
            if self.speech:
                yield type(heard)(heard.at, heard.noticed)
            if isinstance(heard, SpeechStarted):
                self._begin(heard.at)
            else:
                yield from self._pause(heard.at)
        if self._speaking:
            yield from self._go_on()

    def _read(self, heard: HeardWord) -> None:
        """Understands a word as the settings will have it."""
        word = self._mishears.get(plain(heard.text), heard.text)
        if word:
            self._words.append((heard.end, word))

    def _begin(self, at: float) -> None:
        if self._speaking:
            return
        self._speaking = True
        if self._stop is None or at - self._stop > self.join:
            self._start, self._told = at, 0
            self._words = [word for word in self._words if word[0] > at]
            self._fault = self._faults.next()
        self._partial_at = at

    def _go_on(self) -> Iterator[Transcript]:
        """What a partial transcript tells, if it is time for one."""
        if self._broken() or self.partials is None or self._position - self._partial_at < self.partials - ROUNDING:
            return
        self._partial_at = self._position
        if len(self._words) > self._told:
            self._told = len(self._words)
            yield self._transcript(self._position, final=False)

    def _pause(self, at: float) -> Iterator[Transcript | EndOfTurn]:
        if not self._speaking:
            return
        self._speaking, self._stop = False, at
        if self._broken() or not self._words:
            return
        yield self._transcript(at, final=True)
        if self.end_of_turn:
            yield EndOfTurn(at)

    def _transcript(self, end: float, *, final: bool) -> Transcript:
        return Transcript(" ".join(word for _, word in self._words), final=final, start=self._start, end=end)

    def _broken(self) -> bool:
        """Whether nothing comes of this utterance any more. Raises where the fault is to do so."""
        fault = self._fault
        if fault is None:
            return False
        after = MIDDLE if fault.after is None else fault.after
        if fault.kind in ("stall", "die") and self._position - self._start < after:
            return False
        if fault.kind in ("error", "die"):
            break_down(fault)
        return True
