"""A transcriber that fails: the next one hears what the last one has missed, so that no word of the caller is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.engine.recovery.agents import ANSWER, SAYS, agent, ask, heard, steps
from tests.testing.directed import Done, directed, passing
from voicegraph import Audio, SpeechStarted, SpeechStopped, Transcript, UserTurn, node
from voicegraph.engine.recovery.tape import REPLAY
from voicegraph.errors import CallFailed
from voicegraph.graph.plan import GOODBYE, Plan, Recover
from voicegraph.node import node_type
from voicegraph.testing.scripted import ScriptedSTT

SORRY = "Sorry, could you repeat that?"
TEXT = "I would like an appointment next Friday morning with Doctor Miller if that is possible"
POLICY = Recover(timeout=1.0, retries=1, say=SORRY)


def listening(*faults: dict[str, Any], policy: Recover = POLICY, **more: Any) -> Plan:
    return agent(
        recover={"stt": policy},
        standby=dict.fromkeys(policy.fallback, ScriptedSTT),
        config={"llm": {"says": SAYS}, "stt": {"faults": faults}},
        **more,
    )


def understood(done: Done) -> str:
    """What the agent has answered."""
    return " ".join(turn.text for turn in done.given("aggregator", UserTurn))


@pytest.mark.parametrize("fault", ["error", "hang", "stall", "die"])
def test_no_word_is_lost(fault: str) -> None:
    done = ask(listening({"kind": fault}), TEXT, seconds=15.0)
    assert understood(done) == TEXT
    assert heard(done) == ANSWER
    assert [step for _, step, _ in steps(done)] == ["restart"]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 5000), st.sampled_from(["die", "stall"]))
def test_no_word_is_lost_whenever_it_fails(after: int, fault: str) -> None:
    done = ask(listening({"kind": fault, "after": f"{after}ms"}), TEXT, seconds=15.0)
    assert understood(done) == TEXT


def test_another_one_may_take_over() -> None:
    done = ask(listening({"kind": "die", "count": 9}, policy=replace(POLICY, fallback=("other",))), TEXT, seconds=15.0)
    assert understood(done) == TEXT
    assert ("stt", "fallback", "other") in steps(done)


def test_a_cough_is_no_reason_to_change_it() -> None:
    """Nothing was understood of it, and nothing should be."""

    async def direct(line: Any, session: Any) -> None:
        line.cough(0.6)
        await passing(line, 6.0)

    assert steps(directed(listening(), direct)) == []


def test_nothing_is_retried_for_ever() -> None:
    with pytest.raises(CallFailed, match="stt"):
        ask(listening({"kind": "error", "count": 99}), TEXT, seconds=20.0)


@node("test.recovery.deaf")
class Deaf:
    """Takes `down` seconds of sound to notice that it is not connected, each time."""

    down: float = 1.0

    async def listen(self, frames: AsyncIterator[Audio | SpeechStarted | SpeechStopped]) -> AsyncIterator[Transcript]:
        async with asyncio.timeout(self.down):
            async for _ in frames:
                pass
        yield Transcript("never")


@pytest.mark.parametrize(("down", "says_sorry"), [(4.0, False), (REPLAY + 2.0, True)])
def test_the_caller_is_asked_to_repeat_only_what_may_be_lost(down: float, says_sorry: bool) -> None:
    plan = listening(policy=Recover(say=SORRY, fallback=("other",)))
    deaf = replace(plan.nodes["stt"], kind=node_type(Deaf), config={"down": down})
    done = ask(replace(plan, nodes={**plan.nodes, "stt": deaf}), f"{TEXT} {TEXT} {TEXT}", seconds=30.0)
    assert (SORRY in " ".join(word.text for word in done.line.heard.words)) is says_sorry
    assert (understood(done) == f"{TEXT} {TEXT} {TEXT}") is not says_sorry


def test_a_deaf_agent_says_goodbye() -> None:
    words: list[str] = []

    async def direct(line: Any, session: Any) -> None:
        line.say(TEXT)
        while await line.tick():
            pass
        words.extend(word.text for word in line.heard.words)

    with pytest.raises(CallFailed):
        directed(listening({"kind": "error", "count": 99}), direct)
    assert " ".join(words) == GOODBYE


@node("test.recovery.hung")
class Hung:
    """Hears nothing, and may never even be ready."""

    ready: bool = True

    async def __aenter__(self) -> None:
        if not self.ready:
            await asyncio.get_running_loop().create_future()

    async def __aexit__(self, *_: object) -> None:
        """There is nothing to let go of."""

    async def listen(self, frames: AsyncIterator[Audio | SpeechStarted | SpeechStopped]) -> AsyncIterator[Transcript]:
        await asyncio.sleep(3600.0)
        yield Transcript("never")


def hung(policy: Recover, **config: Any) -> Plan:
    plan = listening(policy=policy)
    stt = replace(plan.nodes["stt"], kind=node_type(Hung), config=config)
    return replace(plan, nodes={**plan.nodes, "stt": stt})


def test_one_that_hangs_for_long_is_not_forgiven_for_it() -> None:
    done = ask(hung(Recover(timeout=6.0, retries=1, fallback=("other",))), TEXT, seconds=30.0)
    assert [step for _, step, _ in steps(done) if step != "say"] == ["restart", "fallback"]


def test_one_that_is_never_ready_is_replaced() -> None:
    """Also where no VAD tells it when the caller pauses."""
    plan = hung(Recover(timeout=1.0, fallback=("other",)), ready=False)
    edges = tuple(edge for edge in plan.edges if (edge.giver, edge.taker) != ("vad", "stt"))
    done = ask(replace(plan, edges=edges), TEXT, seconds=15.0)
    assert steps(done)[0] == ("stt", "fallback", "other")


@node("test.recovery.half")
class Half:
    """Writes down the first words while the caller goes on, and is gone."""

    async def listen(self, frames: AsyncIterator[Audio | SpeechStarted | SpeechStopped]) -> AsyncIterator[Transcript]:
        async for frame in frames:
            if isinstance(frame, Audio) and frame.at > 2.0:
                yield Transcript("I would like", start=0.5, end=1.5)
                raise ConnectionError


@node("test.recovery.by_pauses")
class ByPauses:
    """Tells where it was told that speech began and stopped, as one that reads utterances would."""

    async def listen(self, frames: AsyncIterator[Audio | SpeechStarted | SpeechStopped]) -> AsyncIterator[Transcript]:
        began: float | None = None
        async for frame in frames:
            match frame:
                case SpeechStarted():
                    began = frame.at
                case SpeechStopped() if began is not None:
                    yield Transcript("the rest", start=began, end=frame.at)
                    began = None
                case _:
                    pass


def test_the_next_one_is_told_that_the_caller_is_speaking() -> None:
    plan = listening(policy=Recover(fallback=("other",)))
    stt, other = (replace(plan.nodes["stt"], kind=node_type(kind), config={}) for kind in (Half, ByPauses))
    standby = {"other": replace(other, name="other", recover=None)}
    done = ask(replace(plan, nodes={**plan.nodes, "stt": stt}, standby=standby), TEXT, seconds=15.0)
    assert understood(done) == "I would like the rest"
    (rest,) = [told for told in done.given("stt", Transcript) if told.text == "the rest"]
    assert rest.start == pytest.approx(1.5, abs=0.03)
