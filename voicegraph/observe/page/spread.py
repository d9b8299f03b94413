"""Samples in as few numbers as can be drawn and read. Seconds, to a microsecond."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeVar

from voicegraph.observe.bench.figures import spread as percentiles
from voicegraph.observe.timeline import Struct

POINTS = 400
"""Samples of one figure that are drawn; more of them show nothing more."""
DIGITS = 6
"""Of seconds."""

Item = TypeVar("Item")


class Spread(Struct, frozen=True, kw_only=True):
    """The samples of one figure. points: of many, evenly chosen ones; in ascending order. limit: of the budget."""

    n: int
    p50: float
    p95: float
    p99: float
    most: float
    points: tuple[float, ...] = ()
    limit: float | None = None


def spread(samples: Iterable[float], limit: float | None = None) -> Spread | None:
    """None without samples."""
    ordered = sorted(samples)
    found = percentiles(ordered)
    if found is None:
        return None
    return Spread(
        n=len(ordered),
        p50=rounded(found.p50),
        p95=rounded(found.p95),
        p99=rounded(found.p99),
        most=rounded(ordered[-1]),
        points=tuple(rounded(each) for each in evenly(ordered, POINTS)),
        limit=limit,
    )


def evenly(items: Sequence[Item], count: int) -> Sequence[Item]:
    """So many of them, the first and the last included."""
    if len(items) <= count:
        return items
    return [items[round(index * (len(items) - 1) / (count - 1))] for index in range(count)]


def rounded(seconds: float) -> float:
    return round(seconds, DIGITS)
