"""The emulator of Deepgram's v1: with the vendor's own SDK, and message by message."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosedError, InvalidStatus

from tests.emulators.deepgram_sdk import NOVA, client, converse, dial, emulator, listen, quiet, speech, validate
from voicegraph.emulators.faults import AnyFault, Close, Drop, Garbage, Status, UnknownMessage

pytestmark = pytest.mark.filterwarnings("ignore:websockets:DeprecationWarning")

FINALIZE, CLOSE, KEEP = '{"type":"Finalize"}', '{"type":"CloseStream"}', '{"type":"KeepAlive"}'
HELLO = "hello there, my friend"


def talk(*messages: bytes | str, **query: Any) -> list[dict[str, Any]]:
    """All that the emulator says to this, each message checked against the SDK's model of it."""

    async def go() -> list[dict[str, Any]]:
        async with emulator() as emulators, dial(emulators, "/v1/listen", NOVA | query) as socket:
            return await converse(socket, messages)

    answers = asyncio.run(go())
    for answer in answers:
        validate(answer, 1)
    return answers


def text(results: dict[str, Any]) -> str:
    said: str = results["channel"]["alternatives"][0]["transcript"]
    return said


def results(answers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each for each in answers if each["type"] == "Results"]


def test_a_segment_grows_until_it_is_final_and_metadata_comes_last() -> None:
    *told, last, metadata = talk(speech(HELLO), CLOSE, interim_results="true")
    assert (text(last), last["is_final"], last["speech_final"], last["from_finalize"]) == (HELLO, True, True, False)
    assert len(told) > 1
    assert all(not each["is_final"] and HELLO.startswith(text(each)) for each in told)
    assert metadata["type"] == "Metadata"
    assert metadata["duration"] == pytest.approx(len(speech(HELLO)) / 32_000)
    word = last["channel"]["alternatives"][0]["words"][1]
    assert (word["word"], word["punctuated_word"]) == ("there", "there,")


def test_without_interim_results_only_what_is_final_is_told() -> None:
    (only,) = results(talk(speech(HELLO), CLOSE))
    assert (text(only), only["is_final"]) == (HELLO, True)


def test_segments_follow_each_other_without_a_gap() -> None:
    words = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen"
    told = results(talk(speech(words), speech("and that is that"), CLOSE, interim_results="true"))
    finals = [each for each in told if each["is_final"]]
    at = 0.0
    for each in finals:
        assert each["start"] == pytest.approx(at)
        at = each["start"] + each["duration"]
    assert " ".join(filter(None, map(text, finals))) == f"{words} and that is that"
    assert [each["speech_final"] for each in finals if text(each)].count(True) == 2
    assert not finals[0]["speech_final"], "a long segment ends before the speech does"


def test_speech_and_its_end_are_told_beside_the_transcripts() -> None:
    async def go() -> list[dict[str, Any]]:
        query = NOVA | {"interim_results": "true", "vad_events": "true", "utterance_end_ms": "1000"}
        async with emulator() as emulators, dial(emulators, "/v1/listen", query) as socket:
            await socket.send(quiet(0.5) + speech(HELLO, 0.5))
            return await listen(socket, lambda told: told["type"] == "UtteranceEnd")

    told = asyncio.run(go())
    for each in told:
        validate(each, 1)
    assert told[0] == {"type": "SpeechStarted", "channel": [0, 1], "timestamp": 0.5}
    last_word = results(told)[-1]["channel"]["alternatives"][0]["words"][-1]
    assert told[-1] == {"type": "UtteranceEnd", "channel": [0, 1], "last_word_end": last_word["end"]}


def test_the_end_of_an_utterance_is_told_however_fast_the_sound_comes() -> None:
    """As when a client sends again what was lost."""
    told = talk(
        speech(HELLO, 0.05) + quiet(0.05),
        FINALIZE,
        quiet(2.0),
        speech("and you"),
        CLOSE,
        interim_results="true",
        utterance_end_ms="1000",
        vad_events="true",
    )
    kinds = [each["type"] for each in told if each["type"] != "Results" or text(each)]
    assert kinds.index("UtteranceEnd") < kinds.index("SpeechStarted", 1)


def test_silence_is_final_too_from_time_to_time() -> None:
    silences = results(talk(*[quiet(0.5)] * 30, CLOSE))
    assert silences
    assert all(each["is_final"] and not text(each) and not each["speech_final"] for each in silences)


def test_finalize_is_answered_once_with_words_or_without() -> None:
    told = [each for each in talk(speech(HELLO, 0.05), FINALIZE, FINALIZE, CLOSE) if each.get("from_finalize")]
    assert [text(each) for each in told] == [HELLO, ""]


def test_what_it_cannot_read_it_says() -> None:
    error = talk("what is this", '{"type":"Hello"}', CLOSE)[:2]
    assert [each["variant"] for each in error] == ["SchemaError"] * 2
    assert error[0]["message"] == "what is this"


def test_keyterms_can_be_changed_with_nova_3_only() -> None:
    configure = '{"type":"Configure","keyterms":["Oak"]}'
    assert talk(configure, '{"type":"Configure"}', CLOSE)[0]["keyterms"] == ["Oak"]
    assert talk(configure, CLOSE, model="nova-2")[0]["code"] == "CONFIGURE_KEYTERMS_NOT_SUPPORTED"


