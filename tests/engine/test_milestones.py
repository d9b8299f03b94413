"""The milestones of a turn, told by feeding frames at times of our own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicegraph import (
    Audio,
    Commit,
    Frame,
    Sentence,
    SpeechStarted,
    SpeechStopped,
    Token,
    Transcript,
    TTSAudio,
    UserTurn,
)
from voicegraph.engine.milestones import Milestone, Milestones
from voicegraph.engine.outlet import CALL

BEGAN = 1000.0
"""Loop time at which the call's audio begins."""


class Told:
    """Milestones, and the hand of their clock."""

    def __init__(self) -> None:
        self.now = BEGAN
        self.milestones = Milestones(clock=lambda: self.now)

    def at(self, position: float, frame: Frame, node: str = "node") -> None:
        """A node gives a frame `position` seconds after the call's audio began."""
        self.now = BEGAN + position
        self.milestones.given(node, frame)

    def heard(self, position: float, turn: int, seconds: float) -> None:
        self.now = BEGAN + position
        self.milestones.played(turn, seconds)

    def interrupt(self, position: float, *turns: int) -> None:
        """An interrupt gives these turns up."""
        self.now = BEGAN + position
        self.milestones.interrupted(turns)

    def listen(self, seconds: float) -> None:
        """The caller's audio, in 20 ms frames that come in as soon as they are whole."""
        for index in range(round(seconds / 0.02)):
            end = (index + 1) * 0.02
            self.milestones.came("line", Audio(bytes(640), at=index * 0.02), BEGAN + end)


def spoken() -> Told:
    """The caller speaks until 1.0; that is noticed at 1.1 and recognised at 1.2."""
    told = Told()
    told.listen(1.1)
    told.at(0.2, SpeechStarted(at=0.1))
    told.at(1.1, SpeechStopped(at=1.0, noticed=1.1))
    told.at(1.2, Transcript("hello", start=0.1, end=1.0))
    return told


def ms(parts: list[tuple[Milestone, float]]) -> list[tuple[str, int]]:
    return [(milestone.value, round(seconds * 1000)) for milestone, seconds in parts]


def test_the_split_of_a_plain_answer() -> None:
    told = spoken()
    told.at(1.5, UserTurn("hello", turn=1))
    told.at(1.6, Token("Hi", turn=1))
    told.at(1.65, Token(".", turn=1))
    told.at(1.7, Sentence("Hi.", turn=1))
    told.at(1.8, TTSAudio(bytes(640), turn=1))
    told.heard(1.85, 1, 0.02)
    told.heard(1.87, 1, 0.04)
    (answer,) = told.milestones.answers()
    assert ms(answer.parts()) == [
        ("pause noticed", 100),
        ("text final", 100),
        ("turn given", 300),
        ("first token", 100),
        ("first sentence", 100),
        ("first audio", 100),
        ("heard", 30),
    ]
    assert answer.answer == pytest.approx(0.83)


def test_a_speculative_turn_is_committed_behind_its_first_audio() -> None:
    told = spoken()
    told.at(1.2, UserTurn("hello", turn=1, speculative=True))
    told.at(1.4, TTSAudio(bytes(640), turn=1))
    told.at(1.5, Commit())
    told.heard(1.52, 1, 0.02)
    (answer,) = told.milestones.answers()
    assert ms(answer.parts()) == [
        ("pause noticed", 100),
        ("text final", 100),
        ("turn given", 0),
        ("first audio", 200),
        ("turn committed", 100),
        ("heard", 0),
    ]


def test_what_was_taken_back_is_no_answer_and_the_next_turn_counts_from_the_later_pause() -> None:
    told = spoken()
    told.at(1.2, UserTurn("hello", turn=1, speculative=True))
    told.at(1.3, SpeechStarted(at=1.25))
    told.interrupt(1.3, 1)
    told.at(2.1, SpeechStopped(at=2.0))
    told.at(2.2, Transcript("hello there", start=0.1, end=2.0))
    told.at(2.2, UserTurn("hello there", turn=2))
    told.heard(2.5, 2, 0.02)
    assert [(times.turn, round(times.answer or 0, 3)) for times in told.milestones.answers()] == [(2, 0.48)]
    assert told.milestones.turns[1].barge_in is None


