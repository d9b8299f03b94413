"""A voice whose sound carries its words, and the turn that they were made in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Annotated

from annotated_types import Ge, Gt

from voicegraph.call import Call, this_call
from voicegraph.durations import Duration
from voicegraph.frames import Sentence, TTSAudio
from voicegraph.node import node
from voicegraph.ports import Rate
from voicegraph.testing.blocks import FRAMES_PER_SECOND, block_size
from voicegraph.testing.faults import Fault, Faults, Kind, strike
from voicegraph.testing.latency import Latency, draw, pass_time
from voicegraph.testing.speech import PACE, utter_words
from voicegraph.testing.telephone import LINE_RATE, line_words

SILENT: tuple[Kind, ...] = ("error", "hang", "silence")
"""Faults that leave nothing to be heard."""


@node("scripted.tts")
class ScriptedTTS:
    """Speaks each sentence in simulated speech.

    rate: samples per second. telephone: its words survive the G.711 of a telephone line, which has a rate of 8000.
    speed: 1 is 2.8 words a second. first: time to the first sound of a sentence. pace:
    seconds of computing per second of sound. chunk: of sound, at the most, in steps of 20 ms. aligned: each word comes
    with its sound, as from voices that give timestamps; else a sentence's text comes with its first chunk. faults:
    `error`, `hang`, `stall`, `die`, `silence`, of the next sentences.
    """

    rate: int = 24_000
    telephone: bool = False
    speed: Annotated[float, Gt(0)] = 1.0
    first: Latency = 0.1
    pace: Annotated[float, Ge(0)] = 0.1
    chunk: Duration = 0.08
    aligned: bool = True
    faults: tuple[Fault, ...] = ()
    call: Call = this_call()

    def __post_init__(self) -> None:
        if self.telephone and self.rate != LINE_RATE:
            raise ValueError(f"with `telephone` the rate is {LINE_RATE}")
        self._size = max(1, round(self.chunk * FRAMES_PER_SECOND)) * block_size(self.rate)
        self._turn = 0
        self._number = 0  # blocks of this turn so far
        self._faults = Faults(("error", "hang", "stall", "die", "silence"), self.faults)

    def fail(self, kind: Kind, *, after: float | None = None, count: int = 1, skip: int = 0) -> None:
        """Makes the next `count` sentences go wrong, once `skip` have gone well. after: seconds; see `Fault`."""
        self._faults.plan(Fault(kind=kind, after=None if after is None else float(after), count=count, skip=skip))

    async def on_sentence(self, sentence: Sentence) -> AsyncIterator[Annotated[TTSAudio, Rate("rate")]]:
        fault = self._faults.next()
        chunks = list(self._chunks(sentence))
        intact = self._intact(fault, chunks)
        wait = draw(self.first, self.call.random)
        for chunk in chunks:
            pcm = chunk.pcm[:intact]
            intact -= len(pcm)
            if not pcm:
                break
            await pass_time(wait + len(pcm) / (2 * self.rate) * self.pace)
            yield TTSAudio(pcm, self.rate, chunk.text)
            wait = 0.0
        await pass_time(wait)
        if fault is not None:
            await strike(fault)

    def _chunks(self, sentence: Sentence) -> Iterator[TTSAudio]:
        """Frames that nobody gives: what they hold, they hold whole."""
        if sentence.turn != self._turn:
            self._turn, self._number = sentence.turn, 0
        utter = line_words if self.telephone else partial(utter_words, rate=self.rate)
        words = list(utter(sentence.text, origin=self._turn, pace=PACE * self.speed, number=self._number))
        if not self.aligned:
            words = [(sentence.text, b"".join(pcm for _, pcm in words))]
        for text, pcm in words:
            self._number += len(pcm) // block_size(self.rate)
            for start in range(0, len(pcm), self._size):
                yield TTSAudio(pcm[start : start + self._size], self.rate, "" if start else text)

    def _intact(self, fault: Fault | None, chunks: list[TTSAudio]) -> int:
        """Bytes of sound that come before the fault."""
        whole = sum(len(chunk.pcm) for chunk in chunks)
        if fault is None:
            return whole
        if fault.kind in SILENT:
            return 0
        return whole // 4 * 2 if fault.after is None else 2 * round(fault.after * self.rate)
