"""The Deepgram nodes over TLS, as with Deepgram itself."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from typing import Any

import pytest
import trustme
from websockets.asyncio.server import ServerConnection, serve

from tests.processors.deepgram_talk import made
from voicegraph.errors import ProviderError
from voicegraph.frames import Audio, Frame
from voicegraph.processors.deepgram_stt import DeepgramSTT
from voicegraph.providers import deepgram
from voicegraph.shared import shared

AUTHORITY: Any = trustme.CA()


async def _answer(client: ServerConnection) -> None:
    """Tells how much it was sent."""
    received = 0
    async for message in client:
        if message == '{"type":"CloseStream"}':
            break
        received += len(message)
    words = [{"start": 0.0, "end": 1.0}]
    said = {"transcript": str(received), "words": words}
    segment = {"type": "Results", "start": 0.0, "duration": 1.0, "is_final": True, "channel": {"alternatives": [said]}}
    await client.send(json.dumps(segment))
    await client.send('{"type":"Metadata"}')
    await client.wait_closed()


async def _caller(frames: int) -> AsyncIterator[Frame]:
    for number in range(frames):
        yield Audio(bytes(640), at=number * 0.02)


def _call(monkeypatch: pytest.MonkeyPatch, frames: int) -> list[Any]:
    monkeypatch.setenv(deepgram.KEY, "any")

    async def go() -> list[Any]:
        server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        AUTHORITY.issue_cert("127.0.0.1").configure_cert(server_side)
        async with asyncio.timeout(5), serve(_answer, "127.0.0.1", 0, ssl=server_side, close_timeout=0.1) as server:
            port = next(iter(server.sockets)).getsockname()[1]
            node = made(DeepgramSTT, {"base_url": f"https://127.0.0.1:{port}"})
            return [frame async for frame in node.listen(_caller(frames))]

    return asyncio.run(go())


def test_sound_and_transcripts_go_over_it(monkeypatch: pytest.MonkeyPatch) -> None:
    tls = ssl.create_default_context()
    AUTHORITY.configure_trust(tls)
    monkeypatch.setattr(deepgram, "_tls", lambda: tls)
    (transcript,) = _call(monkeypatch, 500)
    assert transcript.text == str(500 * 640)


def test_a_certificate_that_nobody_vouches_for_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ProviderError, match="certificate is not one that this machine trusts") as raised:
        _call(monkeypatch, 1)
    assert not raised.value.retryable


def test_certificates_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """That takes 20 ms, in which no call is served: it is done before there is one."""
    deepgram.warm()
    warmed = shared("deepgram.tls", ssl.create_default_context)
    monkeypatch.setenv(deepgram.KEY, "any")
    monkeypatch.setattr(ssl, "create_default_context", None)
    connection = deepgram.dial("wss://api.deepgram.com/v1/listen")
    assert connection.create_connection_kwargs["ssl"] is warmed
