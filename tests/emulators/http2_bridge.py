"""HTTP/2 in front of an emulator, which speaks HTTP/1.1: each stream is passed on as a request of its own."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import trustme
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ConnectionTerminated, DataReceived, Event, RequestReceived, StreamEnded, StreamReset

OWN = ("content-length", "host", "connection", "transfer-encoding", "date", "server")
"""Headers that each side of the bridge writes itself."""


class Bridge:
    """url: for clients. connections: that were made to it. resets: error codes of streams that clients gave up."""

    def __init__(self, behind: str) -> None:
        self.url = ""
        self.connections = 0
        self.resets: list[int] = []
        self.requests = 0
        self._behind = httpx2.URL(behind)
        self._writers: set[asyncio.StreamWriter] = set()
        self._none_left = asyncio.Event()

    def hang_up(self) -> None:
        """Closes all connections, as a server does with idle ones."""
        for writer in self._writers:
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        try:
            async with httpx2.AsyncClient() as client:
                await _Connection(self, reader, writer, client, self._behind).run()
        except ConnectionError:
            pass
        finally:
            self._writers.discard(writer)
            writer.close()
            if not self._writers:
                self._none_left.set()

    async def close(self) -> None:
        if self._writers:
            self._none_left.clear()
            self.hang_up()
            await self._none_left.wait()


class _Connection:
    def __init__(
        self,
        bridge: Bridge,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        client: httpx2.AsyncClient,
        behind: httpx2.URL,
    ) -> None:
        self._bridge = bridge
        self._reader = reader
        self._writer = writer
        self._client = client
        self._behind = behind
        self._h2 = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        self._asked: dict[int, tuple[dict[str, str], bytearray]] = {}
        self._answering: dict[int, asyncio.Task[None]] = {}

    async def run(self) -> None:
        self._h2.initiate_connection()
        self._flush()
        try:
            while data := await self._reader.read(65_536):
                for event in self._h2.receive_data(data):
                    self._handle(event)
                self._flush()
        finally:
            for task in self._answering.values():
                task.cancel()
            await asyncio.gather(*self._answering.values(), return_exceptions=True)

    def _handle(self, event: Event) -> None:
        match event:
            case RequestReceived(stream_id=stream, headers=headers):
                assert stream is not None
                assert headers is not None
                self._asked[stream] = {str(name): str(value) for name, value in headers}, bytearray()
            case DataReceived(stream_id=stream, data=data, flow_controlled_length=length):
                assert stream is not None
                assert data is not None
                self._asked[stream][1].extend(data)
                self._h2.acknowledge_received_data(length or 0, stream)
            case StreamEnded(stream_id=stream):
                assert stream is not None
                self._bridge.requests += 1
                self._answering[stream] = asyncio.create_task(self._answer(stream, *self._asked.pop(stream)))
            case StreamReset(stream_id=stream, error_code=code):
                self._bridge.resets.append(int(code or 0))
                if stream in self._answering:
                    self._answering[stream].cancel()
            case ConnectionTerminated():
                self._writer.close()
            case _:
                pass

    async def _answer(self, stream: int, headers: dict[str, str], body: bytearray) -> None:
        url = self._behind.copy_with(raw_path=headers[":path"].encode())
        kept = {name: value for name, value in headers.items() if not name.startswith(":") and name not in OWN}
        async with self._client.stream(headers[":method"], url, headers=kept, content=bytes(body)) as response:
            answered = [(name, value) for name, value in response.headers.items() if name not in OWN]
            self._h2.send_headers(stream, [(":status", str(response.status_code)), *answered])
            self._flush()
            async for piece in response.aiter_raw():
                self._h2.send_data(stream, piece)
                self._flush()
            self._h2.end_stream(stream)
            self._flush()

    def _flush(self) -> None:
        self._writer.write(self._h2.data_to_send())


@asynccontextmanager
async def bridged(url: str, folder: Path) -> AsyncGenerator[Bridge, None]:
    """folder: gets `ca.pem`, the certificate that a client has to trust."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(tls)  # pyright: ignore[reportUnknownMemberType]
    tls.set_alpn_protocols(["h2"])
    bridge = Bridge(url)
    server = await asyncio.start_server(bridge.serve, "127.0.0.1", 0, ssl=tls)
    bridge.url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    async with server:
        try:
            yield bridge
        finally:
            await bridge.close()
