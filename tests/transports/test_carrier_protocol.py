"""What carriers say: read by tables, and refused with a reason where it is none of the protocol."""

from __future__ import annotations

import asyncio
import json
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.transports.carriers import CARRIERS, Memory, Message, Phone, TelnyxSide, TwilioSide, run
from voicegraph.frames import Audio
from voicegraph.serve.reasons import REASONS
from voicegraph.transports.carrier import InOrder, Over, Played, Refused, Sound, Started
from voicegraph.transports.telephone import Telephone

each_carrier = pytest.mark.parametrize("side", CARRIERS)


def words(side: type[TwilioSide]) -> TwilioSide:
    """A carrier to take messages from."""
    return side.__new__(side)


def begun(side: type[TwilioSide]) -> Any:
    stream = _kind(side).CARRIER()
    assert isinstance(stream.read(json.dumps(words(side).start())), Started)
    return stream


def _kind(side: type[TwilioSide]) -> type[Telephone]:
    return side.KIND


def refused(stream: Any, message: str | bytes | Message) -> str:
    with pytest.raises(Refused) as caught:
        stream.read(json.dumps(message) if isinstance(message, dict) else message)
    assert caught.value.reason in REASONS
    return caught.value.reason


@each_carrier
def test_what_is_read(side: type[TwilioSide]) -> None:
    stream, carrier = begun(side), words(side)
    assert stream.read(json.dumps(carrier.media(b"\x01\x02"))) == Sound(b"\x01\x02")
    assert stream.read(json.dumps(carrier.mark_back("3:200:0"))) == Played("3:200:0")
    assert stream.read(json.dumps(carrier.stop())) == Over()
    assert stream.read('{"event": "news"}').event == "news"


def test_what_the_call_begins_with() -> None:
    for side, call, account in (("TwilioSide", "CA1", "AC1"), ("TelnyxSide", "v3:abc", ""), ("PlivoSide", "c-1", "")):
        kind = next(each for each in CARRIERS if each.__name__ == side)
        started = _kind(kind).CARRIER().read(json.dumps(words(kind).start(tenant="oak", n="2")))
        assert isinstance(started, Started)
        assert (started.call, started.account, started.variables) == (call, account, {"tenant": "oak", "n": "2"})


@each_carrier
def test_what_is_refused(side: type[TwilioSide]) -> None:
    carrier = words(side)
    new = _kind(side).CARRIER
    assert refused(new(), "") == "malformed"
    assert refused(new(), "{") == "malformed"
    assert refused(new(), "[]") == "malformed"
    assert refused(new(), '{"event": 1}') == "malformed"
    assert refused(new(), "[" * 100_000) == "malformed"
    assert refused(new(), '{"event": "start"}') == "malformed"
    assert refused(new(), b"\x00" * 160) == "binary"
    assert refused(new(), carrier.media(b"\x00")) == "out-of-order"
    assert refused(new(), carrier.mark_back("1")) == "out-of-order"
    assert refused(new(), carrier.stop()) == "out-of-order"
    assert refused(begun(side), carrier.start()) == "out-of-order"
    assert refused(begun(side), carrier.key("x")) == "malformed"
    assert refused(begun(side), {"event": "media"}) == "malformed"
    assert refused(begun(side), {**carrier.media(b""), "media": {"payload": "no base64!"}}) == "malformed"
    other = {key: "another" if key in ("streamSid", "stream_id", "streamId") else value
             for key, value in carrier.media(b"\x00").items()}  # fmt: skip
    assert refused(begun(side), other) == "wrong-stream"
    start = json.dumps(carrier.start()).replace("audio/x-mulaw", "audio/x-l16").replace("PCMU", "OPUS")
    assert refused(new(), start) == "malformed"


@each_carrier
def test_only_sound_at_8_khz_is_taken(side: type[TwilioSide]) -> None:
    start = json.dumps(words(side).start())
    assert isinstance(_kind(side).CARRIER().read(start.replace("8000", '"8000"')), Started), "numbers may be text"
    assert refused(_kind(side).CARRIER(), start.replace("8000", "16000")) == "malformed"


def test_our_own_sound_is_not_the_callers() -> None:
    message = words(TwilioSide).media(b"\x01")
    message["media"]["track"] = "outbound"
    assert begun(TwilioSide).read(json.dumps(message)) == Sound(b"")


def test_a_chunk_needs_its_number_where_order_is_not_promised() -> None:
    message = words(TelnyxSide).media(b"\x01")
    message["media"]["chunk"] = "-1"
    assert refused(begun(TelnyxSide), message) == "malformed"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
EVENTS = st.sampled_from(
    ["connected", "start", "media", "dtmf", "mark", "stop", "playedStream", "clearedAudio", "error", "x"]
)
FIELDS = st.sampled_from(
    [
        "streamSid",
        "stream_id",
        "streamId",
        "start",
        "media",
        "dtmf",
        "mark",
        "name",
        "payload",
        "extra_headers",
        "event",
    ]
)


