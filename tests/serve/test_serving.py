"""Calls, pages and figures of a server that runs."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from websockets.asyncio.client import connect

import voicegraph
from tests.serve.served import GRAPH, plan_of, seconds_of_sound, serving, until_ended
from voicegraph.errors import VoicegraphError
from voicegraph.serve.app import App
from voicegraph.serve.limits import Limits


def test_a_call() -> None:
    async def talk() -> None:
        calls = server.app.calls
        assert calls is not None
        async with server.dial("/wire/media?name=Ann") as call:
            await seconds_of_sound(call, 0.2)
            (live,) = (await asyncio.to_thread(server.ask, "/calls")).json()["calls"]
            assert (live["line"], live["turns"]) == ("wire.call", 1)
            await call.send("7")
            await seconds_of_sound(call, 0.5)
            assert [reply.said for reply in next(iter(calls.live.values())).session.replies()] == [
                "Hello.",
                "key 7 Ann",
            ]
            await call.send("bye")
            await call.wait_closed()
            assert (call.close_code, call.close_reason) == (1000, "done")

    with serving() as server:
        asyncio.run(talk())
        assert server.ask("/calls").json() == {"calls": [], "max_calls": 100, "closed": None}
        told = server.ask("/metrics").text
    assert 'voicegraph_calls_ended_total{why="done"} 1.0' in told
    assert "voicegraph_call_seconds_count 1.0" in told
    assert "voicegraph_calls 0.0" in told
    assert "voicegraph_ready 1.0" in told
    assert 'voicegraph_breaker{provider="tts (tone.tts)"} 0.0' in told


def test_a_caller_who_leaves() -> None:
    async def leave(*, politely: bool) -> None:
        async with server.dial() as call:
            await seconds_of_sound(call, 0.1)
            if not politely:
                call.transport.abort()

    with serving() as server:
        asyncio.run(leave(politely=True))
        asyncio.run(until_ended(server, "hung-up"))
        asyncio.run(leave(politely=False))
        asyncio.run(until_ended(server, "lost"))


def test_a_call_that_fails_touches_no_other(capfd: pytest.CaptureFixture[str]) -> None:
    async def talk() -> None:
        async with server.dial() as good, server.dial() as bad:
            await seconds_of_sound(good, 0.1)
            await bad.send("fail")
            await bad.wait_closed()
            assert (bad.close_code, bad.close_reason) == (1011, "failed")
            await good.send("3")
            await seconds_of_sound(good, 0.3)

    with serving() as server:
        asyncio.run(talk())
        assert server.count("voicegraph_node_errors_total", node="line") == 1
    assert "secret" not in capfd.readouterr().err


def test_how_the_server_is() -> None:
    with serving() as server:
        assert server.ask("/health") == (200, "ok\n")
        assert server.ask("/ready").json() == {"ready": True, "why": None}
        assert server.ask("/health", "HEAD") == (200, "")
        assert server.app.admission is not None
        server.app.admission.closed = "draining"
        ready = server.ask("/ready")
        assert (ready.status, ready.json()) == (503, {"ready": False, "why": "draining"})
        assert server.ask("/wire", "POST", b"name=Ann").text == "busy Ann"


def test_pages_of_the_line() -> None:
    with serving() as server:
        assert server.ask("/wire", "POST", b"name=Ann+%C3%A9&name=Bob") == (200, "come Ann é")
        assert server.ask("/broken") == (500, "failed\n")


def test_full_is_said_before_and_when_somebody_connects() -> None:
    async def two() -> None:
        async with server.dial() as first:
            await seconds_of_sound(first, 0.1)
            assert (await asyncio.to_thread(server.ask, "/wire", "POST", b"")).text == "busy "
            with pytest.raises(Exception, match="HTTP 503"):
                await server.dial()

    with serving(limits=Limits(max_calls=1, drain=0.1)) as server:
        asyncio.run(two())
        asyncio.run(until_ended(server, "hung-up"))
        assert server.ask("/wire", "POST", b"").text == "come ", "a place is free again, and now kept"
        assert server.ask("/wire", "POST", b"").text == "busy "
        asyncio.run(server_takes_one(server.dial()))
        assert server.count("voicegraph_refused_total", why="busy") == 3


async def server_takes_one(dialling: connect) -> None:
    async with dialling as call:
        await seconds_of_sound(call, 0.1)


def test_recordings_are_kept_if_asked_for(tmp_path: Path) -> None:
    async def talk() -> None:
        async with server.dial() as call:
            await call.send(bytes(3_200))
            await seconds_of_sound(call, 0.2)
            await call.send("bye")
            await call.wait_closed()

    with serving(record=tmp_path / "kept") as server:
        asyncio.run(talk())
        asyncio.run(until_ended(server, "done"))
    (wav,) = (tmp_path / "kept").glob("*.wav")
    lines = [json.loads(line) for line in wav.with_suffix(".jsonl").read_text().splitlines()]
    assert lines[0]["audio"] == wav.name
    assert lines[-1]["who"] == "agent"
    assert wav.stat().st_size > 3_200


def test_mounted_in_an_app_of_ones_own() -> None:
    with serving(asgi=lambda app: Starlette(routes=[Mount("/voice", app)], lifespan=app.lifespan)) as server:
        asyncio.run(server_takes_one(server.dial("/voice/wire/media")))
        assert server.ask("/voice/ready").status == 200
        assert server.ask("/voice/wire", "POST", b"name=x").text == "come x"


def test_mounted_without_its_lifespan() -> None:
    async def ask() -> None:
        await App(plan_of())({"type": "http", "path": "/ready"}, _nothing, _nowhere)

    with pytest.raises(VoicegraphError, match=r"FastAPI\(lifespan=voice\.lifespan\)"):
        asyncio.run(ask())


async def _nothing() -> dict[str, object]:
    raise AssertionError


async def _nowhere(event: dict[str, object]) -> None:
    raise AssertionError


def test_asgi_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "desk.yaml"
    path.write_text(GRAPH)
    app = voicegraph.asgi(path, ["nodes.line.with.path=/desk"])
    assert (app.edition.plan.name, list(app.edition.sockets)) == ("desk", ["/desk/media"])


def test_a_line_that_nobody_can_call() -> None:
    nodes = "nodes: {line: {use: file.call, with: {input: a.wav}}, again: wire.again}"
    plan = plan_of(f"{nodes}\npipeline: [line, again, line]")
    with pytest.raises(VoicegraphError, match=r"file\.call, which nobody can call over a network"):
        App(plan)
