"""A WebSocket of ASGI as a line's connection, with the limits that keep one peer from harming the others."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from voicegraph.serve.doors import Closed, told
from voicegraph.serve.limits import Limits
from voicegraph.serve.reasons import REASONS

if TYPE_CHECKING:
    from voicegraph.serve.request import WebRequest

BURST = 10.0
"""Seconds' worth of messages that may come at once, as after a stall of the network."""
OF_SERVER = {1002: "malformed", 1007: "malformed", 1009: "oversize"}
"""Why the web server itself closed a connection, by the code it closed with."""
TELLS_WITHIN = 1.0
"""Seconds for a web server that knows that a peer is gone to say why."""
ABNORMAL = frozenset({1005, 1006})

Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class WebConnection:
    """See `voicegraph.serve.doors.Connection`. request: its handshake.

    outcome: why it is over, as a name in voicegraph.serve.reasons; None while it is not. broken: told when this
    side found a fault with the peer, so that the call ends even if its line is not reading.
    """

    def __init__(self, request: WebRequest, receive: Receive, send: Send, limits: Limits) -> None:
        self.path = request.path
        self.headers = request.headers
        self.query = request.query
        self.peer = request.peer
        self.outcome: str | None = None
        self.broken: Callable[[str], None] = lambda name: None
        self._receive = receive
        self._send = send
        self._limits = limits
        self._closed: Closed | None = None
        self._now = asyncio.get_running_loop().time
        self._began = False
        self._gone = False
        self._budget = limits.messages_per_second * BURST
        self._counted_at = self._now()

    async def receive(self) -> str | bytes:
        self._check_open()
        event = await self._next()
        if event["type"] == "websocket.disconnect":
            self._peer_left(event)
        text, data = event.get("text"), event.get("bytes")
        message: str | bytes = data or b"" if text is None else text
        if len(message) > self._limits.max_message:
            await self._break("oversize")
        if not self._within_budget():
            await self._break("flood")
        return message

    async def send(self, message: str | bytes) -> None:
        self._check_open()
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

    async def _next(self) -> Mapping[str, Any]:
        """The next event of ASGI. The first must come soon."""
        if self._began:
            return await self._receive()
        try:
            async with asyncio.timeout(self._limits.starts_within):
                event = await self._receive()
        except TimeoutError:
            await self._break("silent")
            raise
        self._began = True
        return event

    def _peer_left(self, event: Mapping[str, Any]) -> None:
        code = event.get("code", 1005)
        broken = code in ABNORMAL and "reason" not in event  # no closing handshake
        self._end("lost" if broken else OF_SERVER.get(code, "hung-up"), Closed(code, event.get("reason") or ""))
        self._check_open()

    def _within_budget(self) -> bool:
        """A token bucket: refilled all the time, emptied by messages."""
        rate = self._limits.messages_per_second
        now = self._now()
        self._budget = min(rate * BURST, self._budget + (now - self._counted_at) * rate) - 1
        self._counted_at = now
        return self._budget >= 0

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
