"""Phone calls over pipecat's telephony serializers: against carriers in memory, and on the real server."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from itertools import pairwise
from math import inf
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import InvalidStatus

from tests.serve.served import serving, until_ended
from tests.transports.carriers import PlivoSide, TelnyxSide, TwilioSide, run
from tests.transports.serialized import (
    SERIALIZED,
    ExotelSide,
    GenesysSide,
    HostedPlivo,
    HostedTelnyx,
    Serialized,
    SerializedPhone,
    VonageSide,
)
from tests.transports.sounds import counting, measure, tone
from voicegraph.audio.g711 import encode_mulaw
from voicegraph.errors import ToolError
from voicegraph.frames import Audio, Dtmf
from voicegraph.graph import GraphError, compile_plan, loads
from voicegraph.providers.pipecat_carriers import CARRIERS
from voicegraph.serve.reasons import REASONS
from voicegraph.transports.pipecat_call import SECRET
from voicegraph.transports.send_ahead import G711, Format, Mark, Media, SendAhead

each_carrier = pytest.mark.parametrize("side", SERIALIZED)


def assert_440_hertz(pcm: bytes, rate: int) -> None:
    """For a second, at 0.3 of full scale."""
    pitch, level, seconds = measure(pcm, rate)
    assert pitch == pytest.approx(440, abs=0.5)
    assert level == pytest.approx(0.3, rel=0.01)
    assert seconds == 1.0


# --- sound, keys and marks ------------------------------------------------------------------------------------------


@each_carrier
def test_a_tone_of_the_caller_comes_in_at_its_pitch_level_and_length(side: type[Serialized]) -> None:
    async def call() -> bytes:
        async with SerializedPhone(side) as phone:
            pcm, size = tone(440, 1.0, rate=side.rate), side.second // 50
            for start in range(0, len(pcm), size):
                phone.connection.say(phone.carrier.sound_of(pcm[start : start + size]))
                await asyncio.sleep(0.02)
            audio = [frame for frame in phone.frames if isinstance(frame, Audio)]
            assert {(len(frame.pcm), frame.rate) for frame in audio} == {(size, side.rate)}
            assert [frame.at for frame in audio] == pytest.approx([n * 0.02 for n in range(50)])
            return b"".join(frame.pcm for frame in audio)

    assert_440_hertz(run(call()), side.rate)


@each_carrier
def test_a_tone_of_the_agent_goes_out_at_its_pitch_level_and_length(side: type[Serialized]) -> None:
    async def call() -> bytes:
        async with SerializedPhone(side, delay=0.05) as phone:
            await phone.say(tone(440, 1.0, rate=side.rate), every=0.05, rate=side.rate)
            await phone.line.drain()
            assert phone.carrier.gaps == []
            assert phone.call.heard(1) == 1.0
            sound: bytes = phone.carrier.sound()
            return sound

    assert_440_hertz(run(call()), side.rate)


@each_carrier
def test_an_interrupt_silences_the_carrier_and_the_ledger_knows_how_much_was_heard(side: type[Serialized]) -> None:
    async def call() -> None:
        async with SerializedPhone(side, delay=0.02) as phone:
            saying = asyncio.create_task(phone.say(tone(440, 3.0, rate=side.rate), rate=side.rate))
            await asyncio.sleep(1.0)
            phone.line.clear()
            saying.cancel()
            await asyncio.sleep(0.1)
            truly = len(phone.carrier.sound()) / side.second
            assert 0.8 < truly < 1.1
            assert phone.call.heard(1) == pytest.approx(truly, abs=0.045 if side.gives_marks else 0.065)
            await phone.say(tone(440, 0.4, rate=side.rate), 2, rate=side.rate)
            await phone.line.drain()
            assert phone.call.heard(2) == pytest.approx(0.4)

    run(call())


@each_carrier
def test_the_end_of_a_reply_is_filled_up_to_what_the_carrier_takes(side: type[Serialized]) -> None:
    async def call() -> None:
        async with SerializedPhone(side) as phone:
            await phone.say(tone(440, 0.05, rate=side.rate), every=0.05, rate=side.rate)
            await phone.line.drain()
            assert phone.call.heard(1) == pytest.approx(0.05)
            assert len(phone.carrier.sound()) >= side.second * 0.05

    run(call())


@each_carrier
def test_keys_and_variables(side: type[Serialized]) -> None:
    async def call() -> None:
        async with SerializedPhone(side, begin=False) as phone:
            phone.connection.say(phone.carrier.start(tenant="oak"))
            phone.connection.say(phone.carrier.key("5"))
            await asyncio.sleep(0.01)
            assert [frame for frame in phone.frames if isinstance(frame, Dtmf)] == [Dtmf("5")]
            assert phone.call.variables["tenant"] == "oak"
            assert phone.call.variables.get("from", "+15551234567") == "+15551234567"
            with pytest.raises(ToolError, match="put anybody through"):
                await phone.line.transfer("+15551234567")

    run(call())


@each_carrier
@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ((b"\0" * 320,), {"exotel": "binary"}),
        (("{",), {}),
        (("start", "start"), {"exotel": "out-of-order", "vonage": "out-of-order", "genesys": "out-of-order"}),
        (('{"event": "start"}', '{"event": "websocket:connected", "content-type": 5}', '{"type": "open"}'), {}),
        (("start", '{"event": "media", "media": 5}', '{"event": "websocket:notify"}', '{"type": "dtmf", "seq": 1, '
          '"parameters": 7}'), {}),
    ],
    ids=["sound first", "no JSON", "twice", "begins with nothing", "nonsense"],
)  # fmt: skip
def test_who_breaks_the_rules_is_refused(
    side: type[Serialized], messages: tuple[str | bytes, ...], reason: dict[str, str]
) -> None:
    expected = reason.get(side.NAME, "out-of-order" if isinstance(messages[0], bytes) else "malformed")

    async def call() -> None:
        async with SerializedPhone(side, begin=False) as phone:
            for message in messages:
                phone.connection.say(phone.carrier.start() if message == "start" else message)
            await asyncio.sleep(0.01)
            assert phone.connection.closed is not None
            assert phone.connection.closed[1] == expected

    run(call())


def test_a_message_of_another_stream_and_another_rate_are_refused() -> None:
    async def call(side: type[Serialized], *messages: Any) -> str:
        async with SerializedPhone(side, begin=False) as phone:
            for message in messages:
                phone.connection.say(message)
            await asyncio.sleep(0.01)
            assert phone.connection.closed is not None
            return phone.connection.closed[1]

    start = ExotelSide.__new__(ExotelSide).start()
    other = {"event": "media", "stream_sid": "MZ2", "media": {"payload": b64encode(bytes(320)).decode()}}
    assert run(call(ExotelSide, start, other)) == "wrong-stream"
    wide = {"event": "websocket:connected", "content-type": "audio/l16;rate=8000"}
    assert run(call(VonageSide, wide)) == "malformed"


def test_vonage_at_another_rate() -> None:
    class Narrow(VonageSide):
        rate, second = 8_000, 16_000

        def hear(self, message: Any) -> tuple[str, str | bytes]:
            return ("media", message) if isinstance(message, bytes) else super().hear(message)

    async def call() -> None:
        async with SerializedPhone(Narrow, rate=8_000) as phone:
            await phone.say(counting(0.4))
            await phone.line.drain()
            assert phone.carrier.sound() == counting(0.4)

    run(call())


def test_genesys_is_answered_in_its_own_words() -> None:
    async def call() -> None:
        async with SerializedPhone(GenesysSide) as phone:
            phone.connection.say(phone.carrier.ping())
            await asyncio.sleep(0.01)
            assert phone.carrier.said == ["opened", "pong"]
            phone.connection.say(phone.carrier.stop())
            await asyncio.sleep(0.01)
            assert phone.carrier.said == ["opened", "pong", "closed"]
            assert phone.connection.closed == (1000, "hung-up")

    async def we_end() -> None:
        async with SerializedPhone(GenesysSide) as phone:
            assert phone.listening is not None
            phone.listening.cancel()  # as the engine does at the end of a call
        await asyncio.sleep(0.01)
        assert phone.carrier.said == ["opened", "disconnect", "closed"]

    run(call())
    run(we_end())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=6) | st.sampled_from(["start", "AAAA", "MZ1", "s-1"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                [
                    "event",
                    "type",
                    "media",
                    "payload",
                    "start",
                    "stream_sid",
                    "id",
                    "dtmf",
                    "digit",
                    "parameters",
                    "mark",
                ]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)
KINDS = st.sampled_from(["media", "dtmf", "mark", "start", "stop", "ping", "pause", "update", "error", "open", "close"])


def _typed(said: dict[str, Any], kind: str) -> str:
    return json.dumps({**said, "event": kind, "type": kind})


PARTS = st.fixed_dictionaries({"media": JSON, "dtmf": JSON, "mark": JSON, "parameters": JSON, "seq": JSON})
MESSAGES = st.binary(max_size=9) | st.text(max_size=9) | st.builds(_typed, PARTS, KINDS) | JSON.map(json.dumps)


@each_carrier
@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_nothing_but_refusals_comes_of_any_message(side: type[Serialized], data: st.DataObject) -> None:
    """Of those, every one of the reasons that are counted."""
    messages = data.draw(st.lists(MESSAGES, max_size=4))

    async def call() -> None:
        async with SerializedPhone(side) as phone:
            for message in messages:
                phone.connection.say(message)
            await asyncio.sleep(0.01)
            if phone.connection.closed is not None:
                assert phone.connection.closed[1] in REASONS
            assert phone.listening is not None
            assert not phone.listening.done() or phone.listening.exception() is None

    run(call())


# --- pace -----------------------------------------------------------------------------------------------------------

FORMATS: dict[str, Format] = {
    name: Format(hosted.rate[1], 2, hosted.step, hosted.most, marks=hosted.mark is not None)
    for name, hosted in CARRIERS.items()
}
PIECE = st.tuples(st.integers(1, 3), st.integers(1, 6_000), st.booleans())
"""Turn, samples, whether it must be said."""


@given(pieces=st.lists(PIECE, min_size=1, max_size=20), name=st.sampled_from([*FORMATS]))
def test_all_is_sent_in_order_in_messages_of_the_size_that_the_carrier_takes(
    pieces: list[tuple[int, int, bool]], name: str
) -> None:
    """A carrier that gives marks back when they are heard, if it does, and no time but what is waited for."""
    pieces.sort(key=lambda piece: piece[0])
    form = FORMATS[name]
    out, now, sound, ends = SendAhead(0.2, form), 0.0, b"", 0.0
    waiting: list[tuple[float, str]] = []
    for number, (turn, size, must) in enumerate(pieces):
        out.add(turn, bytes([number, 0]) * size, must=must)
    short = polls = 0
    while (send := out.poll(now)) is not None or not out.silent:
        polls += 1
        assert polls < 10 * (len(sound) / form.frame + 20 + 5 * len(pieces)), "it turns on the spot"
        if send is None:
            later = min([out.wake_at(), *(due for due, _ in waiting[:1])])
            assert later < inf, "something is to be sent, and nobody will"
            now = max(now + 1e-3, later)
        elif isinstance(send, Media):
            assert len(send.codes) <= round(max(form.most, form.step) * form.second)
            short += len(send.codes) < round(form.step * form.second)
            sound += send.codes
            ends = max(ends, now) + len(send.codes) / form.second
        elif isinstance(send, Mark) and form.marks:
            waiting.append((ends, send.name))
        while waiting and waiting[0][0] <= now:
            out.marked(waiting.pop(0)[1], now)
        out.give_up_marks(now)
    assert sound == b"".join(bytes([number, 0]) * size for number, (_, size, _) in enumerate(pieces))
    assert out.lost == out.strange == 0
    changes = sum(a[0::2] != b[0::2] for a, b in pairwise(pieces)) + 1
    if form.step > G711.step:
        assert short <= changes, "at the end of a stretch only"
    for turn in {turn for turn, *_ in pieces}:
        assert out.heard(turn) == sum(size for each, size, _ in pieces if each == turn) / form.rate


# --- the same as our own --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("ours", "theirs"), [(TelnyxSide, HostedTelnyx), (PlivoSide, HostedPlivo)])
def test_by_pipecats_serializer_a_call_is_the_same_as_by_our_own_line(
    ours: type[TwilioSide], theirs: type[TwilioSide]
) -> None:
    async def call(side: type[TwilioSide]) -> tuple[Any, ...]:
        async with SerializedPhone(side, delay=0.03) as phone:
            codes = encode_mulaw(counting(0.2))
            for number, start in enumerate(range(0, len(codes), 160), 1):
                phone.connection.say(phone.carrier.media(codes[start : start + 160], number))
                await asyncio.sleep(0.02)
            phone.connection.say(phone.carrier.key("#"))
            await phone.say(counting(0.5), every=0.05)
            await phone.line.drain()
            saying = asyncio.create_task(phone.say(counting(2.0, first=3), turn=2, text="Hello"))
            await asyncio.sleep(0.73)
            phone.line.clear()
            saying.cancel()
            await asyncio.sleep(0.2)
            frames = [frame.pcm if isinstance(frame, Audio) else frame for frame in phone.frames]
            return frames, phone.carrier.sound(), phone.call.heard(1), phone.call.heard(2), phone.connection.events()

    assert run(call(theirs)) == run(call(ours))


# --- on the server --------------------------------------------------------------------------------------------------


def graph(name: str, settings: str = "unsigned: true") -> str:
    return f"""
