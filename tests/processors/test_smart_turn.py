"""The node smart_turn.judge: with a model that notes what it is given, and on real calls."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.engine.calls import jumping
from tests.models.fetched import fetched
from tests.recordings import RATE, WEASELS, chunked, silence, speech
from voicegraph.audio.wav import read_wav, write_wav
from voicegraph.call import Call, Reply, give_call
from voicegraph.errors import ModelError
from voicegraph.frames import Audio, EndOfTurn, SpeechStarted, SpeechStopped, UserTurn
from voicegraph.graph import Plan, compile_plan, loads
from voicegraph.node import node_type
from voicegraph.processors import smart_turn
from voicegraph.processors.smart_turn import PRE_ROLL, SmartTurnJudge
from voicegraph.shared import shared
from voicegraph.testing import run_node

EXAMPLE = Path(__file__).parents[2] / "examples" / "question.wav"

Heard = Audio | SpeechStarted | SpeechStopped
Step = Heard | Reply

CHUNK = RATE // 10
LEAD = PRE_ROLL / RATE


class Ear:
    """Stands for the model: keeps what it was given, and is sure that it was the end if that is as long as a second."""

    def __init__(self, *_: Any) -> None:
        self.heard: list[bytes] = []

    def judge(self, pcm: bytes) -> float:
        self.heard.append(pcm)
        return 0.87654 if len(pcm) >= 2 * RATE else 0.1

    @property
    def seconds(self) -> list[float]:
        return [round(len(pcm) / (2 * RATE), 3) for pcm in self.heard]


@pytest.fixture
def ear(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Ear:
    """The one of the node with `model: tmp_path`."""
    monkeypatch.setattr(smart_turn, "SmartTurn", Ear)
    return shared(("smart turn", tmp_path, 1), Ear)


class Slow:
    """A call whose threads take as many steps of the loop as the test says."""

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.said: list[Reply] = []

    def replies(self) -> list[Reply]:
        return self.said

    async def offload(self, function: Callable[..., Any], *args: Any) -> Any:
        for _ in range(self.steps):
            await asyncio.sleep(0)
        return function(*args)


async def arriving(steps: Sequence[Step], call: Slow) -> AsyncIterator[Heard]:
    """One frame each step of the loop. A reply among them is heard by the caller at that place."""
    for step in steps:
        if isinstance(step, Reply):
            call.said = [*(reply for reply in call.said if reply.turn != step.turn), step]
        else:
            yield step
            await asyncio.sleep(0)


def judged(model: Path, steps: Sequence[Step], *, slow: int = 0, **config: Any) -> list[EndOfTurn]:
    """What the node gives while these frames arrive and a judgement takes so many of them."""

    async def go() -> list[EndOfTurn]:
        node = SmartTurnJudge(model=str(model), **config)
        call = Slow(slow)
        give_call(node, cast(Call, call))
        return [each async for each in node.listen(arriving(steps, call))]

    return asyncio.run(go())


def sound(begin: float, end: float) -> list[Audio]:
    """Sound in which every sample tells its place, in tenths of a second."""
    samples = range(round(begin * RATE), round(end * RATE))
    return chunked(b"".join((n % 65_521).to_bytes(2, "little") for n in samples), CHUNK, at=begin)


LONG = sound(0, 12)


def said(begin: float, end: float, *, then: float = 0.2) -> list[Heard]:
    """Something that the caller says, and the silence in which its end is noticed."""
    return [SpeechStarted(begin), *sound(begin, end + then), SpeechStopped(end, end + then)]


# --- what is judged --------------------------------------------------------------------------------------------------


def test_a_pause_is_judged_by_the_turn_up_to_it(ear: Ear, tmp_path: Path) -> None:
    verdicts = judged(tmp_path, [*sound(0, 2), *said(2, 4), *sound(4.2, 5)])
    assert [(each.at, each.probability) for each in verdicts] == [(4, 0.877)]
    (pcm,) = ear.heard
    assert pcm == b"".join(audio.pcm for audio in sound(2 - LEAD, 4.1))


def test_of_the_silence_so_much_is_heard_as_is_asked_for(ear: Ear, tmp_path: Path) -> None:
    for tail in (0.0, 0.3, 1.0):
        judged(tmp_path, [*sound(0, 2), *said(2, 4, then=0.5)], tail=tail)
    assert ear.seconds == pytest.approx([2 + LEAD, 2.3 + LEAD, 2.5 + LEAD])


def test_a_long_turn_is_judged_by_its_last_eight_seconds(ear: Ear, tmp_path: Path) -> None:
    judged(tmp_path, [*sound(0, 2), *said(2, 15)])
    (pcm,) = ear.heard
    assert pcm == b"".join(audio.pcm for audio in sound(7.1, 15.1))


def test_the_turn_goes_on_behind_a_pause(ear: Ear, tmp_path: Path) -> None:
    steps = [*sound(0, 2), *said(2, 3), *sound(3.2, 4), *said(4, 5)]
    assert [each.at for each in judged(tmp_path, steps)] == [3, 5]
    assert ear.seconds == pytest.approx([1.1 + LEAD, 3.1 + LEAD])


def test_a_turn_begins_when_the_agent_was_heard(ear: Ear, tmp_path: Path) -> None:
    steps = [*said(0, 2), Reply(1, heard_seconds=0.5), *sound(2.2, 4), *said(4, 5)]
    steps += [Reply(2, seconds=0.5), *sound(5.2, 6), *said(6, 7)]  # nothing of this one is heard
    judged(tmp_path, steps)
    assert ear.seconds == pytest.approx([2.1, 1.1 + LEAD, 3.1 + LEAD])


def test_a_caller_who_interrupts_is_heard_from_there_on(ear: Ear, tmp_path: Path) -> None:
    """What the agent says over their voice divides nothing."""
    steps: list[Step] = [*said(0, 2), Reply(1, heard_seconds=1.0), SpeechStarted(3), *sound(2.2, 4)]
    steps += [Reply(1, heard_seconds=1.3, interrupted=True), *sound(4, 4.2), SpeechStopped(4, 4.2)]
    judged(tmp_path, [*steps, *sound(4.2, 5), *said(5, 6)])
    assert ear.seconds == pytest.approx([2.1, 1.1 + LEAD, 3.1 + LEAD])


def test_sound_that_was_dropped_leaves_silence_in_its_place(ear: Ear, tmp_path: Path) -> None:
    steps = said(0, 4)
    judged(tmp_path, [step for step in steps if not (isinstance(step, Audio) and 0.95 < step.at < 2.95)])
    (pcm,) = ear.heard
    assert pcm[: 2 * RATE] == b"".join(audio.pcm for audio in sound(0, 1))
    assert not any(pcm[2 * RATE : 6 * RATE])
    assert pcm[6 * RATE :] == b"".join(audio.pcm for audio in sound(3, 4.1))


def test_a_leap_of_years_costs_nothing(ear: Ear, tmp_path: Path) -> None:
    later = 1e8
    leap: list[Step] = [SpeechStarted(0.5), *sound(0, 1), Audio(bytes(range(200)), at=later), SpeechStopped(later + 1)]
    judged(tmp_path, leap)
    (pcm,) = ear.heard
    assert not any(pcm[:-200])
    assert pcm[-200:] == bytes(range(200))


@given(st.lists(st.integers(50, 3_000), min_size=1, max_size=5))
@settings(max_examples=25, deadline=None)
def test_chunks_of_any_size_give_the_same(sizes: list[int]) -> None:
    pcm = b"".join(audio.pcm for audio in LONG)
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(smart_turn, "SmartTurn", Ear)
        file = Path(__file__)
        ear = shared(("smart turn", file, 1), Ear)
        ear.heard.clear()
        whole: list[Heard] = [SpeechStarted(1.0), *chunked(pcm, *sizes), SpeechStopped(11.5, 12.0)]
        run_node(SmartTurnJudge, *whole, with_={"model": str(file)})
    assert ear.heard == [pcm[2 * round(3.6 * RATE) : 2 * round(11.6 * RATE)]]


# --- when ------------------------------------------------------------------------------------------------------------


def test_a_pause_is_judged_once(ear: Ear, tmp_path: Path) -> None:
    steps = [*said(0, 2), *sound(2.2, 4), SpeechStopped(2.1, 4.0), *sound(4, 9)]
    assert len(judged(tmp_path, steps, slow=3)) == len(ear.heard) == 1


def test_speech_makes_a_judgement_void(ear: Ear, tmp_path: Path) -> None:
    steps = [*said(0, 2), *sound(2.2, 2.4), *said(2.4, 4), *sound(4.2, 9)]
    assert [each.at for each in judged(tmp_path, steps, slow=5)] == [4]
    assert len(ear.heard) == 2


def test_a_pause_that_was_over_before_its_turn_came_is_not_judged(ear: Ear, tmp_path: Path) -> None:
    steps = [*said(0, 1), *said(1.3, 2), *said(2.3, 5), *sound(5.2, 9)]
    assert [each.at for each in judged(tmp_path, steps, slow=20)] == [5]
    assert len(ear.heard) == 2


def test_without_a_vad_there_is_no_pause(ear: Ear, tmp_path: Path) -> None:
    assert judged(tmp_path, sound(0, 12)) == []
    assert ear.heard == []


def test_without_sound_there_is_nothing_to_hear(ear: Ear, tmp_path: Path) -> None:
    verdicts = judged(tmp_path, [SpeechStopped(0.5), SpeechStarted(1.0), SpeechStopped(2.0)])
    assert [each.probability for each in verdicts] == [0.1, 0.1]
    assert ear.heard == [b"", b""]


# --- ends ------------------------------------------------------------------------------------------------------------


def test_the_end_of_the_call_waits_for_the_last_judgement(ear: Ear, tmp_path: Path) -> None:
    verdicts = judged(tmp_path, [*said(0, 1), *said(1.3, 2)], slow=50)
    assert [each.at for each in verdicts] == [2]
    assert len(ear.heard) == 2


def test_closing_leaves_no_task_behind(ear: Ear, tmp_path: Path) -> None:
    async def go() -> int:
        node = SmartTurnJudge(model=str(tmp_path))
        call = Slow(0)
        give_call(node, cast(Call, call))
        steps = [*said(0, 2), *sound(2.2, 9)]
        listening = cast("AsyncGenerator[EndOfTurn]", node.listen(arriving(steps, call)))
        await anext(listening)
        await listening.aclose()
        return len(asyncio.all_tasks()) - 1

    assert asyncio.run(go()) == 0
    assert len(ear.heard) == 1


def test_a_failure_is_not_swallowed() -> None:
    async def broken() -> AsyncIterator[Heard]:
        yield SpeechStarted(0.0)
        raise OSError("the line is cut")

    async def go() -> None:
        node = SmartTurnJudge()
        give_call(node, cast(Call, Slow(0)))
        async for _ in node.listen(broken()):
            pass

    with pytest.raises(OSError, match="the line is cut"):
        asyncio.run(go())


# --- configuration ---------------------------------------------------------------------------------------------------


def test_the_model_is_named_for_the_store() -> None:
    assert node_type(SmartTurnJudge).configure({}).models() == ["smart-turn-v3.2"]


@pytest.mark.parametrize("config", [{"tail": 0.1}, {"tail": "3s"}, {"threads": 0}, {"threshold": 0.5}])
def test_a_mistake_in_the_configuration_is_refused(config: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        node_type(SmartTurnJudge).configure(config)


def test_another_model_is_told_before_the_call() -> None:
    with pytest.raises(ModelError, match="not a Smart Turn v3"):
        SmartTurnJudge(model=str(fetched("silero-vad"))).warm()


# --- real calls ------------------------------------------------------------------------------------------------------


def plan(caller: Path, rate: int, nodes: str = "", wires: str = "") -> Plan:
    graph = f"""
        version: 1
        nodes:
          line: {{use: file.call, with: {{input: "{caller}", rate: {rate}}}}}
          vad: silero.vad
          judge: smart_turn.judge
          {nodes}
        flow:
          - line -> vad -> judge
          - line -> judge
          {wires}
        """
    return compile_plan(loads(graph))


def verdict(pcm: bytes, caller: Path, rate: int) -> EndOfTurn:
    """On the last pause of a call in which this is said."""
    write_wav(caller, silence(0.5) + pcm, RATE)
    session, log = jumping(plan(caller, rate))
    assert not session.faults
    pauses, verdicts = log.of(SpeechStopped), log.of(EndOfTurn)
    assert verdicts[-1].at == pauses[-1].at
    assert {each.at for each in verdicts} <= {each.at for each in pauses}
    return cast(EndOfTurn, verdicts[-1])


@pytest.mark.parametrize("rate", [8_000, 16_000])
@pytest.mark.parametrize("words", ["question", WEASELS])
def test_a_question_cut_in_the_middle_is_less_complete(words: str, rate: int, tmp_path: Path) -> None:
    """Over a telephone line too, whose sound is converted."""
    fetched("silero-vad")
    fetched("smart-turn-v3.2")
    pcm = read_wav(EXAMPLE, RATE) if words == "question" else speech(words)
    whole = verdict(pcm, tmp_path / "whole.wav", rate)
    cut = verdict(pcm[: 2 * round(2.2 * RATE)], tmp_path / "cut.wav", rate)
    assert whole.probability > 0.8
    assert cut.probability < 0.3
    assert whole.at > cut.at


@pytest.mark.parametrize(("end_of_turn", "turns"), [("silence", 2), ("{by: model, at_most: 9s}", 1)])
def test_who_stops_to_think_is_waited_for(end_of_turn: str, turns: int, tmp_path: Path) -> None:
    """1.2 s of silence in the middle of a question, and 200 ms that end a turn."""
    for name in ("silero-vad", "smart-turn-v3.2", "whisper-tiny.en"):
        fetched(name)
    pcm, middle = read_wav(EXAMPLE, RATE), 2 * round(2.13 * RATE)
    write_wav(tmp_path / "call.wav", pcm[:middle] + silence(1.2) + pcm[middle:], RATE)
    aggregator = f"{{use: aggregator, with: {{end_silence: 200ms, end_of_turn: {end_of_turn}}}}}"
    nodes = f"stt: {{use: whisper.stt, with: {{partials: null}}}}\n          aggregator: {aggregator}"
    wires = '- vad -> stt\n          - line -> stt\n          - "[vad, stt, judge] -> aggregator"'
    session, log = jumping(plan(tmp_path / "call.wav", RATE, nodes, wires))
    assert not session.faults
    assert len(log.of(UserTurn)) == turns
    assert log.of(UserTurn)[-1].text.endswith("solar system.")


def test_a_telephone_line_is_converted_once(tmp_path: Path) -> None:
    made = plan(tmp_path / "call.wav", 8_000)
    converters = [each for each in made.nodes.values() if each.kind.name == "resample"]
    assert [each.config["rate"] for each in converters] == [16_000]
