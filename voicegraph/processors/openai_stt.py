"""Recognises speech with OpenAI, or with any service that is compatible with its transcriptions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import field
from typing import Annotated, Any

import msgspec
from annotated_types import Le

from voicegraph.call import Call, this_call
from voicegraph.durations import Duration
from voicegraph.errors import ProviderError
from voicegraph.frames import Audio, SpeechStarted, SpeechStopped, Transcript
from voicegraph.node import node
from voicegraph.ports import Rate
from voicegraph.providers.openai import Service
from voicegraph.providers.openai_address import Address
from voicegraph.providers.openai_errors import KEY
from voicegraph.providers.sound import wav
from voicegraph.providers.utterances import RATE, Excerpt, Utterances

SHORTEST = 0.1
"""Seconds of sound that OpenAI wants to be sent at least."""

Heard = Audio | SpeechStarted | SpeechStopped


class Transcription(msgspec.Struct):
    """What comes back."""

    text: str


@node("openai.stt", extra="openai", packages=("openai", "h2"), env=(KEY,), env_unless="base_url")
class OpenAISTT:
    """Writes down each utterance of the caller once it is over: there are no partial transcripts, so it is slower than
    a streaming recogniser, whose backup it is.

    It needs a VAD on its wires (`line -> vad -> stt` beside `line -> stt`) to know when that is. When speech goes on
    within `join` of a pause, the next transcript has the same `start` and replaces the last.

    model: as the service names it. language: "en", "de", ...; by default whatever is heard. prompt: names and terms to
    expect. pre_roll: sound that is sent from before the start that the VAD tells. base_url: of a compatible service; by
    default OPENAI_BASE_URL's, else OpenAI. extra: more fields of the request; null takes a field out of it.
    """

    model: str = "gpt-4o-mini-transcribe"
    language: str | None = None
    prompt: str | None = None
    join: Duration = 1.0
    pre_roll: Annotated[Duration, Le(1.0)] = 0.3
    base_url: Address | None = None
    extra: dict[str, Any] = field(default_factory=dict[str, Any])
    call: Call = this_call()

    def __post_init__(self) -> None:
        self._service = Service(self.model, self.base_url)

    def warm(self) -> None:
        self._service.warm()

    async def __aenter__(self) -> OpenAISTT:
        await self.call.offload(self.warm)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Connections are kept for the next call."""

    async def listen(self, frames: AsyncIterator[Annotated[Heard, Rate(RATE)]]) -> AsyncIterator[Transcript]:
        """Sends one utterance at a time, and goes on listening meanwhile."""
        utterances = Utterances(pre_roll=self.pre_roll, join=self.join, partials=None)
        news = asyncio.Event()
        hearing = asyncio.create_task(_hear(frames, utterances, news))
        try:
            while not utterances.over:
                if excerpt := utterances.due():
                    if text := await self._read(excerpt.pcm):
                        yield self._transcript(text, excerpt, final=not utterances.goes_on(excerpt))
                else:
                    await news.wait()
                    news.clear()
            await hearing
        finally:
            hearing.cancel()
            await asyncio.wait([hearing])

    async def _read(self, pcm: bytes) -> str:
        """Tried again once: what the caller said is not to be lost with a connection."""
        try:
            return await self._ask(pcm)
        except ProviderError as error:
            if not error.retryable:
                raise
        return await self._ask(pcm)

    async def _ask(self, pcm: bytes) -> str:
        pcm = pcm.ljust(2 * int(SHORTEST * RATE), b"\0")
        file = ("speech.wav", wav(pcm, RATE), "audio/wav")
        answer = b""
        async with aclosing(self._service.stream("/audio/transcriptions", self._body(), {"file": file})) as pieces:
            async for piece in pieces:
                answer += piece
        try:
            return msgspec.json.decode(answer, type=Transcription).text.strip()
        except (msgspec.DecodeError, UnicodeDecodeError):
            pass
        raise self._service.asked.error("sent something that is no transcription", retryable=True)

    def _body(self) -> dict[str, Any]:
        body = {"model": self.model, "language": self.language, "prompt": self.prompt, "response_format": "json"}
        return {key: value for key, value in (body | self.extra).items() if value is not None}

    def _transcript(self, text: str, excerpt: Excerpt, *, final: bool) -> Transcript:
        return Transcript(text, final=final, start=excerpt.start, end=excerpt.end, language=self.language)


async def _hear(frames: AsyncIterator[Heard], utterances: Utterances, news: asyncio.Event) -> None:
    try:
        async for frame in frames:
            utterances.hear(frame)
            news.set()
    finally:
        utterances.end()
        news.set()
