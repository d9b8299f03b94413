"""Cuts the sound of a reply where its words begin, so that the line can tell which of them were heard."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

from voicegraph.providers.elevenlabs_errors import NO_PCM, NO_SOUND, Asked, failure
from voicegraph.providers.sound import ENOUGH, is_file

LONGEST = 0.08
"""Seconds of sound in a chunk, so that little is left to be heard after an interrupt."""
SURE = 3
"""Letters in a row by which a text that the vendor has rewritten is found again in ours."""
AHEAD = 20
"""Letters by which what was rewritten may have grown shorter."""
INEXACT = 0.2
"""Seconds by which the letters of a message may last longer than its sound, without more of it still being to come."""


class Letters(NamedTuple):
    """The characters of a text as the vendor spoke it, and when each begins, in seconds. end: of the last."""

    chars: Sequence[str]
    starts: Sequence[float]
    end: float


class Chunk(NamedTuple):
    """PCM16, and the words that begin in it."""

    pcm: bytes
    text: str


class Speech:
    """The sound of one reply. The words are ours, as they were sent; when they begin is the vendor's word.

    rate: in Hz. restarting: times count from the beginning of each message's sound, not of the first one's.
    """

    def __init__(self, rate: int, asked: Asked, *, restarting: bool) -> None:
        self._rate = rate
        self._asked = asked
        self._restarting = restarting
        self._longest = int(LONGEST * rate)
        self._words: list[str] = []
        self._begins: list[int] = []  # of each word: its place in the letters
        self._letters = ""  # all of what was sent, but for spaces: the vendor's may be others
        self._read = 0  # letters whose time is known, or that were given up
        self._told: float | None = None  # seconds: as far as times were told, if they were
        self._placed = 0  # words whose place in the sound is known
        self._due: deque[tuple[int, str]] = deque()  # these, with the sample at which they begin, until that has come
        self._samples = 0  # that have come
        self._odd = b""  # half a sample

    def sent(self, text: str) -> None:
        """This text went to the vendor."""
        for word in text.split():
            self._begins.append(len(self._letters))
            self._words.append(word)
            self._letters += word

    def cut(self, pcm: bytes, letters: Letters | None = None) -> Iterator[Chunk]:
        """A piece of sound in chunks. letters: what is spoken in it. Raises ProviderError for what is no PCM."""
        if letters is not None:
            self._place(letters)
        pcm = self._odd + pcm
        if not self._samples and len(pcm) >= ENOUGH and is_file(pcm):
            raise failure(NO_PCM, self._asked)
        whole = len(pcm) & ~1
        pcm, self._odd = pcm[:whole], pcm[whole:]
        if pcm and self._told is None:  # nobody tells when words begin: with the sound, for all that is known
            self._place_up_to(len(self._words), self._samples)
        yield from self._chunks(pcm)

    def rest(self) -> str:
        """All sound has come: the words of which nobody told where they are. Raises ProviderError if there was none."""
        if not self._samples and any(letter.isalnum() for letter in self._letters):
            raise failure(NO_SOUND, self._asked)
        self._place_up_to(len(self._words), self._samples)
        return " ".join(word for _, word in self._due)

    def _chunks(self, pcm: bytes) -> Iterator[Chunk]:
        start, end = self._samples, self._samples + len(pcm) // 2
        self._samples = end
        at = start
        while at < end:
            text = " ".join(self._take_due(at + 1)) if self._due else ""
            until = min(end, at + self._longest, self._due[0][0] if self._due else end)
            yield Chunk(pcm[2 * (at - start) : 2 * (until - start)], text)
            at = until

    def _take_due(self, before: int) -> Iterator[str]:
        while self._due and self._due[0][0] < before:
            yield self._due.popleft()[1]

    def _place(self, letters: Letters) -> None:
        """Notes where words begin of which these are the letters."""
        if not letters.chars:
            self._told = self._told or 0.0
            return
        base = self._base() if self._restarting else 0.0
        theirs = [
            (char, start)
            for chars, start in zip(letters.chars, letters.starts, strict=False)
            for char in chars
            if not char.isspace()
        ]
        for place, index in self._same("".join(char for char, _ in theirs)):
            word = bisect_right(self._begins, place)
            self._place_up_to(word, round((base + theirs[index][1]) * self._rate))
        self._told = max(self._told or 0.0, base + letters.end)

    def _base(self) -> float:
        """Where the sound of a message begins whose times restart, in seconds: behind all that came before it, or, if
        the times of that went far beyond it, behind those."""
        came, told = self._samples / self._rate, self._told or 0.0
        return told if told > came + INEXACT else came

    def _place_up_to(self, count: int, sample: int) -> None:
        while self._placed < count:
            self._due.append((sample, self._words[self._placed]))
            self._placed += 1

    def _same(self, text: str) -> Iterator[tuple[int, int]]:
        """The letters of ours that theirs are, each with its place in theirs: as a rule, the next ones."""
        begin = self._read
        if self._letters.startswith(text, begin):
            self._read += len(text)
            yield from zip(range(begin, self._read), range(len(text)), strict=True)
            return
        ours = self._letters[begin : begin + len(text) + AHEAD]
        for block in SequenceMatcher(None, ours, text, autojunk=False).get_matching_blocks():
            if block.size >= SURE:
                self._read = begin + block.a + block.size
                yield from zip(range(begin + block.a, self._read), range(block.b, block.b + block.size), strict=True)
