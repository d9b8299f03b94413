"""Which words are to be answered: all of them, once each, whatever the transcripts repeat."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicegraph import Transcript
from voicegraph.turn_taking.words import CallerWords, plain_words


def said(text: str, start: float | None = None) -> Transcript:
    return Transcript(text, start=start)


def test_a_turn_is_its_transcripts_in_order() -> None:
    words = CallerWords()
    assert not words
    words.add(said("I would", 1.0))
    words.add(said("a table", 2.0))
    words.add(said("I would like", 1.0))
    assert words
    assert words.close() == "I would like a table"
    assert not words


def test_an_utterance_that_goes_on_says_only_what_is_new() -> None:
    words = CallerWords()
    words.add(said("Hello,", 1.0))
    words.close()
    assert words.news(said("hello is there a table", 1.0)) == "is there a table"
    assert words.news(said("hello is there a table", 2.0)) == "hello is there a table"
    assert words.news(said("yellow", 1.0)) == "yellow"
    assert words.news(said("hello", None)) == "hello"


def test_utterances_without_a_start_are_each_their_own() -> None:
    words = CallerWords()
    for _ in range(3):
        words.add(said("yes"))
        assert words.close() == "yes"


def test_a_turn_that_is_taken_back_is_whole_again() -> None:
    words = CallerWords()
    words.add(said("Hello", 1.0))
    words.close()
    words.add(said("is there", 2.0))
    words.reopen()
    assert words.close() == "Hello is there"


def test_a_turn_of_nothing_new_is_none() -> None:
    words = CallerWords()
    words.add(said("Hello", 1.0))
    words.close()
    words.add(said("hello!", 1.0))
    assert words.close() == ""
    words.reopen()
    assert words.close() == "Hello"  # the answer to it was taken back, so it is still to be answered


@given(st.lists(st.sampled_from(["more", "next", "close", "undo"]), max_size=30))
def test_every_word_is_in_one_turn(steps: list[str]) -> None:
    words = CallerWords()
    made, start, utterance = 0, 0.0, ""
    turns: list[str] = []
    for step in steps:
        if step in ("more", "next"):
            if step == "next" or not utterance:
                start, utterance = start + 1.0, ""
            utterance += f" word{made}"
            made += 1
            words.add(said(utterance, start))
        elif step == "close" and words:
            turns.append(words.close())
        elif step == "undo" and turns and turns[-1]:
            turns[-1] = ""
            words.reopen()
    turns.append(words.close())
    assert sorted(" ".join(turns).split()) == sorted(f"word{number}" for number in range(made))


@pytest.mark.parametrize(
    ("text", "words"), [("", []), ("Well... (okay)?", ["well", "okay"]), ("— 'tis!", ["tis"]), ("Größe", ["grösse"])]
)
def test_plain_words(text: str, words: list[str]) -> None:
    assert plain_words(text) == words
