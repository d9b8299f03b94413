"""Speaks with a voice of ElevenLabs, by a request for each sentence."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Annotated

from voicegraph.call import Call, this_call
from voicegraph.frames import Sentence, TTSAudio
from voicegraph.node import node
from voicegraph.ports import Rate
from voicegraph.providers import elevenlabs_requests
from voicegraph.providers.elevenlabs import Speaker
from voicegraph.providers.elevenlabs_errors import KEY
from voicegraph.providers.elevenlabs_requests import Line
from voicegraph.providers.elevenlabs_speech import Chunk, Letters, Speech


@node("elevenlabs.http", extra="elevenlabs", packages=("elevenlabs", "httpx2"), env=(KEY,))
class ElevenLabsHTTP(Speaker):
    """Speaks with a voice of ElevenLabs, by a request for each sentence: for models that speak no other way, and as a
    backup of `elevenlabs.tts`.

    voice: the id of a voice, or the name of one of the account's. model: any of the vendor's. rate: of the PCM that
    comes, in Hz; 44100 needs a paid plan. stability, similarity_boost, style, use_speaker_boost, speed: as the voice
    has them, if not given. language_code: such as `de`, for models that guess it otherwise. timestamps: ask when each
    word begins, so that what was heard of a sentence is known to the word. base_url: by default ELEVENLABS_BASE_URL's,
    else ElevenLabs itself. extra: more parameters of the request, such as `{seed: 7}`; null takes one out.
    """

    timestamps: bool = False
    call: Call = this_call()

    def warm(self) -> None:
        elevenlabs_requests.warm()
        self.warm_voice()

    async def __aenter__(self) -> ElevenLabsHTTP:
        await self.call.offload(elevenlabs_requests.warm)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Connections are kept for the next call."""

    async def speak(self, sentences: AsyncIterator[Sentence]) -> AsyncIterator[Annotated[TTSAudio, Rate("rate")]]:
        voice_id = await self.call.offload(self.find_voice) if self.named else self.voice
        before = ""
        async for sentence in sentences:
            async with aclosing(self._chunks(voice_id, sentence.text, before)) as chunks:
                async for chunk in chunks:
                    yield TTSAudio(chunk.pcm, self.rate, chunk.text)
            before = sentence.text

    async def _chunks(self, voice_id: str, text: str, before: str) -> AsyncGenerator[Chunk, None]:
        speech = Speech(self.rate, self.asked, restarting=False)
        speech.sent(text)
        if self.timestamps:
            async with aclosing(elevenlabs_requests.lines(self, voice_id, text, before)) as lines:
                async for line in lines:
                    for chunk in speech.cut(line.audio_base64, _letters(line)):
                        yield chunk
        else:
            async with aclosing(elevenlabs_requests.sound(self, voice_id, text, before)) as sound:
                async for pcm in sound:
                    for chunk in speech.cut(pcm):
                        yield chunk
        if rest := speech.rest():
            yield Chunk(b"", rest)


def _letters(line: Line) -> Letters | None:
    if (told := line.alignment or line.normalized_alignment) is None:
        return None
    end = max(told.character_end_times_seconds, default=0.0)
    return Letters(told.characters, told.character_start_times_seconds, end)
