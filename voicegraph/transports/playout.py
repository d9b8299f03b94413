"""A playback clock without a device: what has been heard of what was queued, for lines that only pretend to play.

Pure: whoever uses it passes the time, in seconds, never going back.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple


class _Piece(NamedTuple):
    turn: int
    start: float
    seconds: float

    @property
    def end(self) -> float:
        return self.start + self.seconds


class Playout:
    """Sound is heard in the order in which it was added, without gaps while there is some."""

    def __init__(self) -> None:
        self._pieces: deque[_Piece] = deque()
        self._finished: dict[int, float] = {}
        self._end = float("-inf")

    @property
    def end(self) -> float:
        """When all that was added will have been heard; in the past if nothing is left."""
        return self._end

    def room_at(self, lead: float) -> float:
        """From when on no more than `lead` seconds are still to be heard."""
        return self._end - lead

    def add(self, turn: int, seconds: float, now: float) -> float:
        """Queues so much sound of a turn. Returns when it begins to be heard."""
        piece = _Piece(turn, max(now, self._end), seconds)
        self._pieces.append(piece)
        self._end = piece.end
        return piece.start

    def advance(self, now: float) -> dict[int, float]:
        """Seconds heard in all, for each turn of which something was heard since the last time.

        Of a turn heard to its end this is the very sum of what was added, not a difference of times.
        """
        news: dict[int, float] = {}
        while self._pieces and self._pieces[0].end <= now:
            turn, _, seconds = self._pieces.popleft()
            news[turn] = self._finished[turn] = self._finished.get(turn, 0.0) + seconds
        if self._pieces and self._pieces[0].start < now:
            turn, start, _ = self._pieces[0]
            news[turn] = self._finished.get(turn, 0.0) + now - start
        return news

    def clear(self, now: float) -> dict[int, float]:
        """Drops at once what is not yet heard. Returns what `advance` would: the last word on these turns."""
        news = self.advance(now)
        self._finished.update(news)
        self._pieces.clear()
        self._end = min(self._end, now)
        return news
