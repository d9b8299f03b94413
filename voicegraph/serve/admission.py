"""Whether a new call can be taken now: a call is refused rather than taken and served badly."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from math import exp

from voicegraph.serve.limits import Limits

TICK = 0.02
"""Seconds between two looks at the clock: a frame's length, for so often must the loop be in time."""
MEMORY = 1.0
"""Seconds over which lateness is averaged: one pause of 100 ms is no reason to refuse anybody, many are."""
MOST = 0.1
"""Seconds of lateness that count of one pause: calls that begin together make one, and are no overload."""
COMES_WITHIN = 10.0
"""Seconds for which a place is kept for a caller who was told to connect."""
GRAIN = 0.001
"""Seconds. Nearer in time than this is now."""


class LoopLag:
    """How late the event loop is, in seconds: a mean over the last second or so, in which old lateness fades."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def note(self, late: float) -> None:
        """What should have happened after TICK happened so much later."""
        weight = 1 - exp(-(TICK + late) / MEMORY)
        self.seconds += weight * (min(late, MOST) - self.seconds)

    def start(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + TICK

        def tick() -> None:
            self.note(max(0.0, loop.time() - due))
            self.start()

        self._timer = loop.call_at(due, tick)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()


class Admission:
    """The places of one process. lag: of its event loop, in seconds. now: any clock that never goes back.

    closed: why no call at all is taken, `starting` or `draining`, or None. on: calls that are being served.
    """

    def __init__(self, limits: Limits, lag: Callable[[], float], now: Callable[[], float]) -> None:
        self.closed: str | None = "starting"
        self.on = 0
        self._limits = limits
        self._lag = lag
        self._now = now
        self._expected: deque[float] = deque()  # until when a place is kept
        self._moved = asyncio.Event()

    def refusal(self) -> str | None:
        """Why somebody who is not expected cannot come now, by name of a reason; None if they can."""
        return self.closed or self._full(len(self._awaited()))

    def expect(self) -> None:
        """Keeps a place for a caller who was told to connect."""
        self._expected.append(self._now() + COMES_WITHIN)

    def expect_no_more(self) -> None:
        """The last of those who were told to connect was told otherwise."""
        if self._expected:
            self._expected.pop()

    def enter(self) -> str | None:
        """Takes a place, to be given back by `leave`. Why there is none, or None: it is taken.

        Whoever connects while somebody is expected is taken for them: callers come in any order. That holds while the
        server drains, too: a caller who was told to come cannot be told otherwise any more.
        """
        awaited = self._awaited()
        refusal = None if awaited else self.closed or self._full(0)
        if awaited:
            awaited.popleft()
        if refusal is None:
            self.on += 1
        return refusal

    def shut(self) -> None:
        """Nobody at all can come any more."""
        self.closed = "draining"
        self._expected.clear()

    def leave(self) -> None:
        self.on -= 1
        self._moved.set()

    async def empty(self) -> None:
        """Returns when nobody is on, and nobody is expected any more."""
        while True:
            until = None if self.on else next(iter(self._awaited()), self._now()) - self._now()
            if until is not None and until <= 0:
                return
            self._moved.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(None if until is None else until + GRAIN):
                    await self._moved.wait()

    def _full(self, expected: int) -> str | None:
        if self.on + expected >= self._limits.max_calls:
            return "busy"
        return "overloaded" if self._lag() > self._limits.max_lag else None

    def _awaited(self) -> deque[float]:
        while self._expected and self._expected[0] < self._now():
            self._expected.popleft()
        return self._expected
