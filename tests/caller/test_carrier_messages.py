"""What the simulated carrier sends and takes, against Twilio's documentation."""

from __future__ import annotations

import base64
import json
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.caller.agents import STREAM, clear, mark, media
from voicegraph.caller.reading import Refused, read
from voicegraph.caller.twilio import Identity, Messages, sign

IDENTITY = Identity("AC" + "1" * 32, "CA" + "2" * 32, STREAM)


def test_the_signature_is_that_of_twilios_own_example() -> None:
    """twilio.com/docs/usage/security."""
    form = {
        "CallSid": "CA1234567890ABCDE",
        "Caller": "+14158675310",
        "Digits": "1234",
        "From": "+14158675310",
        "To": "+18005551212",
    }
    assert sign("12345", "https://mycompany.com/myapp.php?foo=1&bar=2", form) == "GvWf1cFY/Q7PnoempGyD5oXAezc="


def test_messages_are_twilios_with_numbers_as_strings() -> None:
    messages = Messages(IDENTITY, {"tenant": "oak"})
    sent = [
        json.loads(each)
        for each in (
            messages.connected(),
            messages.start(),
            messages.media(b"\xff" * 160, 0),
            messages.media(b"\x00" * 160, 160),
            messages.mark("turn:200"),
            messages.dtmf("#"),
            messages.stop(),
        )
    ]
    assert sent[0] == {"event": "connected", "protocol": "Call", "version": "1.0.0"}
    assert sent[1] == {
        "event": "start",
        "sequenceNumber": "1",
        "streamSid": STREAM,
        "start": {
            "accountSid": IDENTITY.account,
            "streamSid": STREAM,
            "callSid": IDENTITY.call,
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": {"tenant": "oak"},
        },
    }
    payload = base64.b64encode(b"\x00" * 160).decode()
    assert sent[3] == {
        "event": "media",
        "sequenceNumber": "3",
        "streamSid": STREAM,
        "media": {"track": "inbound", "chunk": "2", "timestamp": "20", "payload": payload},
    }
    assert [each["sequenceNumber"] for each in sent[1:]] == ["1", "2", "3", "4", "5", "6"]
    assert sent[4]["mark"] == {"name": "turn:200"}
    assert sent[5]["dtmf"] == {"track": "inbound_track", "digit": "#"}
    assert sent[6]["stop"] == {"accountSid": IDENTITY.account, "callSid": IDENTITY.call}


def test_ids_are_made_of_the_calls_own_randomness() -> None:
    assert Identity.make(Random(1)) == Identity.make(Random(1)) != Identity.make(Random(2))
    made = Identity.make(Random(1))
    for each, kind in ((made.account, "AC"), (made.call, "CA"), (made.stream, "MZ")):
        assert each.startswith(kind)
        assert len(each) == 34
        int(each[2:], 16)


@pytest.mark.parametrize(
    ("message", "code", "why"),
    [
        (b"{}", 31950, "binary"),
        ("", 31951, "not JSON"),
        ("[1]", 31951, ""),
        ("{}", 31951, ""),
        (json.dumps({"event": "playAudio"}), 31924, "`playAudio`"),
        (json.dumps({"event": "stop", "streamSid": STREAM}), 31924, "`stop`"),
        (media(b"x", "MZother"), 31951, "another stream"),
        (clear("MZother"), 31951, "another stream"),
        (json.dumps({"event": "clear"}), 31951, "streamSid"),
        (json.dumps({"event": "clear", "streamSid": STREAM, "why": "x"}), 31951, "why"),
        (json.dumps({"event": "mark", "streamSid": STREAM, "mark": {"name": 1}}), 31951, "name"),
        (json.dumps({"event": "media", "streamSid": STREAM, "media": {"payload": "a", "track": "x"}}), 31951, "track"),
        (json.dumps({"event": "media", "streamSid": STREAM, "media": {"payload": "!!"}}), 31951, "base64"),
    ],
)
def test_what_twilio_would_not_take_is_refused_under_its_code(message: str | bytes, code: int, why: str) -> None:
    with pytest.raises(Refused, match=f"^{code}: .*{why}") as refused:
        read(message, STREAM)
    assert refused.value.code == code


def test_what_twilio_takes_is_read() -> None:
    told, codes = read(media(b"\x01\x02"), STREAM)
    assert (type(told).__name__, codes) == ("Media", b"\x01\x02")
    assert read(mark("a"), STREAM)[0].mark.name == "a"  # type: ignore[union-attr]
    assert type(read(clear(), STREAM)[0]).__name__ == "Clear"


@given(st.one_of(st.text(), st.binary(), st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps)))
def test_nothing_that_is_sent_breaks_the_carrier(message: str | bytes) -> None:
    with pytest.raises(Refused):
        read(message, STREAM)
