"""Deadlines, each with what is to be done then."""

from __future__ import annotations

from typing import Generic, TypeVar

T = TypeVar("T")


class Alarms(Generic[T]):
    """At most one deadline for each thing to do; times are the user's, in seconds."""

    def __init__(self) -> None:
        self._at: dict[T, float] = {}

    def __contains__(self, alarm: T) -> bool:
        return alarm in self._at

    @property
    def next(self) -> float | None:
        """The first deadline."""
        return min(self._at.values(), default=None)

    def set(self, alarm: T, at: float) -> None:
        """Sets a deadline, or moves it."""
        self._at[alarm] = at

    def drop(self, *alarms: T) -> None:
        for alarm in alarms:
            self._at.pop(alarm, None)

    def take(self, now: float) -> T | None:
        """What is to be done by now, the first of it, and once; None when nothing is left."""
        first = min(self._at, key=self._at.__getitem__, default=None)
        if first is None or self._at[first] > now:
            return None
        del self._at[first]
        return first
