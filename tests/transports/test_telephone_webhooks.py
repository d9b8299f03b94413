"""What carriers are told when they ask, and who is not told anything."""

from __future__ import annotations

import asyncio
import base64
import time
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from loguru import logger
from pydantic import ValidationError

from tests.transports.carriers import CARRIERS, Phone, PlivoSide, TelnyxSide, TwilioSide, run
from voicegraph.node import node_type
from voicegraph.providers import plivo, telnyx, tickets, twilio
from voicegraph.serve.doors import Answer, Page, Served, Socket

PUBLIC = "https://agent.example.com"
FORM = {"From": "+15551234567", "To": "+15557654321", "CallSid": "CA1"}
TELNYX_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


@dataclass
class Asked:
    """A request as the server saw it, behind a proxy."""

    url: str = "http://10.0.0.1:8080/twilio"
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    form: Mapping[str, str] = field(default_factory=lambda: FORM)

    @property
    def path(self) -> str:
        return "/" + self.url.partition("?")[0].split("/", 3)[3]

    @property
    def query(self) -> Mapping[str, str]:
        return dict(parse_qsl(self.url.partition("?")[2]))

    @property
    def body(self) -> bytes:
        return urlencode(self.form).encode()


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    public = TELNYX_KEY.public_key().public_bytes_raw()
    for name, value in {
        "TWILIO_AUTH_TOKEN": "12345", "TELNYX_API_KEY": "KEY1", "PLIVO_AUTH_ID": "MA1", "PLIVO_AUTH_TOKEN": "54321",
        "TELNYX_PUBLIC_KEY": base64.b64encode(public).decode(),
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)


def line(side: type[TwilioSide], **settings: Any) -> Any:
    made = node_type(side.KIND).configure({"public_url": PUBLIC, **settings})
    assert isinstance(made, Served)
    return made


def ask(made: Any, request: Asked, *, free: bool = True, page: int = 0) -> Answer:
    door = [door for door in made.doors() if isinstance(door, Page)][page]
    assert door.methods == ("POST",)

    async def asked() -> Answer:
        return await door.answer(request, free)

    return asyncio.run(asked())


def handshake(made: Any, request: Asked) -> str | None:
    (door,) = (door for door in made.doors() if isinstance(door, Socket))
    return door.refuse(request)


def signed(side: type[TwilioSide], url: str, seen: str, form: Mapping[str, str] = FORM) -> Asked:
    """A request of this carrier to a public address, as it came in here."""
    asked = Asked(seen, form=form)
    if side is TwilioSide:
        asked.headers = {"x-twilio-signature": twilio.sign("12345", url, form.items())}
    elif side is TelnyxSide:
        at = str(int(time.time()))
        code = base64.b64encode(TELNYX_KEY.sign(at.encode() + b"|" + asked.body)).decode()
        asked.headers = {"telnyx-signature-ed25519": code, "telnyx-timestamp": at}
    else:
        code = plivo.sign("54321", url, "nonce", asked.body)
        asked.headers = {"x-plivo-signature-v3": f"other,{code}", "x-plivo-signature-v3-nonce": "nonce"}
    return asked


def verbs(answer: Answer) -> ET.Element:
    assert (answer.status, answer.media_type) == (200, "text/xml")
    root = ET.fromstring(answer.body)
    assert root.tag == "Response"
    (verb,) = root
    return verb


each_carrier = pytest.mark.parametrize("side", CARRIERS)
NAMES: dict[type[TwilioSide], str] = {TwilioSide: "twilio", TelnyxSide: "telnyx", PlivoSide: "plivo"}


