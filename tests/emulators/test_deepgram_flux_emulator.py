"""The emulator of Deepgram's v2: with the vendor's own SDK, and message by message."""

from __future__ import annotations

import asyncio
import json
from itertools import pairwise
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosedError, InvalidStatus

from tests.emulators.deepgram_sdk import FLUX, client, converse, dial, emulator, listen, quiet, speech, validate
from voicegraph.emulators.faults import Drop
from voicegraph.emulators.listening import Utterance
from voicegraph.emulators.scripted import Latencies, Script

pytestmark = pytest.mark.filterwarnings("ignore:websockets:DeprecationWarning")

CLOSE, FORCE = '{"type":"CloseStream"}', '{"type":"ForceEndTurn"}'
HELLO = "hello there my friend"
EAGER = {"eager_eot_threshold": "0.4"}


def script(*utterances: Utterance) -> Script:
    return Script(hears=utterances, latency=Latencies(transcript=0.0))


def talk(*messages: bytes | str, spoken: Script | None = None, **query: Any) -> list[dict[str, Any]]:
    """All that the emulator says to this, each message checked against the SDK's model of it."""

    async def go() -> list[dict[str, Any]]:
        async with emulator(script=spoken) as emulators, dial(emulators, "/v2/listen", FLUX | query) as socket:
            return await converse(socket, messages)

    answers = asyncio.run(go())
    for number, answer in enumerate(answers):
        validate(answer, 2)
        assert answer["sequence_id"] == number
    assert answers[0]["type"] == "Connected"
    return answers[1:]


def events(answers: list[dict[str, Any]]) -> list[str]:
    """Without the Updates, of which there are as many as there is sound."""
    return [each["event"] for each in answers if each.get("event", "Update") != "Update"]


def paced(*parts: bytes) -> list[bytes]:
    """In pieces of 100 ms."""
    sound = b"".join(parts)
    return [sound[begin : begin + 3200] for begin in range(0, len(sound), 3200)]


def test_a_turn_begins_grows_and_ends() -> None:
    told = talk(*paced(quiet(0.5), speech(HELLO)), CLOSE)
    assert events(told) == ["StartOfTurn", "EndOfTurn"]
    end = next(each for each in told if each["event"] == "EndOfTurn")
    assert (end["transcript"], end["turn_index"], end["trigger"]) == (HELLO, 0, "model")
    assert [word["word"] for word in end["words"]] == HELLO.split()
    assert end["end_of_turn_confidence"] == 1.0


def test_updates_come_in_silence_too() -> None:
    async def go() -> list[dict[str, Any]]:
        async with emulator() as emulators, dial(emulators, "/v2/listen", FLUX) as socket:
            return await listen(socket, lambda told: told.get("audio_window_end", 0.0) >= 2.0, piece=0.05)

    _, *updates = asyncio.run(go())
    assert {each["event"] for each in updates} == {"Update"}
    assert {each["transcript"] for each in updates} == {""}
    windows = [0.0, *(each["audio_window_end"] for each in updates)]
    assert [after - before for before, after in pairwise(windows)] == pytest.approx([0.25] * len(updates), abs=0.06)


WISH = Utterance(text="I would like", at=0.5, until=1.5, done=0.5)
HESITANT = script(WISH, Utterance(text="pizza", at=3.0, until=4.0))


def test_a_turn_may_seem_to_be_over_and_be_resumed() -> None:
    told = talk(*paced(quiet(5.0)), CLOSE, spoken=HESITANT, **EAGER)
    assert events(told) == ["StartOfTurn", "EagerEndOfTurn", "TurnResumed", "EagerEndOfTurn", "EndOfTurn"]
    texts = [each["transcript"] for each in told if each["event"] in ("EagerEndOfTurn", "EndOfTurn")]
    assert texts == ["I would like", "I would like pizza", "I would like pizza"]


def test_without_that_threshold_it_does_not_say_so() -> None:
    assert events(talk(*paced(quiet(5.0)), CLOSE, spoken=HESITANT)) == ["StartOfTurn", "EndOfTurn"]


