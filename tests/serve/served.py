"""Apps served for tests: by a real web server on a real socket, in a thread."""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.serve import wire
from voicegraph.graph import Plan, compile_plan, loads
from voicegraph.observe.exporting import Exports
from voicegraph.phrases import in_memory
from voicegraph.serve.app import App
from voicegraph.serve.limits import Limits
from voicegraph.serve.server import Server, configuration, listen

HOST = "127.0.0.1"
GRAPH = """
nodes:
  line: {use: wire.call, with: {greeting: "Hello."}}
  answer: wire.answer
  tts: tone.tts
flow: line -> answer -> tts -> line
"""


IMPORTING = f"imports: [{Path(wire.__file__)}]\n"
"""For another process, which has not imported the node types."""


class Reply(NamedTuple):
    status: int
    text: str

    def json(self) -> Any:
        return json.loads(self.text)


@dataclass(frozen=True)
class Service:
    app: App
    port: int

    def ask(self, path: str, method: str = "GET", body: bytes | None = None) -> Reply:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=20)
        try:
            headers = {"content-type": "application/x-www-form-urlencoded"} if body is not None else {}
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return Reply(response.status, response.read().decode())
        finally:
            connection.close()

    def dial(self, path: str = "/wire/media", **options: Any) -> connect:
        return connect(f"ws://{HOST}:{self.port}{path}", compression=None, **options)

    def count(self, name: str, **labels: str) -> float:
        return self.app.metrics.registry.get_sample_value(name, labels) or 0.0


def plan_of(text: str = GRAPH) -> Plan:
    return compile_plan(loads(text))


@contextmanager
def serving(
    text: str = GRAPH,
    *,
    limits: Limits | None = None,
    record: Path | None = None,
    asgi: Callable[[App], Any] | None = None,
    exports: Exports | None = None,
) -> Generator[Service]:
    """asgi: what is served in the app's place, such as one that it is mounted in."""
    ready = threading.Event()
    app = App(
        plan_of(text),
        limits=limits or Limits(drain=0.1),
        record=record,
        phrases=in_memory(),
        warmed=lambda failure: ready.set(),
        exports=exports,
    )
    listener = listen(HOST, 0)
    server = Server(configuration(asgi(app) if asgi else app, app.limits))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        assert ready.wait(20)
        yield Service(app, listener.getsockname()[1])
    finally:
        server.should_exit = True
        thread.join(20)
        listener.close()
    assert not thread.is_alive()


async def seconds_of_sound(call: ClientConnection, seconds: float) -> float:
    """Receives at least so much."""
    heard = 0.0
    async with asyncio.timeout(20):
        while heard < seconds:
            message = await call.recv()
            assert isinstance(message, bytes)
            heard += len(message) / (2 * wire.RATE)
    return heard


async def until_closed(call: ClientConnection) -> None:
    """Receives all that comes, up to the end."""
    async with asyncio.timeout(20):
        with suppress(ConnectionClosed):
            while True:
                await call.recv()


async def until_ended(server: Service, why: str, count: int = 1) -> None:
    """Waits until so many calls are over for this reason."""
    async with asyncio.timeout(20):
        while server.count("voicegraph_calls_ended_total", why=why) < count:
            await asyncio.to_thread(server.ask, "/health")
