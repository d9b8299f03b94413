"""The two sides of a recording: rows of samples with a place for each, and what was heard of what was queued."""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from voicegraph.call import Reply
from voicegraph.frames import TTSAudio

if TYPE_CHECKING:
    from voicegraph.audio.resample import Resampler

CLOSE = 0.06
"""Seconds. Sound that follows other sound no later than this follows it at once: reports of playback are not exact."""
GAPLESS = 2
"""Samples by which the caller's positions may be off, being rounded."""


@dataclass(frozen=True)
class Piece:
    """Sound that was heard: PCM16."""

    pcm: bytes
    rate: int

    @property
    def seconds(self) -> float:
        return len(self.pcm) / (2 * self.rate)


class Track:
    """One side, from sample `begin` on; what lies before has been taken. end: the sample behind its last."""

    def __init__(self) -> None:
        self.begin = 0
        self._sound = bytearray()
        self._converter: Resampler | None = None

    @property
    def end(self) -> int:
        return self.begin + len(self._sound) // 2

    def put(self, at: int, pcm: bytes, *, close: int = GAPLESS) -> None:
        """Puts sound where it belongs, with silence before it; right behind what is there if that is so close.

        Of sound that belongs before the end, as much goes as that would have covered if it lies before `begin`.
        """
        late = max(0, self.begin - at) if not self._sound else 0
        if at > self.end + close:
            self._sound += bytes(2 * (at - self.end))
        self._sound += pcm[2 * late :]

    def put_heard(self, at: int, piece: Piece, rate: int) -> int:
        """Puts what was heard of the agent, at the rate of the track. Returns where it ends."""
        close = round(CLOSE * rate)
        if self._converter is not None and (at > self.end + close or self._converter.source != piece.rate):
            self._sound += self._converter.flush()
            self._converter = None
        pcm = piece.pcm
        if piece.rate != rate:
            pcm = self._convert(pcm, piece.rate, rate)
        late = max(at, self.begin)  # what was heard is not lost, even where the report of it is
        self.put(late, pcm, close=close)
        return at + round(piece.seconds * rate)

    def take(self, until: int) -> bytes:
        """Everything up to a sample, with silence where nothing is."""
        size = 2 * (until - self.begin)
        taken = bytes(self._sound[:size])
        del self._sound[:size]
        self.begin = until
        return taken.ljust(size, b"\0")

    def _convert(self, pcm: bytes, source: int, target: int) -> bytes:
        from voicegraph.audio.resample import Resampler  # needs numpy

        self._converter = self._converter or Resampler(source, target)
        return self._converter.feed(pcm)


class Heard:
    """What goes to the line, by turn, until it is heard or given up. rate: of the last that came, or 0."""

    def __init__(self) -> None:
        self.rate = 0
        self._queued: dict[int, deque[TTSAudio]] = {}
        self._taken: dict[int, float] = {}  # seconds, as the ledger counts them
        self._offset: dict[int, int] = {}  # samples of the first in the queue that were heard
        self._cut: set[int] = set()

    def queue(self, audio: TTSAudio) -> None:
        self.rate = audio.rate
        self._queued.setdefault(audio.turn, deque()).append(audio)

    def advance(self, reply: Reply) -> Sequence[Piece]:
        """What was heard of a reply since this was last asked. reply: as the ledger knows it now."""
        turn = reply.turn
        if reply.interrupted and turn not in self._cut:
            self._give_up(turn)
        pieces: list[Piece] = []
        queue = self._queued.get(turn, deque[TTSAudio]())
        while queue:
            audio, first = queue[0], self._offset.get(turn, 0)
            due = round((reply.heard_seconds - self._taken.get(turn, 0.0)) * audio.rate)
            if due <= 0:
                break
            last = min(len(audio.pcm) // 2, first + due)
            pieces.append(Piece(audio.pcm[2 * first : 2 * last], audio.rate))
            self._taken[turn] = self._taken.get(turn, 0.0) + (last - first) / audio.rate
            self._offset[turn] = last
            if 2 * last >= len(audio.pcm) - 1:
                queue.popleft()
                self._offset[turn] = 0
        if reply.over:
            self._queued.pop(turn, None)
        return pieces

    def _give_up(self, turn: int) -> None:
        """An interrupt: what is not heard is not heard any more, but for what must be said to its end."""
        self._cut.add(turn)
        queue = self._queued.get(turn)
        if not queue:
            return
        if queue[0].interruptible:
            self._offset[turn] = 0
        self._queued[turn] = deque(audio for audio in queue if not audio.interruptible)


def stereo(left: bytes, right: bytes) -> bytes:
    """Two PCM16 sides of one length, sample by sample."""
    both = array("h", bytes(2 * len(left)))
    both[0::2] = array("h", left)
    both[1::2] = array("h", right)
    return both.tobytes()
