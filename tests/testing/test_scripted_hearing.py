"""Scripted nodes that hear: the voice activity detector, the transcriber, the judge of the end of a turn."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from tests.engine.calls import plan
from tests.testing.directed import Done, directed, passing
from voicegraph import Audio, EndOfTurn, SpeechStarted, SpeechStopped, Transcript, node
from voicegraph.frames import Frame
from voicegraph.testing import SimulatedCall, run_node, utter
from voicegraph.testing.scripted import ScriptedJudge, ScriptedSTT, ScriptedVAD
from voicegraph.testing.speech import murmur

RATE = 8_000
Direct = Callable[[SimulatedCall, Any], Awaitable[Any]]


def audio(pcm: bytes, rate: int = RATE, size: float = 0.02) -> Iterator[Audio]:
    step = int(size * rate) * 2
    for start in range(0, len(pcm), step):
        yield Audio(pcm[start : start + step], rate=rate, at=start / (2 * rate))


def silence(seconds: float) -> bytes:
    return bytes(2 * int(seconds * RATE))


def said(text: str, origin: int = 1) -> bytes:
    return utter(text, rate=RATE, origin=origin).rstrip(b"\0")


def of(frame_type: type[Frame], frames: list[Frame]) -> list[Any]:
    return [frame for frame in frames if isinstance(frame, frame_type)]


# --- the voice activity detector ------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0.02, 0.013, 0.5])
def test_the_vad_tells_where_speech_was_and_when_it_noticed(size: float) -> None:
    pcm = silence(0.5) + murmur(0.4, rate=RATE, origin=1) + silence(0.5)
    given = run_node(ScriptedVAD, *audio(pcm, size=size), with_={"min_speech": "60ms", "min_silence": "100ms"})
    started, stopped = given
    assert isinstance(started, SpeechStarted)
    assert isinstance(stopped, SpeechStopped)
    assert started.at == pytest.approx(0.5)
    assert stopped.at == pytest.approx(0.9)
    assert 0.56 - 1e-6 <= started.noticed <= 0.56 + size + 1e-6
    assert 1.0 - 1e-6 <= stopped.noticed <= 1.0 + size + 1e-6


def test_the_vad_takes_no_click_for_speech_and_no_gap_for_a_pause() -> None:
    click, speech, gap = murmur(0.04, rate=RATE, origin=1), murmur(0.3, rate=RATE, origin=2), silence(0.08)
    pcm = silence(0.1) + click + gap + click + silence(0.1) + speech + gap + speech + silence(0.2)
    assert [type(event) for event in run_node(ScriptedVAD, *audio(pcm))] == [SpeechStarted, SpeechStopped]


# --- the transcriber ------------------------------------------------------------------------------------------------


def transcribed(
    direct: Direct, *, vad: bool = True, vad_settings: dict[str, Any] | None = None, **settings: Any
) -> Done:
    nodes: dict[str, Any] = {"line": SimulatedCall, "stt": ScriptedSTT, "sink": sink}
    flow = ["line -> stt -> sink"]
    if vad:
        nodes = {"line": SimulatedCall, "vad": ScriptedVAD, "stt": ScriptedSTT, "sink": sink}
        flow = ["line -> vad -> stt -> sink", "line -> stt"]
    return directed(plan(nodes, *flow, config={"stt": settings, "vad": vad_settings or {}}), direct)


@node("test.scripted.sink")
def sink(frame: Transcript | EndOfTurn) -> None:
    """Where it ends."""


async def ask(line: SimulatedCall, session: Any) -> None:
    await line.say("When do you open on Sundays?").done()
    await passing(line, 2.0)


@pytest.mark.parametrize("vad", [True, False])
def test_partials_grow_into_the_final_transcript(vad: bool) -> None:
    done = transcribed(ask, vad=vad)
    *partials, final = done.given("stt", Transcript)
    assert (final.text, final.final) == ("When do you open on Sundays?", True)
    assert len(partials) >= 3
    for before, after in zip(partials, [*partials[1:], final], strict=True):
        assert not before.final
        assert after.text.startswith(before.text)
        assert after.start == before.start == final.start
    (act,) = done.line.acts
    assert act.began is not None
    assert final.start == pytest.approx(act.began)
    assert final.end == pytest.approx(act.began + act.seconds)


def test_a_transcript_comes_as_late_as_it_is_told_to() -> None:
    done = transcribed(ask, latency="250ms")
    (pause,) = done.times("vad", SpeechStopped)
    assert done.times("stt", Transcript)[-1] == pytest.approx(pause + 0.25)
    varied = transcribed(ask, latency={"p50": "250ms", "p95": "500ms"})
    assert varied.times("stt", Transcript) != done.times("stt", Transcript)


def test_without_a_vad_it_waits_for_a_pause_of_its_own() -> None:
    done = transcribed(ask, vad=False, min_silence="500ms", latency="0ms")
    (act,) = done.line.acts
    assert act.ended is not None
    assert done.times("stt", Transcript)[-1] == pytest.approx(act.ended + 0.5)


def test_with_a_vad_it_waits_for_that() -> None:
    """However patient it is, and although the first word is over before the VAD notices speech."""

    async def ask_twice(line: SimulatedCall, session: Any) -> None:
        await ask(line, session)
        await ask(line, session)

    patient = transcribed(ask_twice, vad_settings={"min_silence": "600ms", "min_speech": "500ms"}, latency="0ms")
    finals = [each for each in patient.given("stt", Transcript) if each.final]
    assert [final.text for final in finals] == ["When do you open on Sundays?"] * 2
    assert patient.times("stt", Transcript)[-1] == pytest.approx(finals[-1].end + 0.6)


def test_speech_that_goes_on_replaces_what_it_was_before() -> None:
    async def hesitate(line: SimulatedCall, session: Any) -> None:
        await line.say("I would like").done()
        await passing(line, 0.6)
        await line.say("an appointment.").done()
        await passing(line, 1.6)
        await line.say("Please.").done()
        await passing(line, 1.0)

    finals = [each for each in transcribed(hesitate).given("stt", Transcript) if each.final]
    assert [each.text for each in finals] == ["I would like", "I would like an appointment.", "Please."]
    assert finals[0].start == finals[1].start < finals[2].start


def test_what_is_on_its_way_when_the_caller_goes_on_was_not_final() -> None:
    async def stumble(line: SimulatedCall, session: Any) -> None:
        await line.say("I would").done()
        await passing(line, 0.2)
        await line.say("like one.").done()
        await passing(line, 1.5)

    done = transcribed(stumble, latency="400ms", end_of_turn=True, partials=None)
    assert [(each.text, each.final) for each in done.given("stt", Transcript)] == [
        ("I would", False),
        ("I would like one.", True),
    ]
    assert len(done.given("stt", EndOfTurn)) == 1


def test_no_word_is_made_of_a_cough() -> None:
    async def cough(line: SimulatedCall, session: Any) -> None:
        await line.cough(0.5).done()
        await passing(line, 1.0)

    done = transcribed(cough)
    assert len(done.given("vad", SpeechStarted)) == len(done.given("vad", SpeechStopped)) == 1
    assert done.given("stt", Transcript) == []


def test_it_mishears_as_it_is_told_to() -> None:
    done = transcribed(ask, mishears={"Sundays": "Mondays", "open": ""})
    assert done.given("stt", Transcript)[-1].text == "When do you on Mondays"


def test_it_can_tell_speech_and_the_end_of_the_turn_itself() -> None:
    done = transcribed(ask, vad=False, speech=True, end_of_turn=True)
    assert len(done.given("stt", SpeechStarted)) == len(done.given("stt", SpeechStopped)) == 1
    (told,) = done.given("stt", EndOfTurn)
    assert (told.at, told.probability) == (pytest.approx(done.line.acts[0].ended), 1.0)
    quiet = transcribed(ask, vad=False)
    assert {type(frame) for giver, frame in quiet.log.frames if giver == "stt"} == {Transcript}


def test_what_is_being_said_when_the_call_ends_is_still_written_down() -> None:
    given = run_node(ScriptedSTT, *audio(silence(0.1) + said("Goodbye then")))
    assert of(Transcript, given)[-1].text == "Goodbye then"
    assert of(Transcript, given)[-1].final


# --- the judge ------------------------------------------------------------------------------------------------------


def judged(direct: Direct, **settings: Any) -> Done:
    nodes = {"line": SimulatedCall, "judge": ScriptedJudge, "sink": sink}
    return directed(plan(nodes, "line -> judge -> sink", config={"judge": settings}), direct)


def test_the_judge_is_sure_unless_told_otherwise() -> None:
    async def think(line: SimulatedCall, session: Any) -> None:
        await line.say("I want one and then").done()
        await passing(line, 0.3)
        await line.say("another one.").done()
        await passing(line, 0.3)

    done = judged(think, behind={"And then": 0.1})
    assert [judgement.probability for judgement in done.given("judge", EndOfTurn)] == [0.1, 1.0]
    assert done.given("judge", EndOfTurn)[-1].at == pytest.approx(done.line.acts[-1].ended)


def test_speech_makes_a_judgement_void() -> None:
    async def stumble(line: SimulatedCall, session: Any) -> None:
        await line.say("I want").done()
        await passing(line, 0.2)
        await line.say("one.").done()
        await passing(line, 1.0)

    (judgement,) = judged(stumble, latency="200ms").given("judge", EndOfTurn)
    assert judgement.at > 0.6
