"""A caller who hears nothing although a reply is due, and a call that cannot go on."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.engine.recovery.agents import ANSWER, RATE, SAYS, agent, ask, heard, steps
from tests.testing.directed import Done, directed, passing
from voicegraph import Call, Frame, Recovery, UserTurn, node, this_call
from voicegraph.engine.ending import FAREWELL
from voicegraph.errors import CallFailed
from voicegraph.graph.plan import GOODBYE, Plan, Recover, Watchdog
from voicegraph.testing.scripted import ScriptedTTS

STILL = "I am still here."


def watched(watchdog: Watchdog, *faults: dict[str, Any], **recover: Recover) -> Plan:
    config = {"llm": {"says": SAYS, "faults": faults}}
    return agent(recover=recover, config=config, watchdog=watchdog)


def incidents(done: Done) -> list[Recovery]:
    return [frame for frame in done.log.of(Recovery) if frame.step == "incident"]


def test_silence_without_a_known_cause_is_an_incident_with_a_suspect() -> None:
    done = ask(watched(Watchdog(silence=2.0), {"kind": "hang"}), seconds=9.0)
    told = incidents(done)
    assert {(incident.node, incident.turn) for incident in told} == {("llm", 1)}
    assert [incident.silence for incident in told] == pytest.approx([2.0, 4.0], abs=0.01)


def test_the_caller_may_be_told_something() -> None:
    done = ask(watched(Watchdog(silence=2.0, say=STILL), {"kind": "hang"}), seconds=9.0)
    assert heard(done) == STILL
    assert ("llm", "say", STILL) in steps(done)


def test_the_suspect_is_who_has_something_to_do() -> None:
    plan = agent(
        recover={}, config={"tts": {"rate": RATE, "faults": [{"kind": "hang"}]}}, watchdog=Watchdog(silence=2.0)
    )
    incident, *_ = incidents(ask(plan, seconds=9.0))
    assert incident.node == "tts"


def test_whoever_speaks_is_not_suspected() -> None:
    assert not incidents(ask(watched(Watchdog(silence=0.6)), seconds=9.0))


def test_nor_is_an_agent_that_has_nothing_to_say() -> None:
    done = ask(watched(Watchdog(silence=1.0)), "one two three", seconds=30.0)
    assert not incidents(done)


def test_a_recovery_tells_how_long_the_caller_heard_nothing() -> None:
    well = ask(watched(Watchdog()))
    done = ask(watched(Watchdog(), {"kind": "hang"}, llm=Recover(timeout=1.0, retries=1)))
    (recovered,) = [frame for frame in done.log.of(Recovery) if frame.step == "recovered"]
    (due,) = done.times("aggregator", UserTurn)
    assert recovered.silence == pytest.approx(done.line.heard.stretches[0].at - due, abs=0.03)
    assert recovered.silence > well.line.heard.stretches[0].at - due + 0.9


# --- a call that cannot go on ---------------------------------------------------------------------------------------


def ended(plan: Plan) -> tuple[float, str]:
    """When a call that fails was over, and what its caller heard."""
    told: list[Any] = []

    async def direct(line: Any, session: Any) -> None:
        line.say("one two three")
        while await line.tick():
            pass
        told[:] = [session.now(), " ".join(word.text for word in line.heard.words)]

    with pytest.raises(CallFailed):
        directed(plan, direct)
    return told[0], told[1]


def test_it_says_goodbye() -> None:
    plan = agent(recover={}, config={"stt": {"faults": [{"kind": "error"}]}})
    assert ended(plan)[1] == GOODBYE


def test_unless_it_is_told_not_to() -> None:
    plan = agent(recover={}, config={"stt": {"faults": [{"kind": "error"}]}}, watchdog=Watchdog(goodbye=None))
    assert ended(plan)[1] == ""


def test_a_goodbye_that_nobody_can_say_does_not_keep_the_call() -> None:
    faults: dict[str, Any] = {
        "stt": {"faults": [{"kind": "error"}]},
        "tts": {"rate": RATE, "faults": [{"kind": "hang", "count": 9}]},
    }
    at, words = ended(agent(recover={}, config=faults))
    assert words == ""
    assert at < FAREWELL + 3.0


def test_the_caller_cannot_call_the_goodbye_off() -> None:
    words: list[str] = []

    async def direct(line: Any, session: Any) -> None:
        line.say("one two three")
        await passing(line, 2.0)
        line.say("four five six seven eight nine")
        while await line.tick():
            pass
        words.extend(word.text for word in line.heard.words)

    with pytest.raises(CallFailed):
        directed(agent(recover={}, config={"stt": {"faults": [{"kind": "error"}]}}), direct)
    assert " ".join(words) == GOODBYE


# --- nodes that cannot be entered -----------------------------------------------------------------------------------


@node("test.recovery.unreachable")
class Unreachable(ScriptedTTS):
    """Cannot be connected to."""

    async def __aenter__(self) -> Unreachable:
        raise ConnectionError("refused")

    async def __aexit__(self, *_: object) -> None:
        raise AssertionError("it was never entered")


def test_a_voice_that_cannot_be_entered_is_replaced() -> None:
    plan = agent(
        recover={"tts": Recover(fallback=("backup",))},
        nodes={"tts": Unreachable},
        standby={"backup": ScriptedTTS},
        config={"backup": {"rate": RATE}},
    )
    assert heard(ask(plan)) == ANSWER


def test_a_stand_in_that_cannot_be_entered_is_missed_only_when_it_is_needed() -> None:
    policy = Recover(timeout=0.5, fallback=("broken", "backup"))
    parts = {"broken": Unreachable, "backup": ScriptedTTS}
    config = {"broken": {"rate": RATE}, "backup": {"rate": RATE}}
    assert heard(ask(agent(recover={"tts": policy}, standby=parts, config=config))) == ANSWER
    failing: dict[str, Any] = {**config, "tts": {"rate": RATE, "faults": [{"kind": "error"}]}}
    done = ask(agent(recover={"tts": policy}, standby=parts, config=failing))
    assert heard(done) == ANSWER
    assert [to for _, step, to in steps(done) if step == "fallback"] == ["broken", "backup"]


@node("test.recovery.slow_to_enter")
class SlowToEnter(ScriptedTTS):
    """Takes a minute to connect, and must be left if it was entered."""

    call: Call = this_call()

    def __post_init__(self) -> None:
        super().__post_init__()
        self.left = 0

    async def __aenter__(self) -> SlowToEnter:
        await asyncio.sleep(60.0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.left += 1


def test_the_call_does_not_wait_for_what_stands_by() -> None:
    policy = Recover(fallback=("slow",))
    plan = agent(
        recover={"tts": policy}, standby={"slow": SlowToEnter}, config={"slow": {"rate": RATE}, "tts": {"rate": RATE}}
    )
    assert heard(ask(plan)) == ANSWER


def test_an_incident_is_told_once() -> None:
    """Also one of the goodbye, which begins within another."""
    plan = agent(
        recover={},
        config={"tts": {"rate": RATE, "faults": [{"kind": "hang", "count": 99}]}},
        watchdog=Watchdog(silence=2.0),
    )
    told: list[tuple[int, float]] = []

    async def direct(line: Any, session: Any) -> None:
        def note(node: str, frame: Frame) -> None:
            if isinstance(frame, Recovery) and frame.step == "incident":
                told.append((frame.turn, round(frame.silence, 1)))

        session.taps.append(note)
        await passing(line, 0.5)
        line.say("When are you open")
        await passing(line, 60.0)

    with pytest.raises(CallFailed):
        directed(plan, direct)
    assert len(told) > 6
    assert len(told) == len(set(told))
