"""A call without an engine, on a loop whose time is only what is waited for. For tests of lines alone."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from random import Random
from typing import Any, TypeVar

T = TypeVar("T")


FIRST, LAST = 1_000.0, 2_000.0
"""Loop time."""


class _Skip(selectors.DefaultSelector):
    now = FIRST

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            assert timeout is not None, "everybody waits for nothing"
            self.now += timeout
            assert self.now < LAST, "it never ends"
        return ready


class StillLoop(asyncio.SelectorEventLoop):
    """Its clock stands still while something is to be done."""

    def __init__(self) -> None:
        self.still = _Skip()
        super().__init__(self.still)

    def time(self) -> float:
        return self.still.now


def hold_up(seconds: float) -> None:
    """Something computes for so long, and nothing else runs meanwhile."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, StillLoop)
    loop.still.now += seconds


def run(work: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=StillLoop) as runner:
        return runner.run(work)


class QuietCall:
    """Keeps what a line tells of playback. played: (seconds since the call was made, turn, seconds heard)."""

    id = "test"

    def __init__(self) -> None:
        self.random = Random(0)
        self.made = self.now()
        self.said: list[str] = []
        self.hung_up: list[str] = []
        self.played_at: list[tuple[float, int, float]] = []

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def say(self, text: str, *, interruptible: bool = True) -> None:
        self.said.append(text)

    def hang_up(self, reason: str) -> None:
        self.hung_up.append(reason)

    def played(self, turn: int, seconds: float) -> None:
        self.played_at.append((self.now() - self.made, turn, seconds))

    def heard(self, turn: int) -> float:
        """The last word on a turn."""
        return next((seconds for _, each, seconds in reversed(self.played_at) if each == turn), 0.0)

    async def offload(self, function: Callable[..., T], *args: Any) -> T:
        return function(*args)
