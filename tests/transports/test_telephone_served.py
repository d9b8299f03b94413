"""Telephone lines on the real server, over real sockets."""

from __future__ import annotations

import asyncio
import json
from base64 import b64decode
from typing import Any
from urllib.parse import urlencode

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import InvalidStatus

from tests.serve.served import serving, until_ended  # brings the node `wire.answer`
from tests.transports.carriers import CARRIERS, PlivoSide, TelnyxSide, TwilioSide
from voicegraph.providers import twilio

NAMES: dict[type[TwilioSide], str] = {TwilioSide: "twilio", TelnyxSide: "telnyx", PlivoSide: "plivo"}
each_carrier = pytest.mark.parametrize("side", CARRIERS)


def graph(name: str, settings: str = "unsigned: true") -> str:
    return f"""
nodes:
  line: {{use: {name}.call, with: {{greeting: "Hello there.", {settings}}}}}
  answer: wire.answer
  tts: tone.tts
flow: line -> answer -> tts -> line
"""


class Caller:
    """A carrier that plays what it gets at once."""

    def __init__(self, side: type[TwilioSide], socket: ClientConnection) -> None:
        self.words = side.__new__(side)
        self.socket = socket

    async def say(self, message: dict[str, Any]) -> None:
        await self.socket.send(json.dumps(message))

    async def until_marked(self, turn: int) -> int:
        """Gives marks back until there is one of that turn. Returns how many samples came before it."""
        heard = 0
        async with asyncio.timeout(20):
            while True:
                kind, what = self.words.read(json.loads(await self.socket.recv()))
                if isinstance(what, bytes):
                    heard += len(what)
                elif kind == "mark":
                    await self.say(self.words.mark_back(what))
                    if what.startswith(f"{turn}:"):
                        return heard


@each_carrier
def test_a_call_from_its_greeting_to_its_end(side: type[TwilioSide]) -> None:
    async def call(server: Any) -> None:
        async with server.dial(f"/{NAMES[side]}/media") as socket:
            caller = Caller(side, socket)
            await caller.say(caller.words.start())
            assert await caller.until_marked(1) == 1_600, "200 ms of the greeting"
            await caller.say(caller.words.key("5"))
            assert await caller.until_marked(2) > 1_600, "the rest of it, and of the answer as much"
            await caller.say(caller.words.stop())
            await socket.wait_closed()
            assert (socket.close_code, socket.close_reason) == (1000, "hung-up")
        await until_ended(server, "hung-up")

    with serving(graph(NAMES[side])) as server:
        asked = server.ask(f"/{NAMES[side]}", "POST", urlencode({"From": "+15551234567"}).encode())
        assert asked.status == 200
        assert f"/{NAMES[side]}/media" in asked.text
        asyncio.run(call(server))


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("{", "malformed"),
        (b"\x00" * 160, "binary"),
        (json.dumps({"event": "media", "streamSid": "MZ2", "media": {"payload": ""}}), "wrong-stream"),
        (json.dumps(TwilioSide.__new__(TwilioSide).start()), "out-of-order"),
        ("x" * 70_000, "oversize"),
        (json.dumps(TwilioSide.__new__(TwilioSide).media(bytes(45_000))), "flood"),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) < 15 else "",
)  # fmt: skip
def test_who_breaks_the_rules_is_closed_and_nobody_else(message: str | bytes, reason: str) -> None:
    async def calls(server: Any) -> None:
        async with server.dial("/twilio/media") as bad, server.dial("/twilio/media") as good:
            for socket in (bad, good):
                await socket.send(json.dumps(TwilioSide.__new__(TwilioSide).start()))
            for _ in range(5):
                await bad.send(message)
            await bad.wait_closed()
            assert bad.close_reason == reason
            caller = Caller(TwilioSide, good)
            assert await caller.until_marked(1) == 1_600
            await caller.say(caller.words.stop())
            await good.wait_closed()
        await until_ended(server, reason)
        await until_ended(server, "hung-up")

    with serving(graph("twilio")) as server:
        asyncio.run(calls(server))


def test_signatures_on_the_webhook_and_the_handshake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWILIO_AUTH_TOKEN", "12345")

    async def calls(server: Any) -> None:
        with pytest.raises(InvalidStatus) as refused:
            async with server.dial("/twilio/media"):
                pass
        assert refused.value.response.status_code == 403
        good = {"X-Twilio-Signature": twilio.sign("12345", "wss://agent.example.com/twilio/media")}
        async with server.dial("/twilio/media", additional_headers=good) as socket:
            caller = Caller(TwilioSide, socket)
            await caller.say(caller.words.start())
            assert await caller.until_marked(1) == 1_600
            await caller.say(caller.words.stop())
            await socket.wait_closed()

    with serving(graph("twilio", "public_url: https://agent.example.com")) as server:
        assert server.ask("/twilio", "POST", b"From=1").status == 403
        assert server.ask("/twilio").status == 405
        asyncio.run(calls(server))


def test_payloads_are_plain_base64() -> None:
    carrier = TwilioSide.KIND.CARRIER()
    carrier.stream = "MZ1"
    assert b64decode(json.loads(carrier.media(bytes(range(256))))["media"]["payload"], validate=True) == bytes(
        range(256)
    )
