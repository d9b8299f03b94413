"""The caller's sound on its way to Deepgram: what may have to be sent again, and where in the call it belongs.

A connection knows only the sound that it was sent, from its own second zero. A *reel* plays the *tape* into one
connection and translates its times into positions in the call's audio.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque

from voicegraph.frames import Audio

LIMIT = 300.0
"""Seconds kept at most. Usual is what was said since the last final transcript, which with Flux is the whole turn."""
JITTER = 0.005
"""Seconds by which a position may be off, by rounding, before it counts as a gap."""
BLOCK = 8_192
"""Bytes to which pieces are joined when there is a lot to be sent again."""


class Tape:
    """The caller's sound from the end of what is transcribed for good, and messages that have their place in it.

    done: position of that end. head: position behind the newest sample. end: a message to be sent behind all others.
    """

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.done = 0.0
        self.head = 0.0
        self.end = ""
        self.pieces: deque[Audio | str] = deque()
        self.first = 0  # number of the first piece, counted from the beginning of the call
        self._seconds = 0.0

    def keep(self, audio: Audio) -> None:
        """Puts a piece of sound at the end."""
        if not audio.pcm:  # an empty message would end the stream
            return
        self.pieces.append(audio)
        self.head = round(audio.at + audio.seconds, 6)
        self._seconds += audio.seconds
        while self._seconds > LIMIT:
            self._drop()

    def mark(self, message: str) -> None:
        """Puts a message at the end, such as one that asks for what was said so far."""
        self.pieces.append(message)

    def forget(self, position: float) -> None:
        """What was said up to this position need not be sent again."""
        self.done = max(self.done, position)
        while self.pieces:
            piece = self.pieces[0]
            if isinstance(piece, Audio):
                samples = round((position - piece.at) * self.rate)
                if samples < len(piece.pcm) // 2:
                    self._cut(piece, samples)
                    return
            self._drop()

    def reel(self) -> Reel:
        """Plays what is left into a new connection."""
        return Reel(self)

    def _drop(self) -> None:
        piece = self.pieces.popleft()
        self.first += 1
        if isinstance(piece, Audio):
            self._seconds -= piece.seconds

    def _cut(self, piece: Audio, samples: int) -> None:
        """Drops so many samples of the first piece."""
        if samples > 0:
            self.pieces[0] = Audio(piece.pcm[2 * samples :], piece.rate, piece.at + samples / self.rate)
            self._seconds -= samples / self.rate


class Reel:
    """One connection's way through the tape."""

    def __init__(self, tape: Tape) -> None:
        self._tape = tape
        self._next = tape.first
        self._samples = 0  # sent
        self._expected: float | None = None  # position of the next sample, if nothing is missing
        self._sent: list[float] = []  # how much was sent when the sound came to begin at ...
        self._at: list[float] = []  # ... this position
        self.ended = False

    def next(self) -> bytes | str | None:
        """What is to be sent next; None if there is nothing at present."""
        tape = self._tape
        index = max(0, self._next - tape.first)
        if index >= len(tape.pieces):
            return self._end()
        piece = tape.pieces[index]
        self._next = tape.first + index + 1
        if isinstance(piece, str):
            return piece
        self._place(piece)
        pcm = piece.pcm
        if index + 1 < len(tape.pieces):
            pcm = self._join(pcm, index + 1)
        self._samples += len(pcm) // 2
        self._expected = self._at[-1] + self._samples / tape.rate - self._sent[-1]
        return pcm

    def silence(self, seconds: float) -> bytes:
        """Sound to be sent that is not the caller's."""
        samples = round(seconds * self._tape.rate)
        self._samples += samples
        self._expected = None
        return bytes(2 * samples)

    def position(self, seconds: float) -> float:
        """Where in the call's audio something begins, by the connection's own time. To the millisecond."""
        return self._locate(seconds, bisect_right(self._sent, seconds + JITTER))

    def end_position(self, seconds: float) -> float:
        """The same of where something ends: before a gap in the sound, not behind it."""
        return self._locate(seconds, bisect_left(self._sent, seconds - JITTER))

    def _locate(self, seconds: float, behind: int) -> float:
        """behind: how many places begin before it."""
        if not self._sent:
            return self._tape.done
        index = max(0, behind - 1)
        return round(self._at[index] + seconds - self._sent[index], 3)

    def _place(self, piece: Audio) -> None:
        if self._expected is None or abs(piece.at - self._expected) > JITTER:
            self._sent.append(self._samples / self._tape.rate)
            self._at.append(piece.at)

    def _join(self, pcm: bytes, index: int) -> bytes:
        """With what follows without a gap, while that is not too much."""
        joined, size, pieces = [pcm], len(pcm), self._tape.pieces
        until = self._at[-1] + (self._samples + size // 2) / self._tape.rate - self._sent[-1]
        while index < len(pieces) and size < BLOCK:
            piece = pieces[index]
            if isinstance(piece, str) or abs(piece.at - until) > JITTER:
                break
            joined.append(piece.pcm)
            size, until, index = size + len(piece.pcm), until + piece.seconds, index + 1
        self._next = self._tape.first + index
        return b"".join(joined)

    def _end(self) -> str | None:
        if self.ended or not self._tape.end:
            return None
        self.ended = True
        return self._tape.end
