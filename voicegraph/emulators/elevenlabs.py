"""ElevenLabs: speech over HTTP and over the multi-context WebSocket, and the account's voices.

https://elevenlabs.io/docs/api-reference. Any key will do, but there has to be one. Sound comes as PCM or G.711, since
there is no MP3 encoder here.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, NamedTuple

from aiohttp import web

from voicegraph.emulators.backend import Backend, Sound
from voicegraph.emulators.elevenlabs_asking import (
    VOICES,
    authorise,
    error,
    format_of,
    read,
    refused,
    speed_of,
    voice_card,
)
from voicegraph.emulators.elevenlabs_contexts import Conversation
from voicegraph.emulators.elevenlabs_timing import Letter, Letters, in_answer, normalised
from voicegraph.emulators.wire import Handler, Wire


def environment(address: str) -> dict[str, str]:
    """The variables that point the SDK and our nodes here."""
    return {"ELEVENLABS_BASE_URL": f"http://{address}", "ELEVENLABS_API_KEY": "emulated"}


def refusal(status: int, message: str) -> dict[str, object]:
    """An error as ElevenLabs words it."""
    return error(status, message)


def routes(backend: Backend, wire: Wire) -> list[web.RouteDef]:
    """All that is emulated."""
    speech = Speech(backend, wire)

    async def voices(request: web.Request) -> web.StreamResponse:
        return await wire.json(request, {"voices": [voice_card(voice_id) for voice_id in VOICES]})

    async def voice(request: web.Request) -> web.StreamResponse:
        voice_id = request.match_info["voice"]
        if voice_id not in VOICES:
            raise refused(404, f"A voice with the voice_id {voice_id} was not found.", code="voice_not_found")
        return await wire.json(request, voice_card(voice_id))

    async def converse(request: web.Request) -> web.StreamResponse:
        return await Conversation(request, backend.speaking).hold(wire)

    said = "/v1/text-to-speech/{voice}"
    answers: dict[tuple[str, str], Handler] = {
        ("POST", said): speech.sound,
        ("POST", f"{said}/stream"): speech.sound,
        ("POST", f"{said}/with-timestamps"): speech.whole,
        ("POST", f"{said}/stream/with-timestamps"): speech.lines,
        ("GET", f"{said}/multi-stream-input"): converse,
        ("GET", "/v1/voices"): voices,
        ("GET", "/v1/voices/{voice}"): voice,
    }
    return [web.route(method, path, authorise(handler)) for (method, path), handler in answers.items()]


class _Piece(NamedTuple):
    """A piece of speech as it is asked for."""

    sound: bytes
    letters: list[Letter]
    words: int


class Speech:
    """POST /v1/text-to-speech/{voice}, in its four ways"""

    def __init__(self, backend: Backend, wire: Wire) -> None:
        self._speaking = backend.speaking
        self._wire = wire

    async def sound(self, request: web.Request) -> web.StreamResponse:
        """The sound itself, as it is made."""
        pieces, content_type = await self._pieces(request)
        async with self._wire.body(request, content_type) as answer, aclosing(pieces):
            async for piece in pieces:
                if piece.sound:
                    await answer.audio(piece.sound, words=piece.words)
        return answer.response

    async def lines(self, request: web.Request) -> web.StreamResponse:
        """Lines of JSON, as it is made."""
        pieces, _ = await self._pieces(request)
        first = True
        async with self._wire.body(request, "application/json") as answer, aclosing(pieces):
            async for piece in pieces:
                line = _line(answer.encoded(piece.sound), piece.letters, first=first)
                await answer.line(line, words=piece.words)
                first = False
        return answer.response

    async def whole(self, request: web.Request) -> web.StreamResponse:
        """All of it at once, in JSON."""
        pieces, _ = await self._pieces(request)
        async with self._wire.body(request, "application/json") as answer, aclosing(pieces):
            every = [piece async for piece in pieces]
            letters = [letter for piece in every for letter in piece.letters]
            sound = answer.encoded(b"".join(piece.sound for piece in every))
            await answer.line(_line(sound, letters, first=True), words=sum(piece.words for piece in every))
        return answer.response

    async def _pieces(self, request: web.Request) -> tuple[AsyncGenerator[_Piece, None], str]:
        """Raises what is answered to a bad request, before anything else is."""
        asked, format_ = await read(request), format_of(request)
        voice = VOICES.get(request.match_info["voice"], "")
        sounds = self._speaking.speak(asked.text, format_.rate, voice=voice, speed=speed_of(asked.voice_settings))
        return _as_asked(sounds, format_.rate, format_.encode), format_.content_type


async def _as_asked(sounds: AsyncGenerator[Sound, None], rate: int, encode: Any) -> AsyncGenerator[_Piece, None]:
    letters, seconds = Letters(), 0.0
    async with aclosing(sounds):
        async for sound in sounds:
            letters.add(sound.words)
            seconds += len(sound.pcm) / (2 * rate)
            yield _Piece(encode(sound.pcm), letters.until(seconds), len(sound.words))
    if rest := letters.rest():
        yield _Piece(b"", rest, 0)


def _line(sound: str, letters: list[Letter], *, first: bool) -> dict[str, Any]:
    """StreamingAudioChunkWithTimestampsResponse."""
    return {
        "audio_base64": sound,
        "alignment": in_answer(letters),
        "normalized_alignment": in_answer(normalised(letters, first=first)),
    }
