"""From a URL to a call: the webhook, its TwiML, the handshake, over real sockets."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

import pytest

from tests.caller.served import serving
from voicegraph.caller.dialling import NotConnected, Number, Stream, connect, look_up, read_twiml
from voicegraph.caller.twilio import Identity, sign

IDENTITY = Identity.make(Random(1))
TOKEN = "12345"


def looked_up(**settings: Any) -> Stream:
    async def main() -> Stream:
        async with serving(**settings) as server:
            return await look_up(Number(server.webhook), IDENTITY)

    return asyncio.run(main())


def test_a_webhook_is_sent_a_form_and_a_signature_of_it() -> None:
    async def main() -> None:
        async with serving() as server:
            stream = await look_up(Number(server.webhook, TOKEN), IDENTITY)
            connection = await connect(Number(server.webhook, TOKEN), stream)
            await connection.close()
        assert server.forms == [IDENTITY.form()]
        handshake = server.stream.replace("ws://", "wss://")
        assert server.signatures == [sign(TOKEN, server.webhook, IDENTITY.form()), sign(TOKEN, handshake)]
        assert stream.parameters == {"tenant": "oak"}
        assert stream.notes == ("Twilio dials wss:// only",)

    asyncio.run(main())


def test_a_public_url_is_signed_and_dialled_where_the_server_is() -> None:
    public = "https://agent.example.com/twilio"

    async def main() -> None:
        async with serving(twiml=TWIML_OF_PUBLIC) as server:
            number = Number(public, TOKEN, at=f"http://127.0.0.1:{server.port}")
            stream = await look_up(number, IDENTITY)
            connection = await connect(number, stream)
            await connection.close()
        signed = (sign(TOKEN, public, IDENTITY.form()), sign(TOKEN, "wss://agent.example.com/media"))
        assert tuple(server.signatures) == signed

    asyncio.run(main())


TWIML_OF_PUBLIC = '<Response><Connect><Stream url="wss://agent.example.com/media"/></Connect></Response>'


def test_what_follows_a_stream_is_known() -> None:
    text = '<Response><Say>x</Say><Connect><Stream url="wss://a/b?c=d"/></Connect><Dial>1</Dial><Hangup/></Response>'
    found = read_twiml(text, "http://a")
    assert (found.url, found.then) == ("wss://a/b", ("Dial", "Hangup"))
    assert found.notes == ("<Say> is not simulated", "Twilio leaves out a stream's query: use <Parameter>")


@pytest.mark.parametrize(
    ("settings", "message", "code"),
    [
        ({"twiml": '<Response><Reject reason="busy"/></Response>'}, "rejected: busy", None),
        ({"twiml": "<Response><Hangup/></Response>"}, "hangs up", None),
        ({"twiml": "<Response/>"}, "no <Connect><Stream>", 12100),
        ({"twiml": "<Response><Connect/></Response>"}, "has no <Stream>", 12100),
        ({"twiml": '<Response><Connect><Stream url="/media"/></Connect></Response>'}, "`/media`", 31941),
        ({"twiml": "<Respon"}, "12100", 12100),
        ({"twiml": "<html/>"}, "<html>", 12100),
        ({"content_type": "application/json"}, "text/xml is meant", 12300),
        ({"status": 403}, "TWILIO_AUTH_TOKEN", 11200),
        ({"status": 500}, "HTTP 500", 11200),
        ({"twiml": "<Response><Redirect>/twilio</Redirect></Response>"}, "more than 10 times", None),
    ],
)
def test_what_a_webhook_can_get_wrong(settings: dict[str, Any], message: str, code: int | None) -> None:
    with pytest.raises(NotConnected, match=message) as refused:
        looked_up(**settings)
    assert refused.value.code == code


def test_nobody_there() -> None:
    async def main() -> None:
        async with serving() as server:
            gone = Number(server.webhook.replace(str(server.port), "9"))
            with pytest.raises(NotConnected, match=r"^11205"):
                await look_up(gone, IDENTITY)
            with pytest.raises(NotConnected, match=r"^31920.*HTTP 404"):
                await connect(gone, Stream(server.stream + "/nothing"))
            with pytest.raises(NotConnected, match=r"^31920"):
                await connect(gone, Stream("ws://127.0.0.1:9/"))

    asyncio.run(main())


def test_a_url_of_another_kind_is_no_number() -> None:
    with pytest.raises(NotConnected, match="`tel:123` is none of"):
        asyncio.run(look_up(Number("tel:123"), IDENTITY))
