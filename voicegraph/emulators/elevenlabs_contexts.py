"""ElevenLabs' multi-context WebSocket, with the rules by which it closes on clients that break them.

https://elevenlabs.io/docs/api-reference/text-to-speech/v-1-text-to-speech-voice-id-multi-stream-input, and what people
found out about it. A context takes one of five places from its first message until `isFinal`, which is told when it was
closed and all that was said to it before has become sound: so sound comes after `close_context`, too. It must be told
its `voice_settings` with its first message or never; any message begins one, a flush or a keep-alive as well. A flush
makes sound of what was said and ends nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import aclosing
from typing import Any

import msgspec
from aiohttp import web

from voicegraph.emulators.backend import Speaking
from voicegraph.emulators.elevenlabs_asking import (
    NOT_ON_SOCKETS,
    VOICES,
    Format,
    format_of,
    is_model,
    is_voice,
    refused,
    speed_of,
)
from voicegraph.emulators.elevenlabs_timing import Letter, Letters, in_message, normalised
from voicegraph.emulators.sockets import Socket
from voicegraph.emulators.wire import Wire

PLACES = 5
POLICY = 1008
INACTIVITY = 20.0
"""Seconds, unless the client asks for others: without a message a context, or the connection, is closed."""
LONGEST_INACTIVITY = 180.0
SCHEDULE = (120, 160, 250, 290)
"""Letters that are gathered before the first, second, ... and any later piece of sound is made, if not `auto_mode`."""
REASON = 120
"""Bytes of a close's reason (RFC 6455, section 5.5 has 123)."""
DEFAULT = "default"
"""The context of messages that name none."""


class Message(msgspec.Struct):
    """From the client. Which fields it has tells what it is."""

    context_id: str | None = None
    text: str | None = None
    flush: bool | None = None
    close_context: bool | None = None
    close_socket: bool | None = None
    voice_settings: dict[str, Any] | None = None
    generation_config: dict[str, Any] | None = None

    @property
    def stays(self) -> bool:
        """It keeps the connection, and no context."""
        return not self.context_id and not (self.text or self.flush or self.close_context)


