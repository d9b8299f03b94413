"""A vendor of toys, to try the wire with: it knows nothing of faults."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest
from aiohttp import web

from voicegraph.emulators import server
from voicegraph.emulators.backend import Backend
from voicegraph.emulators.faults import AnyFault, Faults
from voicegraph.emulators.scripted import scripted
from voicegraph.emulators.server import Emulators, in_thread
from voicegraph.emulators.wire import Wire

SOUND = b"\1\2" * 160
"""A chunk of it."""


def environment(address: str) -> dict[str, str]:
    return {"TOY_BASE_URL": f"http://{address}/toy"}


def refusal(status: int, message: str) -> Any:
    return {"toy": {"code": status, "says": message}}


def routes(backend: Backend, wire: Wire) -> list[web.RouteDef]:
    async def events(request: web.Request) -> web.StreamResponse:
        async with wire.body(request, "text/event-stream") as body:
            for number in range(5):
                await body.event({"number": number}, name="count", words=2)
            await body.event("[DONE]")
        return body.response

    async def lines(request: web.Request) -> web.StreamResponse:
        async with wire.body(request, "application/x-ndjson") as body:
            for _ in range(3):
                await body.line({"sound": body.encoded(SOUND)})
        return body.response

    async def sound(request: web.Request) -> web.StreamResponse:
        async with wire.body(request, "audio/pcm", headers={"X-Toy": "yes"}) as body:
            for _ in range(4):
                await body.audio(SOUND, words=1)
        return body.response

    async def data(request: web.Request) -> web.StreamResponse:
        return await wire.json(request, {"answer": 42}, words=1)

    async def never(request: web.Request) -> web.StreamResponse:
        async with wire.body(request, "text/event-stream") as body:
            await body.event({"number": 0})
            await asyncio.Event().wait()
        return body.response

    async def bad(request: web.Request) -> web.StreamResponse:
        return web.json_response(refusal(404, "no such toy"), status=404)

    async def talk(request: web.Request) -> web.StreamResponse:
        async with wire.socket(request) as socket:
            await socket.send({"type": "hello"})
            async for message in socket:
                if message == "bye":
                    await socket.close(4000, "as you said")
                elif isinstance(message, bytes):
                    await socket.send(message, words=1)
                else:
                    await socket.send({"said": message, "sound": socket.encoded(SOUND)}, words=len(message.split()))
        return socket.response

    return [
        web.get("/toy/events", events),
        web.get("/toy/lines", lines),
        web.get("/toy/sound", sound),
        web.get("/toy/json", data),
        web.get("/toy/never", never),
        web.get("/toy/bad", bad),
        web.get("/toy/talk", talk),
    ]


@contextmanager
def serving(*faults: AnyFault) -> Generator[Emulators]:
    """A server of toys with these faults to come."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(server.VENDORS, "toy", __name__)
        with in_thread(["toy"], backend=scripted(), faults=Faults(faults)) as emulators:
            yield emulators
