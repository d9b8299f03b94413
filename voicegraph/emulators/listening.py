"""What a scripted backend hears in a stream of sound: words that are in it, or what a script says that is said."""

from __future__ import annotations

from abc import ABC, abstractmethod
from array import array
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated

from annotated_types import Interval

from voicegraph.durations import Duration
from voicegraph.emulators.backend import Began, Heard, Paused, Said, Word
from voicegraph.testing.speech import PACE, Ear

STEP = 0.02
"""Seconds that are listened to at a time."""
LOUD = 500
"""Amplitude, of 32767, from which on a step is speech: recordings of telephones are noisy up to 300."""
MIN_SPEECH, MIN_PAUSE = 0.06, 0.1
"""Seconds of either that count: a plosive is silent for less."""
ROUNDING = 1e-6


@dataclass(frozen=True, kw_only=True)
class Utterance:
    """What the caller says. at, until: seconds of the stream's sound. done: probability that it ends their turn."""

    __pydantic_config__ = {"extra": "forbid"}

    text: str
    at: Duration | None = None
    until: Duration | None = None
    done: Annotated[float, Interval(ge=0, le=1)] = 1.0

    def __post_init__(self) -> None:
        if (self.at is None) != (self.until is None):
            raise ValueError("an utterance has both `at` and `until`, or neither")
        if self.at is not None and self.until is not None and self.at >= self.until:
            raise ValueError("an utterance ends after it begins")

    @property
    def span(self) -> tuple[float, float] | None:
        return None if self.at is None or self.until is None else (self.at, self.until)


class Listener(ABC):
    """One stream of sound, which comes in pieces of any size."""

    def __init__(self, rate: int, pause: float, partials: float) -> None:
        self._rate = rate
        self._pause = max(pause, MIN_PAUSE)
        self._partials = partials
        self._size = 2 * round(STEP * rate)
        self._rest = b""
        self._steps = 0
        self._speaking = False
        self._words: list[Word] = []  # since the last final
        self._from = 0.0  # where that ended
        self._partial_at = 0.0
        self._told = 0  # words in the last partial

    @property
    def position(self) -> float:
        """Seconds of sound that were listened to."""
        return self._steps * self._size / 2 / self._rate

    def feed(self, pcm: bytes) -> Iterator[Heard]:
        """What is heard now."""
        sound = self._rest + pcm
        whole = len(sound) - len(sound) % self._size
        self._rest = sound[whole:]
        for begin in range(0, whole, self._size):
            at = self.position
            self._steps += 1
            yield from self._listen(sound[begin : begin + self._size], at)
            yield from self._partial()

    def flush(self) -> Said:
        """All so far, as final words."""
        self._make_up()
        return self._final(flushed=True)

    def end(self) -> Iterator[Heard]:
        """What is heard once it is known that no sound follows."""
        if self._speaking:
            yield from self._stop(self.position, 1.0)

    @abstractmethod
    def _listen(self, sound: bytes, at: float) -> Iterator[Heard]:
        """One more step. at: where it begins."""

    @abstractmethod
    def _make_up(self) -> None:
        """Adds the words that were said and are still to be told."""

    def _start(self, at: float) -> Iterator[Heard]:
        self._speaking, self._partial_at = True, at
        yield Began(at)

    def _stop(self, at: float, done: float) -> Iterator[Heard]:
        self._make_up()
        self._speaking = False
        if self._words:
            yield self._final()
        yield Paused(at, done)

    def _final(self, *, flushed: bool = False) -> Said:
        said = Said(tuple(self._words), self._from, self.position, final=True, flushed=flushed)
        self._words.clear()
        self._from, self._told = self.position, 0
        return said

    def _partial(self) -> Iterator[Said]:
        if self._speaking and self.position - self._partial_at >= self._partials - ROUNDING:
            self._partial_at = self.position
            if len(self._words) > self._told:
                self._told = len(self._words)
                yield Said(tuple(self._words), self._from, self.position)


class ByTime(Listener):
    """Hears each utterance when its time in the sound has come, whatever the sound."""

    def __init__(self, rate: int, pause: float, partials: float, utterances: Iterable[Utterance]) -> None:
        super().__init__(rate, pause, partials)
        self._utterances = deque((each, each.span) for each in utterances if each.span is not None)
        self._coming: deque[Word] = deque()

    def _listen(self, sound: bytes, at: float) -> Iterator[Heard]:
        if not self._utterances:
            return
        utterance, (start, end) = self._utterances[0]
        if not self._speaking and self.position > start:
            self._coming.extend(spread(utterance.text.split(), start, end))
            yield from self._start(start)
        self._make_up()
        following = self._utterances[1][1][0] if len(self._utterances) > 1 else end + self._pause
        if self._speaking and self.position >= min(end + self._pause, max(end, following)) - ROUNDING:
            yield from self._stop(end, utterance.done)
            self._utterances.popleft()

    def _make_up(self) -> None:
        while self._coming and self._coming[0].end <= self.position + ROUNDING:
            self._words.append(self._coming.popleft())


class ByEar(Listener):
    """Hears an utterance wherever it is loud. Sound that carries its words says them; any other, the script's next."""

    def __init__(
        self, rate: int, pause: float, partials: float, utterances: Iterable[Utterance], unscripted: str
    ) -> None:
        super().__init__(rate, pause, partials)
        self._utterances = deque(utterances)
        self._unscripted = Utterance(text=unscripted)
        self._ear = Ear(rate)
        self._began = self._last = 0.0  # of this sound
        self._voiced = 0.0
        self._carries = False
        self._coming: deque[str] = deque()
        self._done = 1.0

    def _listen(self, sound: bytes, at: float) -> Iterator[Heard]:
        for block in self._ear.feed(sound, at):
            self._carries = True
            if block.word is not None:
                self._words.append(Word(block.word.text, block.word.start, block.word.end))
        if _loud(sound):
            self._began = self._began if self._voiced else at
            self._voiced, self._last = self._voiced + STEP, self.position
            if not self._speaking and self._voiced >= MIN_SPEECH - ROUNDING:
                self._choose()
                yield from self._start(self._began)
        elif self.position - self._last >= (self._pause if self._speaking else MIN_PAUSE) - ROUNDING:
            if self._speaking:
                yield from self._stop(self._last, self._done)
            self._voiced, self._carries = 0.0, False
        while self._coming and self._where + 1 / PACE <= self.position:
            self._words.append(Word(self._coming.popleft(), self._where, self._where + 1 / PACE))

    @property
    def _where(self) -> float:
        """Where the next of the script's words begins."""
        return max(self._began, self._words[-1].end if self._words else self._from)

    def _choose(self) -> None:
        """Which words these are."""
        if not self._carries:
            utterance = self._utterances.popleft() if self._utterances else self._unscripted
            self._coming.extend(utterance.text.split())
            self._done = utterance.done

    def _make_up(self) -> None:
        self._words += spread(self._coming, self._where, max(self._last, self._where))
        self._coming.clear()


def spread(words: Iterable[str], start: float, end: float) -> list[Word]:
    """Words, each with as much of the time as it has of the letters."""
    words = list(words)
    total = sum(map(len, words)) or 1
    placed: list[Word] = []
    at = start
    for word in words:
        until = at + (end - start) * len(word) / total
        placed.append(Word(word, at, until))
        at = until
    return placed


def _loud(sound: bytes) -> bool:
    samples = array("h", sound)
    return max(samples) >= LOUD or min(samples) <= -LOUD
