"""Simulated speech on a telephone line: G.711 keeps 8 bits of a sample, so there each byte of speech is a sample.

It is the speech of a rate of 4000, whose samples have two bytes: so it takes the same time, and the same Ear hears it.
Silence is mu-law's zero; the other 254 bytes that speech may have are its 254 other values (ITU-T G.711, 1988).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from random import Random

from voicegraph.testing.speech import PACE, Block, Ear, murmur, utter, utter_words

LINE_RATE = 8_000
_RATE = LINE_RATE // 2
_MINUS_ZERO = 0x80
"""The byte that would be mu-law's negative zero, which is silence. It takes the value of 0xff, in no speech."""


def _sample(byte: int) -> int:
    """The value whose mu-law code has the bits of this byte, all inverted."""
    magnitude = ((2 * (byte & 0x0F) + 33) << (byte >> 4 & 7)) - 33 << 2
    return -magnitude if byte & 0x80 else magnitude


_OTHER = bytes(0xFF if byte == _MINUS_ZERO else 0 if byte == 0xFF else byte for byte in range(256))
_TO_CODES = bytes(_OTHER[byte] ^ 0xFF for byte in range(256))
_FROM_CODES = bytes({0x00: _MINUS_ZERO, 0x7F: 0}.get(code, code ^ 0xFF) for code in range(256))
_SAMPLES = tuple(_sample(_OTHER[byte]) for byte in range(256))
_BYTES = {sample: byte for byte, sample in enumerate(_SAMPLES) if sample}


def line_words(
    text: str, *, origin: int, pace: float = PACE, random: Random | None = None, number: int = 0
) -> Iterator[tuple[str, bytes]]:
    """What `utter_words` gives, as PCM16 at 8 kHz that survives mu-law."""
    for word, speech in utter_words(text, rate=_RATE, origin=origin, pace=pace, random=random, number=number):
        yield word, _to_pcm(speech)


def line_codes(text: str, *, origin: int, pace: float = PACE) -> bytes:
    """The sound of a text as mu-law codes, 8000 a second. What is behind the last word is left out."""
    return utter(text, rate=_RATE, origin=origin, pace=pace).rstrip(b"\0").translate(_TO_CODES)


def murmur_codes(seconds: float, *, origin: int) -> bytes:
    """A voice that says no word, likewise."""
    return murmur(seconds, rate=_RATE, origin=origin).translate(_TO_CODES)


class LineEar:
    """Hears speech that came over a telephone line, in PCM16 at 8 kHz or in mu-law codes. Otherwise as an Ear."""

    rate = LINE_RATE

    def __init__(self) -> None:
        self._ear = Ear(_RATE)

    def feed(self, pcm: bytes, at: float) -> Iterator[Block]:
        return self._ear.feed(_from_pcm(pcm), at)

    def feed_codes(self, codes: bytes, at: float) -> Iterator[Block]:
        return self._ear.feed(codes.translate(_FROM_CODES), at)

    def flush(self) -> Iterator[Block]:
        return self._ear.flush()


def _to_pcm(speech: bytes) -> bytes:
    return struct.pack(f"<{len(speech)}h", *map(_SAMPLES.__getitem__, speech))


def _from_pcm(pcm: bytes) -> bytes:
    """Samples that no speech has become silence."""
    return bytes(_BYTES.get(sample, 0) for sample in struct.unpack(f"<{len(pcm) // 2}h", pcm[: len(pcm) & ~1]))
