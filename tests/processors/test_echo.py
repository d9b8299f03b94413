"""echo.chat: the caller's words, word by word."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from voicegraph.frames import Token, UserTurn
from voicegraph.node import node_type
from voicegraph.processors.echo import Echo, word_by_word


def tokens(text: str, **values: Any) -> list[str]:
    made: Any = node_type(Echo).configure(values)
    return [token.text for token in made.on_turn(UserTurn(text))]


def test_the_answer_is_the_callers_words_behind_the_prefix() -> None:
    assert tokens("What time is it?") == ["You", " said:", " What", " time", " is", " it?"]
    assert tokens("Hm", prefix="") == ["Hm"]


@given(st.text())
def test_no_letter_is_lost_between_the_words(text: str) -> None:
    given_ = list(word_by_word(text))
    assert "".join(token.text for token in given_) == text
    assert all(isinstance(token, Token) and len(token.text.split()) <= 1 for token in given_)
