"""The emulator of ElevenLabs for a test, quick and with the faults that the test wants."""

from __future__ import annotations

import asyncio
import json
import queue
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from voicegraph.emulators.backend import Sound, Speaking, Word
from voicegraph.emulators.exchange import Exchange
from voicegraph.emulators.faults import AnyFault, Faults
from voicegraph.emulators.scripted import Latencies, Script, scripted
from voicegraph.emulators.server import Emulators, in_thread

AT_ONCE = Latencies(transcript=0.0, first_token=0.0, token=0.0, first_sound=0.0, sound=0.0)
RACHEL = "21m00Tcm4TlvDq8ikWAM"
KEY = "emulated"
RATE = 16_000

Json = dict[str, Any]


class Emulated:
    """A running emulator, to which the environment points."""

    def __init__(self, emulators: Emulators, ended: queue.Queue[Exchange]) -> None:
        self.emulators = emulators
        self.url = emulators.environment["ELEVENLABS_BASE_URL"]
        self._ended = ended

    @property
    def sockets(self) -> list[Exchange]:
        """Those that were opened, oldest first."""
        return [each for each in self.emulators.exchanges if each.transport == "websocket"]

    def next_ended(self) -> Exchange:
        """The next exchange that is over. Waits for it."""
        return self._ended.get(timeout=5)

    def connect(self, voice: str = RACHEL, key: str = KEY, **query: Any) -> connect:
        """A raw client's connection to the WebSocket."""
        asked = {"model_id": "eleven_flash_v2_5", "output_format": f"pcm_{RATE}", **query}
        parameters = "&".join(f"{name}={value}" for name, value in asked.items())
        return connect(
            f"ws{self.url.removeprefix('http')}/v1/text-to-speech/{voice}/multi-stream-input?{parameters}",
            additional_headers={"xi-api-key": key} if key else {},
            compression=None,
            max_queue=None,
        )


@contextmanager
def emulated(
    *faults: AnyFault, latency: Latencies = AT_ONCE, speaking: Speaking | None = None, **script: Any
) -> Generator[Emulated]:
    """script: fields of Script. speaking: in place of the script's voice."""
    ended: queue.Queue[Exchange] = queue.Queue()
    backend = scripted(Script(latency=latency, **script))
    if speaking is not None:
        backend = replace(backend, speaking=speaking)
    with (
        in_thread(["elevenlabs"], backend=backend, faults=Faults(faults), ended=ended.put) as emulators,
        pytest.MonkeyPatch.context() as environment,
    ):
        for name, value in emulators.environment.items():
            environment.setenv(name, value)
        yield Emulated(emulators, ended)


@asynccontextmanager
async def talking(emulated: Emulated, **query: Any) -> AsyncGenerator[Talk]:
    """A raw client on the WebSocket."""
    async with asyncio.timeout(5), emulated.connect(**query) as ws:
        yield Talk(ws)


class Talk:
    """What a raw client says and is told."""

    def __init__(self, ws: ClientConnection) -> None:
        self.ws = ws

    async def say(self, **message: Any) -> None:
        await self.ws.send(json.dumps(message))

    async def next(self) -> Json:
        told: Json = json.loads(await self.ws.recv())
        return told

    async def until_final(self, context: str) -> list[Json]:
        """All that comes, up to the end of a context."""
        everything: list[Json] = []
        while not everything or not (everything[-1].get("isFinal") and everything[-1]["contextId"] == context):
            everything.append(await self.next())
        return everything

    async def rest(self) -> list[Json]:
        """All that comes, up to the close."""
        everything: list[Json] = []
        with suppress(ConnectionClosed):
            while True:
                everything.append(await self.next())
        return everything


class Gate:
    """A voice that says a text's first word, and the rest when the gate is opened. 100 ms of sound a word."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    def open(self) -> None:
        """From any thread."""
        assert self._loop is not None, "nobody has spoken yet"
        self._loop.call_soon_threadsafe(self.opened.set)

    async def speak(self, text: str, rate: int, *, voice: str = "", speed: float = 1.0) -> AsyncGenerator[Sound, None]:
        self._loop = asyncio.get_running_loop()
        for number, word in enumerate(text.split()):
            if number:
                await self.opened.wait()
            begin = number / 10
            yield Sound(bytes([1 + number, 0]) * (rate // 10), (Word(word, begin, begin + 0.1),))
