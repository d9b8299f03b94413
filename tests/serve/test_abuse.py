"""What peers should not do: each is refused or closed with a reason, counted, and touches no other call."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.serve.served import HOST, Service, seconds_of_sound, serving, until_closed, until_ended
from voicegraph.serve.limits import Limits

STRICT = Limits(starts_within=0.2, reads_within=0.2, max_message=1_000, messages_per_second=10, drain=0.1, max_calls=10)

Misdeed = Callable[[ClientConnection], Awaitable[None]]


async def oversize(call: ClientConnection) -> None:
    await call.send(bytes(1_001))


async def far_oversize(call: ClientConnection) -> None:
    await call.send(bytes(100_000))


async def flood(call: ClientConnection) -> None:
    with suppress(ConnectionClosed):
        for _ in range(200):
            await call.send(bytes(2))


async def pings(call: ClientConnection) -> None:
    with suppress(ConnectionClosed):
        for _ in range(200):
            await call.ping()


async def parts(call: ClientConnection) -> None:
    """One message that never ends."""
    with suppress(ConnectionClosed):
        await call.send([b"\x00"] * 200)


async def nothing(call: ClientConnection) -> None: ...


async def not_utf8(call: ClientConnection) -> None:
    await call.send(b"\xff", text=True)


async def wrong_message(call: ClientConnection) -> None:
    await call.send("bad")


MISDEEDS: list[tuple[Misdeed, int, str]] = [
    (oversize, 1009, "oversize"),
    (far_oversize, 1009, "oversize"),
    (flood, 1008, "flood"),
    (pings, 1008, "flood"),
    (parts, 1008, "flood"),
    (nothing, 1008, "silent"),
    (not_utf8, 1007, "malformed"),
    (wrong_message, 1007, "malformed"),
]


@pytest.mark.parametrize(("misdeed", "code", "why"), MISDEEDS, ids=[each[0].__name__ for each in MISDEEDS])
def test_a_peer_that_misbehaves(misdeed: Misdeed, code: int, why: str) -> None:
    async def misbehave() -> None:
        async with server.dial() as good:
            await good.send("1")
            async with server.dial() as bad:
                await misdeed(bad)
                await until_closed(bad)
                assert bad.close_code == code
            await until_ended(server, why)
            await seconds_of_sound(good, 0.1)
            await good.send("bye")
            await good.wait_closed()
            assert good.close_reason == "done"

    with serving(limits=STRICT) as server:
        asyncio.run(misbehave())


def test_a_slow_reader_ends_its_call() -> None:
    async def pour() -> None:
        async with server.dial(max_queue=1) as call:
            await call.send("pour")
            await until_ended(server, "slow-reader")
            call.transport.abort()

    with serving(limits=STRICT) as server:
        asyncio.run(pour())
        assert server.ask("/calls").json()["calls"] == []


@pytest.mark.parametrize(
    ("path", "headers", "status", "why"),
    [
        ("/elsewhere", {}, 404, "wrong-path"),
        ("/wire", {}, 404, "wrong-path"),
        ("/wire/media", {"Origin": "https://evil.example"}, 403, "origin"),
        ("/wire/media", {"X-Break": "1"}, 500, "failed"),
    ],
)
def test_handshakes_that_are_refused(
    path: str, headers: dict[str, str], status: int, why: str, capfd: pytest.CaptureFixture[str]
) -> None:
    async def knock() -> None:
        with pytest.raises(InvalidStatus) as caught:
            await server.dial(path, additional_headers=headers)
        assert caught.value.response.status_code == status
        assert (caught.value.response.body or b"").startswith(why.encode())

    with serving() as server:
        asyncio.run(knock())
        assert server.count("voicegraph_refused_total", why=why) == 1
    assert "secret" not in capfd.readouterr().err


def test_requests_that_are_refused() -> None:
    with serving(limits=STRICT) as server:
        assert server.ask("/nothing").status == 404
        assert server.ask("/wire").status == 405
        assert server.ask("/calls", "POST", b"").status == 405
        assert server.ask("/wire", "POST", bytes(1_001)).status == 413
        counted = {why: server.count("voicegraph_refused_total", why=why) for why in ("wrong-path", "wrong-method")}
        assert counted == {"wrong-path": 1, "wrong-method": 2}


@pytest.mark.parametrize(
    "begun", [b"", b"GET /hea", b"POST /wire HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nfew"]
)
def test_a_request_that_does_not_come(begun: bytes) -> None:
    with serving(limits=STRICT) as server, socket.create_connection((HOST, server.port), 20) as peer:
        peer.sendall(begun)
        answer = _answer(peer)
        assert answer.startswith(b"HTTP/1.1 408 ") if b"\r\n\r\n" in begun else not answer
        assert _silent(server) == 1


def test_what_is_no_request_is_counted_and_fills_no_log(capfd: pytest.CaptureFixture[str]) -> None:
    with serving(limits=STRICT) as server, socket.create_connection((HOST, server.port), 20) as peer:
        peer.sendall(b"\x16\x03\x01\x02\x00\r\n\r\n")
        assert _answer(peer).startswith(b"HTTP/1.1 400 ")
        assert server.count("voicegraph_refused_total", why="malformed") == 1
    assert "Invalid HTTP" not in capfd.readouterr().err


def test_a_second_request_that_does_not_come() -> None:
    with serving(limits=STRICT) as server, socket.create_connection((HOST, server.port), 20) as peer:
        peer.sendall(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n")
        answer = b""
        while not answer.endswith(b"ok\n"):
            answer += _answer(peer)
        peer.sendall(b"GET /hea")
        assert _answer(peer) == b""
        assert _silent(server) == 1


def test_a_page_that_refuses_is_counted_and_keeps_no_place() -> None:
    with serving(limits=Limits(max_calls=1, drain=0.1)) as server:
        assert server.ask("/wire", "POST", b"signed=no").status == 403
        assert server.count("voicegraph_refused_total", why="signature") == 1
        assert server.ask("/wire", "POST", b"").text == "come "


def _answer(peer: socket.socket) -> bytes:
    try:
        return peer.recv(1_000)
    except ConnectionResetError:
        return b""


def _silent(server: Service) -> float:
    return server.count("voicegraph_refused_total", why="silent")
