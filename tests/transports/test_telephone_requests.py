"""Hanging up, putting through and pressing keys by the carriers' APIs, on a local server."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from tests.transports.carriers import CARRIERS, Phone, PlivoSide, TelnyxSide, TwilioSide
from voicegraph.errors import ProviderError
from voicegraph.providers import plivo, telnyx, tickets

PUBLIC = "https://agent.example.com"
each_carrier = pytest.mark.parametrize("side", CARRIERS)
Asked = tuple[str, str, str, dict[str, Any]]


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = {"TWILIO_AUTH_TOKEN": "12345", telnyx.KEY: "KEY1", plivo.ID: "MA1", plivo.TOKEN: "54321"}
    for name, value in keys.items():
        monkeypatch.setenv(name, value)


class API:
    """asked: (method, path, authorisation, fields) of each request. status: of the answers."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.status = 200
        self.address = ""

    async def answer(self, request: web.Request) -> web.Response:
        fields = await request.json() if request.content_type == "application/json" else dict(await request.post())
        self.asked.append((request.method, request.path, request.headers["authorization"], fields))
        return web.Response(status=self.status)


@asynccontextmanager
async def serving() -> AsyncGenerator[API]:
    api = API()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", api.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    api.address = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield api
    finally:
        await runner.cleanup()


@asynccontextmanager
async def phone(side: type[TwilioSide], api: API, **settings: Any) -> AsyncGenerator[Phone]:
    """A call that has come by the webhook."""
    made = Phone(side, begin=False, unsigned=False, public_url=PUBLIC, base_url=api.address, **settings)
    keys: dict[type[TwilioSide], str] = {TelnyxSide: "KEY1", PlivoSide: "54321"}
    key = keys.get(side)
    async with made:
        made.connection.say(made.carrier.start(**({"ticket": tickets.issue(key)} if key else {})))
        await made.call.until(lambda: made.call.tasks)
        yield made


def basic(name: str, password: str) -> str:
    return f"Basic {b64encode(f'{name}:{password}'.encode()).decode()}"


TO = "+15551234567"
HANGS_UP: dict[type[TwilioSide], Asked] = {
    TwilioSide: ("POST", "/2010-04-01/Accounts/AC1/Calls/CA1.json", basic("AC1", "12345"), {"Status": "completed"}),
    TelnyxSide: ("POST", "/v2/calls/v3:abc/actions/hangup", "Bearer KEY1", {}),
    PlivoSide: ("DELETE", "/v1/Account/MA1/Call/c-1/", basic("MA1", "54321"), {}),
}
PUTS_THROUGH: dict[type[TwilioSide], Asked] = {
    TwilioSide: (*HANGS_UP[TwilioSide][:3], {"Twiml": f"<Response><Dial>{TO}</Dial></Response>"}),
    TelnyxSide: ("POST", "/v2/calls/v3:abc/actions/transfer", "Bearer KEY1", {"to": TO}),
    PlivoSide: (
        "POST",
        *HANGS_UP[PlivoSide][1:3],
        {"legs": "aleg", "aleg_url": f"{PUBLIC}/plivo/transfer?to=%2B15551234567", "aleg_method": "POST"},
    ),
}


@each_carrier
def test_the_agent_hangs_up(side: type[TwilioSide]) -> None:
    async def call() -> list[Asked]:
        async with serving() as api:
            async with phone(side, api):
                assert api.asked == []
            return api.asked

    assert asyncio.run(call()) == [HANGS_UP[side]]


@each_carrier
def test_a_caller_is_put_through_and_not_hung_up_on(side: type[TwilioSide]) -> None:
    async def call() -> list[Asked]:
        async with serving() as api:
            async with phone(side, api) as made:
                await made.line.transfer(TO)
                assert made.call.hung_up == ["the caller was put through"]
            return api.asked

    assert asyncio.run(call()) == [PUTS_THROUGH[side]]


@each_carrier
def test_a_caller_who_has_gone_is_not_hung_up_on(side: type[TwilioSide]) -> None:
    async def call() -> list[Asked]:
        async with serving() as api:
            async with phone(side, api) as made:
                made.connection.say(made.carrier.stop())
                await made.call.until(lambda: made.call.hung_up)
            async with phone(side, api, after="resume"):
                pass
            return api.asked

    assert asyncio.run(call()) == []


def test_what_the_carrier_refuses_is_told_without_the_number() -> None:
    async def call() -> None:
        async with serving() as api, phone(TwilioSide, api, after="resume") as made:
            for status, retryable in ((401, False), (404, False), (429, True), (503, True)):
                api.status = status
                with pytest.raises(ProviderError, match=str(status)) as caught:
                    await made.line.transfer(TO)
                assert TO not in str(caught.value)
                assert "12345" not in str(caught.value)
                assert caught.value.retryable == retryable
            assert made.call.hung_up == []

    asyncio.run(call())


def test_a_carrier_that_does_not_answer_does_not_fail_the_call() -> None:
    async def call() -> None:
        async with serving() as api:
            api.status = 500
            async with phone(TwilioSide, api):
                pass
            assert len(api.asked) == 1
            address, api.address = api.address, "http://127.0.0.1:9"
            async with phone(TwilioSide, api) as made:
                with pytest.raises(ProviderError, match="does not answer"):
                    await made.line.transfer(TO)
            api.address = address

    asyncio.run(call())


def test_keys_that_are_pressed_by_request() -> None:
    async def call() -> list[Asked]:
        async with serving() as api:
            async with phone(TelnyxSide, api, after="resume") as made:
                await made.line.send_dtmf("1#")
            return api.asked

    assert asyncio.run(call()) == [("POST", "/v2/calls/v3:abc/actions/send_dtmf", "Bearer KEY1", {"digits": "1#"})]


def test_keys_that_are_pressed_by_message() -> None:
    async def call() -> None:
        async with Phone(PlivoSide) as made:
            made.carrier.line.arrives = lambda message: None
            await made.line.send_dtmf("1#")
            assert made.connection.sent[-1][1] == {"event": "sendDTMF", "dtmf": "1#"}

    asyncio.run(call())
