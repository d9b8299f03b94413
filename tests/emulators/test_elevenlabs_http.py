"""The vendor's own SDK converses with the emulated HTTP interface, and cannot tell."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any, cast

import httpx
import pytest
from elevenlabs.client import AsyncElevenLabs
from elevenlabs.core.api_error import ApiError
from elevenlabs.errors import UnprocessableEntityError
from elevenlabs.types import (
    AudioWithTimestampsResponse,
    GetVoicesResponse,
    StreamingAudioChunkWithTimestampsResponse,
    Voice,
    VoiceSettings,
)

from tests.emulators.elevenlabs_server import RACHEL, RATE, Emulated, Gate, emulated
from voicegraph.audio.g711 import encode_mulaw
from voicegraph.emulators.faults import After, AnyFault, Drop, Refuse, Status
from voicegraph.testing import hear

TEXT = "Hello there, my friend."
PCM = f"pcm_{RATE}"


@asynccontextmanager
async def client(server: Emulated, key: str = "any") -> AsyncGenerator[AsyncElevenLabs]:
    async with httpx.AsyncClient(timeout=5) as connections:
        yield AsyncElevenLabs(api_key=key, base_url=server.url, httpx_client=connections)


def told(
    scene: Callable[[AsyncElevenLabs], Awaitable[Any]], *faults: AnyFault, key: str = "any", **options: Any
) -> Any:
    """What a scene with the SDK tells."""

    async def play(server: Emulated) -> Any:
        async with asyncio.timeout(5), client(server, key) as sdk:
            return await scene(sdk)

    with emulated(*faults, **options) as server:
        return asyncio.run(play(server))


async def stream(sdk: AsyncElevenLabs, **asked: Any) -> bytes:
    asked = {"voice_id": RACHEL, "text": TEXT, "output_format": PCM, **asked}
    async with aclosing(cast("AsyncGenerator[bytes]", sdk.text_to_speech.stream(**asked))) as pieces:
        return b"".join([piece async for piece in pieces])


def test_speech_is_streamed() -> None:
    pcm = told(stream, voice="words")
    assert [word.text for word in hear(pcm, RATE)] == TEXT.split()


def test_speech_comes_whole_too() -> None:
    async def convert(sdk: AsyncElevenLabs) -> bytes:
        pieces = sdk.text_to_speech.convert(RACHEL, text=TEXT, output_format="pcm_16000")
        return b"".join([piece async for piece in pieces])

    assert told(convert) == told(stream)


def test_mu_law_is_the_same_sound() -> None:
    at_8000 = told(lambda sdk: stream(sdk, output_format="pcm_8000"))
    assert told(lambda sdk: stream(sdk, output_format="ulaw_8000")) == encode_mulaw(at_8000)


def test_speech_begins_before_all_of_it_is_made_and_ends_with_its_client() -> None:
    async def first(server: Emulated) -> bytes:
        async with client(server) as sdk:
            asked = sdk.text_to_speech.stream(
                RACHEL, text=TEXT, output_format="pcm_16000", request_options={"chunk_size": 640}
            )
            async with aclosing(cast("AsyncGenerator[bytes]", asked)) as pieces:
                return await anext(pieces)

    with emulated(speaking=Gate()) as server:
        assert asyncio.run(first(server))
        assert server.next_ended().outcome == "left"


def test_speech_with_times() -> None:
    async def times(sdk: AsyncElevenLabs) -> list[StreamingAudioChunkWithTimestampsResponse]:
        asked = sdk.text_to_speech.stream_with_timestamps(RACHEL, text=TEXT, output_format="pcm_16000")
        return [chunk async for chunk in asked]

    chunks = told(times, voice="words")
    pcm = b"".join(base64.b64decode(chunk.audio_base_64) for chunk in chunks)
    heard = hear(pcm, RATE)
    letters = [char for chunk in chunks for char in chunk.alignment.characters]
    starts = [at for chunk in chunks for at in chunk.alignment.character_start_times_seconds]
    assert "".join(letters) == f"{TEXT} "
    assert starts == sorted(starts), "they count from the beginning of the answer"
    begins = [starts[0], *(starts[i + 1] for i, char in enumerate(letters[:-1]) if char == " ")]
    assert begins == pytest.approx([word.start for word in heard], abs=0.001)
    for chunk in chunks:
        StreamingAudioChunkWithTimestampsResponse.model_validate(chunk.model_dump(by_alias=True))


def test_speech_with_times_comes_whole_too() -> None:
    async def convert(sdk: AsyncElevenLabs) -> Any:
        return await sdk.text_to_speech.convert_with_timestamps(RACHEL, text=TEXT, output_format="pcm_16000")

    answer = AudioWithTimestampsResponse.model_validate(told(convert).model_dump(by_alias=True))
    assert base64.b64decode(answer.audio_base_64) == told(stream)
    assert answer.alignment is not None
    assert "".join(answer.alignment.characters) == f"{TEXT} "


def test_the_speed_is_obeyed() -> None:
    class Spoken:
        speed = 0.0

        async def speak(self, text: str, rate: int, *, voice: str = "", speed: float = 1.0) -> Any:
            Spoken.speed = speed
            async for sound in Gate().speak("one", rate):
                yield sound

    told(lambda sdk: stream(sdk, voice_settings=VoiceSettings(speed=1.2)), speaking=Spoken())
    assert Spoken.speed == 1.2


def test_voices() -> None:
    async def voices(sdk: AsyncElevenLabs) -> tuple[GetVoicesResponse, Voice]:
        return await sdk.voices.get_all(), await sdk.voices.get(RACHEL)

    every, rachel = told(voices)
    assert rachel.name == "Rachel"
    assert RACHEL in [voice.voice_id for voice in every.voices]
    GetVoicesResponse.model_validate(every.model_dump(by_alias=True))


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        ({"voice_id": "Rachel"}, 404, "voice_not_found"),
        ({"model_id": "gpt-4"}, 400, "model_not_found"),
        ({"output_format": "mp3_44100_128"}, 400, "unsupported_output_format"),
    ],
)
def test_what_it_does_not_have(asked: dict[str, Any], status: int, code: str) -> None:
    async def refused(sdk: AsyncElevenLabs) -> ApiError:
        with pytest.raises(ApiError) as told_so:
            await stream(sdk, **asked)
        return told_so.value

    error = told(refused)
    assert (error.status_code, error.body["detail"]["code"], error.body["detail"]["status"]) == (status, code, code)


def test_what_does_not_pass_validation() -> None:
    async def refused(sdk: AsyncElevenLabs) -> ApiError:
        with pytest.raises(UnprocessableEntityError) as told_so:
            await stream(sdk, text=5)
        return told_so.value

    assert told(refused).body["detail"][0]["loc"] == ["body", "text"]


@pytest.mark.parametrize(
    ("faults", "key", "status", "code"),
    [
        ([], "", 401, "needs_authorization"),
        ([Status(status=429, retry_after=2.0)], "any", 429, "rate_limit_exceeded"),
        ([Status(status=503)], "any", 503, "system_busy"),
    ],
)
def test_errors_are_worded_as_the_vendor_does(faults: list[AnyFault], key: str, status: int, code: str) -> None:
    async def refused(sdk: AsyncElevenLabs) -> ApiError:
        with pytest.raises(ApiError) as told_so:
            await stream(sdk)
        return told_so.value

    error = told(refused, *faults, key=key)
    assert (error.status_code, error.body["detail"]["code"]) == (status, code)


@pytest.mark.parametrize(
    ("fault", "error"),
    [(Refuse(), httpx.ReadError), (Drop(after=After(bytes=2000)), httpx.ReadError)],
)
def test_faults_reach_the_sdk(fault: AnyFault, error: type[Exception]) -> None:
    async def broken(sdk: AsyncElevenLabs) -> None:
        with pytest.raises(error):
            await stream(sdk)

    told(broken, fault)
