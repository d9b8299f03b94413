"""What the benchmark of dead air finds in sound: it has to see what is missing, what is double, and what is silent."""

from __future__ import annotations

import base64

import pytest

from benchmarks.contenders.dead_air_heard import LONG, SECONDS, TEXT, judge
from benchmarks.contenders.dead_air_shape import CAP, RATE
from voicegraph.testing.speech import utter

WORDS = TEXT.split()


def sound(*words: str) -> bytes:
    return utter(" ".join(words), rate=RATE, origin=0)


def told(*stretches: tuple[float, bytes]) -> list[tuple[float, str]]:
    return [(at, base64.b64encode(pcm).decode()) for at, pcm in stretches]


def seconds(pcm: bytes) -> float:
    return len(pcm) / (2 * RATE)


def test_a_healthy_reply_is_silent_before_its_first_sound_only() -> None:
    heard = judge(told((0.5, sound(*WORDS))))
    assert (heard.whole, heard.lost, heard.twice, heard.seconds_lost) == (True, 0, 0, 0)
    assert heard.silence == pytest.approx(0.5, abs=0.001)


def test_nothing_at_all() -> None:
    heard = judge([])
    assert (heard.whole, heard.lost) == (False, len(WORDS))
    assert heard.seconds_lost == pytest.approx(SECONDS)
    assert heard.silence == CAP


def test_a_silence_within_the_reply_counts_without_the_pause_that_speech_has_there() -> None:
    first, rest = sound(*WORDS[:6]), sound(*WORDS[6:])  # behind a comma
    heard = judge(told((0.4, first), (0.4 + seconds(first) + 0.7, rest)))
    assert heard.silence == pytest.approx(0.4 + 0.7, abs=0.001)
    assert heard.longest == pytest.approx(0.7, abs=0.001)
    assert (heard.lost, heard.twice) == (0, 0)


def test_missing_words() -> None:
    heard = judge(told((0.0, sound(*WORDS[:10], *WORDS[12:]))))
    assert (heard.lost, heard.twice) == (2, 0)
    assert heard.seconds_lost == pytest.approx(LONG[WORDS[10]] + LONG[WORDS[11]])


def test_words_that_are_said_twice() -> None:
    heard = judge(told((0.0, sound(*WORDS[:10])), (20.0, sound(*WORDS[7:]))))
    assert (heard.lost, heard.twice) == (0, 3)


def test_a_word_that_broke_off_and_was_begun_again_was_said_twice() -> None:
    whole = sound(*WORDS[:10])
    begun = whole + sound(WORDS[10])[: 2 * RATE // 10]
    heard = judge(told((0.0, begun), (20.0, sound(*WORDS[10:]))))
    assert (heard.lost, heard.twice) == (0, 1)


@pytest.mark.parametrize("rest", [WORDS[11:], []])
def test_a_word_that_broke_off_for_ever_is_lost(rest: list[str]) -> None:
    begun = sound(*WORDS[:10]) + sound(WORDS[10])[: 2 * RATE // 10]
    heard = judge(told((0.0, begun), (20.0, sound(*rest))))
    assert (heard.lost, heard.twice) == (len(WORDS) - 10 - len(rest), 0)
