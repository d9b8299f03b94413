"""How an answer goes out, and how its fault strikes it; the body of one over HTTP. For WebSockets see sockets.py."""

from __future__ import annotations

import asyncio
import base64
import socket
import struct
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, NamedTuple, NoReturn, cast

import msgspec
from aiohttp import ClientConnectionResetError, web
from aiohttp.abc import AbstractStreamWriter

from voicegraph.emulators.exchange import Exchange
from voicegraph.emulators.faults import AnyFault, Close, Drop, Garbage, Stall, UnknownMessage, WrongFormat

LINGER = 5.0
"""Seconds that the client of a connection ended by FIN has to close it, too, before it is reset."""
_MP3 = bytes.fromhex("fffb9064") + bytes(413)
"""A silent frame: MPEG-1 layer III, 128 kbit/s, 44.1 kHz, 144 * 128000 / 44100 bytes (ISO 11172-3, 2.4.3.1)."""


class Message(NamedTuple):
    """What goes out at a time. head, tail: what stands around its payload, which a fault leaves alone."""

    payload: bytes
    words: int = 0
    head: bytes = b""
    tail: bytes = b""
    binary: bool = False

    @property
    def whole(self) -> bytes:
        return self.head + self.payload + self.tail


class Answer(ABC):
    """What both have. One message goes out at a time: a fault that holds one up holds up those behind it."""

    def __init__(self, exchange: Exchange, request: web.Request) -> None:
        assert request.transport is not None
        self.exchange = exchange
        self._request = request
        self._transport = request.transport
        self._writer: AbstractStreamWriter | None = None
        self._sending = asyncio.Lock()
        self._last = Message(b"")  # what others are like
        self._striking: asyncio.Task[None] | None = None

    def encoded(self, sound: bytes) -> str:
        """Sound in base64, for a field of a message: all sound goes out through here or `audio`."""
        return base64.b64encode(self._sound(sound)).decode()

    @abstractmethod
    async def _put(self, data: bytes, *, binary: bool = False, part: bool = False) -> None:
        """Sends a message, or a part of it of which more may come."""

    async def _start(self, response: web.StreamResponse) -> None:
        writer = await response.prepare(self._request)
        assert isinstance(writer, AbstractStreamWriter)
        self._writer = writer
        self.exchange.status = response.status
        if isinstance(self.exchange.fault, Drop):  # what was sent before is to arrive
            self._transport.set_write_buffer_limits(high=0)
        if (alarm := self.exchange.alarm) is not None:
            self._strike_by_itself(alarm)

    def _stop(self) -> None:
        if self._striking is not None:
            self._striking.cancel()

    async def _give(self, message: Message) -> None:
        """Sends a message, unless its fault will have it otherwise."""
        async with self._sending:
            self._last = message
            rest = message.whole
            match fault := self._due(len(rest)):
                case None | WrongFormat():
                    pass
                case Garbage():
                    self.exchange.struck = True
                    rest = message._replace(payload=_garbage(fault, message.payload)).whole
                case Stall() | Drop():
                    intact = self.exchange.intact
                    if intact:
                        await self._put(rest[:intact], binary=message.binary, part=True)
                    await self._strike(fault)
                    rest = rest[intact:]
                case _:
                    await self._strike(fault)
            await self._put(rest, binary=message.binary)
            self.exchange.count(len(message.whole), message.words)

    async def _finish(self) -> None:
        """What may strike before the end."""
        fault = self._due()
        if fault is not None and not isinstance(fault, Garbage | WrongFormat):
            await self._strike(fault)

    async def _strike(self, fault: AnyFault) -> None:
        """Within `_sending`."""
        self.exchange.struck = True
        match fault:
            case Stall(time=time):
                await self._flush()
                await (for_ever() if time is None else asyncio.sleep(time))
            case Drop(how=how):
                await self._drop(how)
            case UnknownMessage(text=text):
                await self._put(self._last._replace(payload=text.encode()).whole)
            case _:
                pass

    async def _drop(self, how: str) -> NoReturn:
        await self._flush()
        self.exchange.outcome = "struck"
        if how == "fin":
            self._transport.write_eof()
            await asyncio.sleep(LINGER)
        reset(self._transport)
        await for_ever()

    async def _flush(self) -> None:
        assert self._writer is not None
        await self._writer.drain()

    def _strike_by_itself(self, when: float = 0.0) -> None:
        """For faults that need not wait for the next message. when: in the loop's time."""

        async def strike() -> None:
            await asyncio.sleep(when - asyncio.get_running_loop().time())
            async with self._sending:
                if fault := self._due():
                    await self._strike(fault)

        if self._striking is None and isinstance(self.exchange.fault, Drop | Close | UnknownMessage):
            self._striking = asyncio.create_task(strike())

    def _due(self, size: int = 1) -> AnyFault | None:
        return self.exchange.due(asyncio.get_running_loop().time(), size)

    def _sound(self, sound: bytes) -> bytes:
        """Sound as it was made, or what a fault makes of it."""
        if not isinstance(self.exchange.fault, WrongFormat):
            return sound
        if self._due(len(sound)):
            self.exchange.struck = True
        return (_MP3 * (len(sound) // len(_MP3) + 1))[: len(sound) | 1] if self.exchange.struck else sound


class Body(Answer):
    """The body of a streamed HTTP answer."""

    def __init__(
        self, exchange: Exchange, request: web.Request, content_type: str, status: int, headers: Mapping[str, str]
    ) -> None:
        super().__init__(exchange, request)
        if isinstance(exchange.fault, WrongFormat) and content_type.startswith("audio/") and self._due():
            content_type = "audio/mpeg"
        self.response = web.StreamResponse(status=status, headers={**headers, "Content-Type": content_type})

    async def __aenter__(self) -> Body:
        await self._start(self.response)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                async with self._sending:
                    await self._finish()
                    await self.response.write_eof()
        except ClientConnectionResetError:  # the client is gone
            pass
        finally:
            self._stop()

    async def event(self, data: Any, *, name: str | None = None, words: int = 0) -> None:
        """A server-sent event. data: JSON, or a string as it is (`[DONE]`). words: that it brings the client."""
        head = "data: " if name is None else f"event: {name}\ndata: "
        await self._give(Message(encode(data), words, head.encode(), b"\n\n"))

    async def line(self, data: Any, *, words: int = 0) -> None:
        """A line of JSON."""
        await self._give(Message(encode(data), words, tail=b"\n"))

    async def audio(self, sound: bytes, *, words: int = 0) -> None:
        """Raw sound, in whatever encoding the client asked for."""
        await self._give(Message(self._sound(sound), words))

    async def _put(self, data: bytes, *, binary: bool = False, part: bool = False) -> None:
        try:
            await self.response.write(data)
        except ClientConnectionResetError:  # the client is gone, and this about to be cancelled
            await for_ever()

    async def _flush(self) -> None:
        assert self._writer is not None
        self._writer.send_headers()
        await super()._flush()


async def for_ever() -> NoReturn:
    """Until this is cancelled, as a handler is when its client is gone."""
    await asyncio.get_running_loop().create_future()
    raise AssertionError


def reset(transport: asyncio.BaseTransport) -> None:
    """Closes a connection with a TCP RST: without lingering, what is not sent yet is dropped."""
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    cast("asyncio.WriteTransport", transport).abort()


def encode(data: Any) -> bytes:
    """JSON of it; of a string, the string as it is."""
    return data.encode() if isinstance(data, str) else msgspec.json.encode(data)


def _garbage(fault: Garbage, payload: bytes) -> bytes:
    return payload[: len(payload) // 2] if fault.text is None else fault.text.encode()
