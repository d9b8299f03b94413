"""Whose turn it is: by silence, by speculation, by interruption; and what the conversation then holds."""

from __future__ import annotations

import asyncio
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


@node("test.halting")
async def halting(turn: UserTurn) -> AsyncIterator[Sentence]:
    """A sentence, and after a long while another."""
    yield Sentence("One two.")
    await asyncio.sleep(5)
    yield Sentence("Three.")


@node("test.greeting", line=True)
class Greeting(ScriptedLine):
    """Greets the caller."""

    async def __aenter__(self) -> None:
        self.call.say("Good day.")

    async def __aexit__(self, *_: object) -> None: ...


@node("test.sink")
class Sink:
    """Takes the turns; nothing of them comes to the line."""

    def on_turn(self, turn: UserTurn) -> None: ...


def started(spoken: float = 0.0) -> SpeechStarted:
    return SpeechStarted(at=1.0, noticed=1.0 + spoken)


def stopped(silence: float = 0.0) -> SpeechStopped:
    return SpeechStopped(at=1.0, noticed=1.0 + silence)


def said(text: str, start: float | None = 0.0, *, final: bool = True) -> Transcript:
    return Transcript(text, final=final, start=start)


def call(*script: Any, **config: Any) -> tuple[Session, Log]:
    nodes = {"line": ScriptedLine, "aggregator": Aggregator, "llm": answer, "tts": Voice}
    made = plan(nodes, "line -> aggregator -> llm -> tts -> line",
                config={"line": {"script": list(script)}, "aggregator": config})  # fmt: skip
    return jumping(made)


def turns(log: Log) -> list[UserTurn]:
    return log.of(UserTurn)


def roles(turn: UserTurn) -> str:
    """The history as letters: u for the user, a for the assistant."""
    return "".join(message.role[0] for message in turn.messages)


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


def time_of(log: Log, frame: Frame) -> float:
    return next(time for time, (_, given) in zip(log.times, log.frames, strict=True) if given is frame)


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


def test_finals_without_a_start_follow_each_other() -> None:
    _, log = call(started(), 1.0, stopped(), said("I would like", None), said("I would like", None),
                  said("a table", None), 2.0)  # fmt: skip
    assert kinds(log) == ["I would like I would like a table"]


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


def test_too_few_words_are_answered_when_the_agent_is_done() -> None:
    session, log = call(*speaking(), started(), 0.1, stopped(), said("yes", 5.0), 3.0, interrupt={"min_words": 2})
    assert kinds(log) == ["hello", "yes"]
    assert [reply.heard_seconds for reply in session.replies()] == [pytest.approx(1.0)] * 2
    first, second = (time_of(log, turn) for turn in turns(log))
    assert second - first == pytest.approx(1.05, abs=0.06)  # a second of the answer, and up to 0.1 s until it is seen
    assert [message.content for message in turns(log)[1].messages][::2] == ["hello", "yes"]


def test_too_few_words_are_answered_with_what_the_caller_says_next() -> None:
    _, log = call(*speaking(), started(), 0.1, stopped(), said("yes", 5.0), 0.1, started(), 0.5, stopped(),
                  said("please", 6.0), 3.0, interrupt={"min_words": 2})  # fmt: skip
    assert kinds(log) == ["hello", "yes please"]
    _, log = call(*speaking(), said("yes", 5.0), 0.1, said("but wait", 6.0), 3.0, interrupt={"min_words": 2})
    assert kinds(log) == ["hello", "Interrupt", "yes but wait"]


def test_too_few_words_before_the_call_ends_are_a_turn_too() -> None:
    _, log = call(*speaking(), said("yes", 5.0), interrupt={"min_words": 2})
    assert kinds(log) == ["hello", "yes"]


def test_an_ignored_word_does_not_hold_up_the_words_that_were_kept() -> None:
    policy = {"min_words": 2, "ignore": ["okay"]}
    _, log = call(started(), 1.0, stopped(), said("hello"), 0.3, started(), 0.1, said("yes", 5.0),
                  said("ok", 6.0, final=False), stopped(), 0.2, said("okay", 6.0), 3.0,
                  end_silence="100ms", interrupt=policy)  # fmt: skip
    assert kinds(log) == ["hello", "yes"]


def test_an_ignored_word_is_a_turn_when_the_agent_is_silent() -> None:
    _, log = call(started(), 1.0, stopped(), said("okay"), 3.0, interrupt={"ignore": ["okay"]})
    assert kinds(log) == ["okay"]


def test_without_a_vad_partials_interrupt() -> None:
    agent = [said("hello"), 0.95]
    _, log = call(*agent, said("no", 5.0, final=False), 0.2, said("no wait", 5.0, final=False), 0.2,
                  said("no wait", 5.0), 3.0)  # fmt: skip
    assert kinds(log) == ["hello", "Interrupt", "no wait"]
    first = next(frame for frame in log.of(Transcript) if not frame.final)
    assert time_of(log, log.of(Interrupt)[0]) - time_of(log, first) == pytest.approx(0.25, abs=0.02)