@each_carrier
@pytest.mark.parametrize("free", [True, False])
def test_a_call_is_connected_or_told_that_it_is_busy(side: type[TwilioSide], free: bool) -> None:
    name = NAMES[side]
    verb = verbs(ask(line(side), signed(side, f"{PUBLIC}/{name}", f"http://10.0.0.1/{name}"), free=free))
    if not free:
        assert (verb.tag, verb.get("reason")) == ("Hangup" if side is PlivoSide else "Reject", "busy")
    elif side is PlivoSide:
        assert (verb.tag, verb.text) == ("Stream", "wss://agent.example.com/plivo/media")
        assert (verb.get("bidirectional"), verb.get("keepCallAlive")) == ("true", "true")
        assert verb.get("contentType") == "audio/x-mulaw;rate=8000"
        assert (verb.get("extraHeaders") or "").startswith("from=15551234567,to=15557654321,ticket=")
    else:
        (stream,) = verb
        assert (verb.tag, stream.tag, stream.get("url")) == (
            "Connect",
            "Stream",
            f"wss://agent.example.com/{name}/media",
        )
        told = {each.get("name"): each.get("value") for each in stream}
        assert told.pop("ticket", "") or side is TwilioSide
        assert told == {"from": "+15551234567", "to": "+15557654321"}


@each_carrier
def test_another_place_for_calls_that_cannot_be_taken(side: type[TwilioSide]) -> None:
    made = line(side, busy_url="https://elsewhere.example.com/?a=1&b=2")
    asked = signed(side, f"{PUBLIC}/{NAMES[side]}", f"http://10.0.0.1/{NAMES[side]}")
    verb = verbs(ask(made, asked, free=False))
    assert (verb.tag, verb.text) == ("Redirect", "https://elsewhere.example.com/?a=1&b=2")


def test_the_query_of_the_webhook_is_of_the_call_since_that_of_a_stream_is_lost() -> None:
    url = f"{PUBLIC}/twilio?tenant=oak%22%3E&lang=en"
    verb = verbs(ask(line(TwilioSide), signed(TwilioSide, url, "http://10.0.0.1/twilio?tenant=oak%22%3E&lang=en")))
    told = {each.get("name"): each.get("value") for each in verb[0]}
    assert told == {"from": FORM["From"], "to": FORM["To"], "tenant": 'oak">', "lang": "en"}
    assert verb[0].get("url") == "wss://agent.example.com/twilio/media"


@each_carrier
def test_nobody_else_is_told_anything(side: type[TwilioSide]) -> None:
    url, seen = f"{PUBLIC}/{NAMES[side]}", f"http://10.0.0.1/{NAMES[side]}"
    wrong = [Asked(seen), Asked(seen, headers={"x-twilio-signature": "é", "telnyx-timestamp": "1"})]
    changed = signed(side, url, seen)
    changed.form = {**FORM, "To": "+1"}
    wrong.append(changed)
    if side is TwilioSide:
        wrong.append(signed(side, "http://10.0.0.1/twilio", seen))  # of the address that a proxy asks
    if side is not TelnyxSide:
        wrong.append(signed(side, f"{PUBLIC}/another", seen))
    for each in wrong:
        answer = ask(line(side), each)
        assert answer.status == 403
        assert b"Stream" not in answer.body


@each_carrier
def test_a_refusal_is_counted_and_what_to_look_at_is_told_once(side: type[TwilioSide]) -> None:
    lines: list[str] = []
    sink = logger.add(lambda message: lines.append(str(message)), format="{message}")
    made, name = line(side), NAMES[side]
    for _ in range(2):
        assert ask(made, Asked(f"http://10.0.0.1/{name}?tenant=oak")).refused == "signature"
    logger.remove(sink)
    assert len(lines) == 1
    assert f"{PUBLIC}/{name}." in lines[0]
    assert "oak" not in lines[0]


@each_carrier
def test_no_request_is_too_odd_to_be_refused(side: type[TwilioSide]) -> None:
    odd = {"host": "[", "telnyx-timestamp": "9" * 5_000, "x-twilio-signature": "é", "x-plivo-signature-v3-nonce": "["}
    name = NAMES[side]
    for seen in (f"http://[/{name}", f"http://[/{name}?[=]&%ff", f"http://x/{name}"):
        assert ask(line(side), Asked(seen, headers=odd)).status == 403
        assert ask(line(side, unsigned=True), Asked(seen, headers=odd)).status == 200
        if side is TwilioSide:
            assert handshake(line(side), Asked(seen, headers=odd)) == "signature"


