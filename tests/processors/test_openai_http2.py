"""HTTP/2 to a service that speaks OpenAI's interface: what is given up ends at the server, and nothing else does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from pathlib import Path

import pytest
from h2.errors import ErrorCodes

from tests.emulators.http2_bridge import Bridge, bridged
from tests.emulators.openai_server import Emulated, emulated
from voicegraph.emulators.faults import After, AnyFault, SlowFirstByte, Stall
from voicegraph.errors import ProviderError
from voicegraph.providers.openai import Service
from voicegraph.providers.openai_http2 import FITS

ASKED = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "one two three"}], "stream": True}
STALL = Stall(after=After(words=2))


def ask(bridge: Bridge) -> AsyncGenerator[bytes, None]:
    return Service("gpt-4.1", bridge.url).events("/chat/completions", ASKED)


async def whole(bridge: Bridge) -> int:
    async with aclosing(ask(bridge)) as events:
        return len([event async for event in events])


@pytest.fixture
def over_http2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Runs a test behind a bridge, whose certificate is trusted."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)

    def run(test: Callable[[Bridge, Emulated], Awaitable[None]], *faults: AnyFault) -> None:
        async def bridge() -> None:
            async with bridged(server.url, tmp_path) as made:
                await test(made, server)

        with emulated(*faults) as server:
            asyncio.run(bridge())

    return run


def test_the_installed_httpcore_has_what_is_leant_on() -> None:
    assert FITS


def test_a_whole_answer_is_not_reset(over_http2: Callable[..., None]) -> None:
    async def twice(bridge: Bridge, server: Emulated) -> None:
        assert await whole(bridge) == await whole(bridge) > 3
        assert (bridge.connections, bridge.requests, bridge.resets) == (1, 2, [])

    over_http2(twice)


def test_an_answer_that_is_given_up_ends_at_the_server(over_http2: Callable[..., None]) -> None:
    async def give_up(bridge: Bridge, server: Emulated) -> None:
        async with aclosing(ask(bridge)) as events:
            await anext(events)
        ended = await asyncio.to_thread(server.next_ended)
        assert ended.outcome == "left"
        assert await whole(bridge) > 3
        assert (bridge.connections, bridge.resets) == (1, [ErrorCodes.CANCEL])

    over_http2(give_up, STALL)


def test_so_does_one_that_has_not_begun(over_http2: Callable[..., None]) -> None:
    async def give_up(bridge: Bridge, server: Emulated) -> None:
        asking = asyncio.create_task(whole(bridge))
        await server.asked()
        asking.cancel()
        await asyncio.wait([asking])
        ended = await asyncio.to_thread(server.next_ended)
        assert (ended.outcome, bridge.resets) == ("left", [ErrorCodes.CANCEL])
        assert await whole(bridge) > 3
        assert bridge.connections == 1

    over_http2(give_up, SlowFirstByte(time=None))


def test_others_on_the_connection_go_on(over_http2: Callable[..., None]) -> None:
    async def side_by_side(bridge: Bridge, server: Emulated) -> None:
        async with aclosing(ask(bridge)) as given_up:
            await anext(given_up)
            async with aclosing(ask(bridge)) as heard:
                first = await anext(heard)
                await given_up.aclose()
                rest = [event async for event in heard]
        assert first
        assert len(rest) > 2
        ended = {(await asyncio.to_thread(server.next_ended)).outcome for _ in range(2)}
        assert ended == {"left", "done"}
        assert (bridge.connections, bridge.resets) == (1, [ErrorCodes.CANCEL])

    over_http2(side_by_side, STALL)


def test_a_connection_outlives_any_number_of_them(over_http2: Callable[..., None]) -> None:
    async def many(bridge: Bridge, server: Emulated) -> None:
        for _ in range(120):  # a server allows 100 at a time
            async with aclosing(ask(bridge)) as events:
                await anext(events)
        assert await whole(bridge) > 3
        assert bridge.connections == 1

    over_http2(many, Stall(after=STALL.after, count=120))


def test_a_connection_that_was_closed_meanwhile_is_made_anew(over_http2: Callable[..., None]) -> None:
    async def come_back(bridge: Bridge, server: Emulated) -> None:
        await whole(bridge)
        bridge.hang_up()
        assert await whole(bridge) > 3
        assert (bridge.connections, bridge.requests) == (2, 2)

    over_http2(come_back)


def test_one_that_breaks_in_the_midst_of_an_answer_is_told(over_http2: Callable[..., None]) -> None:
    async def breaks(bridge: Bridge, server: Emulated) -> None:
        async with aclosing(ask(bridge)) as events:
            await anext(events)
            bridge.hang_up()
            with pytest.raises(ProviderError, match="the connection broke") as raised:
                async for _ in events:
                    pass
        assert raised.value.retryable
        assert (bridge.connections, bridge.requests) == (1, 1)

    over_http2(breaks, STALL)
