"""A language model that fails: the caller is told to wait, hears nothing twice, and in the end somebody acts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.recovery.agents import ANSWER, SAYS, agent, ask, heard, steps
from tests.testing.directed import Done, directed
from voicegraph import Call, Message, Recovery, Token, ToolCall, ToolResult, UserTurn, node, this_call
from voicegraph.engine.recovery.resume import unsaid
from voicegraph.errors import CallFailed, ProviderError
from voicegraph.graph.plan import GOODBYE, SORRY, Action, Plan, Recover
from voicegraph.testing.scripted import ScriptedLLM
from voicegraph.tools.line import hang_up
from voicegraph.tools.reading import read_tool

WAIT = "One moment please."
TIMEOUT = 1.0
POLICY = Recover(timeout=TIMEOUT, retries=1, say=WAIT)


def thinking(*faults: dict[str, Any], policy: Recover = POLICY, backup: dict[str, Any] | None = None) -> Plan:
    """An agent whose model has these faults."""
    return agent(
        recover={"llm": policy},
        standby=dict.fromkeys(policy.fallback, ScriptedLLM),
        config={
            "llm": {"says": SAYS, "faults": faults},
            **{name: {"says": SAYS, **(backup or {})} for name in policy.fallback},
        },
    )


def first_sound(done: Done) -> float:
    return done.line.heard.stretches[0].at


@pytest.mark.parametrize("fault", ["error", "hang", "stall", "die"])
def test_the_caller_is_told_to_wait_and_then_hears_all_of_it_once(fault: str) -> None:
    done = ask(thinking({"kind": fault}), seconds=20.0)
    assert heard(done) == f"{WAIT} {ANSWER}"
    assert [(step, to) for _, step, to in steps(done)] == [("say", WAIT), ("retry", "llm"), ("recovered", "")]


def test_the_holding_phrase_is_not_late() -> None:
    well = ask(thinking())
    done = ask(thinking({"kind": "hang"}))
    (turn,) = well.times("aggregator", UserTurn)
    assert first_sound(done) <= turn + TIMEOUT + 0.05 + 0.12  # 0.12: the voice's own


def test_the_next_model_goes_on_when_the_retry_fails_too() -> None:
    done = ask(thinking({"kind": "stall"}, {"kind": "error"}, policy=replace(POLICY, fallback=("other",))), seconds=20)
    assert heard(done) == f"{WAIT} {ANSWER}"
    assert ("llm", "fallback", "other") in steps(done)


@node("test.recovery.noting")
class Noting:
    """Breaks off its first answer, and keeps what it was asked."""

    call: Call = this_call()

    def __post_init__(self) -> None:
        self.asked: list[UserTurn] = []

    async def on_turn(self, turn: UserTurn) -> AsyncIterator[Token | ToolCall | ToolResult]:
        self.asked.append(turn)
        if len(self.asked) > 1:
            yield Token("Friday it is.")
            return
        yield ToolCall("1", "book", '{"day": "Friday"}')
        yield ToolResult("1", "booked")
        yield Token("Done. I have booked ")
        raise ConnectionError("the caller said something private")


def test_the_next_one_is_told_what_was_said_and_done() -> None:
    plan = agent(recover={"llm": Recover(retries=1)}, nodes={"llm": Noting})
    plan = replace(plan, nodes={**plan.nodes, "llm": replace(plan.nodes["llm"], config={})})
    done = ask(plan)
    assert heard(done) == "Done. I have booked Friday it is."
    first, second = done.session.nodes["llm"].instance.asked
    assert second.messages[: len(first.messages)] == first.messages
    called, said, go_on = second.messages[len(first.messages) :]
    assert called.role == "system"
    assert '`book` with {"day": "Friday"}: booked' in called.content
    assert said == Message("assistant", "Done. I have booked ")
    assert go_on.role == "system"
    assert not any("private" in frame.why for frame in done.log.of(Recovery))


@node("test.recovery.refused")
class Refused:
    """A provider that will not change its mind."""

    async def on_turn(self, turn: UserTurn) -> Token:
        raise ProviderError("acme", "there is no model `gpt-9`", retryable=False)


def test_what_cannot_succeed_is_not_tried_again() -> None:
    plan = agent(
        recover={"llm": replace(POLICY, retries=3, fallback=("other",))},
        nodes={"llm": Refused},
        standby={"other": ScriptedLLM},
        config={"other": {"says": SAYS}},
    )
    plan = replace(plan, nodes={**plan.nodes, "llm": replace(plan.nodes["llm"], config={})})
    done = ask(plan)
    assert "retry" not in [step for _, step, _ in steps(done)]
    assert heard(done) == f"{WAIT} {ANSWER}"


# --- nothing helps --------------------------------------------------------------------------------------------------

FOR_EVER = {"kind": "error", "count": 100}


def test_a_reply_that_will_not_come_is_apologised_for() -> None:
    done = ask(thinking(FOR_EVER), "one two three")
    assert heard(done) == f"{WAIT} {SORRY}"


def test_after_some_the_call_says_goodbye() -> None:
    with pytest.raises(CallFailed, match="llm"):
        ask(thinking(FOR_EVER), "one two three", "four five six", "seven eight nine", seconds=20)


def test_the_goodbye_is_heard() -> None:
    heard_words: list[str] = []
    plan = thinking(FOR_EVER)

    async def direct(line: Any, session: Any) -> None:
        for text in ("one two three", "four five six", "seven eight nine"):
            line.say(text)
            for _ in range(1000):
                if not await line.tick():
                    break
        heard_words.extend(word.text for word in line.heard.words)

    with pytest.raises(CallFailed):
        directed(plan, direct)
    assert " ".join(heard_words).endswith(GOODBYE)


def test_what_is_declared_is_done() -> None:
    plan = thinking(FOR_EVER, policy=replace(POLICY, then=Action(read_tool(hang_up))))
    done = ask(plan, seconds=20)
    assert ("llm", "then", "hang_up") in steps(done)
    assert heard(done) == WAIT
    assert not done.session.speaking()


def test_what_is_declared_may_fail() -> None:
    async def call_somebody() -> str:
        """Calls somebody."""
        raise RuntimeError("nobody is there")

    plan = thinking(FOR_EVER, policy=replace(POLICY, then=Action(read_tool(call_somebody))))
    with pytest.raises(CallFailed, match="llm"):
        ask(plan, seconds=30)


# --- what is new in a continuation ----------------------------------------------------------------------------------

TEXTS = st.text(alphabet="aB ,.é\n1", max_size=30)


@pytest.mark.parametrize(
    ("said", "again", "new"),
    [
        ("We are open", "We are", None),
        ("We are open", "We are open", None),
        ("We are open", "We are open from nine.", " from nine."),
        ("We are open,", "we are open, from nine", " from nine"),
        ("We are op", "We are open from nine", "en from nine"),
        ("We are open ", "from nine", "from nine"),
        ("We are open", "from nine", " from nine"),
        ("We are open", ", from nine", ", from nine"),
        ("Ja, natürlich: ", "JA, NATÜRLICH: um neun", "um neun"),
    ],
)
def test_a_continuation_that_begins_anew(said: str, again: str, new: str | None) -> None:
    assert unsaid(said, again) == new


@given(TEXTS, TEXTS)
def test_a_repetition_is_never_said(said: str, rest: str) -> None:
    new = unsaid(said, said + rest)
    letters = [letter for letter in rest if letter.isalnum()]
    assert (new is None and not letters) or [letter for letter in new or "" if letter.isalnum()] == letters
