"""Sound as vendors send and take it."""

from __future__ import annotations

import io
import wave

FILES = (b"ID3", b"RIFF", b"OggS", b"fLaC", b'{"', b"<!", b"<h")
"""How files begin that are no PCM, of sound or of text: played as PCM they are a noise."""
ENOUGH = 4
"""Bytes by which they are known."""


def is_file(start: bytes) -> bool:
    """Whether bytes begin a file: WAV, Ogg, FLAC, JSON, HTML, or MP3, that by its first frame's header."""
    if start.startswith(FILES):
        return True
    first, second, third = start[:3]
    layer_three = first == 0xFF and second & 0xE6 == 0xE2
    return layer_three and third >> 4 not in (0, 15) and third >> 2 & 3 != 3


def wav(pcm: bytes, rate: int) -> bytes:
    """A WAV file of 16-bit mono PCM."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((1, 2, rate, 0, "NONE", ""))
        sound.writeframes(pcm)
    return file.getvalue()
