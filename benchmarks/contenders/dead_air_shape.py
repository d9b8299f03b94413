"""What the contenders of `benchmarks.dead_air` have in common: what is asked, who hears, and when a call is over.

Needs nothing but Python: each rival runs in an environment of its own. Nothing is judged here. A call's result is the
sound that its line has played, and when; whoever compares finds the words in it.
"""

from __future__ import annotations

import asyncio
import base64
import importlib.metadata
import json
import os
import sys
from collections.abc import Awaitable, Callable, Iterable
from math import inf

RATE = 24_000
"""Hz, of both voices and of the line, so that nobody has to convert: OpenAI's has no other."""
QUESTION = "When are you open, and what should I bring?"
SAYS = "When are you open this week, and which documents should my daughter bring along tomorrow morning?"
"""The same where it is really spoken. No word is in it twice."""
VOICE = "JBFqnCBsd6RMkjVDRZzb"
SYSTEM = "You are a helpful assistant on the phone."

SETTLE = 1.0
"""Seconds from the start of a call to the end of the caller's turn: what connects ahead is connected by then."""
SECONDS = "DEAD_AIR_SECONDS"
"""The variable with the length of the whole reply: once so much was heard, and `BEHIND`, the call is over."""
BEHIND = 1.0
CAP = 30.0
"""Seconds of silence behind which nobody waits any longer."""
STEP = 0.05
PAUSE = 0.3
"""Seconds at the end of a reply that may be missing: a pause in which nothing is said."""

Stretches = list[tuple[float, bytes]]
"""Sound that was heard in one go, PCM16, and when it began, in loop time."""


class Line:
    """A playback clock: sound is heard from when it comes, or behind what is queued."""

    def __init__(self) -> None:
        self._stretches: list[tuple[float, bytearray]] = []

    def add(self, pcm: bytes) -> None:
        """Queues it."""
        now = asyncio.get_running_loop().time()
        if now > self.end:
            self._stretches.append((now, bytearray()))
        self._stretches[-1][1].extend(pcm)

    @property
    def end(self) -> float:
        """When all of it will have been heard."""
        return _end(self._stretches)

    def stretches(self) -> Stretches:
        return [(at, bytes(pcm)) for at, pcm in self._stretches]


def _end(stretches: Iterable[tuple[float, bytes | bytearray]]) -> float:
    return max((at + len(pcm) / (2 * RATE) for at, pcm in stretches), default=-inf)


async def over(heard: Callable[[], Stretches], asked: float, *, more: float = 0.0, cap: float = CAP) -> None:
    """Returns when a call is over: all was heard, or nobody will wait for more.

    asked: when the caller's turn ended. more: seconds of sound that are not of the reply. cap: see CAP.
    """
    expected = float(os.environ[SECONDS]) + more - PAUSE
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(STEP)
        stretches = heard()
        silent = loop.time() - max(asked, _end(stretches))
        seconds = sum(len(pcm) for _, pcm in stretches) / (2 * RATE)
        if silent > (BEHIND if seconds >= expected else cap):
            return


def told(stretches: Stretches, asked: float) -> dict[str, object]:
    """The result of a call. Times are from the end of the caller's turn."""
    return {"heard": [(at - asked, base64.b64encode(pcm).decode()) for at, pcm in stretches]}


async def nothing() -> None:
    """Is to be prepared."""


def main(
    call: Callable[[], Awaitable[dict[str, object]]],
    *packages: str,
    prepare: Callable[[], Awaitable[None]] = nothing,
) -> None:
    """A call for each line of stdin, whose result is a line on stdout; first a line with the versions of packages.

    prepare: is done before that, when all is well with the providers.
    """
    with os.fdopen(os.dup(1), "w", buffering=1) as out:
        os.dup2(2, 1)  # whatever a framework prints

        async def serve() -> None:
            loop = asyncio.get_running_loop()
            await prepare()
            out.write(json.dumps({each: importlib.metadata.version(each) for each in packages}) + "\n")
            while await loop.run_in_executor(None, sys.stdin.readline):
                out.write(json.dumps(await call()) + "\n")

        asyncio.run(serve())