class Broken(Exception):
    """The client has broken a rule. code: as the vendor calls it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Conversation:
    """One connection."""

    def __init__(self, request: web.Request, speaking: Speaking) -> None:
        query = request.query
        self._request = request
        self._speaking = speaking
        self._voice = request.match_info["voice"]
        self._model = query.get("model_id", "eleven_multilingual_v2")
        if self._model.startswith(NOT_ON_SOCKETS):
            raise refused(403, f"The model {self._model} has no WebSocket.", code="unsupported_model")
        self._format = format_of(request)
        try:
            self._inactivity = min(float(query.get("inactivity_timeout", INACTIVITY)), LONGEST_INACTIVITY)
        except ValueError:
            raise refused(422, "inactivity_timeout is no number.", param="inactivity_timeout") from None
        self._at_once = query.get("auto_mode", "").lower() == "true"
        self._always_aligned = query.get("sync_alignment", "").lower() == "true"
        self._open: dict[str, Context] = {}  # those that may still be spoken to
        self._tasks: dict[asyncio.Task[None], str] = {}  # of all that have a place

    async def hold(self, wire: Wire) -> web.StreamResponse:
        """From the handshake to the close."""
        async with wire.socket(self._request) as socket, asyncio.TaskGroup() as group:
            try:
                self._check()
                await self._listen(socket, group)
            except Broken as broken:
                await socket.send({"message": str(broken), "error": broken.code, "code": POLICY})
                await socket.close(POLICY, str(broken)[:REASON])
            for task in self._tasks:
                task.cancel()
        return socket.response

    def _check(self) -> None:
        if not is_voice(self._voice):
            raise Broken("voice_id_does_not_exist", f"A voice with voice_id {self._voice} does not exist.")
        if not is_model(self._model):
            raise Broken("model_not_found", f"A model with model ID {self._model} does not exist.")

    async def _listen(self, socket: Socket, group: asyncio.TaskGroup) -> None:
        while True:
            try:
                async with asyncio.timeout(self._inactivity):
                    message = _read(await anext(socket))
            except StopAsyncIteration:
                return
            except TimeoutError:
                told = f"Have not received a new text input within the timeout of {self._inactivity:g} seconds."
                raise Broken("input_timeout_exceeded", f"{told} Streaming input terminated.") from None
            if message.close_socket:
                await self._finish()
                await socket.close()
            elif message.stays:
                pass
            elif message.close_context:
                if context := self._open.pop(message.context_id or DEFAULT, None):
                    context.end()
            else:
                self._context(message, socket, group).take(message)

    def _context(self, message: Message, socket: Socket, group: asyncio.TaskGroup) -> Context:
        """The one that is spoken to, which begins with that."""
        name = message.context_id or DEFAULT
        if context := self._open.get(name):
            return context
        if len(self._tasks) >= PLACES:
            told = f"Maximum simultaneous contexts per WebSocket connection exceeded ({PLACES})."
            raise Broken(
                "max_active_conversations", f"{told} Please close an existing context before opening a new one."
            )
        self._open[name] = context = Context(name, message, self._format, at_once=self._at_once)
        task = group.create_task(self._serve(context, socket))
        self._tasks[task] = name
        task.add_done_callback(lambda task: self._tasks.pop(task))
        return context

    async def _serve(self, context: Context, socket: Socket) -> None:
        """Makes sound of what is said to a context, until its end."""
        while True:
            try:
                async with asyncio.timeout(self._inactivity):
                    text = await context.next()
            except TimeoutError:
                break
            if text is None:
                break
            await self._speak(text, context, socket)
        if self._open.get(context.name) is context:
            del self._open[context.name]
        await socket.send({"isFinal": True, "contextId": context.name})

    async def _speak(self, text: str, context: Context, socket: Socket) -> None:
        rate, letters, seconds, first = self._format.rate, Letters(), 0.0, True
        sounds = self._speaking.speak(text, rate, voice=VOICES.get(self._voice, ""), speed=speed_of(context.settings))
        async with aclosing(sounds):
            async for sound in sounds:
                letters.add(sound.words)
                begin, seconds = seconds, seconds + len(sound.pcm) / (2 * rate)
                told = letters.until(seconds)
                audio = socket.encoded(self._format.encode(sound.pcm))
                message = self._message(context, audio, told, (begin, seconds), first=first)
                await socket.send(message, words=len(sound.words))
                first = first and not told
        if rest := letters.rest():
            await socket.send(self._message(context, "", rest, (seconds, seconds), first=False))

    def _message(
        self, context: Context, audio: str, letters: list[Letter], span: tuple[float, float], *, first: bool
    ) -> Mapping[str, Any]:
        """AudioOutputMulti. span: begin and end of its sound, in seconds since that of the text."""
        told = self._always_aligned or bool(letters)
        return {
            "audio": audio,
            "alignment": in_message(letters, *span) if told else None,
            "normalizedAlignment": in_message(normalised(letters, first=first), *span) if told else None,
            "contextId": context.name,
        }

    async def _finish(self) -> None:
        """All contexts are closed, and what was said to them becomes sound."""
        for context in self._open.values():
            context.end()
        self._open.clear()
        if self._tasks:
            await asyncio.wait(self._tasks)


class Context:
    """What is said in one voice. first: the message with which it begins, and which tells its settings."""

    def __init__(self, name: str, first: Message, format_: Format, *, at_once: bool) -> None:
        self.name = name
        self.settings = first.voice_settings
        schedule = (first.generation_config or {}).get("chunk_length_schedule")
        self._schedule = list(schedule or SCHEDULE)
        self._at_once = at_once
        self._gathered = ""
        self._texts: asyncio.Queue[str | None] = asyncio.Queue()

    def take(self, message: Message) -> None:
        if message.voice_settings is not None and message.voice_settings != self.settings:
            raise Broken(
                "invalid_voice_settings",
                "voice_settings field must be provided in the first message and then either be not provided or not "
                "change.",
            )
        self._gathered += message.text or ""
        enough = self._at_once or len(self._gathered) >= self._schedule[0]
        if message.flush or enough:
            self._make()

    def end(self) -> None:
        """Nothing more is said."""
        self._make()
        self._texts.put_nowait(None)

    async def next(self) -> str | None:
        """The next text to be spoken; None behind the last."""
        return await self._texts.get()

    def _make(self) -> None:
        """Sound of all that was gathered."""
        if text := self._gathered.strip():
            self._texts.put_nowait(text)
            self._gathered = ""
            if len(self._schedule) > 1:
                self._schedule.pop(0)


def _read(message: str | bytes) -> Message:
    try:
        return msgspec.json.decode(message, type=Message)
    except msgspec.DecodeError:
        raise Broken(
            "invalid_input_message",
            "Could not parse input message, make sure it is a json and follows the schema outlined in protocol.",
        ) from None
