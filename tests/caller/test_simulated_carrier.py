"""Whole calls in virtual time: the carrier and its caller on one side, an agent of these tests on the other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

from tests.caller.agents import STREAM, Talker, Wire, clear, mark, media
from voicegraph.caller.leg import Leg
from voicegraph.caller.network import Trouble
from voicegraph.caller.phone import Phone
from voicegraph.caller.result import Result, result_of
from voicegraph.caller.steps import Director, Manner, Step, StepFailed, from_options
from voicegraph.caller.timeline import rows
from voicegraph.caller.twilio import Identity, Messages
from voicegraph.caller.voices import simulated
from voicegraph.graph.source import Source
from voicegraph.testing.conversations.model import (
    Agent,
    AgentAudio,
    AgentWords,
    Caller,
    CallerAudio,
    Cough,
    Dtmf,
    HangUp,
    Silence,
    Time,
)
from voicegraph.testing.virtual import run_virtual

PLACE = Source("script.yaml", "", Path()).start
CALM = Trouble()
TONE = b"\x80" * 1_600
"""0.2 s that are as loud as can be."""

Part = Callable[[Wire], Awaitable[None]]


def call(steps: Sequence[Step], agent: Part, trouble: Trouble = CALM) -> tuple[Phone, Wire, Exception | None]:
    """A call between these two, and what the caller's part raised."""

    async def main() -> tuple[Phone, Wire, Exception | None]:
        wire = Wire()
        leg = Leg(Messages(Identity("AC", "CA", STREAM)), keep=True)
        phone = Phone(leg, wire, trouble, Random(1))
        answering = asyncio.ensure_future(agent(wire))
        failure = None
        try:
            await phone.run(Director(steps, simulated(), Manner(patience=3.0, deadline=5.0)))
        except StepFailed as error:
            failure = error
        answering.cancel()
        return phone, wire, failure

    return run_virtual(main(), seed=1)


def result(phone: Phone) -> Result:
    return result_of(phone, 0.0)


async def talker(wire: Wire, **settings: str) -> None:
    agent = Talker(wire.say, **settings)
    while await agent.take(await wire.heard()):
        pass
    if agent.goodbye:
        wire.end()


async def silent(wire: Wire) -> None:
    while (await wire.heard())["event"] != "stop":
        pass


def saying(*messages: str | bytes, end: bool = False) -> Part:
    async def agent(wire: Wire) -> None:
        await wire.heard()
        await wire.heard()
        for message in messages:
            await wire.say(message)
        if end:
            wire.end()
        await silent(wire)

    return agent


# --- the carrier ----------------------------------------------------------------------------------------------------


def test_a_stream_begins_with_connected_and_start_and_ends_with_stop() -> None:
    phone, wire, failure = call([Time(PLACE, 1.0), HangUp(PLACE)], silent)
    events = [message["event"] for message in wire.sent]
    assert (events[:3], events[-1]) == (["connected", "start", "media"], "stop")
    assert failure is None
    assert wire.closed
    assert result(phone).outcome == "caller hung up"


def test_sound_comes_each_20_ms_and_does_not_drift_in_ten_minutes() -> None:
    phone, wire, _ = call([Time(PLACE, 600.0), HangUp(PLACE)], silent)
    times = [int(message["media"]["timestamp"]) for message in wire.of("media")]
    assert times == list(range(0, len(times) * 20, 20))
    assert len(times) == pytest.approx(600 * 50, abs=1)
    assert max(phone.late.all) < 1e-5


def test_marks_come_back_when_the_sound_before_them_has_been_played() -> None:
    came: list[tuple[str, float]] = []

    async def agent(wire: Wire) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        await wire.say(mark("none"))
        for number in range(5):
            await wire.say(media(TONE))
            await wire.say(mark(str(number)))
        while (message := await wire.heard())["event"] != "stop":
            if message["event"] == "mark":
                came.append((message["mark"]["name"], round(loop.time() - began, 4)))

    call([Time(PLACE, 2.0), HangUp(PLACE)], agent)
    assert came == [("none", 0.0), ("0", 0.2), ("1", 0.4), ("2", 0.6), ("3", 0.8), ("4", 1.0)]


