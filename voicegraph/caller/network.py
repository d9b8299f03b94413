"""What goes wrong on the way between the carrier and the agent: delays, stalls, and sound that never arrives."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random
from typing import Generic, TypeVar

from voicegraph.durations import parse_duration
from voicegraph.errors import VoicegraphError

T = TypeVar("T")


@dataclass(frozen=True)
class Trouble:
    """jitter: each message is late by up to so many seconds. stall: nothing moves for so long, once in each `every`.

    loss: the share of the caller's sound that does not reach the carrier, 0 to 1.
    """

    jitter: float = 0.0
    stall: float = 0.0
    every: float = 1.0
    loss: float = 0.0

    @property
    def delays(self) -> bool:
        return self.jitter > 0 or self.stall > 0


def parse_stall(text: str) -> tuple[float, float]:
    """`100ms/2s`: for how long, and how often. Raises VoicegraphError."""
    stall, _, every = text.partition("/")
    try:
        found = parse_duration(stall.strip()), parse_duration(every.strip() or "1s")
    except ValueError as error:
        raise VoicegraphError(f"a stall is written 100ms/2s, for how long and how often: {error}") from error
    if not 0 < found[0] < found[1]:
        raise VoicegraphError(f"a stall lasts less than the time from one to the next: {text} does not")
    return found


class Road:
    """One direction of it. What is sent first arrives first, as TCP has it."""

    def __init__(self, trouble: Trouble, random: Random) -> None:
        self._trouble = trouble
        self._random = random
        self._last = 0.0

    def arrival(self, now: float) -> float:
        """When what is sent now arrives. Seconds since the call began."""
        trouble = self._trouble
        at = now + self._random.uniform(0.0, trouble.jitter)
        if trouble.stall and at % trouble.every < trouble.stall and at > trouble.stall:
            at += trouble.stall - at % trouble.every
        self._last = max(self._last, at)
        return self._last


class Lane(Generic[T]):
    """Brings things over a road. clock: seconds since the call began."""

    def __init__(self, road: Road, clock: Callable[[], float], deliver: Callable[[T], Awaitable[None]]) -> None:
        self._road, self._clock, self._deliver = road, clock, deliver
        self._under_way: deque[tuple[float, T]] = deque()
        self._news = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()

    async def put(self, item: T) -> None:
        """Sends it off."""
        self._under_way.append((self._road.arrival(self._clock()), item))
        self._news.set()
        self._empty.clear()

    async def empty(self) -> None:
        """Waits until all has arrived."""
        await self._empty.wait()

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            while self._under_way:
                at, item = self._under_way[0]
                await asyncio.sleep(at - self._clock())
                await self._deliver(item)
                self._under_way.popleft()
            self._empty.set()
            self._news.clear()
            await self._news.wait()