def test_without_a_vad_a_partial_takes_back_and_a_guess_that_comes_to_nothing_gives_it_again() -> None:
    _, log = call(said("hello"), 0.1, said("and", 5.0, final=False), 9.0, speculate=True)
    assert kinds(log) == ["hello?", "Interrupt", "hello"]


def test_speech_counts_from_its_start_and_not_from_when_it_was_noticed() -> None:
    _, log = call(*speaking(), started(spoken=0.2), 1.0, stopped(), said("wait", 5.0), 2.0)
    assert kinds(log) == ["hello", "Interrupt", "wait"]
    assert wait_between(log, SpeechStarted, Interrupt) == pytest.approx(0.05, abs=0.02)


def test_a_reply_interrupted_between_its_sentences_is_marked() -> None:
    nodes = {"line": ScriptedLine, "aggregator": Aggregator, "llm": halting, "tts": Voice}
    script = [started(), 1.0, stopped(), said("hello"), 1.5, started(), 1.0, stopped(), said("wait", 5.0), 2.0]
    _, log = jumping(plan(nodes, "line -> aggregator -> llm -> tts -> line", config={"line": {"script": script}}))
    assert kinds(log) == ["hello", "Interrupt", "wait"]
    assert turns(log)[1].messages[1].content == "One two.—"


def test_a_reply_heard_to_its_end_is_not_marked() -> None:
    _, log = call(*speaking(), 1.0, started(), 1.0, stopped(), said("thanks", 5.0), 2.0)
    assert turns(log)[1].messages[1].content.endswith("word9")


def test_turns_that_never_come_to_a_line_are_not_taken_back() -> None:
    script = [started(), 0.1, stopped(), said("one"), 2.0, started(), 0.1, stopped(), said("two", 3.0), 2.0]
    made = plan({"line": ScriptedLine, "aggregator": Aggregator, "sink": Sink}, "line -> aggregator -> sink",
                config={"line": {"script": script}})  # fmt: skip
    _, log = jumping(made)
    assert kinds(log) == ["one", "two"]


def test_a_transcript_that_goes_on_behind_its_answer_s_start_says_only_what_is_new() -> None:
    _, log = call(*speaking(), said("Hello, is there", 0.0), 0.1, said("hello is there a table", 0.0), 2.0)
    assert kinds(log) == ["hello", "Interrupt", "is there", "Interrupt", "is there a table"]
    assert [message.content for message in turns(log)[2].messages if message.role == "user"] == [
        "hello", "is there a table",
    ]  # fmt: skip


def test_a_transcript_that_begins_differently_is_a_turn_as_it_is() -> None:
    _, log = call(*speaking(), said("Yellow paint", 0.0), 2.0)
    assert kinds(log) == ["hello", "Interrupt", "Yellow paint"]


def test_a_transcript_that_tells_nothing_new_is_nothing() -> None:
    session, log = call(*speaking(), said("Hello.", 0.0), 2.0)
    assert kinds(log) == ["hello"]
    assert not session.replies()[0].interrupted
    _, log = call(started(), 0.1, stopped(), said("hello"), 0.1, said("Hello!"), 3.0, speculate=True)
    assert kinds(log) == ["hello?", "Commit"]


def test_what_was_answered_does_not_count_towards_the_words_that_interrupt() -> None:
    _, log = call(*speaking(), started(), 0.3, said("hello there", 0.0, final=False), 0.1, stopped(), 3.0,
                  interrupt={"min_words": 2})  # fmt: skip
    assert kinds(log) == ["hello"]


def test_a_late_final_with_real_words_interrupts() -> None:
    _, log = call(*speaking(), started(), 0.1, stopped(), 0.1, said("stop", 5.0), 2.0)
    assert kinds(log) == ["hello", "Interrupt", "stop"]


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
    _, log = call(*script, history=history)
    assert [roles(turn) for turn in turns(log)] == ["ua" * carried + "u" for carried in exchanges]
    assert [turn.messages[-1].content for turn in turns(log)] == [f"{at}" for at in range(8)]
    firsts = [turn.messages[0].content for turn in turns(log)]
    assert firsts == [f"{at - carried}" for at, carried in enumerate(exchanges)]


def test_a_greeting_is_part_of_the_history_until_it_is_too_old() -> None:
    script = [2.0, *(step for at in range(4) for step in (said(f"{at}", 9.0 * at), 3.0))]
    made = plan({"line": Greeting, "aggregator": Aggregator, "llm": answer, "tts": Voice},
                "line -> aggregator -> llm -> tts -> line",
                config={"line": {"script": script}, "aggregator": {"history": 2}})  # fmt: skip
    _, log = jumping(made)
    assert [roles(turn) for turn in turns(log)] == ["au", "auau", "uau", "uauau"]


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
