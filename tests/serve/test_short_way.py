"""The short way for WebSocket messages hears what uvicorn's own protocol hears, whatever comes, however cut up."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import Any

import uvicorn
from hypothesis import given, settings
from hypothesis import strategies as st
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.exceptions import InvalidState
from websockets.frames import Frame, Opcode

from voicegraph.serve.protocols import WebSocket

HANDSHAKE = (
    b"GET / HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
    b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n\r\n"
)


LONGEST = 70_000
"""Bytes of a message. The short way knows no limit below 64 KiB: the app's own is for that."""


BROKEN = {1002, 1007, 1009}
"""Codes for what is none of the protocol. Which, depends on what of one piece is read first."""


class Transport:
    """Takes what is written. closed: by the protocol."""

    def __init__(self) -> None:
        self.closed = False
        self.reading = True

    def get_extra_info(self, name: str) -> Any:
        return None

    def write(self, data: bytes) -> None: ...

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    abort = close

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


def heard(kind: type[WebSocketsSansIOProtocol], pieces: list[bytes]) -> list[Any]:
    """What an app is told of a peer that sends this, in pieces."""
    told: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while (event := await receive())["type"] != "websocket.disconnect":
            told.append(event.get("text") if event.get("bytes") is None else event["bytes"])
        told.append(event["code"])

    async def listen() -> None:
        config = uvicorn.Config(app, ws=kind, ws_max_size=LONGEST, ws_per_message_deflate=False, log_config=None)
        config.load()
        transport: Any = Transport()
        protocol = kind(config, ServerState(), {})
        protocol.connection_made(transport)
        for piece in (HANDSHAKE, *pieces):
            async with asyncio.timeout(20):
                while not (transport.reading or transport.closed):  # noqa: ASYNC110 - nobody tells of it
                    await asyncio.sleep(0)
            if not transport.closed:
                try:
                    protocol.data_received(piece)
                except InvalidState:  # uvicorn's, of what is no text behind a goodbye
                    assert kind is WebSocketsSansIOProtocol
                    transport.close()
                    told.append(1007)
            await asyncio.sleep(0)
        protocol.connection_lost(None)
        await asyncio.gather(*protocol.tasks)

    asyncio.run(listen())
    return told[: told.index(1007) + 1] if 1007 in told else told


CONTROL = st.sampled_from([Opcode.PING, Opcode.PONG])
PARTS = st.sampled_from([Opcode.TEXT, Opcode.BINARY, Opcode.CONT])


def frame(kind: Opcode, data: bytes, fin: bool = True) -> bytes:
    return Frame(kind, data, fin).serialize(mask=True)


GOOD = st.builds(
    frame, PARTS, st.text(max_size=60).map(str.encode) | st.binary(max_size=300), st.booleans()
) | st.builds(frame, CONTROL, st.binary(max_size=125))
MESSAGES = st.text(max_size=200).map(lambda text: frame(Opcode.TEXT, text.encode()))
BYE = frame(Opcode.CLOSE, b"\x03\xe8")
ODD = st.binary(max_size=20) | st.just(BYE)
SIZES = st.integers(120, 130) | st.integers(65_530, 65_540) | st.integers(LONGEST - 2, LONGEST + 2)
BIG = SIZES.map(lambda size: frame(Opcode.BINARY, bytes(size)))
"""About where a frame's length is written in another way, and where it is too much."""


@settings(max_examples=150, deadline=None)
@given(frames=st.lists(MESSAGES | GOOD | ODD | BIG, max_size=12), cuts=st.lists(st.integers(0, 4_000), max_size=12))
def test_it_hears_what_uvicorn_hears(frames: list[bytes], cuts: list[int]) -> None:
    data = b"".join([*frames, BYE, bytes(LONGEST)])  # so that nothing is a part of something that never comes
    at = [0, *sorted({cut for cut in cuts if cut < len(data)}), len(data)]
    pieces = [data[begin:end] for begin, end in pairwise(at)]
    *ours, our_code = heard(WebSocket, pieces)
    *theirs, their_code = heard(WebSocketsSansIOProtocol, pieces)
    assert our_code == their_code or {our_code, their_code} <= BROKEN
    assert ours[: len(theirs)] == theirs, "what came with something broken behind it, uvicorn drops"
    if their_code == 1000:
        assert ours == theirs
