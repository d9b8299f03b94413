"""Carriers whose protocol pipecat has a serializer for: their side of it, in memory, with a playback clock."""

from __future__ import annotations

import asyncio
import json
from base64 import b64decode, b64encode
from typing import Any, cast

from tests.transports.carriers import Memory, Message, Phone, PhoneCall, PlivoSide, TelnyxSide, TwilioSide
from voicegraph.audio.g711 import decode_mulaw, encode_mulaw
from voicegraph.call import give_call
from voicegraph.frames import Frame
from voicegraph.node import node_type
from voicegraph.serve.doors import Closed
from voicegraph.transports.pipecat_call import PipecatCall


class Mixed(Memory):
    """A connection that takes binary messages too."""

    async def send(self, message: str | bytes) -> None:
        await self._open.wait()
        if self.closed:
            raise Closed(*self.closed)
        said: Any = message if isinstance(message, bytes) else json.loads(message)
        self.sent.append((self.now, said))
        at = self._stalled_until = max(self.now + self.delay, self._stalled_until)
        asyncio.get_running_loop().call_at(at, self.arrives, said)


class Serialized(TwilioSide):
    """Sound is PCM16 at `rate`. NAME: of the serializer. gives_marks: back, that is."""

    KIND = PipecatCall
    NAME = ""
    rate = 8_000
    second = 16_000
    gives_marks = True

    def sound_of(self, pcm: bytes) -> str | bytes:
        """The message for some sound of the caller."""
        return json.dumps(self.media(pcm))

    def hear(self, message: Any) -> tuple[str, str | bytes]:
        """What we said, as `read` tells it."""
        raise NotImplementedError

    def read(self, said: Message) -> tuple[str, str | bytes]:
        return self.hear(said["it"])

    def arrives(self, message: Any) -> None:
        super().arrives({"it": message})


class ExotelSide(Serialized):
    NAME = "exotel"

    def start(self, **variables: str) -> Message:
        start = {
            "stream_sid": "MZ1", "call_sid": "CA1", "account_sid": "AC1", "from": "+15551234567", "to": "+2",
            "custom_parameters": variables,
            "media_format": {"encoding": "audio/x-raw", "sample_rate": str(self.rate), "bit_rate": "16"},
        }  # fmt: skip
        return {"event": "start", "sequence_number": "1", "stream_sid": "MZ1", "start": start}

    def media(self, codes: bytes, number: int = 1) -> Message:
        media = {"chunk": str(number), "timestamp": "20", "payload": b64encode(codes).decode()}
        return {"event": "media", "sequence_number": "3", "stream_sid": "MZ1", "media": media}

    def key(self, digit: str) -> Message:
        return {"event": "dtmf", "stream_sid": "MZ1", "dtmf": {"digit": digit, "duration": "100"}}

    def mark_back(self, name: str) -> Message:
        return {"event": "mark", "sequence_number": "15", "stream_sid": "MZ1", "mark": {"name": name}}

    def stop(self) -> Message:
        return {"event": "stop", "stream_sid": "MZ1", "stop": {"call_sid": "CA1", "reason": "callended"}}

    def hear(self, message: Any) -> tuple[str, str | bytes]:
        said = message
        assert said["stream_sid"] == "MZ1"
        if said["event"] == "media":
            pcm = b64decode(said["media"]["payload"])
            assert len(pcm) >= 3_200, "100 ms at least, says its page"
            assert len(pcm) % 320 == 0
            return "media", pcm
        return said["event"], said.get("mark", {}).get("name", "")


class VonageSide(Serialized):
    NAME = "vonage"
    rate = 16_000
    second = 32_000

    def start(self, **variables: str) -> Message:
        return {"event": "websocket:connected", "content-type": f"audio/l16;rate={self.rate}", **variables}

    def sound_of(self, pcm: bytes) -> str | bytes:
        return pcm

    def key(self, digit: str) -> Message:
        return {"event": "websocket:dtmf", "digit": digit, "duration": 260}

    def mark_back(self, name: str) -> Message:
        return {"event": "websocket:notify", "payload": {"mark": name}}

    def stop(self) -> Message:
        return {"event": "websocket:disconnected"}

    def hear(self, message: Any) -> tuple[str, str | bytes]:
        if isinstance(message, bytes):
            assert len(message) == 640, "20 ms, exactly"
            return "media", message
        match message:
            case {"action": "notify", "payload": {"mark": name}}:
                return "mark", name
            case {"action": "clear"}:
                return "clear", ""
            case _:
                raise AssertionError(f"Vonage does not know {message}")


class GenesysSide(Serialized):
    """Gives no marks back. said: the types of what was said in answer, in order."""

    NAME = "genesys"
    gives_marks = False

    def __init__(self, line: Memory) -> None:
        super().__init__(line)
        self.said: list[str] = []

    def _message(self, kind: str, **parameters: Any) -> Message:
        return {
            "version": "2", "id": "s-1", "type": kind, "seq": 1, "serverseq": 0, "position": "PT0S",
            "parameters": parameters,
        }  # fmt: skip

    def start(self, **variables: str) -> Message:
        participant = {"id": "p-1", "ani": "+15551234567", "aniName": "", "dnis": "+2"}
        media = [{"type": "audio", "format": "PCMU", "channels": ["external"], "rate": 8000}]
        return self._message(
            "open", conversationId="c-1", participant=participant, media=media, inputVariables=variables
        )

    def sound_of(self, pcm: bytes) -> str | bytes:
        return encode_mulaw(pcm)

    def key(self, digit: str) -> Message:
        return self._message("dtmf", digit=digit)

    def ping(self) -> Message:
        return self._message("ping")

    def stop(self) -> Message:
        return self._message("close", reason="end")

    def hear(self, message: Any) -> tuple[str, str | bytes]:
        if isinstance(message, bytes):
            return "media", decode_mulaw(message)
        assert message["id"] == "s-1"
        assert message["type"] == "event"
        assert message["parameters"]["entities"][0]["type"] == "barge_in"
        return "clear", ""

    def arrives(self, message: Any) -> None:
        if isinstance(message, bytes) or message["type"] == "event":
            super().arrives(message)
        else:
            self.said.append(message["type"])
            if message["type"] == "disconnect":
                self.line.say(self.stop())


class HostedTelnyx(TelnyxSide):
    """The same carrier, by pipecat's serializer."""

    KIND = PipecatCall
    NAME = "telnyx"


class HostedPlivo(PlivoSide):
    KIND = PipecatCall
    NAME = "plivo"


SERIALIZED = (ExotelSide, VonageSide, GenesysSide)


class SerializedPhone(Phone):
    """A call on one of them."""

    carrier: Any

    def __init__(self, side: type[Any], *, delay: float = 0.0, begin: bool = True, **settings: Any) -> None:
        self.connection = Mixed(delay)
        self.carrier = side(self.connection)
        self.call = PhoneCall()
        named = {"serializer": side.NAME} if side.KIND is PipecatCall else {}
        self.line: Any = node_type(side.KIND).configure({"unsigned": True, **named, **settings})
        give_call(self.line, cast(Any, self.call))
        self.line.attach(self.connection)
        self.frames: list[Frame] = []
        self._begin = begin
        self.listening: asyncio.Task[None] | None = None
