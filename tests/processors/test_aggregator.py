"""Whose turn it is: by silence, by speculation, by interruption; and what the conversation then holds."""

from __future__ import annotations

import pytest

from tests.engine.calls import plan
from tests.processors.talks import Halting, Line, guessed, held, said, speaking, started, stopped, talk
from voicegraph import Message, SpeechStarted, SpeechStopped, Transcript, UserTurn, node
from voicegraph.processors.aggregator import Aggregator
from voicegraph.turn_taking.barge_in import BargeIn
from voicegraph.turn_taking.end_of_turn import FINAL_WAIT
from voicegraph.turn_taking.idle import LOOK


@node("test.sink")
class Sink:
    """Takes the turns; nothing of them comes to the line."""

    def on_turn(self, turn: UserTurn) -> None: ...


def roles(turn: UserTurn) -> str:
    """The history as letters: u for the user, a for the assistant."""
    return "".join(message.role[0] for message in turn.messages)


def test_a_turn_ends_when_the_silence_has_lasted() -> None:
    call = talk(started(), 1.0, stopped(), 0.1, said("hello"), 2.0, end_silence="600ms")
    assert call.kinds == ["hello"]
    assert call.wait(SpeechStopped, "hello") == pytest.approx(0.6)


def test_silence_that_has_passed_already_counts() -> None:
    call = talk(started(), 1.0, stopped(silence=0.2), 0.1, said("hello"), 2.0, end_silence="600ms")
    assert call.wait(SpeechStopped, "hello") == pytest.approx(0.4)


def test_words_that_come_after_the_silence_are_answered_at_once() -> None:
    call = talk(started(), 1.0, stopped(), 2.0, said("hello"), 2.0)
    assert call.kinds == ["hello"]
    assert call.wait(Transcript, "hello") == 0


def test_a_turn_that_is_over_waits_a_moment_for_its_last_words() -> None:
    call = talk(started(), 1.0, said("hel", final=False), stopped(), 0.7, said("hello"), 2.0, speculate=True)
    assert call.kinds == ["hello"]
    assert call.wait(Transcript, "hello") == 0


def test_but_not_for_ever() -> None:
    call = talk(
        started(), 1.0, stopped(), said("one"), 0.1, started(), 1.0, said("two", 3.0, final=False), stopped(), 9.0
    )
    assert call.kinds == ["one"]
    assert call.wait(SpeechStopped, "one") == pytest.approx(1.5)


def test_a_turn_that_waits_for_its_last_words_does_not_end_in_speech() -> None:
    call = talk(started(), 1.0, stopped(), said("one"), 0.1, started(), 1.0, guessed("two", 3.0), stopped(), 0.7,
                started(), 3.0, stopped(), said("two three", 3.0), 3.0)  # fmt: skip
    assert call.kinds == ["one two three"]


def test_without_a_vad_the_last_words_begin_the_silence_again() -> None:
    call = talk(guessed("hel", 0.0), 1.4, said("hello"), 3.0)
    assert call.wait(Transcript, "hello") == pytest.approx(0.5)


def test_speech_that_goes_on_is_one_turn() -> None:
    call = talk(started(), 1.0, stopped(), 0.1, said("I would like", 0.0), 0.1, started(), 1.0, stopped(), 0.1,
                  said("a table", 1.2), 2.0)  # fmt: skip
    assert call.kinds == ["I would like a table"]


def test_a_transcript_with_the_same_start_replaces_the_earlier_one() -> None:
    call = talk(started(), 1.0, stopped(), 0.1, said("I would like"), 0.1, started(), 1.0, stopped(), 0.1,
                  said("I would like a table"), 2.0)  # fmt: skip
    assert call.kinds == ["I would like a table"]


def test_finals_without_a_start_follow_each_other() -> None:
    call = talk(started(), 1.0, stopped(), said("I would like", None), said("I would like", None),
                  said("a table", None), 2.0)  # fmt: skip
    assert call.kinds == ["I would like I would like a table"]


def test_without_a_vad_the_transcripts_make_the_turns() -> None:
    call = talk(said("hello", 0.0), 0.2, said("there", 1.0), 2.0)
    assert call.kinds == ["hello there"]
    assert call.wait(Transcript, "hello there") == pytest.approx(0.5)


def test_silence_without_words_is_no_turn() -> None:
    call = talk(started(), 1.0, stopped(), 3.0)
    assert call.kinds == []


def test_the_end_of_the_call_ends_the_turn() -> None:
    call = talk(started(), 1.0, stopped(), said("bye"))
    assert call.kinds == ["bye"]


