"""Cases of turn-taking that have a name: both at once, during a tool, during the greeting, twice in a row."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.engine.calls import plan
from tests.processors.talks import Line, Talk, Voice, guessed, held, said, speaking, started, stopped, talk
from voicegraph import Message, Sentence, SpeechStarted, ToolCall, ToolResult, Transcript, UserTurn, node
from voicegraph.processors.aggregator import Aggregator

PAUSE_FIRST = [{"pause_first": False}, {"pause_first": True}]


# --- both sides start at once ----------------------------------------------------------------------------------------


def collide(offset: float, *, pause_first: bool) -> Talk:
    """The caller goes on so many seconds after the first sound of the answer, which a VAD notices 64 ms later."""
    return talk(
        *(started(), 1.0, stopped(at=2.0), said("I would like")),
        *(0.5 + offset + 0.064, started(spoken=0.064, at=2.5 + offset), 1.0, stopped(at=3.5 + offset)),
        *(said("a table", 2.5 + offset), 9.0),
        interrupt={"pause_first": pause_first},
    )


@pytest.mark.parametrize("pause_first", [False, True])
@pytest.mark.parametrize("offset", [-0.02, -0.01, 0.0])
def test_a_caller_who_goes_on_before_hearing_the_agent_has_one_turn(offset: float, pause_first: bool) -> None:
    call = collide(offset, pause_first=pause_first)
    assert call.kinds == ["I would like", "Pause", "Interrupt", "I would like a table"]
    assert call.wait(SpeechStarted, "Pause") == 0
    assert call.wait(SpeechStarted, "Interrupt") == pytest.approx(0.25 - 0.064)
    assert call.session.reply(1).heard_seconds == pytest.approx(offset + 0.064)
    assert call.turns[1].messages == (Message("user", "I would like a table"),)


@pytest.mark.parametrize("pause_first", [False, True])
@pytest.mark.parametrize("offset", [0.01, 0.02])
def test_a_caller_who_goes_on_after_hearing_the_agent_interrupts(offset: float, pause_first: bool) -> None:
    call = collide(offset, pause_first=pause_first)
    assert call.kinds == ["I would like", *["Pause"] * pause_first, "Interrupt", "a table"]
    assert call.wait(SpeechStarted, "Interrupt") == pytest.approx(0.25 - 0.064)
    first = call.session.reply(1)
    assert first.heard_seconds == pytest.approx(offset + (0.064 if pause_first else 0.25))


def test_a_caller_whose_speech_is_noticed_when_words_were_heard_interrupts() -> None:
    call = talk(*speaking(0.3), started(spoken=0.4), 1.0, stopped(), said("a table", 5.0), 9.0)
    assert call.kinds == ["hello", "Interrupt", "a table"]
    assert call.message(1, 1) == "word0 word1 word2—"


# --- an interrupt while a tool runs ----------------------------------------------------------------------------------


@node("cases.looks_up")
class LooksUp:
    """Asks a tool of its own before it answers, and says what it found."""

    preface: str = ""

    async def on_turn(self, turn: UserTurn) -> AsyncIterator[Sentence]:
        if self.preface:
            yield Sentence(self.preface)
        if turn.text == "hello":
            await asyncio.sleep(3)
        yield Sentence(f"Found {turn.text}.")


@node("cases.asks")
class Asks:
    """Has a tool look for what the caller said."""

    preface: str = ""

    async def on_turn(self, turn: UserTurn) -> AsyncIterator[Sentence | ToolCall]:
        if self.preface:
            yield Sentence(self.preface)
        yield ToolCall("1", "look_up", turn.text)


@node("cases.tool")
class Tool:
    """Looks for a long time, the first time."""

    def __post_init__(self) -> None:
        self.cancelled = 0

    async def on_call(self, call: ToolCall) -> ToolResult:
        try:
            await asyncio.sleep(3 if call.arguments == "hello" else 0)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return ToolResult(call.id, call.arguments)


@node("cases.reads")
async def reads(result: ToolResult) -> Sentence:
    """Says what a tool found."""
    return Sentence(f"Found {result.content}.")


def with_tool(*script: Any, brain: Any, preface: str = "", **interrupt: Any) -> Talk:
    nodes = {"line": Line, "aggregator": Aggregator, "brain": brain, "tool": Tool, "reads": reads, "tts": Voice}
    tool = ["brain -> tool -> reads -> tts"] if brain is Asks else []
    config: dict[str, dict[str, Any]] = {
        "line": {"script": list(script)},
        "aggregator": {"interrupt": interrupt},
        "brain": {"preface": preface},
        "tts": {"pace": 0.3},
    }
    return held(plan(nodes, "line -> aggregator -> brain -> tts -> line", *tool, config=config))


@pytest.mark.parametrize("brain", [LooksUp, Asks])
@pytest.mark.parametrize("interrupt", PAUSE_FIRST)
def test_an_interrupt_while_a_tool_runs_cancels_it(brain: Any, interrupt: Any) -> None:
    preface = "One moment please, I look."
    call = with_tool(*speaking(2.0), started(), 1.0, stopped(), said("opening hours", 5.0), 9.0,
                     brain=brain, preface=preface, **interrupt)  # fmt: skip
    paused = ["Pause"] * interrupt["pause_first"]
    assert call.kinds == ["hello", *paused, "Interrupt", "opening hours"]
    assert [message.content for message in call.turns[1].messages] == ["hello", preface + "—", "opening hours"]
    assert [reply.heard for reply in call.session.replies()] == [preface, preface + " Found opening hours."]
    assert not call.session.faults


@pytest.mark.parametrize("brain", [LooksUp, Asks])
def test_speech_before_the_tool_is_done_is_the_same_turn_going_on(brain: Any) -> None:
    call = with_tool(*speaking(1.0), started(at=5.0), 1.0, stopped(at=6.0), said("and goodbye", 5.0), 9.0, brain=brain)
    assert call.kinds == ["hello", "Pause", "Interrupt", "hello and goodbye"]
    assert [reply.heard for reply in call.session.replies()] == ["", "Found hello and goodbye."]


def test_a_tool_node_is_cancelled_and_works_again() -> None:
    call = with_tool(*speaking(1.0), started(at=5.0), 1.0, stopped(at=6.0), said("and goodbye", 5.0), 9.0, brain=Asks)
    assert call.session.nodes["tool"].instance.cancelled == 1
    assert [result.content for result in call.log.of(ToolResult)] == ["hello and goodbye"]


def test_a_cough_while_a_tool_runs_costs_nothing() -> None:
    call = with_tool(*speaking(2.0), started(), 0.1, stopped(), 9.0, brain=Asks, preface="Wait.", pause_first=True)
    assert call.kinds == ["hello", "Pause", "Resume"]
    assert [reply.heard for reply in call.session.replies()] == ["Wait. Found hello."]


# --- an interrupt during the greeting --------------------------------------------------------------------------------


@pytest.mark.parametrize("interrupt", PAUSE_FIRST)
def test_an_interrupted_greeting_is_in_the_history_as_far_as_it_was_heard(interrupt: Any) -> None:
    call = talk(1.0, started(), 1.0, stopped(), said("hello"), 5.0, greeting="Good day to you, dear caller.", pace=0.4,
                interrupt=interrupt)  # fmt: skip
    assert call.kinds == [*["Pause"] * interrupt["pause_first"], "Interrupt", "hello"]
    heard = "Good day—" if interrupt["pause_first"] else "Good day to—"
    assert call.turns[0].messages == (Message("assistant", heard), Message("user", "hello"))


def test_a_greeting_that_was_coughed_at_is_heard_whole() -> None:
    call = talk(1.0, started(), 0.1, stopped(), 5.0, started(), 1.0, stopped(), said("hello"), 5.0, pace=0.4,
                greeting="Good day to you, dear caller.", interrupt={"pause_first": True})  # fmt: skip
    assert call.kinds == ["Pause", "Resume", "hello"]
    assert call.message(0, 0) == "Good day to you, dear caller."


# --- two interrupts in a row -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("interrupt", PAUSE_FIRST)
def test_two_interrupts_the_second_before_the_second_reply_is_heard(interrupt: Any) -> None:
    call = talk(*speaking(0.4), started(at=5.0), 0.3, stopped(at=5.3), said("wait", 5.0), 0.5,
                started(at=6.0), 0.5, stopped(at=6.5), said("stop", 6.0), 9.0, interrupt=interrupt)  # fmt: skip
    paused = ["Pause"] * interrupt["pause_first"]
    assert call.kinds == ["hello", *paused, "Interrupt", "wait", "Pause", "Interrupt", "wait stop"]
    heard = "word0 word1 word2 word3—" if interrupt["pause_first"] else "word0 word1 word2 word3 word4 word5—"
    assert [message.content for message in call.turns[2].messages] == ["hello", heard, "wait stop"]
    assert [turn for turn, _, _ in call.line.sounds] == [1, 3]


def test_two_interrupts_the_second_while_the_second_reply_is_heard() -> None:
    call = talk(*speaking(0.4), started(), 0.3, stopped(), said("wait", 5.0), 0.9, started(), 0.3, stopped(),
                said("stop", 6.0), 9.0)  # fmt: skip
    assert call.kinds == ["hello", "Interrupt", "wait", "Interrupt", "stop"]
    assert call.message(2, 3).endswith("—")


# --- what must be said to its end ------------------------------------------------------------------------------------


@node("cases.notice")
async def notice(turn: UserTurn) -> AsyncIterator[Sentence]:
    """A long answer, with a notice behind it that must be said."""
    if turn.text != "hello":
        yield Sentence("Yes.")
        return
    yield Sentence("One two three four five six seven eight nine ten.")
    yield Sentence("This call is recorded.", interruptible=False)


@pytest.mark.parametrize("interrupt", PAUSE_FIRST)
def test_words_over_a_notice_that_must_be_said_interrupt_once_and_are_answered_behind_it(interrupt: Any) -> None:
    nodes = {"line": Line, "aggregator": Aggregator, "llm": notice, "tts": Voice}
    script = [*speaking(1.5), started(), 0.5, guessed("wait"), 0.1, stopped(), said("wait", 5.0), 5.0]
    config = {"line": {"script": script}, "aggregator": {"interrupt": interrupt}, "tts": {"pace": 0.3}}
    call = held(plan(nodes, "line -> aggregator -> llm -> tts -> line", config=config))
    assert call.kinds == ["hello", *["Pause"] * interrupt["pause_first"], "Interrupt", "wait"]
    first, second = call.session.replies()
    assert first.heard.endswith("This call is recorded.")
    assert "ten" not in first.heard
    assert second.heard == "Yes."


def test_a_late_transcript_of_an_interruption_is_one_turn() -> None:
    call = talk(*speaking(), started(), 0.5, stopped(), 1.0, said("wait", 5.0), 3.0)
    assert call.kinds == ["hello", "Interrupt", "wait"]
    assert call.wait(Transcript, "wait") == 0