@each_carrier
def test_who_asks_cannot_write_orders(side: type[TwilioSide]) -> None:
    """Its name for us goes into the document, in development."""
    asked = Asked(f"http://x/{NAMES[side]}", headers={"host": 'x"/><Dial>+1</Dial><a b="'})
    assert b"<Dial" not in ask(line(side, unsigned=True), asked).body


def test_a_shared_key_of_twilio(monkeypatch: pytest.MonkeyPatch) -> None:
    url, seen = f"{PUBLIC}/twilio", "http://10.0.0.1/twilio"
    settings = "key=webhooks_sharedkey_1,algorithm=HMAC_SHA256"
    asked = Asked(seen)
    asked.headers = {
        "x-twilio-signature": twilio.sign("own key", url, FORM.items(), "HMAC_SHA256"),
        twilio.SETTINGS: settings,
    }
    assert ask(line(TwilioSide), asked).status == 403, "nobody knows the key"
    monkeypatch.setenv(twilio.SHARED_KEY, "own key")
    assert ask(line(TwilioSide), asked).status == 200
    assert ask(line(TwilioSide), signed(TwilioSide, url, seen)).status == 200, "the rule may not be for all"
    for wrong in ("key=a,algorithm=HMAC_SHA1", "key=a,algorithm=none", "key=a"):
        asked.headers = {**asked.headers, twilio.SETTINGS: wrong}
        assert ask(line(TwilioSide), asked).status == 403
    socket = Asked("http://10.0.0.1/twilio/media", form={}, method="GET")
    address = "wss://agent.example.com/twilio/media"
    socket.headers = {
        "x-twilio-signature": twilio.sign("own key", address, (), "HMAC_SHA256"),
        twilio.SETTINGS: settings,
    }
    assert handshake(line(TwilioSide), socket) is None


def test_what_twilios_own_library_signs_with_a_shared_key() -> None:
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    form = {"CallSid": "CA1234567890ABCDE", "Digits": "1234"}
    assert twilio.sign("12345", url, form.items(), "HMAC_SHA256") == "opA1bF/e0LRjl2ZesIdEFta1k9tbHOcloxjxEYutyzA="


def test_a_webhook_of_long_ago_is_not_taken_again() -> None:
    at = str(int(time.time()) - 400)
    asked = Asked("http://10.0.0.1/telnyx")
    code = base64.b64encode(TELNYX_KEY.sign(at.encode() + b"|" + asked.body)).decode()
    asked.headers = {"telnyx-signature-ed25519": code, "telnyx-timestamp": at}
    assert ask(line(TelnyxSide), asked).status == 403


@pytest.mark.parametrize("url", ["", "/", ":443", ":443/"])
def test_twilio_signs_the_handshake(url: str) -> None:
    port, slash = (":443" if ":443" in url else ""), url.endswith("/")
    address = f"wss://agent.example.com{port}/twilio/media" + ("/" if slash else "")
    asked = Asked("http://10.0.0.1/twilio/media", form={}, method="GET")
    asked.headers = {"x-twilio-signature": twilio.sign("12345", address)}
    assert handshake(line(TwilioSide), asked) is None


@pytest.mark.parametrize(
    "url",
    [
        "https://agent.example.com/twilio/media",
        "ws://agent.example.com/twilio/media",
        "wss://agent.example.com/twilio",
        "wss://other.example.com/twilio/media",
    ],
)
def test_a_handshake_signed_for_something_else_is_refused(url: str) -> None:
    asked = Asked("http://10.0.0.1/twilio/media", form={}, method="GET")
    asked.headers = {"x-twilio-signature": twilio.sign("12345", url)}
    assert handshake(line(TwilioSide), asked) == "signature"
    assert handshake(line(TwilioSide), Asked("http://10.0.0.1/twilio/media")) == "signature"