def test_speculation_answers_at_the_pause_and_commits_after_the_silence() -> None:
    call = talk(started(), 1.0, stopped(), 0.1, said("hello"), 3.0, speculate=True)
    assert call.kinds == ["hello?", "Commit"]
    assert call.wait(SpeechStopped, "hello?") == pytest.approx(0.1)
    assert call.wait(SpeechStopped, "Commit") == pytest.approx(0.5)
    assert call.session.replies()[0].over


def test_speech_takes_a_speculative_turn_back_unheard() -> None:
    call = talk(started(), 1.0, stopped(), 0.1, said("I would like"), 0.2, started(), 1.0, stopped(), 0.1,
                        said("I would like a table"), 3.0, speculate=True)  # fmt: skip
    assert call.kinds == ["I would like?", "Interrupt", "I would like a table?", "Commit"]
    assert [reply.heard_seconds for reply in call.session.replies()] == [0.0, pytest.approx(1.0)]
    assert call.turns[1].messages == (Message("user", "I would like a table"),)


def test_a_cough_does_not_cost_the_caller_the_answer() -> None:
    call = talk(started(), 1.0, stopped(), 0.1, said("hello"), 0.2, started(), 0.1, stopped(), 3.0, speculate=True)
    assert call.kinds == ["hello?", "Commit"]
    assert call.wait(SpeechStopped, "Commit") == pytest.approx(0.5)


def test_speech_for_long_enough_interrupts_and_the_history_holds_what_was_heard() -> None:
    call = talk(*speaking(0.4), started(), 1.0, stopped(), said("wait", 5.0), 2.0)
    assert call.kinds == ["hello", "Interrupt", "wait"]
    assert call.wait(SpeechStarted, "Interrupt") == pytest.approx(0.25)
    assert roles(call.turns[1]) == "uau"
    assert call.message(1, 1) == "word0 word1 word2 word3 word4 word5—"


def test_short_speech_does_not_interrupt() -> None:
    call = talk(*speaking(), started(), 0.1, stopped(), 3.0)
    assert call.kinds == ["hello"]
    assert not call.session.replies()[0].interrupted


def test_too_few_words_do_not_interrupt() -> None:
    two_words = {"after_speech": "100ms", "min_words": 2}
    call = talk(*speaking(), started(), 0.2, said("no", 5.0, final=False), 0.2, stopped(), 3.0, interrupt=two_words)
    assert call.kinds == ["hello"]
    call = talk(*speaking(), started(), 0.2, said("no wait", 5.0, final=False), 0.2, stopped(), 3.0,
                  interrupt=two_words)  # fmt: skip
    assert call.kinds == ["hello", "Interrupt"]


def test_a_backchannel_is_neither_an_interrupt_nor_a_turn() -> None:
    ignore = {"ignore": ["uh-huh", "okay"]}
    call = talk(*speaking(), started(), 0.4, stopped(), said("Okay.", 5.0), 9.0, brain={"words": 60}, interrupt=ignore)
    assert call.kinds == ["hello"]
    assert call.session.replies()[0].heard_seconds == pytest.approx(6.0)


def test_the_same_word_at_the_end_of_what_the_agent_says_is_an_answer() -> None:
    ignore = {"ignore": ["uh-huh", "okay"]}
    call = talk(*speaking(), started(), 0.4, stopped(), said("Okay.", 5.0), 3.0, interrupt=ignore)
    assert call.kinds == ["hello", "Okay."]
    assert call.session.replies()[0].heard_seconds == pytest.approx(1.0)


def test_too_few_words_are_answered_when_the_agent_is_done() -> None:
    call = talk(*speaking(), started(), 0.1, stopped(), said("yes", 5.0), 3.0, interrupt={"min_words": 2})
    assert call.kinds == ["hello", "yes"]
    assert [reply.heard_seconds for reply in call.session.replies()] == [pytest.approx(1.0)] * 2
    done = call.when("hello") + 1.0
    assert done <= call.when("yes") <= done + LOOK
    assert [message.content for message in call.turns[1].messages][::2] == ["hello", "yes"]


def test_too_few_words_are_not_answered_on_speculation() -> None:
    call = talk(*speaking(), started(), 0.1, stopped(), said("yes", 5.0), 3.0, interrupt={"min_words": 2},
                speculate=True)  # fmt: skip
    assert call.kinds == ["hello?", "Commit", "yes"]


