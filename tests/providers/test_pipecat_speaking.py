"""The words of a hosted voice, put to the sound in which they begin."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pipecat.frames.frames import TTSAudioRawFrame

from voicegraph.frames import TTSAudio
from voicegraph.providers.pipecat_speaking import QUICKEST, Speech

RATE = 16_000
SECOND = 1_000_000_000


def sound(seconds: float, rate: int = RATE) -> TTSAudioRawFrame:
    return TTSAudioRawFrame(bytes(2 * round(seconds * rate)), rate, 1)


def heard(speech: Speech, seconds: float, clock: int = 0) -> str:
    made = speech.sound(sound(seconds), clock)
    assert made is not None
    return made.text


def told(chunks: list[TTSAudio]) -> str:
    return " ".join(chunk.text for chunk in chunks)


def test_words_are_told_with_the_sound_in_which_they_begin() -> None:
    speech = Speech(RATE)
    assert heard(speech, 0.1, 5 * SECOND) == ""
    speech.word("At", 5 * SECOND)
    speech.word("nine.", 5 * SECOND + SECOND // 2)
    assert heard(speech, 0.1) == "At"
    assert heard(speech, 0.2) == ""
    assert heard(speech, 0.2) == "nine."


def test_words_of_a_reply_that_follows_one_still_being_timed() -> None:
    """pipecat times them from the last word of the reply before, which its clock has not reached yet."""
    speech = Speech(RATE)
    speech.announced("At nine.", 9 * SECOND)
    assert heard(speech, 0.1, 5 * SECOND) == ""
    speech.word("At", 9 * SECOND)
    speech.word("nine.", 9 * SECOND + SECOND // 2)
    assert [heard(speech, 0.1) for _ in range(5)] == ["At", "", "", "", "nine."]


def test_words_are_timed_anew_in_the_next_context() -> None:
    speech = Speech(RATE)
    heard(speech, 1.0, SECOND)
    speech.word("One.", SECOND)
    heard(speech, 1.0)
    speech.context_over()
    heard(speech, 1.0, 20 * SECOND)
    speech.word("Two.", 20 * SECOND + 2 * SECOND)
    assert [heard(speech, 0.5) for _ in range(3)] == ["", "", "Two."]


def test_sentences_whose_words_are_not_timed_come_one_after_the_other() -> None:
    """A voice that takes them all at once announces them all before it speaks."""
    speech = Speech(RATE)
    first, second = "We are open from nine.", "And we close at five."
    speech.announced(first, None)
    speech.announced(second, None)
    assert heard(speech, 0.1) == first
    texts = [heard(speech, 0.1) for _ in range(20)]
    assert texts.index(second) == int(QUICKEST * len(first) / 0.1) - 1


@given(words=st.lists(st.tuples(st.floats(0, 5), st.text("abc", min_size=1)), max_size=8), chunks=st.integers(0, 30))
def test_every_word_is_told_once_and_in_order(words: list[tuple[float, str]], chunks: int) -> None:
    speech = Speech(RATE)
    texts = [heard(speech, 0.1, SECOND)]
    for at, word in sorted(words):
        speech.word(word, SECOND + round(at * SECOND))
    texts += [heard(speech, 0.1) for _ in range(chunks)]
    texts.append(told(speech.rest()))
    assert " ".join(texts).split() == [word for _, word in sorted(words)]


def test_sound_at_another_rate_is_brought_to_the_one_that_was_promised() -> None:
    speech = Speech(RATE)
    made = [speech.sound(sound(0.1, 24_000), 0) for _ in range(10)]
    whole = [chunk for chunk in (*made, *speech.rest()) if chunk is not None]
    assert {chunk.rate for chunk in whole} == {RATE}
    assert sum(chunk.seconds for chunk in whole) == pytest.approx(1.0, abs=0.005)
