"""Speaks with a voice of ElevenLabs over a connection that lasts as long as the call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Annotated

from voicegraph.call import Call, this_call
from voicegraph.frames import Sentence, TTSAudio
from voicegraph.node import node
from voicegraph.ports import Rate
from voicegraph.providers import elevenlabs_connection
from voicegraph.providers.elevenlabs import Speaker
from voicegraph.providers.elevenlabs_connection import Connection
from voicegraph.providers.elevenlabs_contexts import Context
from voicegraph.providers.elevenlabs_errors import KEY
from voicegraph.providers.elevenlabs_messages import Received
from voicegraph.providers.elevenlabs_speech import Letters, Speech

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection


@node("elevenlabs.tts", extra="elevenlabs", packages=("websockets", "httpx2"), env=(KEY,))
class ElevenLabsTTS(Speaker):
    """Speaks with a voice of ElevenLabs, in one tone over all sentences of a reply, and tells when each word begins.

    voice: the id of a voice, or the name of one of the account's. model: one that can speak over a WebSocket, which
    eleven_v3 cannot. rate: of the PCM that comes, in Hz; 44100 needs a paid plan. stability, similarity_boost, style,
    use_speaker_boost, speed: as the voice has them, if not given. language_code: such as `de`, for models that guess it
    otherwise. base_url: by default ELEVENLABS_BASE_URL's, else ElevenLabs itself. extra: more parameters of the
    connection, such as `{enable_logging: false}`, or of a reply, such as `pronunciation_dictionary_locators`; null
    takes a parameter out.
    """

    call: Call = this_call()

    def __post_init__(self) -> None:
        super().__post_init__()
        self._connection = Connection(self._dial, elevenlabs_connection.manner_of(self))

    @property
    def unknown(self) -> int:
        """Messages of the vendor in this call that nobody has heard of."""
        return self._connection.unknown

    def warm(self) -> None:
        elevenlabs_connection.warm()
        self.warm_voice()

    async def __aenter__(self) -> ElevenLabsTTS:
        """Begins to connect. Whether that goes well is the first reply's business, and its fallback's."""
        self._connection.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._connection.close()

    async def speak(self, sentences: AsyncIterator[Sentence]) -> AsyncIterator[Annotated[TTSAudio, Rate("rate")]]:
        context = await self._connection.context()
        speech = Speech(self.rate, self.asked, restarting=True)
        saying = asyncio.create_task(_say(sentences, context, speech))
        try:
            async for message in context:
                for chunk in speech.cut(message.audio or b"", self._letters(message)):
                    yield TTSAudio(chunk.pcm, self.rate, chunk.text)
            await saying
            if rest := speech.rest():
                yield TTSAudio(b"", self.rate, rest)
        finally:
            context.drop()
            saying.cancel()

    def _letters(self, message: Received) -> Letters | None:
        """With a dictionary of pronunciations only the text that was really spoken is told without repetitions."""
        dictionary = self.extra.get("pronunciation_dictionary_locators")
        first, second = message.alignment, message.normalized_alignment
        if (told := (second or first) if dictionary else (first or second)) is None:
            return None
        starts = [start / 1000 for start in told.char_start_times_ms]
        end = starts[-1] + told.char_durations_ms[-1] / 1000 if starts and told.char_durations_ms else 0.0
        return Letters(told.chars, starts, end)

    async def _dial(self) -> ClientConnection:
        await self.call.offload(elevenlabs_connection.warm)
        voice_id = await self.call.offload(self.find_voice) if self.named else self.voice
        return await elevenlabs_connection.dial(self, voice_id)


async def _say(sentences: AsyncIterator[Sentence], context: Context, speech: Speech) -> None:
    """Sends the sentences as they come: not too far ahead of what is heard."""
    try:
        async for sentence in sentences:
            await context.room()
            speech.sent(sentence.text)
            context.say(sentence.text)
    finally:
        context.end()