def test_words_guessed_in_speech_that_is_over_interrupt_nobody() -> None:
    two_words = {"min_words": 2}
    call = talk(*speaking(), started(), 0.2, stopped(), 0.2, guessed("stop it"), 3.0, interrupt=two_words)
    assert call.kinds == ["hello"]
    call = talk(*speaking(0.1), started(), 0.1, guessed("stop it"), stopped(), 0.1, started(), 0.5, stopped(), 3.0,
                interrupt=two_words)  # fmt: skip
    assert call.kinds == ["hello"]


def test_too_few_words_are_answered_with_what_the_caller_says_next() -> None:
    call = talk(*speaking(), started(), 0.1, stopped(), said("yes", 5.0), 0.1, started(), 0.5, stopped(),
                  said("please", 6.0), 3.0, interrupt={"min_words": 2})  # fmt: skip
    assert call.kinds == ["hello", "yes please"]
    call = talk(*speaking(), said("yes", 5.0), 0.1, said("but wait", 6.0), 3.0, interrupt={"min_words": 2})
    assert call.kinds == ["hello", "Interrupt", "yes but wait"]


def test_too_few_words_before_the_call_ends_are_a_turn_too() -> None:
    call = talk(*speaking(), said("yes", 5.0), interrupt={"min_words": 2})
    assert call.kinds == ["hello", "yes"]


def test_an_ignored_word_does_not_hold_up_the_words_that_were_kept() -> None:
    policy = {"min_words": 2, "ignore": ["okay"]}
    call = talk(started(), 1.0, stopped(), said("hello"), 0.3, started(), 0.1, said("yes", 5.0),
                  said("ok", 6.0, final=False), stopped(), 0.2, said("okay", 6.0), 6.0,
                  brain={"words": 30}, end_silence="100ms", interrupt=policy)  # fmt: skip
    assert call.kinds == ["hello", "yes"]


def test_a_turn_waits_for_the_words_of_its_last_speech() -> None:
    """The transcriber takes longer than the silence that ends a turn, and gives no guesses."""
    call = talk(started(), 1.0, stopped(), said("what is"), 0.1, started(at=3.0), 1.0, stopped(at=4.0), 0.9,
                said("the largest planet", 3.0), 3.0)  # fmt: skip
    assert call.kinds == ["what is the largest planet"]
    assert call.wait(Transcript, "what is the largest planet") == 0


def test_a_late_transcript_of_earlier_speech_is_not_what_it_waits_for() -> None:
    late = Transcript("what is", start=1.0, end=2.0)
    call = talk(started(), 1.0, stopped(), 0.1, started(at=3.0), 0.2, late, 0.8, stopped(at=4.0), 0.9,
                said("the largest planet", 3.0), 3.0)  # fmt: skip
    assert call.kinds == ["what is the largest planet"]


def test_but_not_for_ever_since_a_cough_has_none() -> None:
    call = talk(started(), 1.0, stopped(), said("what is"), 0.1, started(at=3.0), 0.1, stopped(at=3.1), 3.0)
    assert call.kinds == ["what is"]
    assert call.wait(SpeechStopped, "what is") == pytest.approx(0.5 + FINAL_WAIT)


def test_an_ignored_word_is_a_turn_when_the_agent_is_silent() -> None:
    call = talk(started(), 1.0, stopped(), said("okay"), 3.0, interrupt={"ignore": ["okay"]})
    assert call.kinds == ["okay"]


def test_without_a_vad_partials_interrupt() -> None:
    agent = [said("hello"), 0.95]
    call = talk(*agent, said("no", 5.0, final=False), 0.2, said("no wait", 5.0, final=False), 0.2,
                  said("no wait", 5.0), 3.0)  # fmt: skip
    assert call.kinds == ["hello", "Interrupt", "no wait"]
    first = next(frame for frame in call.log.of(Transcript) if not frame.final)
    assert call.when("Interrupt") - call.time_of(first) == pytest.approx(0.25)


def test_without_a_vad_a_partial_takes_back_and_a_guess_that_comes_to_nothing_gives_it_again() -> None:
    call = talk(said("hello"), 0.1, said("and", 5.0, final=False), 9.0, speculate=True)
    assert call.kinds == ["hello?", "Interrupt", "hello"]


def test_speech_counts_from_its_start_and_not_from_when_it_was_noticed() -> None:
    call = talk(*speaking(), started(spoken=0.2), 1.0, stopped(), said("wait", 5.0), 2.0)
    assert call.kinds == ["hello", "Interrupt", "wait"]
    assert call.wait(SpeechStarted, "Interrupt") == pytest.approx(0.05)


def test_a_reply_interrupted_between_its_sentences_is_marked() -> None:
    call = talk(*speaking(1.5), started(), 1.0, stopped(), said("wait", 5.0), 2.0, llm=Halting, pace=0.3)
    assert call.kinds == ["hello", "Interrupt", "wait"]
    assert call.message(1, 1) == "One two.—"


