"""The emulators in a process of their own, with a backend that says in all it gives when it did.

`python -m ...providers_emulators` prints the variables that point a client here, and ends with its
input.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from typing import Any

from benchmarks.contenders.providers_shape import (
    ENDS,
    EVERY,
    FIRST,
    PACE,
    PARTIAL,
    PIECE,
    PIECES,
    TOKEN,
    TOKENS,
    now,
    paced,
    sound_stamp,
    stamp,
)
from voicegraph.emulators.backend import FLUSH, Backend, Began, Heard, Paused, Said, Sound, ToolRequest, Word
from voicegraph.emulators.server import Emulators


class Thinking:
    async def answer(
        self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]] = ()
    ) -> AsyncGenerator[str | ToolRequest, None]:
        received = now()
        async for _ in paced(TOKENS, FIRST, TOKEN):
            yield f"{stamp(received)} "


class Speaking:
    async def speak(self, text: str, rate: int, *, voice: str = "", speed: float = 1.0) -> AsyncGenerator[Sound, None]:
        received = now()
        words = text.split()
        each = PIECES * PIECE / len(words)
        placed = [Word(word, number * each, (number + 1) * each) for number, word in enumerate(words)]
        rest = bytes(round(2 * PIECE * rate) - len(sound_stamp(received)))
        async for number in paced(PIECES, FIRST, EVERY):
            begin, end = number * PIECE, (number + 1) * PIECE
            here = tuple(word for word in placed if begin <= word.start < end)
            yield Sound(sound_stamp(received) + rest, here)


class Hearing:
    """A word with each partial transcript, until it is asked for the final one or hears the mark of a turn's end."""

    async def hear(self, pcm: AsyncIterator[bytes], rate: int, *, pause: float = 0.3) -> AsyncGenerator[Heard, None]:
        at = start = told = 0.0
        words: list[Word] = []
        speaking = False
        async for piece in pcm:
            received = now()
            if piece != FLUSH:
                if not speaking:
                    speaking = True
                    yield Began(at)
                at += len(piece) / (2 * rate)
                if at - told >= PARTIAL:
                    words.append(Word(f"word{len(words)}", told, at))
                    told = at
                    yield Said(tuple(words), start, at)
            if piece == FLUSH or piece.startswith(ENDS):
                words += [Word(stamp(received), told, at)] if speaking else []
                yield Said(tuple(words), start, at, final=True, flushed=piece == FLUSH)
                if speaking:
                    yield Paused(at)
                start, told, speaking = at, at, False
                words.clear()


async def serve() -> None:
    backend = Backend(Hearing(), Thinking(), Speaking())
    async with Emulators(["deepgram", "openai", "elevenlabs"], backend=backend) as emulators:
        print(json.dumps({**emulators.environment, PACE: os.environ.get(PACE, "paced")}), flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve())
