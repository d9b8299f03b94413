"""What the contenders of `benchmarks.calls` have in common: how they hear, what they say, and what they tell of it.

Nothing here takes time of its own: what the caller waits for beyond HUSH is the framework's.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import signal
import sys
import time
from collections.abc import AsyncIterator
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np

HEARS_AT = 16_000
SPEAKS_AT = 24_000
"""Hz, of the providers: so there is resampling both ways."""
HUSH = 0.24
"""Seconds of silence that end the caller's turn."""
LOUD = 1_000
CHUNK, EVERY, REPLY = 0.2, 0.1, 20.0
"""Seconds: of sound in a chunk, from one chunk to the next, and of the whole reply, which nobody hears to its end."""

_beep = np.sin(2 * np.pi * 440 * np.arange(int(CHUNK * SPEAKS_AT)) / SPEAKS_AT)
BEEP = (12_000 * _beep).astype("<i2").tobytes()


class Caller:
    """Hears whether somebody speaks, by the loudness alone."""

    def __init__(self) -> None:
        self._speaking = False
        self._quiet = 0

    def hear(self, pcm: bytes) -> str:
        """`started`, `stopped`, or nothing new."""
        samples = np.frombuffer(pcm, "<i2")
        loud = np.flatnonzero(np.abs(samples) > LOUD)
        if len(loud):
            self._quiet = len(samples) - 1 - int(loud[-1])
            began, self._speaking = not self._speaking, True
            return "started" if began else ""
        self._quiet += len(samples)
        if self._speaking and self._quiet >= HUSH * HEARS_AT:
            self._speaking = False
            return "stopped"
        return ""


async def beeps() -> AsyncIterator[bytes]:
    """The voice: twice as fast as it is heard."""
    for _ in range(ceil(REPLY / CHUNK)):
        yield BEEP
        await asyncio.sleep(EVERY)


async def watch(file: Path) -> None:
    """Writes each second what this process has."""
    with file.open("w") as out:
        while True:
            out.write(json.dumps(now()) + "\n")
            out.flush()
            await asyncio.sleep(1.0)


def now() -> dict[str, Any]:
    """When that is, memory in MB, CPU seconds, tasks, threads and open files."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "at": round(time.monotonic(), 3),
        "rss": round(pages * os.sysconf("SC_PAGE_SIZE") / 1e6, 2),
        "cpu": round(used.ru_utime + used.ru_stime, 3),
        "tasks": len(asyncio.all_tasks()),
        "threads": len(list(Path("/proc/self/task").iterdir())),
        "files": len(list(Path("/proc/self/fd").iterdir())),
    }


def on_sigterm(stop: Any) -> None:
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop)


def arguments() -> tuple[int, Path]:
    """The port, and where `watch` writes."""
    return int(sys.argv[1]), Path(sys.argv[2])
