"""The clock by which the agent is heard. Moments are samples since the stream began, 8000 a second.

What comes is played behind what is waiting, without a gap, or at once if nothing is. So it is known on arrival when
each sample will be heard and each mark be due, and only a `clear` changes that.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple


class Sound(NamedTuple):
    """at: when the first of these mu-law codes is heard."""

    at: int
    codes: bytes

    @property
    def end(self) -> int:
        return self.at + len(self.codes)


class Due(NamedTuple):
    """A mark that goes back at this moment. flushed: because of a `clear`."""

    at: int
    name: str
    flushed: bool


class Playout:
    """end: when all that has come will have been heard."""

    def __init__(self) -> None:
        self.end = 0
        self._coming: deque[Sound] = deque()
        self._marks: deque[Due] = deque()

    def add(self, codes: bytes, now: int) -> int:
        """Queues sound, and returns when it will be heard."""
        at = max(now, self.end)
        if codes:
            self._coming.append(Sound(at, codes))
            self.end = at + len(codes)
        return at

    def mark(self, name: str, now: int) -> None:
        """Behind all that has come; with nothing before it, it is due at once."""
        self._marks.append(Due(max(now, self.end), name, flushed=False))

    def clear(self, now: int) -> list[Sound]:
        """Drops what has not been heard, and returns it. The marks in it are due now."""
        kept: deque[Sound] = deque()
        dropped: list[Sound] = []
        for sound in self._coming:
            cut = min(max(now - sound.at, 0), len(sound.codes))
            if cut:
                kept.append(Sound(sound.at, sound.codes[:cut]))
            if cut < len(sound.codes):
                dropped.append(Sound(sound.at + cut, sound.codes[cut:]))
        self._coming = kept
        self._marks = deque(mark if mark.at <= now else Due(now, mark.name, flushed=True) for mark in self._marks)
        self.end = min(self.end, now)
        return dropped

    def hear(self, now: int) -> list[Sound]:
        """What has been heard since this was last asked."""
        heard: list[Sound] = []
        while self._coming and self._coming[0].at < now:
            sound = self._coming.popleft()
            if sound.end > now:
                self._coming.appendleft(Sound(now, sound.codes[now - sound.at :]))
                sound = Sound(sound.at, sound.codes[: now - sound.at])
            heard.append(sound)
        return heard

    @property
    def next_mark(self) -> int | None:
        """When the next one is due."""
        return self._marks[0].at if self._marks else None

    def due(self, now: int) -> list[Due]:
        """The marks that are due, once."""
        found: list[Due] = []
        while self._marks and self._marks[0].at <= now:
            found.append(self._marks.popleft())
        return found
