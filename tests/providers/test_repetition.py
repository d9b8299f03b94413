"""Where a text repeats itself, and where it only seems to."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicegraph.providers.repetition import PHRASE, without_repetition

words = st.text("abcdefghijklmnop", min_size=2, max_size=6)
phrases = st.lists(words, min_size=PHRASE, max_size=9, unique=True)
texts = st.lists(st.sampled_from(["press", "one", "two", "to", "exit.", "Press", "one,", "ex", "-", "?"])).map(" ".join)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("The line is busy. The line is busy. The line is busy.", "The line is busy."),
        ("The line is busy the line is busy the line", "The line is busy"),
        ("The line is busy. The line is bu", "The line is busy."),
        ("The line is busy. The", "The line is busy."),
        ("Hello. The line is busy. The line is", "Hello. The line is busy."),
        ("To leave the menu, to leave the menu, to", "To leave the menu,"),
        ("Please try again. Please try again.", "Please try again."),
        ("The line is busy now. The line is.", "The line is busy now."),
        ("a b c d a b c d b c d a b c d", "a b c d"),
    ],
)
def test_is_cut_behind_the_first_time(text: str, kept: str) -> None:
    assert without_repetition(text) == kept


@pytest.mark.parametrize(
    "text",
    [
        "",
        "No, no, no, no.",
        "My number is five five five one two one two.",
        "Call me at nine nine nine.",
        "The line is busy. The line was cut.",
        "The cat sat on the mat the cat likes.",
        "Press one to accept. Press two to reject.",
        "Yes. Yes.",
        "I want a table. I do.",
        "I know the line is busy. The line",
    ],
)
def test_what_people_say_stays(text: str) -> None:
    assert without_repetition(text) == text


@given(phrases, st.integers(2, 5), st.integers(0, 9))
def test_a_phrase_said_over_and_over_is_left_once(phrase: list[str], times: int, more: int) -> None:
    """Whatever part of one more time follows it."""
    said = phrase * times + phrase[: more % len(phrase)]
    assert without_repetition(" ".join(said)) == " ".join(phrase)


@given(phrases, st.integers(1, 9), st.integers(1, 5))
def test_a_sentence_that_breaks_off_in_its_second_time_is_left_once(phrase: list[str], far: int, letters: int) -> None:
    broken = phrase[:far]
    broken[-1] = broken[-1][:letters]
    once = " ".join(phrase) + "."
    assert without_repetition(f"{once} {' '.join(broken)}") == once


@given(st.lists(words, unique=True).map(" ".join))
def test_words_that_are_all_different_stay(text: str) -> None:
    assert without_repetition(text) == text


@given(texts)
def test_the_result_is_a_beginning_of_the_text_and_final(text: str) -> None:
    kept = without_repetition(text)
    assert text.startswith(kept)
    assert without_repetition(kept) == kept


@given(texts)
def test_nothing_is_lost_but_what_was_said_before(text: str) -> None:
    kept = without_repetition(text)
    plain = {"".join(c for c in word if c.isalpha()).casefold() for word in kept.split()}
    for word in text[len(kept) :].split():
        bare = "".join(c for c in word if c.isalpha()).casefold()
        assert any(each.startswith(bare) for each in plain)
