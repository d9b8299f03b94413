"""What a graph has given to the pipeline and the caller has not heard yet, as far as the pipeline tells. No I/O."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass

from voicegraph.call import SLACK

Heard = dict[int, float]
"""Seconds heard in all, of each turn of which something new was."""


@dataclass(slots=True)
class _Given:
    """A stretch of one turn. must: it is to be said to its end."""

    turn: int
    seconds: float
    must: bool


class Unheard:
    """Of one call. What is given is heard in its order."""

    def __init__(self) -> None:
        self._given: deque[_Given] = deque()
        self._heard: Counter[int] = Counter()

    @property
    def seconds(self) -> float:
        """Of what was given and is not heard."""
        return sum(each.seconds for each in self._given)

    def add(self, turn: int, seconds: float, *, must: bool = False) -> None:
        if seconds:
            self._given.append(_Given(turn, seconds, must))

    def heard(self, seconds: float) -> Heard:
        """So much more of it has been heard."""
        turns: dict[int, None] = {}
        while self._given and seconds > SLACK:
            first = self._given[0]
            took = min(seconds, first.seconds)
            turns[first.turn] = None
            self._count(first, took)
            seconds -= took
            if first.seconds <= SLACK:
                self._count(self._given.popleft(), first.seconds)
        return self._told(turns)

    def heard_through(self, turn: int) -> Heard:
        """All up to the end of this turn has been heard."""
        turns: dict[int, None] = {}
        while self._given and self._given[0].turn <= turn:
            first = self._given.popleft()
            turns[first.turn] = None
            self._count(first, first.seconds)
        return self._told(turns)

    def clear(self) -> None:
        """It will not be heard, but for what must be said to its end."""
        self._given = deque(each for each in self._given if each.must)

    def _count(self, given: _Given, seconds: float) -> None:
        self._heard[given.turn] += seconds  # type: ignore[assignment]  # a Counter of seconds
        given.seconds -= seconds

    def _told(self, turns: dict[int, None]) -> Heard:
        return {turn: self._heard[turn] for turn in turns}
