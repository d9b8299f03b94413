"""A brain that repeats what it heard. Needs nothing installed."""

from __future__ import annotations

import re
from collections.abc import Iterator

from voicegraph.frames import Token, UserTurn
from voicegraph.node import node


def word_by_word(text: str) -> Iterator[Token]:
    """A text as a language model would give it: one word at a time, each with the spaces before it."""
    for piece in re.findall(r"\s*\S+|\s+$", text):
        yield Token(piece)


@node("echo.chat")
class Echo:
    """Answers each turn with the caller's own words, behind `prefix`: a stand-in for a language model."""

    prefix: str = "You said: "

    def on_turn(self, turn: UserTurn) -> Iterator[Token]:
        yield from word_by_word(self.prefix + turn.text)
