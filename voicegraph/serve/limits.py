"""What one process of the server takes, and what it does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

BURST = 10.0
"""Seconds' worth of messages that may come at once, as after a stall of the network."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Of one process. Durations in seconds.

    max_calls: at a time. max_lag: how late the event loop may be, on average over about a second, and still take a
    new call. drain: how long running calls may go on when the server is to go down. starts_within: for the first
    message of a connection, and for the first request on one. reads_within: how long a peer may let what is sent to it
    wait. max_message: bytes of one message, or of a request's body. messages_per_second: on average over the last ten;
    a line's usual rate is 50.
    """

    max_calls: int = 100
    max_lag: float = 0.05
    drain: float = 300.0
    starts_within: float = 10.0
    reads_within: float = 10.0
    max_message: int = 65_536
    messages_per_second: float = 200.0


class Budget:
    """How many messages a peer may still send: a token bucket, refilled all the time. rate: of messages, a second."""

    def __init__(self, rate: float, now: Callable[[], float]) -> None:
        self._rate = rate
        self._now = now
        self._left = rate * BURST
        self._counted_at = now()

    def spend(self) -> bool:
        """For one message. False: there have been too many."""
        now = self._now()
        self._left = min(self._rate * BURST, self._left + (now - self._counted_at) * self._rate) - 1
        self._counted_at = now
        return self._left >= 0
