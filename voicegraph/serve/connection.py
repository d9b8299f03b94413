"""A WebSocket of ASGI as a line's connection, with the limits that keep one peer from harming the others."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from voicegraph.serve.doors import Closed, told
from voicegraph.serve.limits import Budget, Limits
from voicegraph.serve.reasons import REASONS

if TYPE_CHECKING:
    from voicegraph.serve.request import WebRequest
    from voicegraph.serve.socket import Event, Socket

OF_SERVER = {1002: "malformed", 1007: "malformed", 1009: "oversize"}
"""Why the web server itself closed a connection, by the code it closed with."""
TELLS_WITHIN = 1.0
"""Seconds for a web server that knows that a peer is gone to say why."""
ABNORMAL = frozenset({1005, 1006})

Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class WebConnection:
    """See `voicegraph.serve.doors.Connection`. request: its handshake. socket: what is below, if that is known.

    outcome: why it is over, as a name in voicegraph.serve.reasons; None while it is not. broken: told when this
    side found a fault with the peer, so that the call ends even if its line is not reading.
    """

    def __init__(
        self, request: WebRequest, receive: Receive, send: Send, limits: Limits, socket: Socket | None = None
    ) -> None:
        self.path = request.path
        self.headers = request.headers
        self.query = request.query
        self.peer = request.peer
        self.outcome: str | None = None
        self.broken: Callable[[str], None] = lambda name: None
        self._receive: Callable[[], Awaitable[Event]] = receive if socket is None else socket.take
        self._write: Callable[..., bool] = (lambda *messages: False) if socket is None else socket.write
        self._send = send
        self._limits = limits
        self._closed: Closed | None = None
        self._began = False
        self._gone = False
        self._budget = Budget(limits.messages_per_second, asyncio.get_running_loop().time)

    async def receive(self) -> str | bytes:
        self._check_open()
        event = await (self._receive() if self._began else self._first())
        message = event if isinstance(event, str | bytes) else self._message(event)
        if len(message) > self._limits.max_message:
            await self._break("oversize")
        if not self._budget.spend():
            await self._break("flood")
        return message

    async def send(self, message: str | bytes) -> None:
        self._check_open()
        if self._write(message):
            return
        event: dict[str, Any] = {"type": "websocket.send"}
        event["text" if isinstance(message, str) else "bytes"] = message
        try:
            async with asyncio.timeout(self._limits.reads_within):
                await self._send(event)
        except TimeoutError:
            self._end("slow-reader")  # a close could not be sent either
            self.broken("slow-reader")
        except OSError:  # how ASGI says that the peer is gone; why, `receive` is told
            self._gone = True
            raise Closed() from None
        self._check_open()

    def send_now(self, *messages: str | bytes) -> bool:
        return self._closed is None and self._write(*messages)

    async def close(self, code: int = 1000, reason: str = "") -> None:
        if self._closed is not None:
            return
        self._end(reason if reason in REASONS else "done", Closed(code, reason))
        try:
            async with asyncio.timeout(self._limits.reads_within):
                await self._send({"type": "websocket.close", "code": code, "reason": reason})
        except (TimeoutError, OSError):  # gone, or not reading: the web server drops it
            pass

    async def settle(self) -> None:
        """Once nobody receives any more: finds out why the peer is gone, if it is and nobody was told."""
        if not self._gone or self.outcome is not None:
            return
        with suppress(Closed, TimeoutError):
            async with asyncio.timeout(TELLS_WITHIN):
                while True:
                    await self.receive()
        self._end("lost", Closed())

    async def _first(self) -> Event:
        """The first event, which must come soon."""
        try:
            async with asyncio.timeout(self._limits.starts_within):
                event = await self._receive()
        except TimeoutError:
            await self._break("silent")
            raise
        self._began = True
        return event

    def _message(self, event: Mapping[str, Any]) -> str | bytes:
        """Of an event of ASGI."""
        if event["type"] == "websocket.disconnect":
            self._peer_left(event)
        text, data = event.get("text"), event.get("bytes")
        return data or b"" if text is None else text

    def _peer_left(self, event: Mapping[str, Any]) -> None:
        code, reason = event.get("code", 1005), event.get("reason") or ""
        broken = code in ABNORMAL and "reason" not in event  # no closing handshake
        outcome = "flood" if (code, reason) == told("flood") else OF_SERVER.get(code, "hung-up")
        self._end("lost" if broken else outcome, Closed(code, reason))
        self._check_open()

    async def _break(self, name: str) -> None:
        """Closes the connection because of what the peer does. Raises Closed."""
        await self.close(*told(name))
        self.broken(name)
        self._check_open()

    def _end(self, outcome: str, closed: Closed | None = None) -> None:
        if self._closed is None:
            self._closed = closed or Closed(*told(outcome))
            self.outcome = outcome

    def _check_open(self) -> None:
        if self._closed is not None:
            raise self._closed
