"""Whose turn it is: by silence, by speculation, by interruption; and what the conversation then holds."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.engine.calls import Log, ScriptedLine, jumping, plan
from voicegraph import (
    Commit,
    Frame,
    Interrupt,
    Message,
    Sentence,
    SpeechStarted,
    SpeechStopped,
    Transcript,
    TTSAudio,
    UserTurn,
    node,
)
from voicegraph.engine.session import Session
from voicegraph.processors.aggregator import Aggregator, BargeIn


@node("test.answer")
async def answer(turn: UserTurn) -> AsyncIterator[Sentence]:
    """Ten words for each turn."""
    yield Sentence(" ".join(f"word{index}" for index in range(10)))


@node("test.second")
class Voice:
    """A tenth of a second a word, in frames of a word."""

    async def on_sentence(self, sentence: Sentence) -> AsyncIterator[TTSAudio]:
        for word in sentence.text.split():
            yield TTSAudio(bytes(3200), text=word)


def started() -> SpeechStarted:
    return SpeechStarted(at=0.0)


def stopped(silence: float = 0.0) -> SpeechStopped:
    return SpeechStopped(at=1.0, noticed=1.0 + silence)


def said(text: str, start: float = 0.0, *, final: bool = True) -> Transcript:
    return Transcript(text, final=final, start=start)


def call(*script: Any, **config: Any) -> tuple[Session, Log]:
    nodes = {"line": ScriptedLine, "aggregator": Aggregator, "llm": answer, "tts": Voice}
    made = plan(nodes, "line -> aggregator -> llm -> tts -> line",
                config={"line": {"script": list(script)}, "aggregator": config})  # fmt: skip
    return jumping(made)


def decisions(log: Log) -> list[Frame]:
    return [frame for name, frame in log.frames if name == "aggregator"]


def kinds(log: Log) -> list[str]:
    return [f"{frame.text}{'?' * frame.speculative}" if isinstance(frame, UserTurn) else type(frame).__name__
            for frame in decisions(log)]  # fmt: skip


def wait_between(log: Log, before: type[Frame], after: type[Frame]) -> float:
    """Seconds from the last frame of one type to the first of another."""
    kinds = [type(frame) for _, frame in log.frames]
    start = len(kinds) - 1 - kinds[::-1].index(before)
    return log.times[kinds.index(after)] - log.times[start]


def test_a_turn_ends_when_the_silence_has_lasted() -> None:
    _, log = call(started(), 1.0, stopped(), 0.1, said("hello"), 2.0, end_silence="600ms")
    assert kinds(log) == ["hello"]
    assert wait_between(log, SpeechStopped, UserTurn) == pytest.approx(0.6, abs=0.02)


def test_silence_that_has_passed_already_counts() -> None:
    _, log = call(started(), 1.0, stopped(silence=0.2), 0.1, said("hello"), 2.0, end_silence="600ms")
    assert wait_between(log, SpeechStopped, UserTurn) == pytest.approx(0.4, abs=0.02)


def test_words_that_come_after_the_silence_are_answered_at_once() -> None:
    _, log = call(started(), 1.0, stopped(), 2.0, said("hello"), 2.0)
    assert kinds(log) == ["hello"]
    assert wait_between(log, Transcript, UserTurn) == pytest.approx(0.0, abs=0.02)


def test_a_turn_that_is_over_waits_a_moment_for_its_last_words() -> None:
    _, log = call(started(), 1.0, said("hel", final=False), stopped(), 0.7, said("hello"), 2.0, speculate=True)
    assert kinds(log) == ["hello"]
    assert wait_between(log, Transcript, UserTurn) == pytest.approx(0.0, abs=0.02)


def test_but_not_for_ever() -> None:
    _, log = call(
        started(), 1.0, stopped(), said("one"), 0.1, started(), 1.0, said("two", 3.0, final=False), stopped(), 9.0
    )
    assert kinds(log) == ["one"]
    assert wait_between(log, SpeechStopped, UserTurn) == pytest.approx(1.5, abs=0.02)


def test_speech_that_goes_on_is_one_turn() -> None:
    _, log = call(started(), 1.0, stopped(), 0.1, said("I would like", 0.0), 0.1, started(), 1.0, stopped(), 0.1,
                  said("a table", 1.2), 2.0)  # fmt: skip
    assert kinds(log) == ["I would like a table"]


def test_a_transcript_with_the_same_start_replaces_the_earlier_one() -> None:
    _, log = call(started(), 1.0, stopped(), 0.1, said("I would like"), 0.1, started(), 1.0, stopped(), 0.1,
                  said("I would like a table"), 2.0)  # fmt: skip
    assert kinds(log) == ["I would like a table"]


def test_without_a_vad_the_transcripts_make_the_turns() -> None:
    _, log = call(said("hello", 0.0), 0.2, said("there", 1.0), 2.0)
    assert kinds(log) == ["hello there"]
    assert wait_between(log, Transcript, UserTurn) == pytest.approx(0.5, abs=0.02)


def test_silence_without_words_is_no_turn() -> None:
    _, log = call(started(), 1.0, stopped(), 3.0)
    assert kinds(log) == []


def test_the_end_of_the_call_ends_the_turn() -> None:
    _, log = call(started(), 1.0, stopped(), said("bye"))
    assert kinds(log) == ["bye"]


def test_speculation_answers_at_the_pause_and_commits_after_the_silence() -> None:
    session, log = call(started(), 1.0, stopped(), 0.1, said("hello"), 3.0, speculate=True)
    assert kinds(log) == ["hello?", "Commit"]
    assert wait_between(log, SpeechStopped, UserTurn) == pytest.approx(0.1, abs=0.02)
    assert wait_between(log, SpeechStopped, Commit) == pytest.approx(0.5, abs=0.02)
    assert session.replies()[0].over


def test_speech_takes_a_speculative_turn_back_unheard() -> None:
    session, log = call(started(), 1.0, stopped(), 0.1, said("I would like"), 0.2, started(), 1.0, stopped(), 0.1,
                        said("I would like a table"), 3.0, speculate=True)  # fmt: skip
    assert kinds(log) == ["I would like?", "Interrupt", "I would like a table?", "Commit"]
    assert [reply.heard_seconds for reply in session.replies()] == [0.0, pytest.approx(1.0)]
    last = decisions(log)[2]
    assert isinstance(last, UserTurn)
    assert last.messages == (Message("user", "I would like a table"),)


def test_a_cough_does_not_cost_the_caller_the_answer() -> None:
    _, log = call(started(), 1.0, stopped(), 0.1, said("hello"), 0.2, started(), 0.1, stopped(), 3.0, speculate=True)
    assert kinds(log) == ["hello?", "Interrupt", "hello"]


def speaking() -> list[Any]:
    """The caller has asked something, and the agent has been speaking for 0.45 s."""
    return [started(), 1.0, stopped(), said("hello"), 0.95]


def test_speech_for_long_enough_interrupts_and_the_history_holds_what_was_heard() -> None:
    _, log = call(*speaking(), started(), 1.0, stopped(), said("wait", 5.0), 2.0)
    assert kinds(log) == ["hello", "Interrupt", "wait"]
    assert wait_between(log, SpeechStarted, Interrupt) == pytest.approx(0.25, abs=0.02)
    last = decisions(log)[2]
    assert isinstance(last, UserTurn)
    assert [message.role for message in last.messages] == ["user", "assistant", "user"]
    heard = last.messages[1].content
    assert heard.startswith("word0 word1")
    assert heard.endswith("—")
    assert len(heard.split()) == pytest.approx(7, abs=1)


def test_short_speech_does_not_interrupt() -> None:
    session, log = call(*speaking(), started(), 0.1, stopped(), 3.0)
    assert kinds(log) == ["hello"]
    assert not session.replies()[0].interrupted


def test_too_few_words_do_not_interrupt() -> None:
    two_words = {"after_speech": "100ms", "min_words": 2}
    _, log = call(*speaking(), started(), 0.2, said("no", 5.0, final=False), 0.2, stopped(), 3.0, interrupt=two_words)
    assert kinds(log) == ["hello"]
    _, log = call(*speaking(), started(), 0.2, said("no wait", 5.0, final=False), 0.2, stopped(), 3.0,
                  interrupt=two_words)  # fmt: skip
    assert kinds(log) == ["hello", "Interrupt"]


def test_a_backchannel_is_neither_an_interrupt_nor_a_turn() -> None:
    ignore = {"ignore": ["uh-huh", "okay"]}
    session, log = call(*speaking(), started(), 0.4, stopped(), said("Okay.", 5.0), 3.0, interrupt=ignore)
    assert kinds(log) == ["hello"]
    assert session.replies()[0].heard_seconds == pytest.approx(1.0)


def test_a_late_final_with_real_words_interrupts() -> None:
    _, log = call(*speaking(), started(), 0.1, stopped(), 0.1, said("stop", 5.0), 2.0)
    assert kinds(log) == ["hello", "Interrupt", "stop"]


def test_history_is_limited() -> None:
    turn = [started(), 1.0, stopped(), said("hello"), 3.0]
    _, log = call(*turn, *turn, *turn, history=1)
    last = decisions(log)[-1]
    assert isinstance(last, UserTurn)
    assert [message.role for message in last.messages] == ["user", "assistant", "user"]


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
