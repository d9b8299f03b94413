"""Replies spoken by a node of ElevenLabs one after the other, and a server that writes down what it is asked."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from ssl import SSLContext
from typing import Any, TypeVar, cast

from websockets.asyncio.server import ServerConnection, serve

from voicegraph.call import give_call
from voicegraph.engine import offload
from voicegraph.frames import Sentence, TTSAudio
from voicegraph.processors.elevenlabs_tts import ElevenLabsTTS

T = TypeVar("T")
Json = dict[str, Any]

SOUND = base64.b64encode(b"\1\2" * 1600).decode()
"""100 ms of it."""


class OffCall:
    """The little of a call that the nodes ask for."""

    async def offload(self, function: Callable[..., T], *args: Any) -> T:
        return await offload.offload(function, *args)


@asynccontextmanager
async def speaker(**config: Any) -> AsyncGenerator[ElevenLabsTTS]:
    """The node in a call of its own."""
    made = ElevenLabsTTS(**config)
    give_call(made, cast("Any", OffCall()))
    async with asyncio.timeout(10), made:
        yield made


def speak(node: ElevenLabsTTS, *texts: str) -> AsyncGenerator[TTSAudio]:
    """One reply of these sentences."""

    async def sentences() -> AsyncIterator[Sentence]:
        for text in texts:
            yield Sentence(text)

    return cast("AsyncGenerator[TTSAudio]", node.speak(sentences()))


async def said(node: ElevenLabsTTS, *texts: str) -> list[TTSAudio]:
    """One reply, all of it."""
    async with aclosing(speak(node, *texts)) as sound:
        return [audio async for audio in sound]


async def interrupted(node: ElevenLabsTTS, *texts: str, heard: int = 0) -> None:
    """One reply, of which so many chunks come before the interrupt. With none, the interrupt comes at once.

    More sentences than these would come later.
    """

    async def sentences() -> AsyncIterator[Sentence]:
        for text in texts:
            yield Sentence(text)
        await asyncio.get_running_loop().create_future()

    sound = cast("AsyncGenerator[TTSAudio]", node.speak(sentences()))
    for _ in range(heard):
        await anext(sound)
    waiting = asyncio.create_task(anext(sound))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    await sound.aclose()


class Scribe:
    """A server that writes down what it is told on a WebSocket. As a rule it has 100 ms of sound for each sentence."""

    def __init__(self, tls: SSLContext | None = None) -> None:
        self.told: list[Json] = []
        self._tls = tls
        self.paths: list[str] = []
        self.headers: list[str | None] = []
        self.address = ""
        self.open = 0
        self._news = asyncio.Event()

    async def __aenter__(self) -> Scribe:
        self._server = await serve(self._serve, "127.0.0.1", 0, ssl=self._tls)
        self.address = f"http{'s' if self._tls else ''}://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def until(self, count: int) -> list[Json]:
        """What it was told, once that is so much."""
        await self.sees(lambda: len(self.told) >= count)
        return self.told

    async def sees(self, what: Callable[[], bool]) -> None:
        """Returns when that is so."""
        while not what():
            self._news.clear()
            await self._news.wait()

    async def answer(self, ws: ServerConnection, message: Json) -> None:
        context = message["context_id"]
        if message.get("flush"):
            await ws.send(json.dumps({"audio": SOUND, "contextId": context}))
        if message.get("close_context"):
            await ws.send(json.dumps({"isFinal": True, "contextId": context}))

    async def _serve(self, ws: ServerConnection) -> None:
        assert ws.request is not None
        self.paths.append(ws.request.path)
        self.headers.append(ws.request.headers.get("xi-api-key"))
        self.open += 1
        self._news.set()
        try:
            async for text in ws:
                message: Json = json.loads(text)
                self.told.append(message)
                self._news.set()
                await self.answer(ws, message)
        finally:
            self.open -= 1