@pytest.mark.parametrize("side", [TelnyxSide, PlivoSide])
def test_a_stream_that_brings_no_ticket_is_refused(side: type[TwilioSide]) -> None:
    keys: dict[type[TwilioSide], str] = {TelnyxSide: "KEY1", PlivoSide: "54321"}
    key = keys[side]
    old = tickets.issue(key, time.time() - 100)

    async def call(ticket: str) -> tuple[int, str] | None:
        async with Phone(side, begin=False, unsigned=False, public_url=PUBLIC, after="resume") as phone:
            phone.connection.say(phone.carrier.start(tenant="oak", **({"ticket": ticket} if ticket else {})))
            await asyncio.sleep(0.01)
            if phone.connection.closed is None:
                assert phone.call.variables == {"tenant": "oak"}, "a ticket is nobody's business"
            return phone.connection.closed

    good = tickets.issue(key)
    assert run(call(good)) is None
    assert run(call(good)) == (1008, "signature"), "it is good for one call"
    assert run(call(tickets.issue(key))) is None, "of the same second"
    for ticket in ("", "x", old, tickets.issue("another"), tickets.issue(key) + "0", "0" * 40):
        assert run(call(ticket)) == (1008, "signature")


@each_carrier
def test_while_trying_out_anybody_may_call_at_the_address_that_was_asked(
    side: type[TwilioSide], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TWILIO_AUTH_TOKEN", "TELNYX_API_KEY", "TELNYX_PUBLIC_KEY", "PLIVO_AUTH_TOKEN"):
        monkeypatch.delenv(name)
    made = node_type(side.KIND).configure({"unsigned": True})
    made.warm()
    name = NAMES[side]
    plain = ask(made, Asked(f"http://localhost:8080/{name}", headers={"host": "localhost:8080"}))
    assert f"ws://localhost:8080/{name}/media".encode() in plain.body
    tunnel = {"host": "abc.example.net", "x-forwarded-proto": "https"}
    assert f"wss://abc.example.net/{name}/media".encode() in ask(made, Asked(headers=tunnel)).body
    assert handshake(made, Asked()) is None


@each_carrier
def test_an_address_is_needed_where_signatures_are(side: type[TwilioSide]) -> None:
    with pytest.raises(ValidationError, match="needs `public_url`"):
        node_type(side.KIND).configure({})
    with pytest.raises(ValidationError, match="should be an address"):
        node_type(side.KIND).configure({"public_url": "http://agent.example.com"})


def test_the_example_of_twilios_own_libraries() -> None:
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    form = {
        "CallSid": "CA1234567890ABCDE", "Digits": "1234", "From": "+14158675309", "To": "+18005551212",
        "Caller": "+14158675309",
    }  # fmt: skip
    assert twilio.sign("12345", url, form.items()) == "RSOYDt4T1cUTdK1PDd93/VVr8B8="
    assert twilio.is_signed("12345", "RSOYDt4T1cUTdK1PDd93/VVr8B8=", url, urlencode(form).encode())


def test_what_plivos_own_library_signs() -> None:
    url, form = "https://h.example/plivo?to=%2B1555&x=1", urlencode({"From": "+1", "CallUUID": "x y"}).encode()
    assert plivo.sign("tok", url, "n1", form) == "3W+W9UbnI3x/haroz80MoEZU07e1DTmotSi31Zboadk="
    assert plivo.sign("tok", "https://h.example/plivo", "n1") == "nLOowQjVQYkggSrSLykA+b8cV0UiXgKWo8iuuRT9Mwo="


def test_a_key_that_is_none_is_told_before_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(telnyx.PUBLIC_KEY, "not a key")
    with pytest.raises(Exception, match="copy it from the account's page"):
        line(TelnyxSide).warm()
    monkeypatch.delenv(twilio.TOKEN)
    with pytest.raises(Exception, match="TWILIO_AUTH_TOKEN"):
        line(TwilioSide).warm()


@pytest.mark.parametrize(("to", "kind"), [("+15551234567", "Number"), ("sip:a@b.example", "User")])
def test_plivo_asks_to_whom_a_caller_is_to_be_put_through(to: str, kind: str) -> None:
    query = urlencode({"to": to})
    seen = f"http://10.0.0.1/plivo/transfer?{query}"
    verb = verbs(ask(line(PlivoSide), signed(PlivoSide, f"{PUBLIC}/plivo/transfer?{query}", seen), page=1))
    assert (verb.tag, verb[0].tag, verb[0].text) == ("Dial", kind, to)
    assert ask(line(PlivoSide), Asked(seen), page=1).status == 403
