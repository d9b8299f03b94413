"""tone.tts: beeps that carry their words."""

from __future__ import annotations

from itertools import pairwise

import pytest

from voicegraph.frames import Sentence, TTSAudio
from voicegraph.processors.tone import LOUDNESS, Tone
from voicegraph.testing import run_node


def voice(text: str, rate: int = 16_000) -> list[TTSAudio]:
    given = run_node(Tone, Sentence(text), with_={"rate": rate})
    return [frame for frame in given if isinstance(frame, TTSAudio)]


def samples(chunks: list[TTSAudio]) -> list[int]:
    return memoryview(b"".join(chunk.pcm for chunk in chunks)).cast("h").tolist()


def test_each_word_begins_a_chunk_that_names_it() -> None:
    chunks = voice("Hello  there,\nunbelievably good friend.")
    assert [chunk.text for chunk in chunks if chunk.text] == ["Hello", "there,", "unbelievably", "good", "friend."]
    assert all(0 < chunk.seconds <= 0.1 for chunk in chunks)


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050])
def test_a_longer_word_takes_longer_at_any_rate(rate: int) -> None:
    def seconds(text: str) -> float:
        chunks = voice(text, rate)
        assert {chunk.rate for chunk in chunks} == {rate}
        return sum(chunk.seconds for chunk in chunks)

    assert seconds("hi") == pytest.approx(0.16, abs=0.001)
    assert seconds("goodbye") == pytest.approx(0.26, abs=0.001)
    assert seconds("hi.") == pytest.approx(0.28, abs=0.001)
    assert seconds("x" * 500) == pytest.approx(0.36, abs=0.001)


def test_it_is_audible_soft_and_does_not_click() -> None:
    wave = samples(voice("Hello there, my friend."))
    assert LOUDNESS * 0.9 < max(wave) <= LOUDNESS
    assert max(abs(after - before) for before, after in pairwise([0, *wave, 0])) < LOUDNESS / 4


def test_the_same_word_sounds_the_same_and_nothing_is_silence() -> None:
    assert samples(voice("one one")) == 2 * samples(voice("one"))
    assert len({tuple(samples(voice(letter))) for letter in "abcdef"}) == 6
    assert voice(" ") == []


def test_what_must_be_said_to_the_end_stays_so() -> None:
    chunks = run_node(Tone, Sentence("Goodbye.", interruptible=False))
    assert {chunk.interruptible for chunk in chunks} == {False}
