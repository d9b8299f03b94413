"""A voice without words: one soft beep for each. Needs nothing installed."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from functools import lru_cache
from typing import Annotated

from voicegraph.frames import Sentence, TTSAudio
from voicegraph.node import node
from voicegraph.ports import Rate

PITCHES = (262, 294, 330, 392, 440, 523)
"""Hz: a pentatonic scale, in which any order of notes sounds well."""
LOUDNESS = 4_000
"""Amplitude, of 32767."""
CHUNK = 0.1
FADE = 0.01
"""Seconds in which a beep swells and dies away, so that it does not click."""
PAUSE, LONG_PAUSE = 0.06, 0.16
"""Seconds of silence after a word, and after one with a punctuation mark."""


@node("tone.tts")
class Tone:
    """Beeps each word of a sentence, the longer the word the longer: a stand-in for a voice in demos and tests.

    rate: in Hz.
    """

    rate: int = 16_000

    def on_sentence(self, sentence: Sentence) -> Iterator[Annotated[TTSAudio, Rate("rate")]]:
        size = 2 * int(CHUNK * self.rate)
        for word in sentence.text.split():
            sound = _word(word, self.rate)
            for start in range(0, len(sound), size):
                text = "" if start else word
                pcm = sound[start : start + size]
                yield TTSAudio(pcm, rate=self.rate, text=text)


def _word(word: str, rate: int) -> bytes:
    pitch = PITCHES[sum(map(ord, word)) % len(PITCHES)]
    pause = PAUSE if word[-1].isalnum() else LONG_PAUSE
    return _beep(pitch, 0.06 + 0.02 * min(len(word), 12), rate) + bytes(2 * int(pause * rate))


@lru_cache(maxsize=128)
def _beep(hertz: int, seconds: float, rate: int) -> bytes:
    count = int(seconds * rate)
    edge = FADE * rate
    samples = (
        round(LOUDNESS * min(1.0, n / edge, (count - n) / edge) * math.sin(2 * math.pi * hertz * n / rate))
        for n in range(count)
    )
    return struct.pack(f"<{count}h", *samples)
