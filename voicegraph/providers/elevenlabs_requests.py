"""Speech of ElevenLabs by a request for each sentence, through the vendor's SDK.

The SDK is given a client of httpx2: in that of httpx, which is no longer kept, a request that is cancelled can take a
connection's place with it for ever (github.com/encode/httpcore/issues/1093), and every interrupt cancels one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, aclosing
from typing import TYPE_CHECKING, Any, cast

import msgspec

from voicegraph.providers.elevenlabs import CONNECT, KEPT, SILENCE, Speaker, tls
from voicegraph.providers.elevenlabs_errors import GARBAGE, failure, of_answer, of_transport
from voicegraph.shared import shared

if TYPE_CHECKING:
    import httpx2
    from elevenlabs.client import AsyncElevenLabs

IN_QUERY = ("enable_logging", "optimize_streaming_latency")
"""Parameters that stand in the address. All others stand in the body."""

MOST = 1000
"""Requests at the same time."""

FORGETFUL = "eleven_v3"
"""Models that refuse to be told what was said before."""


class Alignment(msgspec.Struct, gc=False):
    """When each character of a text sounds, in seconds from the beginning of the answer's sound."""

    characters: list[str] = []
    character_start_times_seconds: list[float] = []
    character_end_times_seconds: list[float] = []


class Line(msgspec.Struct, gc=False):
    """StreamingAudioChunkWithTimestampsResponse. audio_base64: as it is, no longer in base64."""

    audio_base64: bytes = b""
    alignment: Alignment | None = None
    normalized_alignment: Alignment | None = None


def sound(speaker: Speaker, voice_id: str, text: str, before: str) -> AsyncGenerator[bytes, None]:
    """The sound of a sentence as it comes. before: what was said before it. Raises ProviderError."""
    return _answer(speaker, "stream", voice_id, text, before)


async def lines(speaker: Speaker, voice_id: str, text: str, before: str) -> AsyncGenerator[Line, None]:
    """The same, with times. Raises ProviderError.

    The SDK would drop what it cannot read without a word, and a piece of the sentence with it.
    """
    rest = b""
    async with aclosing(_answer(speaker, "stream_with_timestamps", voice_id, text, before)) as pieces:
        async for piece in pieces:
            *whole, rest = (rest + piece).split(b"\n")
            for line in filter(bytes.strip, whole):
                yield _read(line, speaker)
    if rest.strip():
        yield _read(rest, speaker)


def _read(line: bytes, speaker: Speaker) -> Line:
    try:
        return msgspec.json.decode(line, type=Line)
    except msgspec.DecodeError:
        raise failure(GARBAGE, speaker.asked) from None


async def _answer(speaker: Speaker, way: str, voice_id: str, text: str, before: str) -> AsyncGenerator[bytes, None]:
    """The bytes of an answer as they come: the SDK itself keeps them back until it has 1024. Closing it ends the
    request. Raises ProviderError."""
    import httpx2
    from elevenlabs.core.api_error import ApiError
    from elevenlabs.core.parse_error import ParsingError

    try:
        client = await clients().of(speaker.address, speaker.key)
        ask: Any = getattr(client.text_to_speech.with_raw_response, way)
        asking: AbstractAsyncContextManager[Any] = ask(voice_id, **_request(speaker, text, before))
        async with asking as answer:
            response = cast("httpx2.Response", answer._response)
            async for piece in response.aiter_bytes():
                yield piece
        return
    except (ApiError, ParsingError) as error:
        told = of_answer(error.status_code or 0, error.body, error.headers, speaker.asked)
    except (httpx2.HTTPError, OSError) as error:
        told = of_transport(error, speaker.asked)
    raise told  # out here, so that it does not drag along the SDK's error, which has the headers in it


def _request(speaker: Speaker, text: str, before: str) -> dict[str, Any]:
    from elevenlabs.types import VoiceSettings

    query = {name: value for name, value in speaker.extra.items() if name in IN_QUERY}
    body = {
        "model_id": speaker.model,
        "language_code": speaker.language_code,
        "previous_text": None if speaker.model.startswith(FORGETFUL) else before or None,
        **{name: value for name, value in speaker.extra.items() if name not in IN_QUERY},
    }
    settings = {"voice_settings": VoiceSettings(**speaker.voice_settings)} if speaker.voice_settings else {}
    return {
        "text": text,
        "output_format": speaker.output_format,
        **settings,
        "request_options": {
            "additional_query_parameters": {name: value for name, value in query.items() if value is not None},
            "additional_body_parameters": {name: value for name, value in body.items() if value is not None},
        },
    }


class Clients:
    """The SDK's clients of this process: one for each address, key and event loop, closed with the loop."""

    def __init__(self) -> None:
        self._open: dict[tuple[asyncio.AbstractEventLoop, str, str], AsyncElevenLabs] = {}
        self._keepers: set[AsyncGenerator[None, None]] = set()

    async def of(self, address: str, key: str) -> AsyncElevenLabs:
        """The one for this address and key, on the running loop."""
        import httpx2
        from elevenlabs.client import AsyncElevenLabs

        place = asyncio.get_running_loop(), address, key
        if place not in self._open:
            limits = httpx2.Limits(max_connections=MOST, max_keepalive_connections=100, keepalive_expiry=KEPT)
            connections = httpx2.AsyncClient(limits=limits, verify=tls())
            timeout: Any = httpx2.Timeout(SILENCE, connect=CONNECT)
            self._open[place] = AsyncElevenLabs(
                api_key=key, base_url=address, httpx_client=cast("Any", connections), timeout=timeout
            )
            await self._close_with_loop(place, connections)
        return self._open[place]

    async def _close_with_loop(
        self, place: tuple[asyncio.AbstractEventLoop, str, str], connections: httpx2.AsyncClient
    ) -> None:
        """Before a loop is closed it ends its asynchronous generators, and nothing else that it could be given."""

        async def keep() -> AsyncGenerator[None, None]:
            try:
                yield
            finally:
                self._keepers.discard(keeper)
                del self._open[place]
                await connections.aclose()

        keeper = keep()
        self._keepers.add(keeper)
        await anext(keeper)


def clients() -> Clients:
    return shared("elevenlabs.clients", Clients)


def warm() -> None:
    """Imports the SDK, with what it imports when first used, and reads the certificates. Blocks for a second."""
    import importlib

    for late in ("elevenlabs.client", "elevenlabs.types", "elevenlabs.text_to_speech.raw_client"):
        importlib.import_module(late)
    importlib.import_module("anyio._backends._asyncio")
    tls()
    clients()
