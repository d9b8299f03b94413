"""`python -m ...calls_crowd PORT NUMBER`: callers that are only there, until SIGTERM.

On the wire each is what a measured caller is: 50 frames a second, two words every few seconds into the agent's voice,
marks given back when they are heard and at once after a `clear`. But nothing is measured, and a frame is only sent, so
that one core has callers enough for the server's.
"""

from __future__ import annotations

import asyncio
import base64
import os
import signal
import sys
from typing import Any, cast

import msgspec
import uvloop

FRAME, RATE = 160, 8_000
TURN, SPOKEN = 132, 7
"""Frames from one utterance to the next, and of each."""
TEXT, PING, PONG = 0x81, 0x89, 0x8A
"""The first byte of such a message (RFC 6455, section 5.2)."""
LOUD, SILENT = b"\x10\x90" * (FRAME // 2), b"\xff" * FRAME
HANDSHAKE = (
    "GET /twilio/media HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


class Caller(asyncio.Protocol):
    """One of them."""

    def __init__(self, name: str) -> None:
        self._stream = name
        self._loop = asyncio.get_running_loop()
        self._rest = b""
        self._begun = False
        self._frames = 0
        self._ends = 0.0  # when all that came will have been heard
        self._marks: dict[str, asyncio.TimerHandle] = {}
        self._loud, self._silent = (
            _masked({"event": "media", "streamSid": name, "media": {"track": "inbound", "payload": _text(codes)}})
            for codes in (LOUD, SILENT)
        )

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.write(HANDSHAKE.encode())

    def connection_lost(self, exc: Exception | None) -> None:
        sys.exit(f"a caller of the crowd was hung up on: {exc}")

    def data_received(self, data: bytes) -> None:
        data = self._rest + data
        if not self._begun:
            head, _, data = data.partition(b"\r\n\r\n")
            self._begin(head)
        while len(data) >= 4:
            size, start = (data[1], 2) if data[1] < 126 else (int.from_bytes(data[2:4]), 4)
            if len(data) < start + size:
                break
            kind, payload, data = data[0], data[start : start + size], data[start + size :]
            if kind == PING:
                self._transport.write(bytes((PONG, 0x80 | size)) + bytes(4) + payload)
            elif kind == TEXT:
                self._take(msgspec.json.decode(payload))
        self._rest = data

    def _begin(self, head: bytes) -> None:
        if not head.startswith(b"HTTP/1.1 101"):
            sys.exit(f"a caller of the crowd was refused: {head[:60]!r}")
        self._begun = True
        about = {
            "accountSid": "AC1",
            "streamSid": self._stream,
            "callSid": "CA1",
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": RATE, "channels": 1},
            "customParameters": {},
        }
        self._transport.write(_masked({"event": "connected", "protocol": "Call", "version": "1.0.0"}))
        self._transport.write(_masked({"event": "start", "streamSid": self._stream, "start": about}))
        self._next = self._loop.time()
        self._speak()

    def _speak(self) -> None:
        self._transport.write(self._loud if self._frames % TURN < SPOKEN else self._silent)
        self._frames += 1
        self._next += FRAME / RATE
        self._loop.call_at(self._next, self._speak)

    def _take(self, message: dict[str, Any]) -> None:
        now = self._loop.time()
        match message["event"]:
            case "media":
                samples = len(message["media"]["payload"]) * 3 // 4
                self._ends = max(now, self._ends) + samples / RATE
            case "mark":
                name = message["mark"]["name"]
                self._marks[name] = self._loop.call_at(max(now, self._ends), self._give_back, name)
            case _:
                self._ends = now
                for name, timer in [*self._marks.items()]:
                    timer.cancel()
                    self._give_back(name)

    def _give_back(self, name: str) -> None:
        del self._marks[name]
        self._transport.write(_masked({"event": "mark", "streamSid": self._stream, "mark": {"name": name}}))


def _masked(message: dict[str, Any]) -> bytes:
    """A message of a client. Its mask is zero, which is one, too."""
    payload = msgspec.json.encode(message)
    return b"\x81\xfe" + len(payload).to_bytes(2) + bytes(4) + payload


def _text(codes: bytes) -> str:
    return base64.b64encode(codes).decode()


async def crowd(port: int, number: int) -> None:
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, over.set)
    for one in range(number):
        await loop.create_connection(lambda name=f"MZ{one}": Caller(name), "127.0.0.1", port)  # type: ignore[misc]
        await asyncio.sleep(max(0.0073, 1.0 / number))  # which no number of frames is a multiple of
    print("all are there", flush=True)
    await over.wait()
    os._exit(0)


if __name__ == "__main__":
    uvloop.run(crowd(int(sys.argv[1]), int(sys.argv[2])))
