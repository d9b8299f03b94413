"""Hanging up, putting through and pressing keys by the carriers' APIs, on a local server."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from aiohttp import web

from tests.transports.carriers import CARRIERS, Phone, PlivoSide, TelnyxSide, TwilioSide
from voicegraph.errors import ProviderError, ToolError
from voicegraph.providers import carrier_api, plivo, telnyx, tickets, twilio

PUBLIC = "https://agent.example.com"
each_carrier = pytest.mark.parametrize("side", CARRIERS)
Asked = tuple[str, str, str, dict[str, Any]]


@pytest.fixture(autouse=True)
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = {"TWILIO_AUTH_TOKEN": "12345", telnyx.KEY: "KEY1", plivo.ID: "MA1", plivo.TOKEN: "54321"}
    for name, value in keys.items():
        monkeypatch.setenv(name, value)


class API:
    """asked: (method, path, authorisation, fields) of each request. status: of the answers. answers: if it does."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.status = 200
        self.address = ""
        self.answers = asyncio.Event()
        self.answers.set()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        fields = await request.json() if request.content_type == "application/json" else dict(await request.post())
        path = request.raw_path.replace("%3A", ":")
        self.asked.append((request.method, path, request.headers["authorization"], fields))
        if not self.answers.is_set():
            return await self._trickle(request)
        return web.Response(status=self.status)

    async def _trickle(self, request: web.Request) -> web.StreamResponse:
        """Says something all the time, and never ends."""
        response = web.StreamResponse()
        await response.prepare(request)
        with suppress(ConnectionError):
            while not self.answers.is_set():
                await response.write(bytes(70_000))
                await asyncio.sleep(0.01)
        return response


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


def test_an_api_that_never_ends_its_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(carrier_api, "PATIENCE", 0.1)

    async def call() -> None:
        async with serving() as api, phone(TwilioSide, api, after="resume") as made:
            api.answers.clear()
            try:
                async with asyncio.timeout(20):
                    with pytest.raises(ProviderError, match=r"does not answer \(TimeoutError\)"):
                        await made.line.transfer(TO)
            finally:
                api.answers.set()

    asyncio.run(call())


def test_a_call_that_ends_while_it_is_put_through_is_not_hung_up() -> None:
    """The carrier may have done it already."""

    async def call() -> list[Asked]:
        async with serving() as api:
            api.answers.clear()
            async with phone(TwilioSide, api) as made:
                transfer = asyncio.create_task(made.line.transfer(TO))
                await made.call.until(lambda: api.asked)
                transfer.cancel()
                await asyncio.wait([transfer])
            api.answers.set()
            return api.asked

    assert asyncio.run(call()) == [PUTS_THROUGH[TwilioSide]]


def test_a_call_that_could_not_be_put_through_is_still_hung_up_on() -> None:
    async def call() -> list[Asked]:
        async with serving() as api:
            async with phone(TwilioSide, api) as made:
                api.status = 500
                with pytest.raises(ProviderError):
                    await made.line.transfer(TO)
                api.status = 200
            return api.asked

    assert asyncio.run(call()) == [PUTS_THROUGH[TwilioSide], HANGS_UP[TwilioSide]]


def test_what_the_peer_calls_itself_stays_one_part_of_the_address() -> None:
    async def call() -> list[Asked]:
        async with serving() as api:
            await twilio.update_call(api.address, "AC1/../x", "CA1?", Status="completed")
            return api.asked

    ((_, path, *_),) = asyncio.run(call())
    assert path == "/2010-04-01/Accounts/AC1%2F..%2Fx/Calls/CA1%3F.json"


@each_carrier
@pytest.mark.parametrize("digits", ["", "1x", "1 2", "12a"])
def test_only_keys_that_a_phone_has_are_pressed(side: type[TwilioSide], digits: str) -> None:
    async def call() -> list[Asked]:
        async with serving() as api:
            async with phone(side, api, after="resume") as made:
                with pytest.raises(ToolError, match="keys of a phone"):
                    await made.line.send_dtmf(digits)
                assert made.connection.sent == []
            return api.asked

    assert asyncio.run(call()) == []


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
