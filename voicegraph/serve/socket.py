"""uvicorn's WebSockets, with a short way for what calls consist of: small messages, each in one frame.

A call is nearly a hundred of them in a second. Read by the parser that knows all of RFC 6455, and handed over by a
queue of asyncio, each takes several times as long. What is out of the ordinary still goes that way.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import Any, cast

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from voicegraph.serve.app import EXTENSION

try:
    from websockets.speedups import apply_mask
except ImportError:  # where it could not be compiled
    from websockets.utils import apply_mask

TEXT, BINARY = 0x81, 0x82
"""The first byte of a message that is one frame."""
FINAL, KIND, MASKED = 0x80, 0x0F, 0x80
LONG, VERY_LONG = 126, 127
MOST = 64
"""Messages that wait here before no more are read."""

Event = str | bytes | Mapping[str, Any]
"""A message, or an event of ASGI."""


class Events(deque[Event]):
    """What has come and was not taken yet: so much of a queue of asyncio as its one reader needs."""

    reader: asyncio.Future[None] | None = None

    def put_nowait(self, event: Event) -> None:
        self.append(event)
        reader, self.reader = self.reader, None
        if reader is not None and not reader.done():
            reader.set_result(None)


class Socket(WebSocketsSansIOProtocol):
    """One connection. `take` and `write` are for its one reader and writer who know it, beside those of ASGI."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._events = Events()
        self.queue: Any = self._events
        self._rest = b""  # of a frame that has not come whole
        self._plain = False  # the peer does what we leave to the parser, from then on all of it

    async def take(self) -> Event:
        """The next message or event."""
        events = self._events
        while not events:
            events.reader = self.loop.create_future()
            await events.reader
        event = events.popleft()
        if self.read_paused and not events:
            self.read_paused = False
            self.transport.resume_reading()
        return event

    def write(self, *messages: str | bytes) -> bool:
        """Sends messages at once. False: the peer is slow, or gone, so that nothing was sent."""
        if not self.writable.is_set() or self.close_sent or self.disconnected or self.transport.is_closing():
            return False
        self.transport.write(b"".join(map(_frame, messages)))
        return True

    # --- what uvicorn calls ------------------------------------------------------------------------------------------

    async def receive(self) -> Any:
        event = await self.take()
        if isinstance(event, Mapping):
            return event
        return {"type": "websocket.receive", "text" if isinstance(event, str) else "bytes": event}

    def handle_connect(self, event: Any) -> None:
        super().handle_connect(event)
        if self.response.status_code == 101:
            cast(Any, self.scope)["extensions"][EXTENSION] = {"socket": self}

    def data_received(self, data: bytes) -> None:
        if self._plain or not self.handshake_complete:
            super().data_received(data)
            return
        data, at, end = self._rest + data if self._rest else data, 0, 0
        while at < len(data) and (end := _end_of_frame(data, at)) > 0:
            if not self.close_sent and (message := _message(data, at, end)) is not None:
                self._events.put_nowait(message)
            else:
                super().data_received(data[at:end])
            at = end
        self._rest = data[at:]
        if end < 0:
            self._plain = True
            super().data_received(self._rest)
        if len(self._events) > MOST and not (self.read_paused or self.close_sent):  # the peer's goodbye is read
            self.read_paused = True
            self.transport.pause_reading()


def _end_of_frame(data: bytes, at: int) -> int:
    """Where the frame that begins there ends; 0 if it has not come whole, -1 if it is none of the ordinary."""
    there = len(data)
    if there < at + 4:
        return 0
    first, second = data[at], data[at + 1]
    if not (first & FINAL and first & KIND and second & MASKED):
        return -1
    if second < MASKED | LONG:
        end = at + second - MASKED + 6
    elif second == MASKED | LONG:
        end = at + (data[at + 2] << 8 | data[at + 3]) + 8
    else:
        return -1
    return end if end <= there else 0


def _frame(message: str | bytes) -> bytes:
    kind, payload = (TEXT, message.encode()) if isinstance(message, str) else (BINARY, message)
    size = len(payload)
    if size < LONG:
        return bytes((kind, size)) + payload
    if size < 1 << 16:
        return bytes((kind, LONG, size >> 8, size & 0xFF)) + payload
    return bytes((kind, VERY_LONG)) + size.to_bytes(8) + payload


def _message(data: bytes, at: int, end: int) -> str | bytes | None:
    """What a frame says; None if it is none of a message, or for the parser to find out what is wrong with it."""
    kind = data[at]
    if kind not in (TEXT, BINARY):
        return None
    start = at + (8 if data[at + 1] == MASKED | LONG else 6)
    payload = apply_mask(data[start:end], data[start - 4 : start])
    try:
        return payload.decode() if kind == TEXT else payload
    except UnicodeDecodeError:
        return None