nodes:
  line: {{use: pipecat.call, with: {{serializer: {name}, greeting: "Hello there.", {settings}}}}}
  answer: wire.answer
  tts: tone.tts
flow: line -> answer -> tts -> line
"""


class Caller:
    """A carrier that plays what it gets at once."""

    def __init__(self, side: type[Serialized], socket: ClientConnection) -> None:
        self.words = side.__new__(side)
        self.socket = socket

    async def say(self, message: dict[str, Any]) -> None:
        await self.socket.send(json.dumps(message))

    async def hear(self, seconds: float) -> None:
        """Gives back marks until so much has come."""
        heard = 0
        async with asyncio.timeout(20):
            while heard < seconds * self.words.second:
                message = await self.socket.recv()
                said: Any = message if isinstance(message, bytes) else json.loads(message)
                if not isinstance(message, bytes) and said.get("type") == "opened":
                    continue
                kind, what = self.words.hear(said)
                if isinstance(what, bytes):
                    heard += len(what)
                elif kind == "mark":
                    await self.say(self.words.mark_back(what))


@each_carrier
def test_a_call_from_its_greeting_to_its_end(side: type[Serialized]) -> None:
    async def call(server: Any) -> None:
        async with server.dial(f"/{side.NAME}/media") as socket:
            caller = Caller(side, socket)
            await caller.say(caller.words.start(name="Ada"))
            await caller.hear(0.3)
            await caller.say(caller.words.key("5"))
            await caller.hear(0.5)
            await caller.say(caller.words.stop())
            async with asyncio.timeout(20):
                await socket.wait_closed()
            assert (socket.close_code, socket.close_reason) == (1000, "hung-up")
        await until_ended(server, "hung-up")

    with serving(graph(side.NAME)) as server:
        asyncio.run(call(server))


def test_who_does_not_bring_the_secret_is_not_let_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SECRET, "sesame")

    async def calls(server: Any) -> None:
        basic = b64encode(b"exotel:sesame").decode()
        for path, headers in (
            ("/exotel/media", {}),
            ("/exotel/media?key=sesam", {}),
            ("/exotel/media", {"x-api-key": "Sesame"}),
            ("/exotel/media", {"authorization": "Basic %%"}),
        ):
            with pytest.raises(InvalidStatus) as refused:
                async with server.dial(path, additional_headers=headers):
                    pass
            assert refused.value.response.status_code == 403
        for path, headers in (
            ("/exotel/media?key=sesame", {}),
            ("/exotel/media", {"X-API-KEY": "sesame"}),
            ("/exotel/media", {"Authorization": f"Basic {basic}"}),
        ):
            async with server.dial(path, additional_headers=headers) as socket:
                caller = Caller(ExotelSide, socket)
                await caller.say(caller.words.start())
                await caller.hear(0.2)

    with serving(graph("exotel", "lead: 400ms")) as server:
        asyncio.run(calls(server))


def test_mistakes_in_the_graph() -> None:
    for written, told in (
        ("{serializer: exotl, unsigned: true}", "exotel"),
        ("{serializer: exotel, unsigned: true, public_url: 'https://a.example.com'}", "public_url"),
    ):
        with pytest.raises(GraphError, match=told):
            compile_plan(
                loads(
                    f"nodes: {{line: {{use: pipecat.call, with: {written}}}, a: wire.answer, tts: tone.tts}}\n"
                    "flow: line -> a -> tts -> line\n"
                )
            )
