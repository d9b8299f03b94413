"""The node deepgram.flux, against the emulator, and with an aggregator behind it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pydantic import ValidationError

from tests.processors.deepgram_talk import Talk, talking
from voicegraph.emulators.listening import Utterance
from voicegraph.emulators.scripted import Latencies, Script
from voicegraph.frames import EndOfTurn, SpeechStarted, SpeechStopped, Transcript
from voicegraph.node import node_type
from voicegraph.processors.deepgram_flux import DeepgramFlux

HELLO = "hello there my friend"


def script(*utterances: Utterance) -> Script:
    return Script(hears=utterances, latency=Latencies(transcript=0.0))


def shape(talk: Talk) -> list[tuple[str, Any]]:
    """What was given, without the partial transcripts."""
    told: list[tuple[str, Any]] = []
    for each in talk.given:
        match each:
            case Transcript(final=True, text=text):
                told.append(("final", text))
            case Transcript():
                pass
            case EndOfTurn(probability=probability):
                told.append(("end", probability))
            case _:
                told.append((type(each).__name__, None))
    return told


def test_a_turn_begins_grows_and_ends() -> None:
    async def go() -> Talk:
        async with talking(DeepgramFlux) as talk:
            await talk.silence(0.5).say(HELLO, silence=1.0).over()
            return talk

    talk = asyncio.run(go())
    assert shape(talk) == [("SpeechStarted", None), ("SpeechStopped", None), ("final", HELLO), ("end", 1.0)]
    started, stopped, end = talk.of(SpeechStarted)[0], talk.of(SpeechStopped)[0], talk.of(EndOfTurn)[0]
    assert started.at == 0.5 < started.noticed
    assert stopped.at == end.at == talk.finals[0].end < stopped.noticed
    assert len(talk.transcripts) > 2
    assert {each.start for each in talk.transcripts} == {0.5}
    assert len({each.text for each in talk.transcripts[:-1]}) == len(talk.transcripts) - 1


def test_each_turn_has_a_start_of_its_own() -> None:
    async def go() -> Talk:
        async with talking(DeepgramFlux) as talk:
            await talk.say(HELLO, silence=1.0).say("how are you", silence=1.0).over()
            return talk

    first, second = asyncio.run(go()).finals
    assert (first.text, second.text) == (HELLO, "how are you")
    assert first.end < (second.start or 0.0)


HESITANT = (Utterance(text="I would like", at=0.5, until=1.5, done=0.5), Utterance(text="a pizza", at=3.0, until=4.0))


def test_a_turn_that_seems_to_be_over_has_a_final_transcript_ahead_of_its_end() -> None:
    async def go() -> Talk:
        async with talking(DeepgramFlux, script=script(HESITANT[0]), eager_eot_threshold=0.4, eot_timeout_ms=1500) as t:
            await t.until_silent(lambda: t.of(EndOfTurn))
            return t

    talk = asyncio.run(go())
    assert shape(talk) == [
        ("SpeechStarted", None),
        ("SpeechStopped", None),
        ("final", "I would like"),
        ("end", 0.5),
    ]


def test_a_turn_that_is_resumed_goes_on_with_the_same_start() -> None:
    async def go() -> Talk:
        async with talking(DeepgramFlux, script=script(*HESITANT), eager_eot_threshold=0.4) as talk:
            await talk.silence(5.0).over()
            return talk

    talk = asyncio.run(go())
    assert shape(talk) == [
        ("SpeechStarted", None),
        ("SpeechStopped", None),
        ("final", "I would like"),
        ("SpeechStarted", None),
        ("SpeechStopped", None),
        ("final", "I would like a pizza"),
        ("end", 1.0),
    ]
    assert {each.start for each in talk.transcripts} == {0.5}
    resumed, end = talk.of(SpeechStarted)[1], talk.of(EndOfTurn)[0]
    assert resumed.at <= end.at, "else an aggregator takes the end for that of what was said before"


def test_without_an_eager_threshold_nothing_is_final_before_the_end() -> None:
    async def go() -> Talk:
        async with talking(DeepgramFlux, script=script(*HESITANT)) as talk:
            await talk.silence(5.0).over()
            return talk

    assert [kind for kind, _ in shape(asyncio.run(go()))] == ["SpeechStarted", "SpeechStopped", "final", "end"]


def test_what_is_said_last_is_final_when_the_call_ends() -> None:
    async def go() -> Talk:
        hesitant = Utterance(text="I would like", at=0.5, until=1.5, done=0.1)
        async with talking(DeepgramFlux, script=script(hesitant)) as talk:
            await talk.silence(2.5).over()
            return talk

    talk = asyncio.run(go())
    assert talk.text() == "I would like"
    assert not talk.of(EndOfTurn)


def test_a_turn_ends_though_the_sound_does_not_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that is muted in mid-sentence gives none. Silence takes its place, and positions stay right."""
    monkeypatch.setattr("voicegraph.providers.deepgram_link.TICK", 0.01)
    monkeypatch.setattr("voicegraph.providers.deepgram_flux.QUIET", 0.02)

    async def go() -> Talk:
        async with talking(DeepgramFlux) as talk:
            talk.say(HELLO)
            await talk.until(lambda: talk.of(EndOfTurn))
            talk.at += 10.0
            await talk.say("how are you", silence=1.0).over()
            return talk

    talk = asyncio.run(go())
    assert [each.text for each in talk.finals] == [HELLO, "how are you"]
    assert [(each.start, each.end) for each in talk.finals] == talk.said


def test_its_settings_are_the_vendors_parameters() -> None:
    async def go() -> dict[str, str]:
        config: dict[str, Any] = {"keyterm": ["Oak"], "language_hint": ["es"], "model": "flux-general-multi"}
        async with talking(DeepgramFlux, **config, eager_eot_threshold=0.4, extra={"tag": ["a"]}) as talk:
            await talk.until(lambda: talk.emulators.exchanges)
            return dict(talk.emulators.exchanges[0].query)

    assert asyncio.run(go()) == {
        "model": "flux-general-multi",
        "encoding": "linear16",
        "sample_rate": "16000",
        "eot_threshold": "0.7",
        "eager_eot_threshold": "0.4",
        "eot_timeout_ms": "5000",
        "keyterm": "Oak",
        "language_hint": "es",
        "tag": "a",
    }


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"eot_threshold": 0.4}, "greater than or equal to 0.5"),
        ({"eager_eot_threshold": 0.8}, "eager_eot_threshold is above eot_threshold"),
        ({"eot_timeout_ms": 100}, "greater than or equal to 500"),
        ({"extra": {"encoding": "mulaw"}}, "is a setting of its own"),
    ],
)
def test_settings_that_cannot_be_are_refused(config: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        node_type(DeepgramFlux).configure(config)
