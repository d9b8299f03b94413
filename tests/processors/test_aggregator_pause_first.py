"""`pause_first`: the agent falls silent at the first sound of the caller, and speaks on if it was nothing."""

from __future__ import annotations

from typing import Any

import pytest

from tests.processors.talks import Halting, Talk, guessed, said, silences, speaking, started, stopped, talk
from voicegraph import Dtmf, SpeechStarted, SpeechStopped, Transcript
from voicegraph.turn_taking.barge_in import LONGEST, NOISE_WAIT, WORDS_WAIT
from voicegraph.turn_taking.end_of_turn import FINAL_WAIT

LONG = {"words": 60}
"""An answer of 6 s."""


def call(*script: Any, end_silence: str = "500ms", **interrupt: Any) -> Talk:
    """The caller has asked something, the agent speaks, and then this."""
    return talk(*speaking(), *script, brain=LONG, end_silence=end_silence, interrupt={"pause_first": True, **interrupt})


def heard_whole(done: Talk) -> bool:
    """Whether all of the first reply was heard, each sample once."""
    (reply, *_) = done.session.replies()
    return not reply.interrupted and reply.heard_seconds == reply.seconds == pytest.approx(6.0)


def test_a_cough_pauses_the_agent_for_a_moment() -> None:
    done = call(started(), 0.1, stopped(), 9.0)
    assert done.kinds == ["hello", "Pause", "Resume"]
    assert done.wait(SpeechStarted, "Pause") == 0
    assert done.wait(SpeechStopped, "Resume") == pytest.approx(WORDS_WAIT)
    assert list(silences(done, 1)) == [pytest.approx(0.1 + WORDS_WAIT)]
    assert heard_whole(done)


@pytest.mark.parametrize("text", ["", "Uh-huh.", "I see, okay!"])
def test_a_final_without_a_word_that_counts_resumes_at_once(text: str) -> None:
    done = call(started(), 0.3, stopped(), 0.1, said(text, 5.0), 9.0, ignore=["uh-huh", "okay", "I see"])
    assert done.kinds == ["hello", "Pause", "Resume"]
    assert done.wait(Transcript, "Resume") == 0
    assert heard_whole(done)


def test_speech_that_goes_on_interrupts() -> None:
    done = call(started(), 1.0, stopped(), said("wait", 5.0), 2.0)
    assert done.kinds == ["hello", "Pause", "Interrupt", "wait"]
    assert done.wait(SpeechStarted, "Interrupt") == pytest.approx(0.25)
    assert done.line.events[:3] == ["pause", "clear", "resume"]
    assert done.session.reply(1).heard_seconds == pytest.approx(0.45)
    assert done.message(1, 1) == "word0 word1 word2 word3—"


def test_words_that_come_after_the_speech_interrupt() -> None:
    done = call(started(), 0.2, stopped(), 0.2, said("stop", 5.0), 2.0, min_words=1)
    assert done.kinds == ["hello", "Pause", "Interrupt", "stop"]
    assert done.wait(Transcript, "Interrupt") == 0


def test_a_word_that_was_guessed_is_waited_for_longer() -> None:
    wait = FINAL_WAIT - 0.1
    done = call(started(), 0.2, guessed("stop"), stopped(), wait, said("stop", 5.0), 2.0, min_words=1)
    assert done.kinds == ["hello", "Pause", "Interrupt", "stop"]
    done = call(started(), 0.2, stopped(), WORDS_WAIT / 2, guessed("stop"), wait, said("stop", 5.0), 2.0, min_words=1)
    assert done.kinds == ["hello", "Pause", "Interrupt", "stop"]
    done = call(started(), 0.2, guessed("okay"), stopped(), 9.0, ignore=["okay"])
    assert done.wait(SpeechStopped, "Resume") == pytest.approx(WORDS_WAIT)


def test_too_few_words_resume_at_once_and_are_kept() -> None:
    done = call(started(), 0.1, stopped(), 0.1, said("yes", 5.0), 9.0, min_words=2)
    assert done.kinds == ["hello", "Pause", "Resume", "yes"]
    assert done.wait(Transcript, "Resume") == 0
    assert heard_whole(done)
    assert [reply.interrupted for reply in done.session.replies()] == [False, False]


def test_long_noise_does_not_silence_the_agent() -> None:
    done = call(started(), 5.0, stopped(), 9.0, min_words=1)
    assert done.kinds == ["hello", "Pause", "Resume"]
    assert done.wait(SpeechStarted, "Resume") == pytest.approx(NOISE_WAIT)
    assert heard_whole(done)


def test_noise_that_comes_and_goes_does_not_silence_the_agent_either() -> None:
    bursts = [step for _ in range(40) for step in (started(), 0.1, stopped(), 0.1)]
    done = call(*bursts, 9.0, min_words=1)
    assert max(silences(done, 1)) <= LONGEST + WORDS_WAIT
    assert heard_whole(done)


def test_words_in_the_noise_still_interrupt() -> None:
    done = call(started(), NOISE_WAIT + 1.0, guessed("stop it"), 1.0, stopped(), said("stop it", 5.0), 2.0, min_words=2)
    assert done.kinds == ["hello", "Pause", "Resume", "Interrupt", "stop it"]


def test_the_agent_pauses_again_for_the_next_speech() -> None:
    cough = [started(), 0.1, stopped(), 1.0]
    done = call(*cough, *cough, 9.0)
    assert done.kinds == ["hello", "Pause", "Resume", "Pause", "Resume"]
    assert heard_whole(done)


