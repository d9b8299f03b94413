"""OpenAI's speech and transcriptions."""

from __future__ import annotations

import io
import wave
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any, NamedTuple

from aiohttp import web

from voicegraph.emulators.backend import Backend, Said, Word
from voicegraph.emulators.openai_asking import EVENT_STREAM, Asked, check_model, missing, read, refused, tokens
from voicegraph.emulators.wire import Wire

RATE = 24_000
"""Of speech, in Hz: "24kHz (16-bit signed, little-endian), without the header"."""
FORMATS = {"pcm": "audio/pcm", "wav": "audio/wav"}
PIECE = 0.02
"""Seconds of a recording that a backend hears at a time."""


class AskedSpeech(Asked, kw_only=True):
    """The body of a request for speech. stream_format: `sse` for events."""

    input: str
    voice: Any
    response_format: str = "mp3"
    stream_format: str = "audio"
    speed: float = 1.0


class Heard(NamedTuple):
    """What was said in a recording. seconds: of it."""

    text: str
    words: list[Word]
    seconds: float
    language: str


class Audio:
    """POST /v1/audio/speech and /v1/audio/transcriptions"""

    def __init__(self, backend: Backend, wire: Wire) -> None:
        self._backend = backend
        self._wire = wire

    async def speak(self, request: web.Request) -> web.StreamResponse:
        asked = await read(request, AskedSpeech)
        if asked.response_format not in FORMATS:
            message = f"'{asked.response_format}' is not emulated: ask for {' or '.join(FORMATS)}."
            raise refused(400, message, param="response_format")
        events = asked.stream_format == "sse"
        sounds = self._backend.speaking.speak(asked.input, RATE, voice=str(asked.voice), speed=asked.speed)
        content_type = EVENT_STREAM if events else FORMATS[asked.response_format]
        async with self._wire.body(request, content_type) as answer, aclosing(sounds):
            head = _wav_header() if asked.response_format == "wav" else b""
            async for sound in sounds:
                pcm, head = head + sound.pcm, b""
                if events:
                    data = {"type": "speech.audio.delta", "audio": answer.encoded(pcm)}
                    await answer.event(data, words=len(sound.words))
                else:
                    await answer.audio(pcm, words=len(sound.words))
            if events:
                read_ = tokens(asked.input)
                cost = {"input_tokens": read_, "output_tokens": 0, "total_tokens": read_}
                await answer.event({"type": "speech.audio.done", "usage": cost})
        return answer.response

    async def transcribe(self, request: web.Request) -> web.StreamResponse:
        form = await request.post()
        if "model" not in form:
            raise missing("model")
        check_model(str(form["model"]))
        file = form.get("file")
        if not isinstance(file, web.FileField):
            raise missing("file")
        with file.file as sent:
            pcm, rate = _read_wav(sent.read())
        heard = await self._hear(pcm, rate)
        kind = str(form.get("response_format", "json"))
        if str(form.get("stream", "")).lower() == "true":
            return await self._stream(request, heard)
        if kind == "text":
            async with self._wire.body(request, "text/plain; charset=utf-8") as answer:
                await answer.line(heard.text, words=len(heard.words))
            return answer.response
        answered = {"json": _plain, "verbose_json": _verbose}.get(kind)
        if answered is None:
            raise refused(
                400, f"'{kind}' is not emulated: ask for json, verbose_json or text.", param="response_format"
            )
        return await self._wire.json(request, answered(heard), words=len(heard.words))

    async def _stream(self, request: web.Request, heard: Heard) -> web.StreamResponse:
        async with self._wire.body(request, EVENT_STREAM) as answer:
            for number, word in enumerate(heard.text.split()):
                delta = f" {word}" if number else word
                await answer.event({"type": "transcript.text.delta", "delta": delta}, words=1)
            await answer.event({"type": "transcript.text.done", **_plain(heard)})
            await answer.event("[DONE]")
        return answer.response

    async def _hear(self, pcm: bytes, rate: int) -> Heard:
        words: list[Word] = []
        language = "en"
        async with aclosing(self._backend.hearing.hear(_in_pieces(pcm, rate), rate)) as everything:
            async for each in everything:
                if isinstance(each, Said) and each.final:
                    words += each.words
                    language = each.language
        return Heard(" ".join(word.text for word in words), words, len(pcm) / (2 * rate), language)


def _plain(heard: Heard) -> dict[str, Any]:
    read, written = round(10 * heard.seconds), len(heard.words)
    cost = {"type": "tokens", "input_tokens": read, "output_tokens": written, "total_tokens": read + written}
    return {"text": heard.text, "usage": {**cost, "input_token_details": {"audio_tokens": read, "text_tokens": 0}}}


def _verbose(heard: Heard) -> dict[str, Any]:
    return {
        "task": "transcribe",
        "language": {"en": "english"}.get(heard.language, heard.language),
        "duration": heard.seconds,
        "text": heard.text,
        "words": [{"word": word.text, "start": word.start, "end": word.end} for word in heard.words],
        "usage": {"type": "duration", "seconds": heard.seconds},
    }


async def _in_pieces(pcm: bytes, rate: int) -> AsyncIterator[bytes]:
    size = 2 * int(PIECE * rate)
    for begin in range(0, len(pcm), size):
        yield pcm[begin : begin + size]


def _read_wav(data: bytes) -> tuple[bytes, int]:
    """Its PCM and its rate."""
    try:
        with wave.open(io.BytesIO(data)) as file:
            if (file.getnchannels(), file.getsampwidth()) == (1, 2):
                return file.readframes(file.getnframes()), file.getframerate()
    except (wave.Error, EOFError):
        pass
    raise refused(400, "Invalid file format. The emulator hears WAV files of 16-bit mono PCM.", param="file")


def _wav_header() -> bytes:
    """Of a WAV file whose length is not known yet."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((1, 2, RATE, 0, "NONE", ""))
    unknown = b"\xff\xff\xff\xff"
    head = file.getvalue()
    return head[:4] + unknown + head[8:40] + unknown
