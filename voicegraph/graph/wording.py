"""How diagnostics speak: words of the user in backticks, lists, and `did you mean`."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from voicegraph.frames import FRAME_TYPES, Frame

LONGEST_WORD = 60
"""Of a longer one, messages show as many characters."""


def quote(text: str) -> str:
    """A user's word inside a message: in backticks, on one line, not too long."""
    shown = text if len(text) <= LONGEST_WORD else f"{text[:LONGEST_WORD]}..."
    return f"`{shown}`" if shown.isprintable() else f"`{shown.encode('unicode_escape').decode()}`"


def listed(words: Iterable[str], joint: str = ", ") -> str:
    """Each word quoted, one behind the other."""
    return joint.join(quote(word) for word in words)


def one_of(words: Iterable[str]) -> str:
    """A hint with everything that is possible."""
    return f"one of {listed(words)}"


def near(word: str, known: Iterable[str], similarity: float = 0.6) -> str | None:
    """The most similar known word, if one is similar: 1.0 would be the same."""
    if len(word) > 80:  # comparing is quadratic
        return None
    found = difflib.get_close_matches(word, list(known), n=1, cutoff=similarity)
    return found[0] if found else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint with the most similar known word, or nothing."""
    found = near(word, known)
    return f"did you mean {quote(found)}?" if found else ""


def frame_names(frame_types: Iterable[type[Frame]]) -> str:
    """Frame types in the order of frames.py; `nothing` for none."""
    there = set(frame_types)
    return ", ".join(name for name, frame_type in FRAME_TYPES.items() if frame_type in there) or "nothing"
