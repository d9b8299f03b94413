"""WebSockets, and how a fault strikes one."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Mapping, Sequence
from typing import Any

from aiohttp import WSCloseCode, WSMessage, WSMsgType, web

from voicegraph.emulators.answers import Answer, Message, encode, for_ever
from voicegraph.emulators.exchange import Exchange
from voicegraph.emulators.faults import AnyFault, Close, HungClose

CLOSING = 2.0
"""Seconds that a client has to answer a close."""
MOST = 32 * 1024 * 1024
"""Bytes in a message."""
OK, NO_CODE = 1000, 1005
"""Codes of a close; NO_CODE is what one without any counts as (RFC 6455, 7.4.1)."""


class Socket(Answer):
    """A WebSocket. Iterating gives the client's messages, text as str. Several tasks may send."""

    def __init__(
        self, exchange: Exchange, request: web.Request, protocols: Sequence[str], headers: Mapping[str, str]
    ) -> None:
        super().__init__(exchange, request)
        self._inbox: asyncio.Queue[str | bytes | None] = asyncio.Queue()
        self._reading: asyncio.Task[None] | None = None
        self._parted = False  # a part of a message is out, and more may come
        self.response = web.WebSocketResponse(
            protocols=protocols, timeout=CLOSING, autoclose=False, autoping=False, compress=False, max_msg_size=MOST
        )
        self.response.headers.update(headers)

    async def __aenter__(self) -> Socket:
        await self._start(self.response)
        self._reading = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                await self.close()
        finally:
            self._stop()
            if self._reading is not None:
                self._reading.cancel()

    def __aiter__(self) -> Socket:
        return self

    async def __anext__(self) -> str | bytes:
        message = await self._inbox.get()
        if message is None:
            self._inbox.put_nowait(None)  # and so for whoever asks again
            raise StopAsyncIteration
        return message

    async def send(self, data: Any, *, words: int = 0) -> None:
        """A text message of JSON, or of a string as it is; a binary one of bytes. words: that it brings the client.

        Does nothing once the WebSocket is closed.
        """
        binary = isinstance(data, bytes)
        if not self._closed:
            await self._give(Message(data if binary else encode(data), words, binary=binary))

    async def close(self, code: int = OK, reason: str = "") -> None:
        """Closes it, after which the iteration ends. Does nothing once it is closed."""
        async with self._sending:
            if not self._closed:
                await self._finish()
                await self._close(code, reason)

    @property
    def _closed(self) -> bool:
        return self.response.closed or self._transport.is_closing()

    async def _close(self, code: int, reason: str = "") -> None:
        if isinstance(self.exchange.fault, HungClose):
            self.exchange.struck = True
            await for_ever()
        if (reading := self._reading) is not None and reading is not asyncio.current_task():
            reading.cancel()  # else aiohttp would not wait for the client's close, and reset the connection
            await asyncio.wait([reading])
        await self.response.close(code=code, message=reason.encode())
        if self.response.close_code not in (None, WSCloseCode.ABNORMAL_CLOSURE):
            self.exchange.closed = self.response.close_code
        self._inbox.put_nowait(None)

    async def _strike(self, fault: AnyFault) -> None:
        await super()._strike(fault)
        if isinstance(fault, Close):
            await self._close(fault.code, fault.reason)

    async def _put(self, data: bytes, *, binary: bool = False, part: bool = False) -> None:
        """A part goes out as a fragment, so that pongs may come between it and the rest."""
        if self._closed:
            return
        opcode = WSMsgType.BINARY if binary else WSMsgType.TEXT
        self._transport.write(_head(len(data), WSMsgType.CONTINUATION if self._parted else opcode, last=not part))
        self._transport.write(data)
        self._parted = part
        await self._flush()

    async def _read(self) -> None:
        """Takes all that comes from the client, even while a fault holds up the answer."""
        while await self._take(await self.response.receive()):
            pass
        self._inbox.put_nowait(None)

    async def _take(self, message: WSMessage) -> bool:
        """Whether more may come."""
        match message.type:
            case WSMsgType.TEXT | WSMsgType.BINARY:
                self._receive(message.data)
            case WSMsgType.PING if self.exchange.outcome != "struck":
                await self.response.pong(message.data)
            case WSMsgType.PING | WSMsgType.PONG:
                pass
            case WSMsgType.CLOSE:
                self.exchange.closed = message.data or NO_CODE
                await self._close(message.data or OK)
                return False
            case _:
                return False
        return True

    def _receive(self, data: str | bytes) -> None:
        self.exchange.received += len(data.encode() if isinstance(data, str) else data)
        self._inbox.put_nowait(data)
        if self._due():
            self._strike_by_itself()


def _head(size: int, opcode: WSMsgType, *, last: bool) -> bytes:
    """What stands before a message, or a part of one, of a server (RFC 6455, 5.2)."""
    first = opcode | (0x80 if last else 0)
    if size < 126:
        return bytes((first, size))
    return struct.pack("!BBH", first, 126, size) if size < 1 << 16 else struct.pack("!BBQ", first, 127, size)
