"""By how much one set of rounds differs from another, and whether that is more than the rounds differ among themselves.

A round is the unit: what is measured within one shares its moment of the machine, and counts once, by its median. Two
sets of rounds are compared by ranks, so no distribution is assumed and one round that something disturbed does little:
the test of Mann and Whitney (1947), "On a test of whether one of two random variables is stochastically larger than the
other", Annals of Mathematical Statistics 18, with its exact distribution; and the estimate that goes with it, of Hodges
and Lehmann (1963), "Estimates of location based on rank tests", same journal 34, with its exact interval (Hollander,
Wolfe and Chicken, "Nonparametric Statistical Methods", 3rd edition, section 4.3).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, count
from math import comb
from statistics import median
from typing import NamedTuple


class Shift(NamedTuple):
    """How far the new values lie above the old ones. low, high: an interval for it."""

    difference: float
    low: float
    high: float

    @property
    def certain(self) -> bool:
        """Whether there is a difference: the interval leaves zero out."""
        return self.low > 0 or self.high < 0


def shift(old: Sequence[float], new: Sequence[float], error: float) -> Shift | None:
    """The difference between two sets of rounds. None if there are too few to find any.

    error: how often the interval may miss the true shift, and so how often two sets that are alike may seem to differ.
    It holds for any distribution; with equal values, as in virtual time, it happens more rarely.
    """
    depth = _depth(len(old), len(new), error)
    differences = sorted(after - before for after in new for before in old)
    if not depth:
        return None
    return Shift(median(differences), differences[depth - 1], differences[-depth])


def rounds_needed(error: float) -> int:
    """How many rounds each of two sets must have, so that a difference can be found at all."""
    return next(number for number in count(1) if 2 / comb(2 * number, number) <= error)


def _depth(old: int, new: int, error: float) -> int:
    """How many of the sorted differences may be left out at either end; with one less than that the interval begins."""
    ways = _ways(old, new)
    total = comb(old + new, old)
    return sum(2 * so_far <= error * total for so_far in accumulate(ways))


def _ways(old: int, new: int) -> list[int]:
    """In how many orders of all values U is 0, 1, 2, ...: the coefficients of a Gaussian binomial."""
    size = old * new + 1
    ways = [1] + [0] * (size - 1)
    for factor in range(1, old + 1):
        for u in range(size - 1, new + factor - 1, -1):
            ways[u] -= ways[u - new - factor]
        for u in range(factor, size):
            ways[u] += ways[u - factor]
    return ways