def test_a_second_cough_within_the_pause_makes_it_no_longer_than_need_be() -> None:
    done = call(started(), 0.1, stopped(), 0.1, started(), 0.1, stopped(), 9.0)
    assert done.kinds == ["hello", "Pause", "Resume"]
    assert done.wait(SpeechStopped, "Resume") == pytest.approx(WORDS_WAIT)


def test_there_is_no_pause_while_nobody_speaks() -> None:
    done = talk(started(), 0.1, stopped(), 9.0, interrupt={"pause_first": True})
    assert done.kinds == []
    done = call(6.0, started(), 0.1, stopped(), 9.0)  # the answer is over
    assert done.kinds == ["hello"]


def test_a_greeting_that_is_not_yet_heard_is_not_paused() -> None:
    done = talk(started(), 1.0, stopped(), said("hello"), 9.0, greeting="Good day to you.",
                interrupt={"pause_first": True})  # fmt: skip
    assert done.kinds == ["Interrupt", "hello"]


def test_what_is_held_for_speculation_is_not_paused() -> None:
    held = talk(started(), 1.0, stopped(), said("hello"), 0.2, started(), 0.1, stopped(), 9.0,
                speculate=True, interrupt={"pause_first": True})  # fmt: skip
    assert held.kinds == ["hello?", "Commit"]


def test_a_turn_that_is_held_while_a_greeting_is_paused_is_taken_back() -> None:
    """The words come before the greeting, and are answered while it is said; then the caller goes on."""
    done = talk(0.3, started(at=0.3), 0.1, stopped(at=0.4), 0.1, said("hello", 0.3), 0.1, started(at=0.6), 0.5,
                stopped(at=1.1), 0.1, said("hello there", 0.3), 9.0, greeting="Good day to you, dear caller.",
                speculate=True, end_silence="1s", pace=0.3, interrupt={"pause_first": True})  # fmt: skip
    assert done.kinds == ["Pause", "Interrupt", "hello?", "Interrupt", "hello there?", "Commit"]


def test_without_a_vad_the_first_guess_pauses() -> None:
    done = talk(said("hello"), 0.95, guessed("uh"), 0.2, said("uh-huh", 5.0), 9.0, brain=LONG,
                interrupt={"pause_first": True, "ignore": ["uh-huh", "uh"]})  # fmt: skip
    assert done.kinds == ["hello", "Pause", "Resume"]
    assert done.line.events[:2] == ["pause", "resume"]


@pytest.mark.parametrize("ends", [said("", 5.0), None])
def test_without_a_vad_too_a_guess_that_comes_to_nothing_resumes(ends: Transcript | None) -> None:
    agent = [said("hello"), 0.95]
    script = [*agent, guessed("stop"), *([0.1, ends] if ends else []), 9.0]
    done = talk(*script, brain=LONG, interrupt={"pause_first": True, "min_words": 2})
    assert done.kinds == ["hello", "Pause", "Resume"]
    pause = done.when("Resume") - done.when("Pause")
    assert pause == pytest.approx(0.1 if ends else NOISE_WAIT)
    assert heard_whole(done)


def test_without_a_vad_the_next_guess_pauses_again() -> None:
    done = talk(said("hello"), 0.95, guessed("uh"), 4.5, guessed("uh", 9.0), 9.0, brain=LONG,
                interrupt={"pause_first": True, "min_words": 2})  # fmt: skip
    assert done.kinds == ["hello", "Pause", "Resume", "Pause", "Resume"]


def test_without_a_vad_words_interrupt() -> None:
    done = talk(said("hello"), 0.95, guessed("no"), 0.2, guessed("no wait"), 0.2, said("no wait", 5.0), 3.0,
                brain=LONG, interrupt={"pause_first": True, "min_words": 2})  # fmt: skip
    assert done.kinds == ["hello", "Pause", "Interrupt", "no wait"]


def test_the_end_of_the_call_ends_the_pause() -> None:
    done = call(started())
    assert done.kinds == ["hello", "Pause", "Resume"]
    assert heard_whole(done)


def test_whoever_else_interrupts_ends_the_pause() -> None:
    done = call(started(), 0.1, Dtmf("1"), 0.1, stopped(), 9.0, min_words=1)
    assert done.kinds == ["hello", "Pause"]
    assert done.line.events[:3] == ["pause", "clear", "resume"]


def test_after_another_s_interrupt_the_next_reply_can_be_paused() -> None:
    done = call(started(), 0.1, Dtmf("1"), said("again", 6.0), stopped(), 0.2, started(), 0.1, stopped(), 9.0,
                min_words=1, end_silence="100ms")  # fmt: skip
    assert done.kinds == ["hello", "Pause", "again", "Pause", "Resume"]


def test_no_turn_is_given_into_a_pause() -> None:
    """The reply ends while it is paused, so what is said over it is no interruption but the next turn."""
    done = talk(started(), 1.0, stopped(), said("hello"), 0.2, started(), 0.3, said("yes", 5.0), stopped(), 9.0,
                llm=Halting, brain={"first": "Well", "wait": 0.2, "then": ""}, end_silence="100ms",
                interrupt={"pause_first": True, "after_speech": "1s"})  # fmt: skip
    assert done.kinds == ["hello", "Pause", "Resume", "yes"]
    assert done.wait(SpeechStopped, "yes") == pytest.approx(0.1)
    assert done.when("Resume") == done.when("yes")


def test_the_default_is_to_speak_on_until_the_interrupt() -> None:
    done = talk(*speaking(), started(), 0.1, stopped(), 3.0)
    assert done.kinds == ["hello"]
