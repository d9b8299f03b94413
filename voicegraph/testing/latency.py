"""How long a scripted node takes: always the same, or now and then longer, as vendors do."""

from __future__ import annotations

import asyncio
import math
from dataclasses import dataclass
from random import Random

from voicegraph.durations import Duration

_Z95 = 1.6449
"""Standard deviations above the median of a normal distribution below which 95 of 100 lie."""


@dataclass(frozen=True, kw_only=True)
class Spread:
    """A log-normal distribution, which latencies of servers resemble: half are below p50, 95 of 100 below p95."""

    __pydantic_config__ = {"extra": "forbid"}

    p50: Duration
    p95: Duration

    def __post_init__(self) -> None:
        if not 0 < self.p50 <= self.p95:
            raise ValueError("a latency has 0 < p50 <= p95")


Latency = Duration | Spread
"""A setting: `80ms`, or `{p50: 80ms, p95: 200ms}`."""


def draw(latency: float | Spread, random: Random) -> float:
    """Seconds, this time."""
    if isinstance(latency, Spread):
        return random.lognormvariate(math.log(latency.p50), math.log(latency.p95 / latency.p50) / _Z95)
    return latency


async def pass_time(seconds: float) -> None:
    """Waits on the loop's clock; not at all for nothing."""
    if seconds > 0:
        await asyncio.sleep(seconds)
