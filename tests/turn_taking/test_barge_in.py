"""What interrupts: each criterion alone, all together, and how long a pause may last."""

from __future__ import annotations

import pytest

from voicegraph.turn_taking.barge_in import (
    LONGEST,
    NOISE_WAIT,
    WORDS_WAIT,
    BargeIn,
    LongEnough,
    NoBackchannel,
    Paused,
    WordsEnough,
)
from voicegraph.turn_taking.end_of_turn import FINAL_WAIT


@pytest.mark.parametrize(("seconds", "met"), [(0.24, False), (0.25 - 1e-9, True), (0.25, True), (9.0, True)])
def test_long_enough(seconds: float, met: bool) -> None:
    assert LongEnough(0.25).met(seconds, []) is met


@pytest.mark.parametrize(("words", "met"), [("", False), ("no", False), ("no wait", True), ("no wait a bit", True)])
def test_words_enough(words: str, met: bool) -> None:
    assert WordsEnough(2).met(0.0, words.split()) is met


def test_no_backchannel() -> None:
    assert NoBackchannel(()).met(1.0, [])
    assert not NoBackchannel(("okay",)).met(1.0, [])
    assert NoBackchannel(("okay",)).met(1.0, ["wait"])


@pytest.mark.parametrize(
    ("text", "counting"),
    [
        ("", ""),
        ("Okay, okay!", ""),
        ("Uh-huh... I see.", ""),
        ("i SEE okay I see", ""),
        ("I see the point", "the point"),
        ("I saw it", "i saw it"),
        ("Okay but wait.", "but wait"),
        ("okays", "okays"),
        ("— ...", ""),
        ("Right, right you are right", ""),
        ("right you are", ""),
    ],
)
def test_words_that_count(text: str, counting: str) -> None:
    """Of phrases that begin alike the longest is ignored."""
    ignored = ("Okay", "uh-huh", "I see", "right", "right you are", "?")
    assert NoBackchannel(ignored).counting(text) == counting.split()


def test_all_criteria_must_be_met() -> None:
    policy = BargeIn(after_speech=0.5, min_words=2, ignore=("okay",))
    assert policy.decides(0.5, "okay stop it")
    assert not policy.decides(0.4, "okay stop it")
    assert not policy.decides(0.5, "okay stop")


def test_a_pause_lasts_as_long_as_it_may_still_be_an_interruption() -> None:
    paused = Paused(1, since=10.0)
    assert paused.until(10.5, speaks_since=9.9, guess=False) == 9.9 + NOISE_WAIT
    assert paused.until(10.5, speaks_since=9.9, guess=True) == 9.9 + NOISE_WAIT
    assert paused.until(10.5, speaks_since=None, guess=False) == 10.5 + WORDS_WAIT
    assert paused.until(10.5, speaks_since=None, guess=True) == 10.5 + FINAL_WAIT


def test_speech_that_begins_anew_gets_its_own_time() -> None:
    assert Paused(1, since=10.0).until(11.5, speaks_since=11.5, guess=False) == 11.5 + NOISE_WAIT


def test_and_no_longer_whatever_is_guessed() -> None:
    assert Paused(1, since=10.0).until(19.0, speaks_since=None, guess=True) == 10.0 + LONGEST
    assert Paused(1, since=10.0).until(13.0, speaks_since=13.0, guess=False) == 10.0 + LONGEST