def test_a_greeting_answers_nobody() -> None:
    told = Told()
    told.at(0.0, Sentence("Good day.", turn=1), CALL)
    told.at(0.1, TTSAudio(bytes(640), turn=1))
    told.listen(1.1)
    told.at(1.1, SpeechStopped(at=1.0))
    told.heard(1.2, 1, 0.02)
    assert told.milestones.answers() == []


def test_without_a_vad_speech_ends_where_its_transcript_does() -> None:
    told = Told()
    told.listen(1.1)
    told.at(1.3, Transcript("hello", start=0.1, end=1.0))
    told.at(1.3, UserTurn("hello", turn=1))
    told.heard(1.52, 1, 0.02)
    (answer,) = told.milestones.answers()
    assert answer.answer == pytest.approx(0.5)


def test_a_pause_noticed_after_the_turn_was_given_moves_the_end_of_speech() -> None:
    told = Told()
    told.listen(1.1)
    told.at(0.9, Transcript("hello", start=0.1, end=0.85))
    told.at(0.9, UserTurn("hello", turn=1, speculative=True))
    told.at(1.1, SpeechStopped(at=1.0))
    told.heard(1.22, 1, 0.02)
    (answer,) = told.milestones.answers()
    assert answer.answer == pytest.approx(0.2)
    assert sum(seconds for _, seconds in answer.parts()) == pytest.approx(0.2)


def test_a_reply_without_a_user_turn_answers_what_was_said() -> None:
    told = spoken()
    told.at(1.3, Sentence("Hi.", turn=1))
    told.heard(1.42, 1, 0.02)
    (answer,) = told.milestones.answers()
    assert answer.answer == pytest.approx(0.4)


def test_the_delay_of_the_callers_audio_counts() -> None:
    """Frames that came in 2 s late move the end of speech, so the answer is as quick as the caller found it."""
    told = Told()
    told.milestones.line = "line"
    told.milestones.came("line", Audio(bytes(32_000), at=0.0), BEGAN + 3.0)
    told.milestones.came("music", Audio(bytes(32_000), at=0.0), BEGAN + 0.5)
    told.at(3.1, SpeechStopped(at=1.0))
    told.at(3.1, UserTurn("hello", turn=1))
    told.heard(3.62, 1, 0.02)
    (answer,) = told.milestones.answers()
    assert answer.answer == pytest.approx(0.6)


def test_barge_in_is_what_is_heard_after_the_interrupt() -> None:
    told = spoken()
    told.at(1.3, UserTurn("hello", turn=1))
    told.at(1.4, TTSAudio(bytes(64_000), turn=1))
    told.heard(1.5, 1, 0.02)
    told.interrupt(2.0, 1)
    told.heard(2.04, 1, 0.5)
    assert told.milestones.turns[1].barge_in == pytest.approx(0.04)


def test_a_reply_that_falls_silent_with_the_interrupt_has_none_of_it() -> None:
    told = spoken()
    told.at(1.3, UserTurn("hello", turn=1))
    told.at(1.4, TTSAudio(bytes(64_000), turn=1))
    told.heard(1.5, 1, 0.02)
    told.interrupt(2.0, 1)
    assert told.milestones.turns[1].barge_in == 0.0


MADE = (
    Transcript("hello", end=1.0),
    SpeechStopped(at=1.0),
    SpeechStarted(at=0.5),
    UserTurn("hello", turn=1),
    UserTurn("hello", turn=2),
    Commit(),
    Token("a", turn=1),
    Sentence("a", turn=2),
    TTSAudio(bytes(640), turn=1),
    TTSAudio(bytes(640), turn=2),
)


@given(st.lists(st.tuples(st.floats(0, 1), st.sampled_from([*MADE, 1, 2])), max_size=40))
def test_the_parts_add_up_whatever_the_order(events: list[tuple[float, Frame | int]]) -> None:
    told = Told()
    told.listen(1.0)
    position = 1.0
    for wait, event in events:
        position += wait
        if isinstance(event, int):
            told.heard(position, event, wait)
        else:
            told.at(position, event)
    for answer in told.milestones.answers():
        parts = answer.parts()
        assert all(seconds >= 0 for _, seconds in parts)
        assert sum(seconds for _, seconds in parts) == pytest.approx(answer.answer)
        assert parts[-1][0] is Milestone.HEARD
