"""A web server with an agent behind a webhook, in these tests' own loop: what `voicegraph call` calls."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from typer.testing import CliRunner, Result

from tests.caller.agents import Talker
from voicegraph.runner import app

TWIML = """<?xml version="1.0"?>
<Response><Connect><Stream url="{url}"><Parameter name="tenant" value="oak"/></Stream></Connect></Response>"""


QUICK = ("--voice", "simulated", "--done-after", "100ms")


@dataclass
class Server:
    """twiml: what the webhook says, with `{url}` for the stream's. seen: what came in."""

    port: int = 0
    twiml: str = TWIML
    content_type: str = "text/xml"
    status: int = 200
    settings: dict[str, str] = field(default_factory=lambda: {"greeting": "Hi.", "answer": "Yes."})
    forms: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    signatures: list[str] = field(default_factory=list[str])
    starts: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    called: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def webhook(self) -> str:
        return f"http://127.0.0.1:{self.port}/twilio"

    @property
    def stream(self) -> str:
        return f"ws://127.0.0.1:{self.port}/media"

    async def answer(self, request: web.Request) -> web.Response:
        self.forms.append({key: str(value) for key, value in (await request.post()).items()})
        self.signatures.append(request.headers.get("X-Twilio-Signature", ""))
        text = self.twiml.replace("{url}", self.stream)
        return web.Response(text=text, content_type=self.content_type, status=self.status)

    async def talk(self, request: web.Request) -> web.WebSocketResponse:
        self.signatures.append(request.headers.get("X-Twilio-Signature", ""))
        socket = web.WebSocketResponse()
        await socket.prepare(request)

        async def say(message: str | bytes) -> None:
            await (socket.send_str(message) if isinstance(message, str) else socket.send_bytes(message))

        agent = Talker(say, **self.settings)
        async for each in socket:
            message = json.loads(each.data)
            if message["event"] == "start":
                self.starts.append(message["start"])
                self.called.set()
            if not await agent.take(message):
                break
        await socket.close()
        return socket


@asynccontextmanager
async def serving(**settings: Any) -> AsyncGenerator[Server]:
    server = Server(**settings)
    application = web.Application()
    application.add_routes([web.post("/twilio", server.answer), web.get("/media", server.talk)])
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.port = runner.addresses[0][1]
    try:
        yield server
    finally:
        await runner.cleanup()


def command(*words: str, **settings: Any) -> tuple[Result, Server]:
    """`voicegraph call` with these words, where `{webhook}` and `{stream}` are the server's."""

    async def main() -> tuple[Result, Server]:
        async with serving(**settings) as server:
            filled = [each.format(webhook=server.webhook, stream=server.stream, port=server.port) for each in words]
            result = await asyncio.to_thread(CliRunner().invoke, app, ["call", *filled, *QUICK])
            return result, server

    return asyncio.run(main())