def test_a_reply_heard_to_its_end_is_not_marked() -> None:
    call = talk(*speaking(), 1.0, started(), 1.0, stopped(), said("thanks", 5.0), 2.0)
    assert call.message(1, 1).endswith("word9")


def test_turns_that_never_come_to_a_line_are_not_taken_back() -> None:
    script = [started(), 0.1, stopped(), said("one"), 2.0, started(), 0.1, stopped(), said("two", 3.0), 2.0]
    nodes = {"line": Line, "aggregator": Aggregator, "sink": Sink}
    call = held(plan(nodes, "line -> aggregator -> sink", config={"line": {"script": script}}))
    assert call.kinds == ["one", "two"]


def test_a_transcript_that_goes_on_behind_its_answer_s_start_says_only_what_is_new() -> None:
    call = talk(*speaking(), said("Hello, is there", 0.0), said("hello is there a table", 0.0), 2.0)
    assert call.kinds == ["hello", "Interrupt", "is there", "Interrupt", "is there a table"]
    assert [message.content for message in call.turns[2].messages if message.role == "user"] == [
        "hello", "is there a table",
    ]  # fmt: skip


def test_a_transcript_that_begins_differently_is_a_turn_as_it_is() -> None:
    call = talk(*speaking(), said("Yellow paint", 0.0), 2.0)
    assert call.kinds == ["hello", "Interrupt", "Yellow paint"]


def test_a_transcript_that_tells_nothing_new_is_nothing() -> None:
    call = talk(*speaking(), said("Hello.", 0.0), 2.0)
    assert call.kinds == ["hello"]
    assert not call.session.replies()[0].interrupted
    call = talk(started(), 0.1, stopped(), said("hello"), 0.1, said("Hello!"), 3.0, speculate=True)
    assert call.kinds == ["hello?", "Commit"]


def test_what_was_answered_does_not_count_towards_the_words_that_interrupt() -> None:
    call = talk(*speaking(), started(), 0.3, said("hello there", 0.0, final=False), 0.1, stopped(), 3.0,
                  interrupt={"min_words": 2})  # fmt: skip
    assert call.kinds == ["hello"]


def test_a_late_final_with_real_words_interrupts() -> None:
    call = talk(*speaking(), started(), 0.1, stopped(), 0.1, said("stop", 5.0), 2.0)
    assert call.kinds == ["hello", "Interrupt", "stop"]


@pytest.mark.parametrize(
    ("history", "exchanges"),
    [
        (0, [0, 0, 0, 0, 0, 0, 0, 0]),
        (1, [0, 1, 1, 1, 1, 1, 1, 1]),
        (4, [0, 1, 2, 3, 4, 2, 3, 4]),  # the older half goes at once, and the rest begins alike for three turns
        (20, [0, 1, 2, 3, 4, 5, 6, 7]),
    ],
)
def test_history_is_limited(history: int, exchanges: list[int]) -> None:
    script = [step for at in range(8) for step in (started(), 1.0, stopped(), said(f"{at}", 10.0 * at), 3.0)]
    call = talk(*script, history=history)
    assert [roles(turn) for turn in call.turns] == ["ua" * carried + "u" for carried in exchanges]
    assert [turn.messages[-1].content for turn in call.turns] == [f"{at}" for at in range(8)]
    firsts = [turn.messages[0].content for turn in call.turns]
    assert firsts == [f"{at - carried}" for at, carried in enumerate(exchanges)]


def test_a_greeting_is_part_of_the_history_until_it_is_too_old() -> None:
    script = [2.0, *(step for at in range(4) for step in (said(f"{at}", 9.0 * at), 3.0))]
    call = talk(*script, greeting="Good day.", history=2)
    assert [roles(turn) for turn in call.turns] == ["au", "auau", "uau", "uauau"]


@pytest.mark.parametrize(
    ("policy", "spoken", "text", "decided"),
    [
        (BargeIn(), 0.2, "", False),
        (BargeIn(), 0.25, "", True),
        (BargeIn(min_words=1), 1.0, "", False),
        (BargeIn(min_words=1), 1.0, "hello", True),
        (BargeIn(ignore=("okay",)), 1.0, "", False),
        (BargeIn(ignore=("okay",)), 1.0, "Okay, okay!", False),
        (BargeIn(ignore=("okay",)), 1.0, "okay but", True),
    ],
)
def test_policy(policy: BargeIn, spoken: float, text: str, decided: bool) -> None:
    assert policy.decides(spoken, text) is decided
