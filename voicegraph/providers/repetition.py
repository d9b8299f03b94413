"""Finds where a recogniser, having written what was said, writes it again."""

from __future__ import annotations

import re
from dataclasses import dataclass

PHRASE = 3
"""Words that a phrase has at least: people do say "no no no" and "five five one"."""


def without_repetition(text: str) -> str:
    """The text up to where it begins to repeat itself, or all of it.

    Cut is a tail that says over again the words before it, be it whole ("the line is busy the line is busy") or broken
    off in a sentence or a word ("The line is busy. The line is bu"). Someone who really says a phrase of three words
    twice loses the second: use it where that is rarer than a repetition, or to tell that a text needs a second look.
    """
    words = [_Word.read(match) for match in re.finditer(r"\S+", text)]
    for cut in range(PHRASE, len(words)):
        if any(_repeats(words, cut, period) for period in range(PHRASE, cut + 1)):
            return without_repetition(text[: words[cut - 1].end])
    return text


@dataclass(frozen=True)
class _Word:
    """plain: without case and punctuation. end: where it ends in the text. closes: a sentence ends with it."""

    plain: str
    end: int
    closes: bool

    @classmethod
    def read(cls, match: re.Match[str]) -> _Word:
        written = match.group()
        return cls(re.sub(r"\W", "", written).casefold(), match.end(), written.endswith((".", "?", "!")))


def _repeats(words: list[_Word], cut: int, period: int) -> bool:
    """Whether everything from `cut` on is what stands `period` words before it."""
    whole = len(words) - cut >= period
    return (whole or _restarts(words, cut, period)) and all(
        words[i].plain == words[i - period].plain
        or (i == len(words) - 1 and _is_broken_off(words[i], words[i - period]))
        for i in range(cut, len(words))
    )


def _restarts(words: list[_Word], cut: int, period: int) -> bool:
    """Whether a sentence starts at `cut` as one started a period before, and gets far or is left unfinished."""
    origin = cut - period
    both_start = words[cut - 1].closes and (origin == 0 or words[origin - 1].closes)
    return both_start and (len(words) - cut >= PHRASE or not words[-1].closes)


def _is_broken_off(word: _Word, model: _Word) -> bool:
    return bool(word.plain) and model.plain.startswith(word.plain)
