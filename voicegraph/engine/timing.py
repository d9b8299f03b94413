"""How long each node takes. Always on, so it must cost next to nothing."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

KEEP = 10_000
"""Samples kept per node and figure; the oldest go first."""


def _samples() -> deque[float]:
    return deque(maxlen=KEEP)


@dataclass
class NodeTiming:
    """One node of one call. Times are in seconds of the loop's clock.

    items: frames handled. given: frames given. first: from the call of an asynchronous handler to the first frame that
    it gives. total: the same to its end, waiting for room included. dropped: caller audio dropped because the node was
    behind. errors: exceptions that left it. Inline nodes run inside their giver's step and are only counted.
    """

    items: int = 0
    given: int = 0
    dropped: int = 0
    errors: int = 0
    first: deque[float] = field(default_factory=_samples)
    total: deque[float] = field(default_factory=_samples)

    def took(self, began: float, first: float | None, ended: float) -> None:
        """One call of an asynchronous handler, in loop time."""
        if first is not None:
            self.first.append(first - began)
        self.total.append(ended - began)
