"""A transcriber that hears how loud it is, and knows beforehand what is said: for microphones with a real sound."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from math import sqrt

from voicegraph.frames import Audio, SpeechStarted, SpeechStopped, Transcript
from voicegraph.node import node

LOUD = 0.02
"""Root mean square, of full scale."""
ENOUGH = 3
"""Loud frames that are speech."""
PAUSE = 0.4
"""Seconds without one, behind which an utterance is over."""


@node("loudness.stt")
class Loudness:
    """Each stretch of sound is the next of these texts: a guess at its first half at once, and all of it at its end."""

    texts: tuple[str, ...]

    def __post_init__(self) -> None:
        self._left = list(self.texts)
        self._loud = 0
        self._began: float | None = None
        self._last = 0.0

    def on_audio(self, audio: Audio) -> Iterator[SpeechStarted | SpeechStopped | Transcript]:
        end = audio.at + audio.seconds
        if _level(audio.pcm) > LOUD:
            self._loud += 1
            self._last = end
            if self._began is None and self._loud >= ENOUGH and self._left:
                self._began = audio.at
                words = self._left[0].split()
                yield SpeechStarted(at=audio.at, noticed=end)
                yield Transcript(" ".join(words[: len(words) // 2]), final=False, start=self._began, end=end)
        elif end - self._last > PAUSE:
            self._loud = 0
            if self._began is not None:
                yield SpeechStopped(at=self._last, noticed=end)
                yield Transcript(self._left.pop(0), start=self._began, end=self._last)
                self._began = None


def _level(pcm: bytes) -> float:
    samples = array("h", pcm)
    return sqrt(sum(sample * sample for sample in samples) / max(1, len(samples))) / 32768
