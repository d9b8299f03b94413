"""One request of a client and how it is answered: how far, and whether the time of its fault has come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from voicegraph.emulators.faults import AnyFault, Transport, strikes_after

Outcome = Literal["open", "done", "left", "struck", "failed"]
"""done: answered to the end. left: the client went away before. struck: a fault ended it. failed: by a bug of ours."""


@dataclass(eq=False, kw_only=True)
class Exchange:
    """Times in seconds of the server's loop. status: of HTTP, 0 while there is none.

    bytes, words, messages: that the client was sent. received: bytes of WebSocket messages from it. closed: the code
    with which it closed a WebSocket. fault: that strikes this one, has struck it if `struck`, or else waits.
    """

    vendor: str
    method: str
    path: str
    query: Mapping[str, str]
    transport: Transport
    began: float
    fault: AnyFault | None = None
    struck: bool = False
    ended: float | None = None
    status: int = 0
    outcome: Outcome = "open"
    bytes: int = 0
    words: int = 0
    messages: int = 0
    received: int = 0
    closed: int | None = None
    _after: Any = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._after = strikes_after(self.fault) if self.fault else None

    def due(self, now: float, size: int = 1) -> AnyFault | None:
        """The fault that strikes before `size` more bytes are sent, or before the end if that is all that comes."""
        if self._after is None or self.struck:
            return None
        done = now - self.began if self._after.unit == "time" else getattr(self, self._after.unit)
        reached = done + size > self._after.amount if self._after.unit == "bytes" else done >= self._after.amount
        return self.fault if reached else None

    @property
    def intact(self) -> int:
        """How many of the next message's bytes come before the fault that strikes it."""
        return max(0, self._after.amount - self.bytes) if self._after and self._after.unit == "bytes" else 0

    @property
    def alarm(self) -> float | None:
        """When the fault strikes, should it do so by time."""
        return self.began + self._after.amount if self._after and self._after.unit == "time" else None

    def count(self, size: int, words: int) -> None:
        """One more message was sent."""
        self.bytes += size
        self.words += words
        self.messages += 1

    def as_data(self) -> dict[str, Any]:
        """For JSON; without the query, in which some clients put their key."""
        names = ("vendor", "method", "path", "transport", "began", "ended", "status", "outcome", "struck")
        counts = ("bytes", "words", "messages", "received", "closed")
        data = {name: getattr(self, name) for name in (*names, *counts)}
        return data | {"fault": self.fault.kind if self.fault else None}
