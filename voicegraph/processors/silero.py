"""Tells speech from silence, with Silero VAD."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from annotated_types import Interval

from voicegraph import models
from voicegraph.call import Call, this_call
from voicegraph.durations import Duration
from voicegraph.frames import Audio, SpeechStarted, SpeechStopped
from voicegraph.node import node
from voicegraph.ports import Rate
from voicegraph.providers.silero import RATE, WINDOW, Backend, Detector, detector

if TYPE_CHECKING:
    from voicegraph.providers.silero import Sound

STEP = WINDOW / RATE
LAG = 2 * STEP
"""Seconds that the network goes on calling speech after the last of it: 67 ms is the median over telephone prompts
(17-150 ms), measured against their energy. At the start it is 13 ms late, which is left as it is."""
CLEAR = 0.1
"""Probability below which silence is clear."""
JITTER = RATE // 200
"""Samples by which a position may be off, by rounding, before it counts as a gap: 5 ms."""

Probability = Annotated[float, Interval(gt=0, lt=1)]


@node("silero.vad", extra="local", packages=("numpy", "onnxruntime"))
class SileroVAD:
    """Tells when the caller starts to speak, and when they pause.

    start: probability at which speech starts. stop: below it a window is silent. min_speech, min_silence: how much of
    either it takes, in steps of 32 ms; a pause is told early, for whoever decides on the end of a turn can wait on.
    min_volume: quieter windows, in dBFS, start nothing: they are the neighbour's television. reset: after so much clear
    silence the network, which grows dull on music and noise, starts afresh. backend: `torch` runs the silero-vad
    package (extra `silero`, gigabytes); the results are the same.
    """

    start: Probability = 0.5
    stop: Probability = 0.35
    min_speech: Duration = 0.064
    min_silence: Duration = 0.1
    min_volume: Annotated[float, Interval(ge=-100, le=0)] = -50.0
    reset: Duration = 5.0
    backend: Backend = "onnx"
    call: Call = this_call()

    def __post_init__(self) -> None:
        if self.stop > self.start:
            raise ValueError(f"stop ({self.stop:g}) is above start ({self.start:g}); lower it, 0.15 below is usual")
        self._gate = SpeechGate(self.start, self.stop, _steps(self.min_speech), _steps(self.min_silence))
        self._detector: Detector | None = None
        self._rest = b""  # of a window that is not whole yet
        self._position = 0  # of the rest's first sample
        self._clear = 0

    def models(self) -> list[str]:
        return ["silero-vad"] if self.backend == "onnx" else []

    def warm(self) -> None:
        """Loads the model, and runs it once so that it has what it needs in memory."""
        import numpy as np

        self._make().probability(np.zeros(WINDOW, np.float32))

    async def __aenter__(self) -> SileroVAD:
        self._detector = await self.call.offload(self._make)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._detector = None

    def hear(self, audio: Annotated[Audio, Rate(16_000)]) -> Iterator[SpeechStarted | SpeechStopped]:
        """Takes chunks of any size; what is short of a window waits for the next."""
        import numpy as np

        begins = round(audio.at * RATE)
        if abs(begins - self._position - len(self._rest) // 2) > JITTER:  # the first chunk, or one behind a gap
            self._rest, self._position = b"", begins
        pcm = self._rest + audio.pcm
        whole = len(pcm) // (2 * WINDOW)
        self._rest = pcm[whole * 2 * WINDOW :]
        sound = np.frombuffer(pcm, "<i2", whole * WINDOW).astype(np.float32).reshape(whole, WINDOW) / 32_768
        for number in range(whole):
            at = self._position / RATE
            self._position += WINDOW
            if event := self._judge(at, sound[number]):
                yield event

    def _judge(self, at: float, sound: Sound) -> SpeechStarted | SpeechStopped | None:
        assert self._detector is not None
        probability = self._detector.probability(sound)
        self._forget_in_silence(probability)
        loud = probability >= self.start and float(sound @ sound) / WINDOW >= 10 ** (self.min_volume / 10)
        return self._gate.judge(at, probability, loud=loud)

    def _forget_in_silence(self, probability: float) -> None:
        self._clear = self._clear + 1 if probability < CLEAR else 0
        if self._clear * STEP >= self.reset:
            assert self._detector is not None
            self._detector.reset()
            self._clear = 0

    def _make(self) -> Detector:
        return detector(self.backend, models.path("silero-vad") if self.backend == "onnx" else None)


@dataclass
class SpeechGate:
    """From a probability per window to the start and the end of speech, with hysteresis.

    Speech starts where a run of windows at or above `stop` begins, once `min_speech` of them are at or above `start`
    and loud. It ends behind the last window at or above `stop`, once `min_silence` windows below have followed.
    """

    start: float
    stop: float
    min_speech: int
    min_silence: int

    def __post_init__(self) -> None:
        self._speaking = False
        self._began: float | None = None
        self._voiced = 0
        self._silent = 0

    def judge(self, at: float, probability: float, *, loud: bool = True) -> SpeechStarted | SpeechStopped | None:
        """What follows from one more window, whose first sample is at `at` seconds in the call's audio."""
        return self._in_speech(at, probability) if self._speaking else self._in_silence(at, probability, loud=loud)

    def _in_silence(self, at: float, probability: float, *, loud: bool) -> SpeechStarted | None:
        if probability < self.stop:
            self._began, self._voiced = None, 0
            return None
        self._began = at if self._began is None else self._began
        self._voiced += probability >= self.start and loud
        if self._voiced < self.min_speech:
            return None
        self._speaking, self._silent = True, 0
        return SpeechStarted(self._began, noticed=at + STEP)

    def _in_speech(self, at: float, probability: float) -> SpeechStopped | None:
        self._silent = self._silent + 1 if probability < self.stop else 0
        if self._silent < self.min_silence:
            return None
        began, noticed = self._began, at + STEP
        self._speaking, self._began, self._voiced = False, None, 0
        assert began is not None
        return SpeechStopped(max(began, noticed - self._silent * STEP - LAG), noticed)


def _steps(seconds: float) -> int:
    """The nearest whole number of windows, at least one."""
    return max(1, math.floor(seconds / STEP + 0.5))
