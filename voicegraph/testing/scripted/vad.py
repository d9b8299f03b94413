"""A voice activity detector for simulated sound."""

from __future__ import annotations

from collections.abc import Iterator

from voicegraph.durations import Duration
from voicegraph.frames import Audio, SpeechStarted, SpeechStopped
from voicegraph.node import node
from voicegraph.testing.scripted.hearing import Gate


@node("scripted.vad")
class ScriptedVAD:
    """Tells when the caller starts to speak, and when they pause: what is not silence is speech.

    min_speech, min_silence: how much of either it takes until that is noticed.
    """

    min_speech: Duration = 0.06
    min_silence: Duration = 0.1

    def __post_init__(self) -> None:
        self._gate = Gate(self.min_speech, self.min_silence)

    def hear(self, audio: Audio) -> Iterator[SpeechStarted | SpeechStopped]:
        yield from self._gate.hear(audio)