def test_an_empty_message_ends_the_stream() -> None:
    assert [each["type"] for each in talk(speech(HELLO), b"", speech(HELLO))] == ["Results", "Metadata"]


@pytest.mark.parametrize("encoding", ["mulaw", "alaw"])
def test_g711_is_heard(encoding: str) -> None:
    from voicegraph.audio import g711
    from voicegraph.emulators.listening import Utterance
    from voicegraph.emulators.scripted import Latencies, Script

    encode = g711.encode_mulaw if encoding == "mulaw" else g711.encode_alaw

    async def go() -> list[dict[str, Any]]:
        script = Script(hears=(Utterance(text=HELLO),), latency=Latencies(transcript=0.0))
        query = NOVA | {"encoding": encoding, "sample_rate": "8000"}
        loud = encode(b"\x00\x40\x00\xc0" * 4000) + encode(bytes(8000))
        async with emulator(script=script) as emulators, dial(emulators, "/v1/listen", query) as socket:
            return await converse(socket, [loud, CLOSE])

    assert text(results(asyncio.run(go()))[0]) == HELLO


def test_nothing_for_too_long_closes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voicegraph.emulators.deepgram_nova.IDLE", 0.05)

    async def go() -> None:
        async with emulator() as emulators, dial(emulators, "/v1/listen", NOVA) as socket:
            await socket.send(KEEP)
            await socket.recv()

    with pytest.raises(ConnectionClosedError) as raised:
        asyncio.run(go())
    assert raised.value.rcvd is not None
    assert raised.value.rcvd.code == 1011
    assert "net0001" in raised.value.rcvd.reason


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ({"model": "nova-99"}, "No such model"),
        ({"encoding": "opus"}, "encoding"),
        ({"sample_rate": "5"}, "sample_rate"),
        ({"utterance_end_ms": "1000"}, "interim_results"),
        ({"channels": "2"}, "channels"),
        ({"smart_format": "true", "vad_events": "True?"}, "vad_events"),
    ],
)
def test_what_it_does_not_offer_is_refused(query: dict[str, str], told: str) -> None:
    async def go() -> None:
        async with emulator() as emulators, dial(emulators, "/v1/listen", NOVA | query):
            pass

    with pytest.raises(InvalidStatus) as raised:
        asyncio.run(go())
    response = raised.value.response
    assert response.status_code == 400
    assert told in response.headers["dg-error"]
    assert told in (response.body or b"").decode()


# --- with the SDK ---------------------------------------------------------------------------------------------------


def test_the_sdk_converses_with_it() -> None:
    from deepgram.listen.v1.types import ListenV1Configure, ListenV1Metadata, ListenV1Results

    async def go() -> list[Any]:
        query = {**NOVA, "channels": "1", "interim_results": "true", "keyterm": ["a", "b"]}
        async with emulator() as emulators, client(emulators).listen.v1.connect(**query) as connection:
            await connection.send_keep_alive()
            await connection.send_media(speech(HELLO, 0.1))
            await connection.send_finalize()
            await connection.send_configure(ListenV1Configure(keyterms=["c"]))
            await connection.send_close_stream()
            return [message async for message in connection]

    told = asyncio.run(go())
    final = next(each for each in told if isinstance(each, ListenV1Results) and each.is_final)
    assert final.channel.alternatives[0].transcript == HELLO
    assert isinstance(told[-1], ListenV1Metadata)


@pytest.mark.parametrize("status", [401, 429])
def test_the_sdk_is_told_why_it_may_not_connect(status: int) -> None:
    from deepgram.core.api_error import ApiError

    async def go() -> None:
        async with emulator(Status(status=status)) as emulators, client(emulators).listen.v1.connect(**NOVA):
            pass

    with pytest.raises(ApiError) as raised:
        asyncio.run(go())
    assert raised.value.status_code == status


@pytest.mark.parametrize("fault", [Drop(how="rst"), Drop(how="fin"), Close(code=1011, reason="NET-0001")])
def test_the_sdk_learns_of_a_loss(fault: AnyFault) -> None:
    with pytest.raises(ConnectionClosedError):
        _listen(fault)


def test_the_sdk_takes_a_close_in_order_for_the_end() -> None:
    assert _listen(Close(code=1000)) == []


@pytest.mark.parametrize("fault", [Garbage(), UnknownMessage()])
def test_the_sdk_makes_nothing_of_what_it_does_not_know(fault: AnyFault) -> None:
    told = _listen(fault)
    assert [type(each).__name__ for each in told if each is not None][-1] == "ListenV1Metadata"


def _listen(fault: AnyFault) -> list[Any]:
    async def go() -> list[Any]:
        async with emulator(fault) as emulators, client(emulators).listen.v1.connect(**NOVA) as connection:
            await connection.send_media(speech(HELLO))
            await connection.send_close_stream()
            return [message async for message in connection]

    return asyncio.run(go())


def test_a_client_without_a_key_is_refused() -> None:
    from websockets.asyncio.client import connect

    async def go() -> None:
        async with emulator() as emulators, connect(f"ws://{emulators.address}/v1/listen?model=nova-3"):
            pass

    with pytest.raises(InvalidStatus, match="401"):
        asyncio.run(go())
