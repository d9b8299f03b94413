"""Speaks with a voice of OpenAI, or of any service that is compatible with its speech interface."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import field
from typing import Annotated, Any

from annotated_types import Gt, Interval

from voicegraph.call import Call, this_call
from voicegraph.frames import Sentence, TTSAudio
from voicegraph.node import node
from voicegraph.ports import Rate
from voicegraph.providers.openai import Service
from voicegraph.providers.openai_address import Address
from voicegraph.providers.openai_errors import KEY
from voicegraph.providers.openai_sound import sound_of

LONGEST = 0.08
"""Seconds of sound in a frame, so that little of a sentence is left to be heard after an interrupt."""


@node("openai.tts", extra="openai", packages=("openai", "h2"), env=(KEY,), env_unless="base_url")
class OpenAITTS:
    """Speaks each sentence with a voice of OpenAI, and begins as soon as its first sound comes.

    model, voice: as the service names them. instructions: how to speak, for models that can be told. speed: 1 is the
    voice's own. rate: of the PCM that comes; OpenAI's is 24000 Hz. base_url: of a compatible service; by default
    OPENAI_BASE_URL's, else OpenAI. extra: more fields of the request; null takes a field out of it.
    """

    model: str = "gpt-4o-mini-tts"
    voice: str = "alloy"
    instructions: str = ""
    speed: Annotated[float, Interval(ge=0.25, le=4)] | None = None
    rate: Annotated[int, Gt(0)] = 24_000
    base_url: Address | None = None
    extra: dict[str, Any] = field(default_factory=dict[str, Any])
    call: Call = this_call()

    def __post_init__(self) -> None:
        self._service = Service(self.model, self.base_url)

    def warm(self) -> None:
        self._service.warm()

    async def __aenter__(self) -> OpenAITTS:
        await self.call.offload(self.warm)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Connections are kept for the next call."""

    async def on_sentence(self, sentence: Sentence) -> AsyncIterator[Annotated[TTSAudio, Rate("rate")]]:
        text = sentence.text
        if not any(map(str.isalnum, text)):
            return  # of a mere emoji or ellipsis there is no sound, which would be taken for a fault
        size = 2 * int(LONGEST * self.rate)
        pieces = self._service.stream("/audio/speech", self._body(text))
        async with aclosing(sound_of(pieces, self._service.asked)) as sound:
            async for pcm in sound:
                for start in range(0, len(pcm), size):
                    yield TTSAudio(pcm[start : start + size], self.rate, text)
                    text = ""

    def _body(self, text: str) -> dict[str, Any]:
        body = {
            "model": self.model,
            "voice": self.voice,
            "input": text,
            "response_format": "pcm",
            "instructions": self.instructions or None,
            "speed": self.speed,
        }
        return {key: value for key, value in (body | self.extra).items() if value is not None}
