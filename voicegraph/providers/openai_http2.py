# pyright: reportPrivateUsage=false
"""HTTP/2 on which a stream that is given up ends at the server too, while its connection stays.

httpcore2 forgets a stream that is closed early and tells nobody: the vendor would write, and bill, the whole answer of
every interrupted turn. RST_STREAM (RFC 9113, section 5.4.2) tells it. There is no public way to send one, so this leans
on private parts of httpcore2; where a version lacks them, HTTP/1.1 is used, which ends a stream with its connection.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from typing import Any

import httpcore2
import httpx2
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError

RESET_WITHIN = 1.0
"""Seconds. A connection that cannot take 13 bytes in this time is given up."""
STALE = (httpx2.RemoteProtocolError, httpx2.ReadError, httpx2.WriteError)
"""How a connection shows that the server has closed it while it was idle."""

_PARTS = {
    httpcore2.AsyncHTTPConnection: ("_request_lock", "_connection", "_origin", "_keepalive_expiry", "_connect_failed"),
    httpcore2.AsyncHTTP2Connection: ("_h2_state", "_network_stream", "_write_lock", "_connection_error"),
}
FITS = hasattr(httpcore2.AsyncHTTP2Connection, "_response_closed") and all(
    part in vars(kind)["__init__"].__code__.co_names for kind, parts in _PARTS.items() for part in parts
)
"""Whether the installed httpcore2 has the private parts that are used here."""


class Transport(httpx2.AsyncHTTPTransport):
    """Speaks HTTP/2 where the server does, else HTTP/1.1."""

    def __init__(self, tls: ssl.SSLContext, limits: httpx2.Limits) -> None:
        super().__init__(verify=tls, limits=limits)
        if FITS:
            self._pool = _Pool(
                ssl_context=tls,
                max_connections=limits.max_connections,
                max_keepalive_connections=limits.max_keepalive_connections,
                keepalive_expiry=limits.keepalive_expiry,
                http2=True,
            )

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Asks once more, at once, where the connection was an old one and turns out to have been closed meanwhile."""
        old = True

        async def watch(event: str, _: Mapping[str, Any]) -> None:
            nonlocal old
            old = old and event != "connection.connect_tcp.started"

        request.extensions = {**request.extensions, "trace": watch}
        try:
            return await super().handle_async_request(request)
        except STALE:
            if not old:
                raise
            return await super().handle_async_request(request)


class _Pool(httpcore2.AsyncConnectionPool):
    def create_connection(self, origin: httpcore2.Origin) -> httpcore2.AsyncConnectionInterface:
        return _Connection(
            origin=origin,
            ssl_context=self._ssl_context,
            keepalive_expiry=self._keepalive_expiry,
            http2=True,
            network_backend=self._network_backend,
        )


class _Connection(httpcore2.AsyncHTTPConnection):
    """As its parent, which names the class that speaks HTTP/2 where nobody can name another."""

    async def handle_async_request(self, request: httpcore2.Request) -> httpcore2.Response:
        try:
            async with self._request_lock:
                if self._connection is None:
                    stream = await self._connect(request)
                    tls = stream.get_extra_info("ssl_object")
                    http2 = tls is not None and tls.selected_alpn_protocol() == "h2"
                    protocol = _Http2 if http2 else httpcore2.AsyncHTTP11Connection
                    self._connection = protocol(self._origin, stream, self._keepalive_expiry)
        except BaseException:
            self._connect_failed = True
            raise
        return await super().handle_async_request(request)


class _Http2(httpcore2.AsyncHTTP2Connection):
    async def _response_closed(self, stream_id: int) -> None:
        stream = self._h2_state.streams.get(stream_id)
        if stream is not None and stream.open and not self._connection_error and not self.is_closed():
            await self._reset(stream_id)
        await super()._response_closed(stream_id)

    async def _reset(self, stream_id: int) -> None:
        try:
            self._h2_state.reset_stream(stream_id, ErrorCodes.CANCEL)
            async with self._write_lock:
                await self._network_stream.write(self._h2_state.data_to_send(), RESET_WITHIN)
        except (ProtocolError, httpcore2.NetworkError, httpcore2.TimeoutException):
            self._connection_error = True  # the others on it will see for themselves; nobody new is to come
