"""When each letter of a text sounds, from when its words do."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from voicegraph.emulators.backend import Word


class Letter(NamedTuple):
    """start, seconds: since the beginning of the speech, and of its own."""

    char: str
    start: float
    seconds: float


class Letters:
    """Of one text, as its words become known.

    Each is told with the sound in which it begins, so that words come in parts, as they do from ElevenLabs.
    """

    def __init__(self) -> None:
        self._waiting: deque[Letter] = deque()
        self._end = 0.0

    def add(self, words: Sequence[Word]) -> None:
        for word in words:
            if self._end:
                self._waiting.append(Letter(" ", self._end, word.start - self._end))
            each = (word.end - word.start) / len(word.text)
            self._waiting += [Letter(char, word.start + i * each, each) for i, char in enumerate(word.text)]
            self._end = word.end

    def until(self, time: float) -> list[Letter]:
        """Those that begin before, and were not told yet."""
        return list(self._take(time))

    def rest(self) -> list[Letter]:
        """All others, and the space that ends a text."""
        return [*self._take(float("inf")), Letter(" ", self._end, 0.0)] if self._end else []

    def _take(self, time: float) -> Iterator[Letter]:
        while self._waiting and self._waiting[0].start < time:
            yield self._waiting.popleft()


def in_message(letters: Sequence[Letter], begin: float, end: float) -> dict[str, Any]:
    """As the WebSocket tells them. begin, end: of the message's sound, to whose beginning times are relative, and which
    the last letter fills: clients add up how long their letters last to know where the next message begins."""
    starts = [max(0, round(1000 * (letter.start - begin))) for letter in letters]
    ends = [*starts[1:], max(starts[-1], round(1000 * (end - begin)))] if starts else []
    return {
        "chars": [letter.char for letter in letters],
        "charStartTimesMs": starts,
        "charDurationsMs": [end - start for start, end in zip(starts, ends, strict=True)],
    }


def in_answer(letters: Sequence[Letter]) -> dict[str, Any]:
    """As HTTP tells them: times count from the beginning of the answer's sound."""
    return {
        "characters": [letter.char for letter in letters],
        "character_start_times_seconds": [round(letter.start, 3) for letter in letters],
        "character_end_times_seconds": [round(letter.start + letter.seconds, 3) for letter in letters],
    }


def normalised(letters: Sequence[Letter], *, first: bool) -> list[Letter]:
    """The text as it was really spoken: here it is the same, but that it begins with a space."""
    return [Letter(" ", letters[0].start, 0.0), *letters] if first and letters else list(letters)
