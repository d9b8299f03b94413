"""What scripted nodes hear in the caller's sound: words, and speech or silence, which is zeros and nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterator

from voicegraph.frames import Audio, SpeechStarted, SpeechStopped
from voicegraph.testing.speech import Ear, HeardWord
from voicegraph.testing.telephone import LineEar
from voicegraph.turn_taking.words import plain_words

_RUN = re.compile(rb"\0+|[^\0]+")
GLITCH = 0.02
"""Seconds of silence that speech which has not been noticed yet does not survive."""
MIN_SPEECH = 0.06
"""Seconds of sound that are speech, for nodes without a VAD."""
ROUNDING = 1e-6


class Gate:
    """Speech starts after `min_speech` seconds of it, and stops after `min_silence` seconds without."""

    def __init__(self, min_speech: float, min_silence: float) -> None:
        self._min_speech = min_speech
        self._min_silence = min_silence
        self._began: float | None = None
        self._voiced = 0.0
        self._last = 0.0  # end of the last sound
        self.speaking = False

    def hear(self, audio: Audio) -> Iterator[SpeechStarted | SpeechStopped]:
        """What is noticed once this has come in."""
        for run in _RUN.finditer(audio.pcm):
            start, end = (audio.at + byte / (2 * audio.rate) for byte in run.span())
            event = self._on_sound(start, end, audio) if run[0][0] else self._on_silence(end, audio)
            if event is not None:
                yield event

    def _on_sound(self, start: float, end: float, audio: Audio) -> SpeechStarted | None:
        if self._began is None:
            self._began, self._voiced = start, 0.0
        self._voiced += end - start
        self._last = end
        if self.speaking or self._voiced < self._min_speech - ROUNDING:
            return None
        self.speaking = True
        return SpeechStarted(self._began, noticed=audio.at + audio.seconds)

    def _on_silence(self, end: float, audio: Audio) -> SpeechStopped | None:
        needed = self._min_silence if self.speaking else GLITCH
        if self._began is None or end - self._last < needed - ROUNDING:
            return None
        was, self.speaking, self._began = self.speaking, False, None
        return SpeechStopped(self._last, noticed=audio.at + audio.seconds) if was else None


class Hearing:
    """The words and the pauses in the caller's sound, for nodes that a VAD may stand before.

    A pause is what that VAD calls one; without a VAD, `min_silence` seconds of silence.
    """

    def __init__(self, min_silence: float) -> None:
        self._gate = Gate(MIN_SPEECH, min_silence)
        self._ears: tuple[Ear | LineEar, ...] = ()
        self._rate = 0
        self._has_vad = False

    def take(self, frame: Audio | SpeechStarted | SpeechStopped) -> Iterator[HeardWord | SpeechStarted | SpeechStopped]:
        """What is heard with one more frame: the words that ended in it, and then whether speech started or stopped."""
        if not isinstance(frame, Audio):
            self._has_vad = True
            yield frame
            return
        if self._rate != frame.rate:
            self._rate = frame.rate
            self._ears = (Ear(frame.rate), LineEar()) if frame.rate == LineEar.rate else (Ear(frame.rate),)
        yield from (block.word for ear in self._ears for block in ear.feed(frame.pcm, frame.at) if block.word)
        for event in self._gate.hear(frame):
            if not self._has_vad:
                yield event


def ends(text: str, ending: str) -> bool:
    """Whether a text ends with these words, whatever their case and punctuation. With no words every text does."""
    said, last = plain_words(text), plain_words(ending)
    return said[max(0, len(said) - len(last)) :] == last
