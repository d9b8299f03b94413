"""A loop that does not sit through silences: when there is nothing to do until a timer, its clock jumps to the timer.

For files: a ten-minute recording takes as long as its computing does. What is really outside, it really waits for: work
in threads (`run_in_executor`, and so `Call.offload`) and sockets. Not a simulation: computing takes the time it takes.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from typing import Any, TypeVar, TypeVarTuple, Unpack

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

OWN = 1
"""File objects that every loop watches: the pipe by which threads and signals wake it."""


class _Selector(selectors.DefaultSelector):
    """Skips a wait that only a timer can end. skipped: seconds so far. offloaded: pieces of work in threads."""

    skipped = 0.0
    offloaded = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout is None or timeout <= 0 or self.offloaded or len(self.get_map()) > OWN:
            return ready or super().select(timeout)
        self.skipped += timeout
        return []


class JumpingLoop(asyncio.SelectorEventLoop):
    """See the head of the file. `asyncio.Runner(loop_factory=JumpingLoop)` runs on one."""

    def __init__(self) -> None:
        self._skipping = _Selector()
        super().__init__(self._skipping)

    def time(self) -> float:
        """The monotonic clock, and all that was skipped, in seconds."""
        return super().time() + self._skipping.skipped

    def run_in_executor(self, executor: Any, func: Callable[[Unpack[Ts]], T], *args: *Ts) -> asyncio.Future[T]:
        """As every loop's; until it is done, the clock does not jump."""
        work = super().run_in_executor(executor, func, *args)
        self._skipping.offloaded += 1
        work.add_done_callback(self._came_back)
        return work

    def _came_back(self, work: asyncio.Future[Any]) -> None:
        self._skipping.offloaded -= 1
