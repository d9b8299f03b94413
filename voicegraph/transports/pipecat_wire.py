"""A carrier's connection on which one of pipecat's telephony serializers is spoken."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from types import SimpleNamespace
from typing import Any, ClassVar

import msgspec

from voicegraph.errors import VoicegraphError
from voicegraph.providers.pipecat_carriers import Hosted, decode
from voicegraph.serve.doors import Closed, Connection
from voicegraph.transports.carrier import KEYS, Carrier, Event, Key, Over, Played, Refused, Sound, Started, Unknown
from voicegraph.transports.send_ahead import Flush, Mark, Media, Send

PARTS_WITHIN = 2.0
"""Seconds that the carrier has for its own goodbye."""
PCM = "pcm"


class Serialized(Carrier):
    """A protocol that a serializer knows. That awaits, so it is spoken on the connection; here come its events."""

    codecs: ClassVar[Mapping[str, str]] = {PCM: PCM}

    def read(self, message: Any) -> Event:
        event: Event = message
        if isinstance(event, Started):
            self._begin(event)
        elif not self.stream and not isinstance(event, Unknown):
            raise Refused("out-of-order", "a message before the stream has begun")
        return event

    def write(self, send: Send) -> Any:
        return send


class Spoken:
    """A connection on which a serializer is spoken (see `Connection`): gives events, and takes what is to be sent."""

    def __init__(self, connection: Connection, hosted: Hosted, rate: int) -> None:
        self._connection = connection
        self._hosted = hosted
        self._rate = rate
        self._stream = ""
        self._serializer: Any = None
        self.path, self.headers = connection.path, connection.headers
        self.query, self.peer = connection.query, connection.peer

    async def receive(self) -> Any:
        """An `Event`. What the protocol wants answered is answered."""
        message = await self._connection.receive()
        try:
            return await self._read(message)
        except VoicegraphError:
            raise
        except Exception:  # noqa: BLE001 - of a message that it does not expect, a serializer raises anything
            raise Refused("malformed", "a message that is none of the protocol's") from None

    async def send(self, message: Any) -> None:
        """A `Send`."""
        from pipecat.frames import frames as pc

        if isinstance(message, Media):
            least = 2 * round(self._hosted.step * self._rate) if self._hosted.whole else 0
            await self._say(pc.OutputAudioRawFrame(message.codes.ljust(least, b"\0"), self._rate, 1))
        elif isinstance(message, Flush):
            await self._say(pc.InterruptionFrame())
        elif isinstance(message, Mark) and self._hosted.mark:
            made = self._hosted.mark(self._stream, message.name)
            await self._connection.send(msgspec.json.encode(made).decode())

    def send_now(self, *messages: Any) -> bool:
        """Never: a serializer awaits."""
        return False

    async def part(self) -> None:
        """Says in the protocol that we end the call, and waits until the carrier does."""
        from pipecat.frames import frames as pc

        with suppress(Closed, Refused, TimeoutError):
            async with asyncio.timeout(PARTS_WITHIN):
                await self._say(pc.EndFrame())
                while not isinstance(await self.receive(), Over):
                    pass

    async def close(self, code: int = 1000, reason: str = "") -> None:
        await self._connection.close(code, reason)

    async def _say(self, frame: Any) -> None:
        if (told := await self._serializer.serialize(frame)) is not None:
            await self._connection.send(told)

    async def _read(self, message: str | bytes) -> Event:
        hosted, said = self._hosted, dict[str, Any]()
        if isinstance(message, str):
            said = decode(message)
        elif not hosted.binary:
            raise Refused("binary", "a binary message")
        kind = said.get(hosted.kind)
        if kind == hosted.begins:
            begun = hosted.begun(said)
            if begun.rate not in (None, self._rate):
                raise Refused("malformed", f"sound at {begun.rate} Hz: give the line that `rate`")
            if self._serializer is None:
                self._stream, self._serializer = begun.stream, hosted.make(begun, self._rate)
                rates = SimpleNamespace(audio_in_sample_rate=self._rate, audio_out_sample_rate=self._rate)
                await self._serializer.setup(rates)
            await self._serialized(message)
            return Started(begun.stream, begun.call, PCM, begun.variables)
        if self._serializer is None:
            return Unknown(str(kind)) if isinstance(message, str) else Sound(b"")
        if hosted.stream and said.get(hosted.stream, self._stream) != self._stream:
            raise Refused("wrong-stream", "a message of another stream")
        event = await self._serialized(message)
        if kind in hosted.ends:
            return Over()
        mark = hosted.mark_of(said)
        return event if mark is None else Played(mark)

    async def _serialized(self, message: str | bytes) -> Event:
        """What the serializer makes of a message. An answer that it has for the carrier goes out at once."""
        from pipecat.frames import frames as pc

        frame = await self._serializer.deserialize(message)
        if isinstance(frame, pc.InputAudioRawFrame):
            return Sound(frame.audio)
        if isinstance(frame, pc.InputDTMFFrame) and frame.button.value in KEYS:
            return Key(frame.button.value)
        if isinstance(frame, pc.OutputTransportMessageUrgentFrame):
            await self._say(frame)
        return Unknown("")