@st.composite
def hostile(draw: st.DrawFn, side: type[TwilioSide]) -> str | bytes:
    """Messages that are nearly of the protocol: some field is something else, or gone."""
    carrier = words(side)
    sound, mark = carrier.media(b"\xff" * 160), carrier.mark_back("1:200:0")
    good = draw(st.sampled_from([carrier.start(), sound, carrier.key("1"), mark, carrier.stop()]))
    message: dict[str, Any] = json.loads(json.dumps(good))
    for _ in range(draw(st.integers(0, 3))):
        part = message
        inner = [cast("dict[str, Any]", each) for each in message.values() if isinstance(each, dict)]
        if inner and bool(draw(st.booleans())):
            part = draw(st.sampled_from(inner))
        if part and bool(draw(st.booleans())):
            part.pop(draw(st.sampled_from(sorted(part))))
        else:
            part[draw(FIELDS)] = draw(JSON | EVENTS)
    text = json.dumps(message)
    ways: list[str | bytes] = [text, text.encode(), text[: draw(st.integers(0, len(text)))]]
    return draw(st.sampled_from(ways))


def _with(event: str, name: str, value: Any) -> str:
    return json.dumps({"event": event, name: value})


ANY = st.text() | st.binary() | JSON.map(json.dumps) | st.builds(_with, EVENTS, FIELDS, JSON)


@each_carrier
@settings(max_examples=300)
@given(data=st.data())
def test_nothing_but_refusals_comes_of_any_message(side: type[TwilioSide], data: st.DataObject) -> None:
    told: list[tuple[str, str]] = []
    stream = begun(side) if data.draw(st.booleans()) else _kind(side).CARRIER()
    for message in data.draw(st.lists(ANY | hostile(side), max_size=6)):
        try:
            stream.read(message)
        except Refused as error:
            told.append((error.reason, str(error)))
    assert all(reason in REASONS for reason, _ in told)
    assert all(len(text) < 80 for _, text in told), "it quotes what was said"


@each_carrier
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_call_survives_or_is_closed_with_a_reason_and_others_go_on(
    side: type[TwilioSide], data: st.DataObject
) -> None:
    messages = data.draw(st.lists(ANY | hostile(side), max_size=8))

    async def calls() -> None:
        async with Phone(side) as attacked, Phone(side) as other:
            for number, message in enumerate(messages, 1):
                attacked.connection.say(message)
                other.connection.say(other.carrier.media(b"\xff" * 160, number))
                await asyncio.sleep(0.02)
            assert attacked.connection.closed is None or attacked.connection.closed[1] in REASONS
            assert (attacked.connection.closed is not None) == bool(attacked.call.hung_up)
            assert attacked.listening is not None
            assert not (attacked.listening.done() and attacked.listening.exception())
            assert sum(isinstance(frame, Audio) for frame in other.frames) == len(messages)
            assert other.connection.closed is None

    run(calls())


@each_carrier
def test_a_line_closes_with_the_reason(side: type[TwilioSide]) -> None:
    async def call() -> None:
        async with Phone(side) as phone:
            phone.connection.say("{")
            await asyncio.sleep(0.01)
            assert phone.connection.closed == (1007, "malformed")
            assert len(phone.call.hung_up) == 1

    run(call())


def test_unknown_events_are_counted_and_ignored() -> None:
    async def call() -> None:
        async with Phone() as phone:
            phone.connection.say({"event": "news", "streamSid": "MZ1"})
            phone.connection.say({"event": "connected"})
            phone.connection.say(phone.carrier.mark_back("not ours"))
            phone.connection.say(phone.carrier.media(b"\xff" * 160))
            await asyncio.sleep(0.01)
            assert phone.connection.closed is None
            assert len(phone.frames) == 1
        assert phone.line.counts == {"unknown events": 1, "strange marks": 1}

    run(call())


def test_a_flood_of_sound_is_closed() -> None:
    async def call() -> None:
        async with Phone() as phone:
            for _ in range(8):
                phone.connection.say(phone.carrier.media(b"\xff" * 16_000))
            await asyncio.sleep(0.01)
            assert phone.connection.closed == (1008, "flood")

    run(call())


def test_a_carrier_that_never_begins_is_closed() -> None:
    async def call() -> None:
        async with Phone(begin=False) as phone:
            for _ in range(6):
                phone.connection.say({"event": "connected"})
                await asyncio.sleep(1.0)
            assert phone.connection.closed == (1008, "silent")

    run(call())


@given(st.permutations(range(1, 30)), st.integers(0, 5))
def test_order_is_restored_where_chunks_come_near_their_places(order: list[int], most: int) -> None:
    near = sorted(order, key=lambda number: number + (order.index(number) % 3))  # each at most two places away
    put = InOrder(most=5)
    first = [1, *(number for number in near if number != 1)]
    heard = b"".join(put.put(number, bytes([number])) for number in first)
    assert heard == bytes(range(1, 30))
    any_order = InOrder(most=most)
    given_out = b"".join(any_order.put(number, bytes([number])) for number in order)
    assert list(given_out) == sorted(set(given_out)), "never out of order, never twice"


def test_memory_is_not_read_after_the_end() -> None:
    """The second stop of a carrier finds nobody."""

    async def call() -> None:
        async with Phone() as phone:
            phone.connection.say(phone.carrier.stop())
            phone.connection.say(phone.carrier.stop())
            phone.connection.say(b"\x00")
            await asyncio.sleep(0.01)
            assert phone.connection.closed == (1000, "hung-up")
            assert phone.call.hung_up == ["the caller hung up"]
            assert isinstance(phone.connection, Memory)

    run(call())
