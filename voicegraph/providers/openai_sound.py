"""Sound as it goes to and comes from OpenAI."""

from __future__ import annotations

import io
import wave
from collections.abc import AsyncGenerator
from contextlib import aclosing

from voicegraph.providers.openai_errors import NO_END, Asked

FILES = (b"ID3", b"RIFF", b"OggS", b"fLaC")
"""How files of sound begin that are no PCM: played as PCM they are a loud noise."""
ENOUGH = 4
"""Bytes by which they are known."""


async def sound_of(pieces: AsyncGenerator[bytes, None], asked: Asked) -> AsyncGenerator[bytes, None]:
    """Whole samples of 16-bit PCM, as soon as they come. Raises ProviderError where it is no PCM, or nothing at all."""
    rest, begun = b"", False
    async with aclosing(pieces):
        async for piece in pieces:
            rest += piece
            if not begun and len(rest) < ENOUGH:
                continue
            if not begun and is_file(rest):
                raise asked.error("sent a file of sound, not the PCM that was asked for", retryable=False)
            begun = True
            whole = len(rest) & ~1
            yield rest[:whole]
            rest = rest[whole:]
    if not begun:
        raise asked.error(f"{NO_END}: there was no sound in it", retryable=True)


def is_file(start: bytes) -> bool:
    """Whether bytes are the beginning of a WAV, Ogg, FLAC or MP3 file, the last by its first frame's header."""
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
