"""A playback clock without a device: what is heard of what was queued, for lines that only pretend to play.

Pure: whoever uses it passes the time, in seconds of any clock that never goes back. Sample-exact: time is a row of
samples (a moment is the nearest one), and each of them holds one sample of what was queued, or silence.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from math import inf

from voicegraph.frames import TTSAudio

Hear = Callable[[float, int, bytes], None]
"""Told of a stretch of sound that has been heard: when its first sample was, in seconds; of which turn; its PCM16."""


class Playout:
    """Sound is heard in the order in which it was added, without gaps while there is some and it is not paused."""

    def __init__(self, rate: int, hear: Hear | None = None) -> None:
        """rate: samples per second, of all that is added. hear: is told, in order and once, of all that is heard."""
        self.rate = rate
        self._hear = hear
        self._queue: deque[TTSAudio] = deque()
        self._offset = 0  # samples of the first in the queue that have been heard
        self._left = 0  # samples in the queue that have not
        self._tick = 0  # the sample of time that has been come to
        self._paused = False
        self._heard: dict[int, int] = {}  # samples in all, by turn
        self._news: set[int] = set()

    @property
    def end(self) -> float:
        """When all that was added will have been heard: -inf if nothing is left, inf while that is paused."""
        return self.room_at(0.0)

    def room_at(self, lead: float) -> float:
        """From when on no more than `lead` seconds are still to be heard: -inf if that is so already.

        inf while paused with more than that. Holds until the next `add`, `clear`, `pause` or `resume`.
        """
        excess = self._left - round(lead * self.rate)
        if excess <= 0:
            return -inf
        return inf if self._paused else (self._tick + excess) / self.rate

    def add(self, audio: TTSAudio, now: float) -> None:
        """Queues it: it begins to be heard when all before it has been."""
        self._move(now)
        if samples := len(audio.pcm) // 2:
            self._queue.append(audio)
            self._left += samples

    def advance(self, now: float) -> dict[int, float]:
        """Seconds heard in all, of each turn of which something was heard since that was last told."""
        self._move(now)
        news = {turn: self._heard[turn] / self.rate for turn in sorted(self._news)}
        self._news.clear()
        return news

    def clear(self, now: float) -> dict[int, float]:
        """Drops at once what is not yet heard and may be dropped; the rest moves up. Returns what `advance` would.

        Sound that must be said to its end and is being heard goes on without a gap. What is paused stays so.
        """
        news = self.advance(now)
        if self._queue and self._queue[0].interruptible:
            self._offset = 0
        self._queue = deque(audio for audio in self._queue if not audio.interruptible)
        self._left = sum(len(audio.pcm) // 2 for audio in self._queue) - self._offset
        return news

    def pause(self, now: float) -> dict[int, float]:
        """Nothing is heard from now on until `resume`, and nothing is lost. Returns what `advance` would."""
        news = self.advance(now)
        self._paused = True
        return news

    def resume(self, now: float) -> None:
        """Goes on with the next sample. Without a pause it does nothing."""
        self._move(now)
        self._paused = False

    def _move(self, now: float) -> None:
        """Comes to this moment, and hears what lies before it."""
        tick, self._tick = self._tick, round(now * self.rate)
        while self._queue and not self._paused and tick < self._tick:
            audio, first = self._queue[0], self._offset
            samples = len(audio.pcm) // 2
            last = self._offset = min(samples, first + self._tick - tick)
            if last == samples:
                self._queue.popleft()
                self._offset = 0
            self._left -= last - first
            self._heard[audio.turn] = self._heard.get(audio.turn, 0) + last - first
            self._news.add(audio.turn)
            if self._hear is not None:
                self._hear(tick / self.rate, audio.turn, audio.pcm[2 * first : 2 * last])
            tick += last - first
