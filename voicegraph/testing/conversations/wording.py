"""Texts as they are compared: word by word, without case and punctuation. And as they are quoted in messages."""

from __future__ import annotations

from collections.abc import Sequence

CUT = "—"
"""Ends a text in the history that the caller cut short."""
OPEN = ("...", "…")
"""Ends a text in a test whose rest does not matter."""

_STRAIGHT = str.maketrans({0x2018: "'", 0x2019: "'"})  # curved apostrophes


def words_of(text: str) -> list[str]:
    """`"Good morning," he said` -> good, morning, he, said."""
    stripped = (_bare(word) for word in text.translate(_STRAIGHT).casefold().split())
    return [word for word in stripped if word]


def has_phrase(words: Sequence[str], phrase: Sequence[str]) -> bool:
    """Whether the phrase is in there, whole and in one piece."""
    return any(words[i : i + len(phrase)] == phrase for i in range(len(words) - len(phrase) + 1))


def is_part(words: Sequence[str], whole: Sequence[str]) -> bool:
    """Whether these are words of the whole, in its order: an interrupt takes away its end, a fault maybe its middle."""
    remaining = iter(whole)
    return all(word in remaining for word in words)


def begins(words: Sequence[str], beginning: Sequence[str]) -> bool:
    return words[: len(beginning)] == beginning


def said(text: str) -> str:
    """A text in a message, as somebody's words."""
    return f'"{text}"'


def _bare(word: str) -> str:
    start, end = 0, len(word)
    while start < end and not word[start].isalnum():
        start += 1
    while end > start and not word[end - 1].isalnum():
        end -= 1
    return word[start:end]