def test_marks_in_what_is_cleared_come_back_at_once_and_its_sound_is_not_heard() -> None:
    async def agent(wire: Wire) -> None:
        for number in range(5):
            await wire.say(media(TONE))
            await wire.say(mark(str(number)))
        await asyncio.sleep(0.5)
        await wire.say(clear())
        await silent(wire)

    phone, wire, _ = call([Time(PLACE, 2.0), HangUp(PLACE)], agent)
    assert [message["mark"]["name"] for message in wire.of("mark")] == list("01234")
    assert (phone.leg.marks, phone.leg.flushed_marks) == (5, 3)
    (run,) = phone.leg.agent.runs
    assert run.end - run.start == 4_000
    assert sum(len(sound.codes) for sound in phone.leg.sounds[1]) == 4_000


def test_what_twilio_would_complain_of_is_told_and_changes_nothing() -> None:
    agent = saying(b"\0", media(TONE, "MZother"), '{"event": "hello"}', "{", media(TONE))
    phone, _, _ = call([Time(PLACE, 1.0), HangUp(PLACE)], agent)
    assert result(phone).faults == {31924: 1, 31950: 1, 31951: 2}
    assert result(phone).failed
    assert sum(run.end - run.start for run in phone.leg.agent.runs) == 1_600


def test_an_agent_that_does_not_read_is_told_of_and_loses_what_the_caller_says() -> None:
    async def agent(wire: Wire) -> None:
        await asyncio.sleep(0.5)
        wire.waiting = 100_000
        await asyncio.sleep(0.5)
        wire.waiting = 0
        await silent(wire)

    phone, wire, _ = call([Time(PLACE, 2.0), HangUp(PLACE)], agent)
    lost = phone.leg.faults[31930]
    assert lost == pytest.approx(25, abs=1)
    times = [int(message["media"]["timestamp"]) for message in wire.of("media")]
    assert max(b - a for a, b in pairwise(times)) == (lost + 1) * 20


def test_what_waits_to_be_played_when_the_agent_closes_is_not_heard() -> None:
    phone, _, _ = call([Time(PLACE, 2.0)], saying(media(TONE * 5), end=True))
    assert result(phone).outcome == "agent hung up"
    assert phone.leg.agent.runs == []


def test_a_connection_that_breaks_is_a_call_that_failed() -> None:
    async def agent(wire: Wire) -> None:
        await asyncio.sleep(0.3)
        wire.end(1006)

    phone, _, _ = call([Time(PLACE, 2.0)], agent)
    assert (result(phone).outcome, result(phone).faults) == ("lost", {31921: 1})


# --- trouble --------------------------------------------------------------------------------------------------------


def test_lost_sound_leaves_holes_in_the_time_and_none_in_the_numbers() -> None:
    _, wire, _ = call([Time(PLACE, 20.0), HangUp(PLACE)], silent, Trouble(loss=0.2))
    sent = wire.of("media")
    assert 0.7 < len(sent) / 1_000 < 0.9
    assert [int(message["media"]["chunk"]) for message in sent] == list(range(1, len(sent) + 1))
    assert int(sent[-1]["media"]["timestamp"]) > 19_000


@pytest.mark.parametrize("trouble", [Trouble(jitter=0.1), Trouble(stall=0.3, every=1.0)])
def test_delays_change_no_order_and_lose_nothing(trouble: Trouble) -> None:
    came: list[float] = []

    async def agent(wire: Wire) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        while (message := await wire.heard())["event"] != "stop":
            if message["event"] == "media":
                came.append(loop.time() - began - int(message["media"]["timestamp"]) / 1000 - 0.02)

    _, wire, _ = call([Time(PLACE, 5.0), HangUp(PLACE)], agent, trouble)
    numbers = [int(message["sequenceNumber"]) for message in wire.sent[1:]]
    assert numbers == list(range(1, len(numbers) + 1))
    assert min(came) > -1e-4
    assert 0.08 < max(came) <= 0.31


def test_sound_that_comes_late_in_the_midst_of_speech_is_told() -> None:
    async def agent(wire: Wire) -> None:
        await wire.say(media(TONE))
        await asyncio.sleep(0.25)
        await wire.say(media(TONE))
        await silent(wire)

    phone, _, _ = call([Time(PLACE, 1.0), HangUp(PLACE)], agent)
    assert next(event for event in phone.leg.events if event.kind == "gap").text == "50 ms"
    assert result(phone).gaps == 1


