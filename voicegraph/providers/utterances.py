"""Which part of the caller's sound a recogniser is to read, and when: utterances, without a clock or a model."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from voicegraph.frames import Audio, SpeechStarted, SpeechStopped

RATE = 16_000

LONGEST = 28 * RATE
"""An utterance is cut here: Whisper takes 30 s."""
REREAD = 12 * RATE
"""A longer utterance is not read again and again, which takes 0.3 s by now: it has no more partials, and speech after
its pause is an utterance of its own."""
PARTIAL_SHARE = 10
"""A partial comes after a tenth of the utterance at the earliest, so that partials take a quarter of a core at most."""
TAIL = 3 * RATE // 10
"""Sound behind the end that is read too: 0.3 s, for ends are found by ear."""
NOTICE = RATE
"""Sound kept for a start that is told late: 1 s."""
GAP = RATE // 100
"""A jump in the position of the sound that is more than rounding: 10 ms."""


@dataclass(frozen=True)
class Excerpt:
    """Sound to be read now. start, end: of the utterance, seconds in the call's audio. final: it ends in a pause."""

    pcm: bytes
    start: float
    end: float
    final: bool


@dataclass(kw_only=True)
class Utterances:
    """Keeps the sound of the utterance in progress. Lengths in seconds.

    pre_roll: sound before its start that is read too. join: a pause after which it goes on, as the same utterance.
    partials: how often it is read while it lasts; None for not at all.
    """

    pre_roll: float
    join: float
    partials: float | None

    def __post_init__(self) -> None:
        self._pcm = bytearray()
        self._first = 0  # position of the first sample kept; positions are in samples
        self._speaking = False
        self._start = 0
        self._stop: int | None = None  # of the last utterance; while that is None there was none
        self._free = 0  # end of the utterance before, which is not read again
        self._read = 0  # how far the newest partial went
        self._finals: deque[Excerpt] = deque()
        self._ended = False

    def hear(self, frame: Audio | SpeechStarted | SpeechStopped) -> None:
        """Takes in one more frame."""
        match frame:
            case Audio():
                self._keep(frame)
            case SpeechStarted(at=at):
                self._begin(round(at * RATE))
            case SpeechStopped(at=at):
                self._pause(round(at * RATE))

    def end(self) -> None:
        """The call is over: what is being said is all that comes."""
        self._pause(self._heard)
        self._ended = True

    @property
    def over(self) -> bool:
        """Whether nothing is due any more, and never will be."""
        return self._ended and not self._finals

    def due(self) -> Excerpt | None:
        """What is to be read next, once: the end of an utterance first, or else what there is of the present one."""
        if self._finals:
            return self._finals.popleft()
        if not self._speaking or self.partials is None:
            return None
        length = self._heard - self._start
        if length > REREAD or self._heard - self._read < max(self.partials * RATE, length / PARTIAL_SHARE):
            return None
        self._read = self._heard
        return self._excerpt(self._heard, final=False)

    def goes_on(self, excerpt: Excerpt) -> bool:
        """Whether the caller has taken up again the utterance that this was the end of."""
        return self._speaking and excerpt.start == self._start / RATE

    @property
    def _heard(self) -> int:
        """Position behind the newest sample."""
        return self._first + len(self._pcm) // 2

    def _keep(self, audio: Audio) -> None:
        position = round(audio.at * RATE)
        if not self._pcm:
            self._first = position
        missing = position - self._heard
        if GAP < missing <= LONGEST:  # audio was dropped on its way: keep the positions right
            self._pcm += bytes(2 * missing)
        elif missing > LONGEST:
            self._pcm.clear()
            self._first = position
        self._pcm += audio.pcm
        if self._speaking and self._heard - self._start >= LONGEST:
            self._pause(self._heard)
            self._begin(self._heard)
        self._forget()

    def _begin(self, at: int) -> None:
        if self._speaking:
            return
        self._speaking = True
        joins = self._stop is not None and at - self._stop <= self.join * RATE and self._stop - self._start <= REREAD
        if joins:
            self._finals = deque(final for final in self._finals if final.start != self._start / RATE)
        else:
            self._free = self._stop or 0
            self._start = max(at, self._free)
        self._read = max(at, self._start)

    def _pause(self, at: int) -> None:
        if not self._speaking:
            return
        self._speaking = False
        self._stop = max(at, self._start)
        self._finals.append(self._excerpt(self._stop, final=True))

    def _excerpt(self, end: int, *, final: bool) -> Excerpt:
        begin = max(self._start - round(self.pre_roll * RATE), self._free, self._first)
        pcm = bytes(self._pcm[2 * (begin - self._first) : 2 * (end + TAIL - self._first)])
        return Excerpt(pcm, self._start / RATE, end / RATE, final)

    def _forget(self) -> None:
        """Drops sound that no utterance can need any more."""
        pre_roll = round(self.pre_roll * RATE)
        needed = self._heard - pre_roll - NOTICE
        open_ = self._stop is not None and self._heard - self._stop <= self.join * RATE + NOTICE
        if self._speaking or open_:
            needed = min(needed, self._start - pre_roll)
        if needed > self._first:
            del self._pcm[: 2 * (needed - self._first)]
            self._first = needed
