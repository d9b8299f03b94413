"""Circuit breakers: a provider that fails call after call is left alone for a while, in all calls of the process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from voicegraph.graph.plan import PlannedNode

State = Literal["closed", "open", "half-open"]

FAILURES = 3
"""Failures in a row that open a breaker."""
COOL_DOWN = 5.0
"""Seconds for which it stays open the first time; twice as long after each probe that fails, up to `LONGEST`."""
LONGEST = 60.0


@dataclass
class Breaker:
    """Of one provider. Times are of the loop's clock, in seconds.

    closed: requests go through. open: they should go elsewhere. half-open: one request is a probe of whether the
    provider is back; its outcome closes or opens the breaker.
    """

    failures: int = 0
    _until: float = 0.0
    _cool_down: float = COOL_DOWN
    _probing: bool = False

    def state(self, now: float) -> State:
        if self.failures < FAILURES:
            return "closed"
        return "open" if now < self._until else "half-open"

    def lets_through(self, now: float) -> bool:
        """Whether a request may go to the provider now. Of those that ask while it is half-open, one may."""
        state = self.state(now)
        if state == "half-open" and not self._probing:
            self._probing = True
            return True
        return state == "closed"

    def worked(self) -> None:
        """A request was answered."""
        self.failures, self._cool_down, self._probing = 0, COOL_DOWN, False

    def failed(self, now: float) -> None:
        """A request was not answered, or not in time."""
        self.failures += 1
        if self.failures < FAILURES:
            return
        if self._probing:
            self._cool_down = min(LONGEST, 2 * self._cool_down)
        self._until, self._probing = now + self._cool_down, False

    def left(self) -> None:
        """A request ended before it showed anything, as when the caller interrupted it."""
        self._probing = False


class Breakers:
    """Those of all providers. One for the process, given to each `Session`; calls on one event loop share it."""

    def __init__(self) -> None:
        self._breakers: dict[str, Breaker] = {}

    def of(self, planned: PlannedNode) -> Breaker:
        return self._breakers.setdefault(provider(planned), Breaker())

    def states(self, now: float) -> Mapping[str, State]:
        """By provider, for metrics and status pages."""
        return {name: breaker.state(now) for name, breaker in sorted(self._breakers.items())}


def provider(planned: PlannedNode) -> str:
    """What fails together: a node of the graph, in all calls. Another model of the same vendor may well work."""
    return f"{planned.name} ({planned.kind.name})"
