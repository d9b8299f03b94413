"""The vendors' SDKs with nothing around them: `python -m ...providers_sdk CASE WAY`.

way: `helper` for what the SDK's own examples use, `raw` for the stream below it, read with the json module. There is no
asynchronous client for ElevenLabs' multi-context WebSocket in its SDK: `raw` is the `websockets` package there. One
client, and one connection where that lasts, serves all answers.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from itertools import count as numbers
from typing import Any

from benchmarks.contenders.providers_shape import CALLER_RATE, QUESTION, SENTENCE, VOICE, Record, main

Asks = Callable[[], Awaitable[None]]


async def ask(asks: Asks, record: Record) -> None:
    async for _ in record.answers():
        await asks()


# --- OpenAI ----------------------------------------------------------------------------------------------------------


async def chat(way: str, record: Record) -> None:
    from openai import AsyncOpenAI

    async with AsyncOpenAI() as client:
        request: dict[str, Any] = {
            "model": "gpt-4.1-mini",
            "messages": [{"role": "user", "content": QUESTION}],
            "stream": True,
            "stream_options": {"include_usage": True},
        }

        async def helper() -> None:
            async with await client.chat.completions.create(**request) as chunks:
                async for chunk in chunks:
                    if chunk.choices and (text := chunk.choices[0].delta.content):
                        record.token(text)

        async def raw() -> None:
            async with client.chat.completions.with_streaming_response.create(**request) as response:
                async for line in response.iter_lines():
                    if line.startswith("data: {"):
                        choices = json.loads(line[6:])["choices"]
                        if choices and (text := choices[0]["delta"].get("content")):
                            record.token(text)

        await ask({"helper": helper, "raw": raw}[way], record)


async def speech(way: str, record: Record) -> None:
    from openai import AsyncOpenAI

    size = {"helper": 1024, "raw": None}[way]  # as the SDK's own player, or as it comes
    async with AsyncOpenAI() as client:
        spoken = client.audio.speech.with_streaming_response

        async def asks() -> None:
            async with spoken.create(
                model="gpt-4o-mini-tts", voice="alloy", input=SENTENCE, response_format="pcm"
            ) as response:
                async for pcm in response.iter_bytes(size):
                    record.sound(pcm)

        await ask(asks, record)


# --- ElevenLabs ------------------------------------------------------------------------------------------------------


async def elevenlabs_http(way: str, record: Record) -> None:
    from elevenlabs.client import AsyncElevenLabs

    client = AsyncElevenLabs(
        api_key=os.environ["ELEVENLABS_API_KEY"], base_url=os.environ["ELEVENLABS_BASE_URL"]
    ).text_to_speech
    request: dict[str, Any] = {"text": SENTENCE, "model_id": "eleven_flash_v2_5", "output_format": "pcm_16000"}

    async def helper() -> None:
        async with aclosing(client.stream(VOICE, **request)) as pieces:
            async for pcm in pieces:
                record.sound(pcm)

    async def raw() -> None:
        async with client.with_raw_response.stream(VOICE, **request) as answer:
            async for pcm in answer._response.aiter_bytes():
                record.sound(pcm)

    async def timestamps() -> None:
        async with aclosing(client.stream_with_timestamps(VOICE, **request)) as pieces:
            async for piece in pieces:
                record.sound(base64.b64decode(piece.audio_base_64))

    await ask({"helper": helper, "raw": raw, "timestamps": timestamps}[way], record)


async def elevenlabs_socket(way: str, record: Record) -> None:
    from websockets.asyncio.client import connect

    query = "model_id=eleven_flash_v2_5&output_format=pcm_16000&auto_mode=true&sync_alignment=true"
    url = f"ws{os.environ['ELEVENLABS_BASE_URL'][4:]}/v1/text-to-speech/{VOICE}/multi-stream-input?{query}"
    contexts = numbers()
    headers = {"xi-api-key": os.environ["ELEVENLABS_API_KEY"]}
    async with connect(url, additional_headers=headers, compression=None, max_size=None) as socket:

        async def asks() -> None:
            context = str(next(contexts))
            await socket.send(json.dumps({"text": " ", "context_id": context}))
            await socket.send(json.dumps({"text": f"{SENTENCE} ", "context_id": context, "flush": True}))
            await socket.send(json.dumps({"context_id": context, "close_context": True}))
            while not (message := json.loads(await socket.recv())).get("isFinal"):
                if message.get("audio"):
                    record.sound(base64.b64decode(message["audio"]))

        await ask(asks, record)


# --- Deepgram --------------------------------------------------------------------------------------------------------


def deepgram() -> Any:
    from deepgram import AsyncDeepgramClient, DeepgramClientEnvironment

    http = os.environ["DEEPGRAM_BASE_URL"]
    web = f"ws{http[4:]}"
    environment = DeepgramClientEnvironment(base=http, production=web, agent=web, agent_rest=http)
    return AsyncDeepgramClient(api_key=os.environ["DEEPGRAM_API_KEY"], environment=environment)


async def nova(way: str, record: Record) -> None:
    async with deepgram().listen.v1.connect(
        model="nova-3", encoding="linear16", sample_rate=str(CALLER_RATE), interim_results="true", smart_format="true"
    ) as connection:

        async def helper() -> None:
            async for message in connection:
                if message.type == "Results" and message.is_final:
                    record.final(message.channel.alternatives[0].transcript)

        async def raw() -> None:
            async for data in connection._websocket:
                message = json.loads(data)
                if message["type"] == "Results" and message["is_final"]:
                    record.final(message["channel"]["alternatives"][0]["transcript"])

        async def send(pcm: bytes | None) -> None:
            if way == "helper":
                await (connection.send_finalize() if pcm is None else connection.send_media(pcm))
            else:
                await connection._websocket.send('{"type":"Finalize"}' if pcm is None else pcm)

        await talk(record, send, {"helper": helper, "raw": raw}[way], marked=False)


async def flux(way: str, record: Record) -> None:
    async with deepgram().listen.v2.connect(
        model="flux-general-en", encoding="linear16", sample_rate=str(CALLER_RATE)
    ) as connection:

        async def helper() -> None:
            async for message in connection:
                if message.type == "TurnInfo" and message.event == "EndOfTurn":
                    record.final(message.transcript)

        async def raw() -> None:
            async for data in connection._websocket:
                message = json.loads(data)
                if message["type"] == "TurnInfo" and message["event"] == "EndOfTurn":
                    record.final(message["transcript"])

        async def send(pcm: bytes | None) -> None:
            if pcm is not None:
                await (connection.send_media(pcm) if way == "helper" else connection._websocket.send(pcm))

        await talk(record, send, {"helper": helper, "raw": raw}[way], marked=True)


async def talk(record: Record, send: Callable[[bytes | None], Awaitable[None]], listen: Asks, *, marked: bool) -> None:
    listening = asyncio.ensure_future(listen())
    async for pcm in record.speech(marked=marked):
        await send(pcm)
    listening.cancel()


async def pace(way: str, record: Record) -> None:
    """Frames that go nowhere: what it costs to wait for them."""
    async for pcm in record.speech():
        if pcm is None:
            record.nothing()


if __name__ == "__main__":
    main(
        {
            "deepgram.stt": nova,
            "deepgram.flux": flux,
            "openai.chat": chat,
            "openai.tts": speech,
            "elevenlabs.tts": elevenlabs_socket,
            "elevenlabs.http": elevenlabs_http,
            "pace": pace,
        }
    )
