"""The agent's voice on its way to a page, in samples of one stream. Pure: no clock, no socket.

The page plays the stream in order and says how far it has come, and how often it was told to drop the rest. That is the
only clock here: what is sent and not yet played is bounded, and what was heard is known to the sample. The page knows
nothing of turns.
"""

from __future__ import annotations

import struct
from collections import deque
from dataclasses import dataclass

from voicegraph.frames import TTSAudio

PIECE = 0.04
"""Seconds of sound in one message: what an interrupt has to wait for on a slow line."""
HEADER = struct.Struct("<II")
"""Before the PCM16 of a message to the page: where it begins in the stream, in samples; and flags."""
MUST = 1
"""Flag: to be said to its end. A `clear` leaves it where it is."""


@dataclass
class _Piece:
    """start, end: in the stream, once it is sent. dropped: by which `clear`, counted from 1; 0 for none."""

    turn: int
    pcm: bytes
    must: bool
    start: int = 0
    dropped: int = 0

    @property
    def samples(self) -> int:
        return len(self.pcm) // 2

    @property
    def end(self) -> int:
        return self.start + self.samples


class Stream:
    """Of one call. rate: samples per second. lead: seconds that may be sent ahead of what is played."""

    def __init__(self, rate: int, lead: float) -> None:
        self._rate = rate
        self._lead = round(lead * rate)
        self._waiting: deque[_Piece] = deque()
        self._sent: deque[_Piece] = deque()
        self._end = 0  # of all that was sent
        self._played = 0
        self._ahead = 0  # samples that were sent and are still to be heard
        self._left = 0  # the same, with those that wait
        self._heard: dict[int, int] = {}  # samples in all, by turn
        self._clears = 0
        self._parted: set[int] = set()  # turns of which a `clear` took a part

    @property
    def left(self) -> float:
        """Seconds that are still to be heard."""
        return self._left / self._rate

    @property
    def ahead(self) -> float:
        """Seconds of it that the page has got."""
        return self._ahead / self._rate

    def add(self, audio: TTSAudio) -> None:
        """Puts it behind all the rest."""
        size = 2 * round(PIECE * self._rate)
        for start in range(0, len(audio.pcm), size):
            piece = _Piece(audio.turn, audio.pcm[start : start + size], must=not audio.interruptible)
            self._waiting.append(piece)
            self._left += piece.samples

    def next(self) -> bytes | None:
        """The next message to the page; None while it has enough, or there is nothing."""
        if not self._waiting or self._ahead >= self._lead:
            return None
        piece = self._waiting.popleft()
        piece.start = self._end
        self._end = piece.end
        self._ahead += piece.samples
        self._sent.append(piece)
        return HEADER.pack(piece.start, MUST if piece.must else 0) + piece.pcm

    def played(self, position: int, clears: int) -> dict[int, float]:
        """The page has come so far in the stream, and has done so many clears.

        Returns the seconds heard in all of each turn that this is news of. Raises ValueError for a place that the
        stream has not reached, and for a clear that nobody asked for.
        """
        if position > self._end or clears > self._clears:
            raise ValueError(f"at {position} of {self._end} samples, after {clears} of {self._clears} clears")
        self._sent = deque(piece for piece in self._sent if not 0 < piece.dropped <= clears)
        news: dict[int, float] = {}
        while self._sent and (begun := max(self._played, self._sent[0].start)) < position:
            piece = self._sent[0]
            self._played = min(position, piece.end)
            if self._played == piece.end:
                self._sent.popleft()
            samples = self._played - begun
            if not piece.dropped:
                self._ahead -= samples
                self._left -= samples
            if not (piece.dropped and piece.turn in self._parted):
                self._heard[piece.turn] = self._heard.get(piece.turn, 0) + samples
                news[piece.turn] = self._heard[piece.turn] / self._rate
        return news

    def clear(self) -> None:
        """Drops what is not known to be heard and may be dropped.

        What the page plays of it before it knows is still told, so that it can be seen how long that took; but not of
        a turn whose other part must be said, since that part moves up.
        """
        self._clears += 1
        self._waiting = deque(piece for piece in self._waiting if piece.must)
        for piece in self._sent:
            if not (piece.must or piece.dropped):
                piece.dropped = self._clears
        kept = [piece for piece in self._sent if not piece.dropped]
        self._ahead = sum(piece.end - max(self._played, piece.start) for piece in kept)
        self._left = self._ahead + sum(piece.samples for piece in self._waiting)
        self._parted |= {piece.turn for piece in (*kept, *self._waiting)}
