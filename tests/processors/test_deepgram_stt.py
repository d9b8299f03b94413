"""The node deepgram.stt, against the emulator."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pydantic import ValidationError

from tests.processors.deepgram_talk import Talk, talking
from voicegraph.emulators.scripted import Latencies, Script
from voicegraph.frames import EndOfTurn, SpeechStarted, SpeechStopped
from voicegraph.node import node_type
from voicegraph.processors.deepgram_stt import DeepgramSTT

HELLO = "hello there my friend"
LONG = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen"


def test_partials_grow_until_they_are_final() -> None:
    async def go() -> Talk:
        async with talking() as talk:
            await talk.silence(0.5).say(HELLO, silence=0.5).over()
            return talk

    talk = asyncio.run(go())
    *partials, final = talk.transcripts
    assert [each.final for each in partials] == [False] * len(partials)
    assert [each.text for each in partials] == sorted({each.text for each in partials}, key=len)
    assert (final.text, final.final, final.confidence) == (HELLO, True, 1.0)
    assert {each.start for each in talk.transcripts} == {0.5}
    assert 0.5 < partials[0].end < final.end < 2.5


def test_what_follows_has_a_start_of_its_own() -> None:
    async def go() -> Talk:
        async with talking() as talk:
            await talk.say(HELLO, silence=1.0).say("how are you", silence=1.0).over()
            return talk

    talk = asyncio.run(go())
    assert [each.text for each in talk.finals] == [HELLO, "how are you"]
    first, second = talk.finals
    assert (first.start or 0.0) < first.end < (second.start or 0.0) < second.end


def test_a_long_sentence_is_final_in_parts_and_no_word_is_told_twice() -> None:
    async def go() -> Talk:
        async with talking() as talk:
            await talk.say(LONG, silence=1.0).over()
            return talk

    talk = asyncio.run(go())
    assert len(talk.finals) > 1
    assert talk.text() == LONG
    assert len(talk.of(EndOfTurn)) == 1


def test_endpointing_ends_the_turn() -> None:
    async def go() -> Talk:
        async with talking() as talk:
            await talk.say(HELLO, silence=0.5).hears(HELLO)
            await talk.until(lambda: talk.of(EndOfTurn))
            return talk

    talk = asyncio.run(go())
    (end,) = talk.of(EndOfTurn)
    assert end.at == talk.finals[-1].end
    assert end.probability == 1.0
    assert not talk.of(SpeechStarted)


def test_the_end_of_the_utterance_ends_the_turn_where_there_is_no_endpointing() -> None:
    async def go() -> Talk:
        async with talking(endpointing=False) as talk:
            await talk.say(HELLO, silence=1.0).until(lambda: talk.finals)
            assert not talk.of(EndOfTurn)
            await talk.silence(1.0).until(lambda: talk.of(EndOfTurn))
            return talk

    talk = asyncio.run(go())
    assert talk.of(EndOfTurn) == [EndOfTurn(talk.finals[-1].end)]


def test_vad_events_tell_speech_from_silence() -> None:
    async def go() -> Talk:
        async with talking(vad_events=True) as talk:
            await talk.silence(0.5).say(HELLO, silence=1.0).say(HELLO, silence=1.0).over()
            return talk

    talk = asyncio.run(go())
    events = [type(each) for each in talk.given if isinstance(each, SpeechStarted | SpeechStopped)]
    assert events == [SpeechStarted, SpeechStopped] * 2
    started, stopped = talk.of(SpeechStarted)[0], talk.of(SpeechStopped)[0]
    assert started.at == 0.5
    assert stopped.at == talk.finals[0].end
    assert stopped.at < stopped.noticed
    order = [type(each).__name__ for each in talk.given if getattr(each, "final", True) is not False]
    assert order[:4] == ["SpeechStarted", "SpeechStopped", "Transcript", "EndOfTurn"]


def test_a_pause_that_a_vad_hears_makes_the_transcript_final_and_ends_no_turn() -> None:
    async def go() -> Talk:
        async with talking(endpointing=2000, utterance_end_ms=None) as talk:
            talk.say(HELLO, silence=0.1).frame(SpeechStopped(talk.at - 0.1, talk.at))
            await talk.until(lambda: talk.finals)
            return talk

    talk = asyncio.run(go())
    assert talk.text() == HELLO
    assert not talk.of(EndOfTurn)


def test_it_leaves_pauses_alone_if_told_so() -> None:
    async def go() -> Talk:
        async with talking(endpointing=2000, finalize=False) as talk:
            talk.say(HELLO, silence=0.1).frame(SpeechStopped(talk.at - 0.1, talk.at)).say("and so on", silence=0.1)
            await talk.hears("so on")
            return talk

    assert not asyncio.run(go()).finals


def test_it_connects_before_there_is_sound_and_loses_none_until_it_has() -> None:
    async def go() -> Talk:
        async with talking() as talk:
            await talk.until(lambda: talk.emulators.exchanges)
            await talk.say(HELLO, silence=1.0).over()
            return talk

    assert asyncio.run(go()).text() == HELLO


def test_what_is_said_last_is_final_when_the_call_ends() -> None:
    async def go() -> Talk:
        async with talking() as talk:
            await talk.say(HELLO).over()
            return talk

    assert asyncio.run(go()).text() == HELLO


def test_positions_are_right_behind_a_gap_in_the_sound() -> None:
    async def go() -> Talk:
        async with talking() as talk:
            talk.say(HELLO, silence=1.0)
            talk.at += 30.0
            await talk.say("how are you", silence=1.0).over()
            return talk

    first, second = asyncio.run(go()).finals
    assert first.end < 3
    assert 31 < (second.start or 0.0) < second.end < 35


def test_its_settings_are_the_vendors_parameters() -> None:
    async def go() -> dict[str, str]:
        config: dict[str, Any] = {"keyterm": ["Oak Dental", "Sam"], "language": "multi", "extra": {"numerals": True}}
        async with talking(**config, sample_rate=8000, vad_events=True) as talk:
            await talk.until(lambda: talk.emulators.exchanges)
            return dict(talk.emulators.exchanges[0].query)

    query = asyncio.run(go())
    assert query.pop("keyterm") in ("Oak Dental", "Sam")
    assert query == {
        "model": "nova-3",
        "language": "multi",
        "encoding": "linear16",
        "sample_rate": "8000",
        "channels": "1",
        "interim_results": "true",
        "smart_format": "true",
        "endpointing": "300",
        "utterance_end_ms": "1000",
        "vad_events": "true",
        "numerals": "true",
    }


def test_a_line_at_8_khz_is_heard_as_it_is() -> None:
    async def go() -> Talk:
        async with talking(sample_rate=8000, language="multi") as talk:
            await talk.say(HELLO, silence=0.5).over()
            return talk

    talk = asyncio.run(go())
    assert talk.text() == HELLO
    assert talk.finals[0].language == "en"


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"interim_results": False}, "utterance_end_ms needs interim_results"),
        ({"utterance_end_ms": 500}, "greater than or equal to 1000"),
        ({"sample_rate": 44}, "greater than or equal to 8000"),
        ({"extra": {"model": "nova-2"}}, "is a setting of its own"),
        ({"extra": {"callback": "https://example.com"}}, "cannot be set"),
        ({"endpointing": True}, "endpointing"),
    ],
)
def test_settings_that_cannot_be_are_refused(config: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        node_type(DeepgramSTT).configure(config)


def test_a_silent_call_stays_connected(monkeypatch: pytest.MonkeyPatch) -> None:
    """Deepgram closes a connection on which there is neither sound nor a message."""
    monkeypatch.setattr("voicegraph.emulators.deepgram_nova.IDLE", 0.2)
    monkeypatch.setattr("voicegraph.providers.deepgram_nova.QUIET", 0.05)
    monkeypatch.setattr("voicegraph.providers.deepgram_link.TICK", 0.02)

    async def go() -> Talk:
        async with talking() as talk:
            await talk.until(lambda: talk.emulators.exchanges and talk.emulators.exchanges[0].received > 10 * 20)
            await talk.say(HELLO, silence=0.5).over()
            return talk

    talk = asyncio.run(go())
    assert len(talk.emulators.exchanges) == 1
    assert talk.text() == HELLO


def test_slow_transcripts_are_waited_for_at_the_end() -> None:
    async def go() -> Talk:
        async with talking(script=Script(latency=Latencies(transcript=0.2))) as talk:
            await talk.say(HELLO).over()
            return talk

    assert asyncio.run(go()).text() == HELLO
