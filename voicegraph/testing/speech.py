"""Simulated speech: sound that carries its words in-band, so that what was really played is known from the bytes.

A header on a frame tells what somebody believes; the bytes tell what is heard. A stale chunk that was given the number
of a new turn is caught, and so is a block that was lost, or played twice.
"""

from __future__ import annotations

import re
import zlib
from bisect import bisect_right
from collections.abc import Iterator
from random import Random
from typing import NamedTuple

from voicegraph.testing.blocks import (
    FRAMES_PER_SECOND,
    MAGIC,
    NUMBERS,
    Unit,
    alike,
    block_size,
    gather,
    may_begin_unit,
    read_unit,
    spread,
)

PACE = 2.8
"""Words a second, in usual English text without its pauses."""
PAUSES = {",": 0.12, ";": 0.16, ":": 0.16, ".": 0.24, "!": 0.24, "?": 0.24, "—": 0.16, "…": 0.24}
"""Seconds of silence behind a word that ends with one of these, quotation marks and brackets aside."""
_CLOSING = "\"')]}»”\u2019"
_SOUND = re.compile(rb"[^\0]+")


class HeardWord(NamedTuple):
    """A word whose end was heard. start, end: seconds of its first sound and just behind its last."""

    text: str
    origin: int
    start: float
    end: float


class Block(NamedTuple):
    """20 ms of speech, or what is left of them. whole: nothing of it is missing. word: the one that ended with it."""

    origin: int
    number: int
    start: float
    end: float
    whole: bool
    word: HeardWord | None = None


def utter(
    text: str, *, rate: int, origin: int, pace: float = PACE, random: Random | None = None, number: int = 0
) -> bytes:
    """The sound of a text, as PCM16 at `rate`. The same text always takes the same time, unless there is a `random`.

    pace: words a second. number: of the first block. Words with a punctuation mark have a pause behind them.
    """
    words = utter_words(text, rate=rate, origin=origin, pace=pace, random=random, number=number)
    return b"".join(pcm for _, pcm in words)


def utter_words(
    text: str, *, rate: int, origin: int, pace: float = PACE, random: Random | None = None, number: int = 0
) -> Iterator[tuple[str, bytes]]:
    """The same word by word, each with the sound of it and of the pause behind it."""
    size = block_size(rate)
    for word in text.split():
        chance = random.uniform(0.8, 1.25) if random else 1.0
        texts = spread(word, round(_seconds(word) * chance * PACE / pace * FRAMES_PER_SECOND))
        silence = round(_pause(word) * PACE / pace * FRAMES_PER_SECOND)
        last = len(texts) - 1
        sound = (Unit(origin, number + n, n == last, piece).block(size) for n, piece in enumerate(texts))
        yield word, b"".join(sound) + bytes(silence * size)
        number += len(texts) + silence


def murmur(seconds: float, *, rate: int, origin: int) -> bytes:
    """A voice that says no word: a cough, a hum."""
    size = block_size(rate)
    numbers = range(round(seconds * FRAMES_PER_SECOND))
    return b"".join(Unit(origin, number, ends=False, text=b"").block(size) for number in numbers)


def hear(pcm: bytes, rate: int) -> list[HeardWord]:
    """The words whose ends are in this sound, wherever it was cut and whatever silence was put in between.

    start, end: seconds from its first sample.
    """
    ear = Ear(rate)
    return [block.word for block in (*ear.feed(pcm, 0.0), *ear.flush()) if block.word]


def _seconds(word: str) -> float:
    """How long a word takes at the usual pace: by its letters, and by chance, though the same for the same word."""
    chance = zlib.crc32(word.encode("utf-8", "surrogatepass")) / 2**32
    return (0.14 + 0.048 * len(word)) * (0.7 + 0.6 * chance)


def _pause(word: str) -> float:
    return PAUSES.get(word.rstrip(_CLOSING)[-1:], 0.0)


class Ear:
    """Finds speech in sound that comes in pieces of any size. Silence in the midst of a block does no harm."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self._size = block_size(rate)
        self._sound = bytearray()  # not silent, and not yet understood
        self._gone = 0  # bytes of sound before that
        self._runs: list[tuple[int, float]] = []  # where in the sound a run begins, and when that is
        self._word: list[tuple[float, bytes]] = []  # blocks of the word so far: when each began, and its text
        self._last: tuple[int, int] | None = None  # origin and number of the last block

    def feed(self, pcm: bytes, at: float) -> Iterator[Block]:
        """The blocks that are certain now. at: when the first of these samples is heard, in seconds of any clock."""
        for run in _SOUND.finditer(pcm):
            self._runs.append((self._gone + len(self._sound), at + run.start() / (2 * self.rate)))
            self._sound += run[0]
        return self._understand(last=False)

    def flush(self) -> Iterator[Block]:
        """What is left of a block that does not go on."""
        return self._understand(last=True)

    def _understand(self, *, last: bool) -> Iterator[Block]:
        sound = self._sound
        while (begin := sound.find(MAGIC)) >= 0:
            self._drop(begin)
            head = bytes(sound[: self._size])
            open_ended = not last and len(head) < self._size
            unit = read_unit(head)
            if unit is None:
                if open_ended and may_begin_unit(head):
                    return
                self._drop(1)
                continue
            same = alike(unit.block(self._size), head)
            if open_ended and same == len(head):
                return
            # Of a block that was cut whole units count: what seems to begin another may be the next block.
            yield self._take(unit, same if same == self._size else same - same % len(unit.encoded()))
        self._drop(len(sound) if last else max(0, len(sound) - len(MAGIC) + 1))

    def _take(self, unit: Unit, size: int) -> Block:
        """The block, of which there are so many bytes."""
        start, end = self._when(self._gone), self._when(self._gone + size - 1) + 0.5 / self.rate
        block = Block(unit.origin, unit.number, start, end, whole=size == self._size)
        self._drop(size)
        if not block.whole or self._last != (unit.origin, (unit.number - 1) % NUMBERS):
            self._word.clear()
        self._last = (unit.origin, unit.number) if block.whole else None
        if not block.whole:
            return block
        self._word.append((start, unit.text))
        if not unit.ends:
            return block
        word = HeardWord(gather(text for _, text in self._word), unit.origin, self._word[0][0], end)
        self._word.clear()
        return block._replace(word=word)

    def _when(self, byte: int) -> float:
        """When this byte of the sound is heard."""
        first, at = self._runs[bisect_right(self._runs, byte, key=lambda run: run[0]) - 1]
        return at + (byte - first) / (2 * self.rate)

    def _drop(self, size: int) -> None:
        del self._sound[:size]
        self._gone += size
        del self._runs[: max(0, bisect_right(self._runs, self._gone, key=lambda run: run[0]) - 1)]
