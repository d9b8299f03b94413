"""The one seam through which vendors' modules answer. It carries out the faults; they know nothing of those.

    async def speech(request: web.Request) -> web.StreamResponse:
        ...                                        # a bad request: return the vendor's own error response
        async with wire.body(request, "audio/pcm") as body, aclosing(backend.speaking.speak(text, rate)) as sounds:
            async for sound in sounds:
                await body.audio(sound.pcm, words=len(sound.words))
        return body.response

    async def listen(request: web.Request) -> web.StreamResponse:
        async with wire.socket(request) as socket:
            async for message in socket:           # str or bytes; ends when the client has closed
                await socket.send({"type": "Results", ...}, words=3)
            await socket.close(1000)
        return socket.response

When the client is gone, the handler is cancelled. Tasks that a handler starts are its own to cancel: use
asyncio.TaskGroup inside the `async with`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, NoReturn

from aiohttp import web

from voicegraph.emulators.answers import Body, for_ever, reset
from voicegraph.emulators.exchange import Exchange
from voicegraph.emulators.faults import Faults, Refuse, SlowFirstByte, Status, Transport
from voicegraph.emulators.sockets import Socket

Refusal = Callable[[int, str], Any]
"""A vendor's error as JSON, from its HTTP status and a message."""
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_EXCHANGE = web.RequestKey("exchange", Exchange)


class Wire:
    """For one vendor. began, ended: are told of each exchange."""

    def __init__(
        self,
        vendor: str,
        faults: Faults,
        refusal: Refusal,
        *,
        began: Callable[[Exchange], None] = lambda exchange: None,
        ended: Callable[[Exchange], None] = lambda exchange: None,
    ) -> None:
        self._vendor = vendor
        self._faults = faults
        self._refusal = refusal
        self._began = began
        self._ended = ended

    @asynccontextmanager
    async def body(
        self, request: web.Request, content_type: str, *, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> AsyncGenerator[Body, None]:
        """A streamed HTTP answer, ended in order where the block ends."""
        async with Body(exchange_of(request), request, content_type, status, headers or {}) as body:
            yield body

    async def json(
        self,
        request: web.Request,
        data: Any,
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        words: int = 0,
    ) -> web.StreamResponse:
        """A whole HTTP answer of JSON."""
        async with self.body(request, "application/json", status=status, headers=headers) as body:
            await body.line(data, words=words)
        return body.response

    @asynccontextmanager
    async def socket(
        self, request: web.Request, *, protocols: Sequence[str] = (), headers: Mapping[str, str] | None = None
    ) -> AsyncGenerator[Socket, None]:
        """A WebSocket, shaken hands. Where the block ends it is closed with 1000 unless it was closed before."""
        async with Socket(exchange_of(request), request, protocols, headers or {}) as socket:
            yield socket

    def guard(self, handler: Handler) -> Handler:
        """The handler, with what goes on before and around it: the server puts this around every route."""

        async def answer(request: web.Request) -> web.StreamResponse:
            exchange = self._open(request)
            try:
                response = await self._instead(exchange, request) or await handler(request)
            except asyncio.CancelledError:
                _end(exchange, "left" if exchange.closed is None else "done")
                raise
            except web.HTTPException as refused:
                _end(exchange, "done", refused.status)
                raise
            except BaseException:
                _end(exchange, "failed", 500)
                raise
            else:
                _end(exchange, "done", response.status)
                return response
            finally:
                self._ended(exchange)

        return answer

    def _open(self, request: web.Request) -> Exchange:
        transport: Transport = "websocket" if request.headers.get("Upgrade", "").lower() == "websocket" else "http"
        exchange = Exchange(
            vendor=self._vendor,
            method=request.method,
            path=request.path,
            query=dict(request.query),
            transport=transport,
            began=asyncio.get_running_loop().time(),
            fault=self._faults.take(self._vendor, request.path, transport),
        )
        request[_EXCHANGE] = exchange
        self._began(exchange)
        return exchange

    async def _instead(self, exchange: Exchange, request: web.Request) -> web.StreamResponse | None:
        """What a fault answers in the vendor's place; None where the vendor is to answer."""
        match exchange.fault:
            case Refuse():
                await _refuse(exchange, request)
            case SlowFirstByte(time=time):
                exchange.struck = True
                await (for_ever() if time is None else asyncio.sleep(time))
            case Status(status=status, message=message, retry_after=retry_after):
                exchange.struck = True
                headers = {} if retry_after is None else {"Retry-After": f"{retry_after:g}"}
                return web.json_response(self._refusal(status, message), status=status, headers=headers)
            case _:
                pass
        return None


async def _refuse(exchange: Exchange, request: web.Request) -> NoReturn:
    exchange.struck, exchange.outcome = True, "struck"
    assert request.transport is not None
    reset(request.transport)
    await for_ever()


def _end(exchange: Exchange, outcome: Any, status: int = 0) -> None:
    exchange.ended = asyncio.get_running_loop().time()
    exchange.status = exchange.status or status
    if exchange.outcome == "open":
        exchange.outcome = outcome


def exchange_of(request: web.Request) -> Exchange:
    """The exchange that a request began."""
    return request[_EXCHANGE]
