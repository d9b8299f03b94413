"""Clients on bare sockets, who see what really comes: bytes, a FIN, a RST, or nothing."""

from __future__ import annotations

import base64
import os
import socket
import struct
from collections.abc import Generator
from contextlib import contextmanager
from typing import Literal, NamedTuple

from voicegraph.emulators.control import EXCHANGES
from voicegraph.emulators.server import Emulators

End = Literal["fin", "rst", "silence"]

PATIENCE, SILENCE = 10.0, 0.15
"""Seconds without a byte after which a client gives up, and after which it believes that nothing is to come."""
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class Answer(NamedTuple):
    """All that came, and how it ended."""

    raw: bytes
    end: End

    @property
    def status(self) -> int:
        return int(self.raw.split(b" ", 2)[1]) if self.raw else 0

    @property
    def headers(self) -> dict[str, str]:
        lines = self.raw.split(b"\r\n\r\n", 1)[0].decode().split("\r\n")[1:]
        return {key.lower(): value for key, value in (line.split(": ", 1) for line in lines)}

    @property
    def body(self) -> bytes:
        """Without the chunks' sizes."""
        rest = self.raw.partition(b"\r\n\r\n")[2]
        if "chunked" not in self.headers.get("transfer-encoding", ""):
            return rest
        body = b""
        while rest:
            size, _, rest = rest.partition(b"\r\n")
            body, rest = body + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
        return body

    @property
    def whole(self) -> bool:
        """Whether the server ended it in order."""
        return self.raw.endswith(b"0\r\n\r\n")


@contextmanager
def connected(emulators: Emulators, patience: float = PATIENCE) -> Generator[socket.socket]:
    host, port = emulators.address.rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=patience) as client:
        yield client


def get(emulators: Emulators, path: str, *, patience: float = PATIENCE, awaited: bytes = b"") -> Answer:
    """Asks, and reads on."""
    with connected(emulators) as client:
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: toy\r\nConnection: close\r\n\r\n".encode())
        return read_on(client, patience, awaited)


def read_on(client: socket.socket, patience: float = PATIENCE, awaited: bytes = b"") -> Answer:
    """Until the end, or until nothing has come for so long, once what is awaited has."""
    raw = b""
    while True:
        client.settimeout(patience if awaited in raw else PATIENCE)
        try:
            data = client.recv(65_536)
        except ConnectionResetError:
            return Answer(raw, "rst")
        except TimeoutError:
            return Answer(raw, "silence")
        if not data:
            return Answer(raw, "fin")
        raw += data


class Frame(NamedTuple):
    opcode: int
    data: bytes
    last: bool = True

    @property
    def code(self) -> int:
        """Of a close."""
        return int.from_bytes(self.data[:2])


class RawSocket:
    """A WebSocket, frame by frame."""

    def __init__(self, client: socket.socket) -> None:
        self.client = client
        key = base64.b64encode(os.urandom(16)).decode()
        client.sendall(
            b"GET /toy/talk HTTP/1.1\r\nHost: toy\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Extensions: permessage-deflate\r\n"
            b"Sec-WebSocket-Key: " + key.encode() + b"\r\n\r\n"
        )
        self._read = b""
        self.handshake = Answer(self._until(b"\r\n\r\n"), "fin")

    def send(self, data: str | bytes, opcode: int | None = None) -> None:
        payload = data.encode() if isinstance(data, str) else data
        opcode = (TEXT if isinstance(data, str) else BINARY) if opcode is None else opcode
        length = len(payload)
        size = bytes([0x80 | length]) if length < 126 else struct.pack("!BQ", 0xFF, length)
        self.client.sendall(bytes([0x80 | opcode]) + size + bytes(4) + payload)  # masked with zeros

    def close(self, code: int = 1000) -> None:
        self.send(struct.pack("!H", code), CLOSE)

    def receive(self) -> Frame:
        first, size = self._exactly(2)
        if size == 126:
            (size,) = struct.unpack("!H", self._exactly(2))
        elif size == 127:
            (size,) = struct.unpack("!Q", self._exactly(8))
        return Frame(first & 0x0F, self._exactly(size), bool(first & 0x80))

    def end(self, patience: float = PATIENCE) -> Answer:
        """All that is left, as bytes."""
        rest, self._read = self._read, b""
        answer = read_on(self.client, patience)
        return Answer(rest + answer.raw, answer.end)

    def _exactly(self, size: int) -> bytes:
        while len(self._read) < size:
            self._more()
        data, self._read = self._read[:size], self._read[size:]
        return data

    def _until(self, mark: bytes) -> bytes:
        while mark not in self._read:
            self._more()
        data, _, self._read = self._read.partition(mark)
        return data + mark

    def _more(self) -> None:
        data = self.client.recv(65_536)
        if not data:
            raise EOFError
        self._read += data


@contextmanager
def talking(emulators: Emulators, patience: float = PATIENCE) -> Generator[RawSocket]:
    """A WebSocket whose handshake was answered, be it with a refusal."""
    with connected(emulators, patience) as client:
        yield RawSocket(client)


def wait_for_the_end(emulators: Emulators) -> None:
    """Of the first exchange, as the server sees it."""
    while emulators.exchanges[0].outcome == "open":
        get(emulators, EXCHANGES)
