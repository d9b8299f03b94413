"""Nodes that fail when a call begins: it is closed with a reason, counted, told in the log, and nobody is quoted."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Literal

import pytest
from loguru import logger
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from tests.serve.served import GRAPH, Service, seconds_of_sound, serving, until_closed
from voicegraph import Dtmf, Sentence, node
from voicegraph.errors import ProviderError
from voicegraph.serve.limits import Limits

FAULTY = GRAPH.replace("wire.answer", "{use: faulty.answer, with: {at: MOMENT}}")


@node("faulty.answer")
class Faulty:
    """Fails in the second call. at: when."""

    at: Literal["make", "enter", "key"]

    def __post_init__(self) -> None:
        if self.at == "make" and Calls.begun:
            raise RuntimeError("a secret of the caller")

    async def __aenter__(self) -> None:
        if self.at == "enter":
            raise RuntimeError("a secret of the caller")
        if self.at == "key":
            raise ProviderError("Vendor", "the key is refused", retryable=False)

    async def __aexit__(self, *_: object) -> None: ...

    def on_key(self, key: Dtmf) -> Sentence:
        return Sentence(key.digit)


class Calls:
    begun = False


@node("faulty.gate")
class Gate:
    """Leaves a call when it may."""

    may_leave = threading.Event()

    async def __aenter__(self) -> None: ...

    async def __aexit__(self, *_: object) -> None:
        await asyncio.to_thread(self.may_leave.wait, 20)

    def on_key(self, key: Dtmf) -> Sentence:
        return Sentence(key.digit)


@contextmanager
def logged() -> Generator[list[str]]:
    lines: list[str] = []
    sink = logger.add(lambda message: lines.append(str(message)), level="WARNING", format="{message}")
    try:
        yield lines
    finally:
        logger.remove(sink)


@pytest.mark.parametrize(
    ("moment", "told"),
    [
        ("make", "RuntimeError at "),
        ("enter", "answer: RuntimeError at "),
        ("key", "Vendor: the key is refused"),
    ],
)
def test_a_node_that_fails_before_the_call_has_begun(
    moment: str, told: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    async def call(server: Service) -> None:
        async with server.dial() as caller:
            await until_closed(caller)
            assert (caller.close_code, caller.close_reason) == (1011, "failed")

    with logged() as lines, serving(FAULTY.replace("MOMENT", moment)) as server:
        monkeypatch.setattr(Calls, "begun", True)
        asyncio.run(call(server))
        assert server.ask("/calls").json()["calls"] == []
        assert server.count("voicegraph_calls_ended_total", why="failed") == 1
    assert [told in line for line in lines] == [True], lines
    assert "secret" not in "".join(lines) + capfd.readouterr().err


def test_a_fault_is_told_with_its_place_in_the_file() -> None:
    async def call(server: Service) -> None:
        async with server.dial() as caller:
            await seconds_of_sound(caller, 0.1)
            await caller.send("fail")
            await until_closed(caller)

    with logged() as lines, serving() as server:
        asyncio.run(call(server))
    (line,) = lines
    assert ":3:15: line: RuntimeError at " in line


def test_who_speaks_on_while_a_call_ends_does_not_hold_that_up() -> None:
    """What waits to be read then never is; behind more of it than is kept, the goodbye is found all the same."""

    async def speak(caller: ClientConnection) -> None:
        with suppress(ConnectionClosed):
            while True:
                await caller.send(bytes(2))
                await asyncio.sleep(0)

    async def call(server: Service) -> None:
        async with server.dial() as caller:
            await caller.send("bye")
            for _ in range(500):
                await caller.send(bytes(2))
            speaking = asyncio.create_task(speak(caller))
            await asyncio.to_thread(server.ask, "/health")
            Gate.may_leave.set()
            async with asyncio.timeout(5):  # uvicorn waits for ten
                await until_closed(caller)
            await speaking
            assert (caller.close_code, caller.close_reason) == (1000, "done")

    limits = Limits(drain=0.1, messages_per_second=1e6)
    with serving(GRAPH.replace("wire.answer", "faulty.gate"), limits=limits) as server:
        asyncio.run(call(server))