def test_silence_ends_a_turn_in_the_end() -> None:
    unsure = script(Utterance(text="I would like", at=0.5, until=1.5, done=0.1))

    async def go() -> dict[str, Any]:
        query = FLUX | {"eot_timeout_ms": "1000"}
        async with emulator(script=unsure) as emulators, dial(emulators, "/v2/listen", query) as socket:
            return (await listen(socket, lambda told: told.get("event") == "EndOfTurn"))[-1]

    end = asyncio.run(go())
    assert (end["trigger"], end["transcript"]) == ("timeout", "I would like")
    assert 2.5 <= end["audio_window_end"] < 3.2


def test_a_client_may_end_a_turn() -> None:
    told = talk(FORCE, speech("hello there", 0.02), FORCE, FORCE, speech("my friend"), CLOSE, eot_threshold="1.0")
    ends = [each for each in told if each["event"] == "EndOfTurn"]
    assert [(each["transcript"], each["turn_index"], each["trigger"]) for each in ends] == [
        ("hello there", 0, "manual")
    ]


def test_thresholds_can_be_changed() -> None:
    configure = '{"type":"Configure","thresholds":{"eot_threshold":1.0},"keyterms":["Oak"]}'
    success, *told = talk(configure, *paced(speech(HELLO)), CLOSE)
    assert success["thresholds"] == {"eot_threshold": 1.0, "eot_timeout_ms": 5000}
    assert success["keyterms"] == ["Oak"]
    assert events(told) == ["StartOfTurn"]


def test_thresholds_out_of_range_are_refused_and_change_nothing() -> None:
    failure, *told = talk('{"type":"Configure","thresholds":{"eot_threshold":3}}', *paced(speech(HELLO)), CLOSE)
    assert failure["type"] == "ConfigureFailure"
    assert events(told) == ["StartOfTurn", "EndOfTurn"]


@pytest.mark.parametrize("message", ['{"type":"KeepAlive"}', '{"type":"Finalize"}', "what is this"])
def test_what_v2_does_not_know_is_fatal(message: str) -> None:
    async def go() -> list[dict[str, Any]]:
        told: list[dict[str, Any]] = []
        async with emulator() as emulators, dial(emulators, "/v2/listen", FLUX) as socket:
            await socket.send(message)
            try:
                while True:
                    told.append(json.loads(await socket.recv()))
            except ConnectionClosedError:
                return told

    connected, error = asyncio.run(go())
    validate(error, 2)
    assert (connected["sequence_id"], error["type"], error["sequence_id"]) == (0, "Error", 1)


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ({"model": "nova-3"}, "No such model"),
        ({"eot_threshold": "0.3"}, "eot_threshold"),
        ({"eager_eot_threshold": "0.9"}, "at most eot_threshold"),
        ({"eot_timeout_ms": "soon"}, "eot_timeout_ms"),
        ({"language_hint": "es"}, "flux-general-multi"),
    ],
)
def test_what_it_does_not_offer_is_refused(query: dict[str, str], told: str) -> None:
    async def go() -> None:
        async with emulator() as emulators, dial(emulators, "/v2/listen", FLUX | query):
            pass

    with pytest.raises(InvalidStatus) as raised:
        asyncio.run(go())
    assert told in raised.value.response.headers["dg-error"]


def test_the_sdk_converses_with_it() -> None:
    from deepgram.listen.v2.types import ListenV2Configure, ListenV2ConfigureThresholds, ListenV2TurnInfo

    async def go() -> list[Any]:
        query = {**FLUX, "eot_threshold": "0.7", "eager_eot_threshold": "0.4", "keyterm": ["a", "b"]}
        async with emulator() as emulators, client(emulators).listen.v2.connect(**query) as connection:
            thresholds = ListenV2ConfigureThresholds(eot_timeout_ms=3000)
            await connection.send_configure(ListenV2Configure(thresholds=thresholds))
            await connection.send_media(speech("one two"))
            await connection.send_media(speech("three four", 0.02))
            await connection.send_force_end_turn()
            await connection.send_close_stream()
            return [message async for message in connection]

    told = asyncio.run(go())
    ends = [each for each in told if isinstance(each, ListenV2TurnInfo) and each.event == "EndOfTurn"]
    assert [(each.transcript, each.trigger) for each in ends] == [("one two", "model"), ("three four", "manual")]


def test_the_sdk_learns_of_a_loss() -> None:
    async def go() -> None:
        async with emulator(Drop()) as emulators, client(emulators).listen.v2.connect(**FLUX) as connection:
            async for _ in connection:
                pass

    with pytest.raises(ConnectionClosedError):
        asyncio.run(go())
