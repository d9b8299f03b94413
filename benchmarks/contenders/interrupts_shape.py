"""What the contenders of `benchmarks.interrupts` have in common: the reply that never ends, and what is written down.

caller -> decides -> llm -> sentences -> tts -> caller, over a telephone. The language model never stops, each step
takes its time, and the line plays no faster than people listen, so that frames queue up everywhere. Each chunk of sound
says in its own samples which turn it was made for: a mu-law code, which no header can gainsay.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import statistics
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from random import Random
from typing import Any, Literal

TOKEN, SPLIT, SPEAK = 0.001, 0.002, 0.004
"""Seconds for a token, a sentence and a chunk of sound: each step is slower than the one before."""
CHUNK = 0.1
"""Seconds of sound in a chunk."""
BEHIND = 0.01
"""Seconds that sound takes which comes from a task of its own."""
CLEAN_UP = 0.2
"""Seconds that the slow node takes to let go."""
RATE = 8_000
FULL = 16
"""Frames that have to wait at each step before the reply is interrupted."""

CASES = {
    "none": "every node lets go at once",
    "llm": "the language model takes 200 ms to let go",
    "sentences": "the splitter takes 200 ms to let go",
    "tts": "the voice takes 200 ms to let go",
    "moved": "the same, but who decides stands between the voice and the line (pipecat only)",
    "insists": "the voice swallows its cancellation and says three chunks more",
    "background": "the voice's sound comes from a task of its own, as from a vendor's socket",
}


class CleanUp:
    """Takes its time when it is left by an exception, a cancellation above all."""

    def __init__(self, slow: bool) -> None:
        self.slow = slow

    async def __aenter__(self) -> None:
        """Nothing to do."""

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self.slow and kind is not None:
            await asyncio.sleep(CLEAN_UP)


def code_of(turn: int) -> int:
    """The mu-law code that the sound of a turn consists of: one of 100 loud ones."""
    return 0x80 + turn % 100


class Record:
    """What happened, by interrupt. Times are of `time.perf_counter`, in seconds.

    late: chunks of the interrupted reply that came to the line after the decision; heard: those of them that came after
    the line was cleared, so that nothing takes them back.
    """

    def __init__(self) -> None:
        self.turn = 0
        self.alive = False
        self.told = asyncio.Event()  # the carrier was
        self.asked: list[float] = []
        self.decided: list[float] = []
        self.cleared: list[float] = []
        self.sent: list[float] = []
        self.late: list[int] = []
        self.heard: list[int] = []
        self.waiting: list[dict[str, int]] = []

    def begin(self) -> None:
        """A turn begins."""
        self.turn += 1
        self.alive = True
        self.told.clear()

    def ask(self, waiting: dict[str, int]) -> None:
        """The caller speaks over the agent; so many frames wait at each step."""
        self.waiting.append(waiting)
        self.asked.append(time.perf_counter())

    def decide(self) -> None:
        """From here on, nothing of the reply should come to the line."""
        self.alive = False
        self.late.append(0)
        self.heard.append(0)
        self.decided.append(time.perf_counter())

    def clear(self) -> None:
        """The line has let go of what it had."""
        self.cleared.append(time.perf_counter())

    def send_clear(self) -> None:
        """The carrier has been told to let go of what it has."""
        self.sent.append(time.perf_counter())
        self.told.set()

    def sound(self, code: int) -> None:
        """Sound goes to the line."""
        if self.alive and code == code_of(self.turn):
            return
        self.late[-1] += 1
        if len(self.sent) == len(self.decided):
            self.heard[-1] += 1

    def results(self) -> dict[str, Any]:
        """Milliseconds to each milestone, and counts of stale chunks."""
        since = {
            "asked_to_cleared": (self.asked, self.cleared),
            "decided_to_cleared": (self.decided, self.cleared),
            "decided_to_sent": (self.decided, self.sent),
        }
        times = {name: _milliseconds(*pair) for name, pair in since.items()}
        waiting = {name: statistics.median(each[name] for each in self.waiting) for name in self.waiting[0]}
        return {**times, "late": self.late, "heard": self.heard, "waiting": waiting}


def _milliseconds(begun: list[float], ended: list[float]) -> list[float]:
    return [(end - begin) * 1000 for begin, end in zip(begun, ended, strict=True)]


async def talk(
    record: Record, count: int, waiting: Callable[[], dict[str, int]]
) -> AsyncIterator[Literal["stopped", "started"]]:
    """What the caller does: asks, and speaks over the answer as soon as frames queue up everywhere.

    waiting: how many frames wait at each step.
    """
    random = Random(1)
    for _ in range(count):
        record.begin()
        yield "stopped"
        async with asyncio.timeout(10):
            while min(waiting().values()) < FULL:  # noqa: ASYNC110 - no event tells of it
                await asyncio.sleep(0.005)
        await asyncio.sleep(random.uniform(0.0, 0.01))
        record.ask(waiting())
        yield "started"
        async with asyncio.timeout(10):
            await record.told.wait()
        await asyncio.sleep(0.05)


def main(measure: Callable[[str, int], Coroutine[Any, Any, Record]]) -> None:
    """Runs a contender: `CASE COUNT LOOP`, where LOOP is asyncio or uvloop. Prints its results as JSON."""
    case, count, loop = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    factory: Callable[[], asyncio.AbstractEventLoop] | None = None
    if loop == "uvloop":
        factory = importlib.import_module("uvloop").new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        print(json.dumps(runner.run(measure(case, count)).results()))
