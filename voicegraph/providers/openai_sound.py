"""Sound as it comes from OpenAI."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from voicegraph.providers.openai_errors import NO_END, Asked
from voicegraph.providers.sound import ENOUGH, is_file

NO_PCM = "sent a file, not the PCM that was asked for: check `model`, and where `base_url` leads"


async def sound_of(pieces: AsyncGenerator[bytes, None], asked: Asked) -> AsyncGenerator[bytes, None]:
    """Whole samples of 16-bit PCM, as soon as they come. Raises ProviderError where it is no PCM, or nothing at all."""
    rest, begun = b"", False
    async with aclosing(pieces):
        async for piece in pieces:
            rest += piece
            if not begun and len(rest) < ENOUGH:
                continue
            if not begun and is_file(rest):
                raise asked.error(NO_PCM, retryable=False)
            begun = True
            whole = len(rest) & ~1
            yield rest[:whole]
            rest = rest[whole:]
    if not begun:
        raise asked.error(f"{NO_END}: there was no sound in it", retryable=True)