# --- the caller -----------------------------------------------------------------------------------------------------


def test_a_conversation_and_its_figures() -> None:
    phone, _, failure = call(from_options(["When do you open?", "And on Sundays?"], None), talker)
    assert failure is None
    found = result(phone)
    assert found.heard == "Oak Dental, good morning. You said When do you open? You said And on Sundays?"
    assert found.greeting == pytest.approx(0.0, abs=0.001)
    assert found.answers == [pytest.approx(0.42, abs=0.021)] * 2
    assert (found.stops, found.unanswered, found.faults, found.failed) == ([], 0, {}, False)
    assert [row.who for row in rows(phone, {})] == ["agent", "caller", "agent", "caller", "agent", "caller"]


def test_a_caller_who_interrupts_hears_the_agent_stop() -> None:
    greeting, answer = Agent(PLACE, "Oak Dental, good morning."), Agent(PLACE, "You said Wait!")
    phone, _, failure = call([greeting, AgentWords(PLACE, 2), Caller(PLACE, "Wait!"), answer], talker)
    assert failure is None
    found = result(phone)
    assert found.stops == [pytest.approx(0.02, abs=0.021)]
    assert "morning." not in found.heard
    (first, *_) = [row for row in rows(phone, {}) if row.who == "agent"]
    assert "morning." in next(part for part in first.parts if not part.heard).text
    assert phone.leg.flushed_marks == 1


def test_what_the_agent_owes_and_does_not_say_is_told() -> None:
    phone, _, failure = call(from_options(["Hello?"], None), silent)
    assert failure is None
    assert (result(phone).unanswered, result(phone).answers, result(phone).failed) == (1, [], True)
    assert result(phone).reason == "no answer"
    assert result(phone).dead_air == pytest.approx(3.0, abs=0.1)


def test_keys_are_pressed_one_after_the_other() -> None:
    _, wire, _ = call([Dtmf(PLACE, "12#"), HangUp(PLACE)], silent)
    assert [message["dtmf"]["digit"] for message in wire.of("dtmf")] == ["1", "2", "#"]


def test_the_agent_may_hang_up_when_it_has_said_goodbye() -> None:
    async def agent(wire: Wire) -> None:
        await talker(wire, goodbye="Bye", answer="Goodbye.")

    phone, _, failure = call([Caller(PLACE, "Bye"), Agent(PLACE, "Goodbye.")], agent)
    assert failure is None
    assert result(phone).outcome == "agent hung up"
    assert result(phone).heard.endswith("Goodbye.")


@pytest.mark.parametrize(
    ("steps", "code"),
    [
        ([Agent(PLACE, "Something else.")], "other-words"),
        ([Caller(PLACE, "Hello"), Agent(PLACE, ""), AgentAudio(PLACE, 60.0)], "never-happened"),
        ([AgentWords(PLACE, 90)], "never-happened"),
    ],
)
def test_a_step_that_does_not_happen_is_told_with_its_place(steps: list[Step], code: str) -> None:
    phone, _, failure = call(steps, talker)
    assert isinstance(failure, StepFailed)
    assert failure.diagnostic.code == code
    assert phone.ended is not None
    assert phone.ended.by == "caller"


def test_steps_behind_the_end_of_the_call_are_told() -> None:
    steps: list[Step] = [Time(PLACE, 1.0), Caller(PLACE, "Hello?")]
    _, _, failure = call(steps, saying(end=True))
    assert isinstance(failure, StepFailed)
    assert failure.diagnostic.code == "call-ended"


def test_coughs_pauses_and_what_is_said_over_them() -> None:
    steps: list[Step] = [
        Cough(PLACE, 0.3),
        Silence(PLACE, 0.5),
        Caller(PLACE, "One two three"),
        CallerAudio(PLACE, 0.5),
        HangUp(PLACE),
    ]
    phone, _, _ = call(steps, silent)
    cough, words = phone.leg.mouth.acts
    assert cough.text == "(coughs)"
    assert cough.began is not None
    assert words.began is not None
    assert (words.began - cough.began) / 8_000 == pytest.approx(0.8, abs=0.05)
    assert phone.ended is not None
    assert phone.ended.at == pytest.approx(words.began / 8_000 + 0.5, abs=0.05)
