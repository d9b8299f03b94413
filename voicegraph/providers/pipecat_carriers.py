"""What pipecat's telephony serializers leave to whoever hosts them: how a call begins and ends, marks, and pace.

Imports no pipecat until a call is made. Sources: pipecat's serializers; developer.exotel.com/docs/agentstream,
developer.vonage.com (Voice API, "WebSockets"), developer.genesys.cloud/devapps/audiohook.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Literal, NamedTuple

import msgspec

Name = Literal["exotel", "genesys", "plivo", "telnyx", "vonage"]
Said = Mapping[str, Any]
_RATE = re.compile(r"rate=(\d+)")


class Begun(NamedTuple):
    """What the first message of a call tells. arguments: for the serializer. rate: of the sound, if it says."""

    stream: str
    call: str
    variables: dict[str, str]
    arguments: dict[str, Any]
    rate: int | None = None


@dataclass(frozen=True)
class Hosted:
    """One serializer. module, name: where its class is. rate: the parameter for the rate, and the usual one in Hz.

    kind: the key that tells what a message is. begins, ends: of it. begun: reads the former. stream: the key of what a
    message belongs to. mark: makes one, of the stream and its name; None: the carrier has none. marked: of it when it
    is back, and where its name stands. step, most: see `Format`. whole: messages of sound are filled up to the step.
    binary: it sends such messages. parts: says goodbye in the protocol when we end the call. quiet: its parameters with
    which it asks no API by itself.
    """

    module: str
    name: str
    begun: Callable[[Said], Begun]
    rate: tuple[str, int]
    kind: str = "event"
    begins: str = "start"
    ends: tuple[str, ...] = ("stop",)
    stream: str = ""
    mark: Callable[[str, str], dict[str, Any]] | None = None
    marked: tuple[str, ...] = ()
    step: float = 0.1
    most: float = 0.2
    whole: bool = False
    binary: bool = False
    parts: bool = False
    quiet: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def make(self, begun: Begun, rate: int) -> Any:
        """The serializer of one call."""
        kind = getattr(import_module(f"pipecat.serializers.{self.module}"), self.name)
        params = kind.InputParams(**{self.rate[0]: rate, "sample_rate": rate, **self.quiet})
        return kind(**begun.arguments, params=params)

    def mark_of(self, said: Said) -> str | None:
        """The name of the mark that this message gives back; None if it gives none."""
        if not self.marked or said.get(self.kind) != self.marked[0]:
            return None
        found: Any = said
        for key in self.marked[1:]:
            found = found[key]
        return str(found)


def _exotel(said: Said) -> Begun:
    start = said["start"]
    told = {name: start[name] for name in ("from", "to") if name in start} | dict(start.get("custom_parameters") or {})
    stream, call = said["stream_sid"], start["call_sid"]
    rate = start.get("media_format", {}).get("sample_rate")
    return Begun(stream, call, _texts(told), {"stream_sid": stream, "call_sid": call}, int(rate) if rate else None)


def _vonage(said: Said) -> Begun:
    """Has no names for what there is one of in a connection. Headers of our choice come beside its own."""
    rate = _RATE.search(said.get("content-type", ""))
    told = {name: value for name, value in said.items() if name not in ("event", "content-type")}
    return Begun("websocket", str(told.get("uuid", "")), _texts(told), {}, int(rate[1]) if rate else None)


def _genesys(said: Said) -> Begun:
    asked = said["parameters"]
    person: dict[str, Any] = asked.get("participant") or {}
    told: dict[str, Any] = {
        "from": person.get("ani", ""),
        "to": person.get("dnis", ""),
        **(asked.get("inputVariables") or {}),
    }
    return Begun(said["id"], asked.get("conversationId", ""), _texts(told), {})


def _telnyx(said: Said) -> Begun:
    start, codec = said["start"], said["start"]["media_format"]["encoding"]
    arguments = {"stream_id": said["stream_id"], "outbound_encoding": codec, "inbound_encoding": codec}
    return Begun(said["stream_id"], start["call_control_id"], _texts(start.get("custom_parameters") or {}), arguments)


def _plivo(said: Said) -> Begun:
    stream, call = said["start"]["streamId"], said["start"]["callId"]
    return Begun(stream, call, {}, {"stream_id": stream, "call_id": call})


def _texts(told: Mapping[str, Any]) -> dict[str, str]:
    return {name: value for name, value in told.items() if isinstance(value, str) and value}


CARRIERS: dict[Name, Hosted] = {
    "exotel": Hosted(
        "exotel",
        "ExotelFrameSerializer",
        _exotel,
        ("exotel_sample_rate", 8_000),
        stream="stream_sid",
        mark=lambda stream, name: {"event": "mark", "stream_sid": stream, "mark": {"name": name}},
        marked=("mark", "mark", "name"),
        step=0.2,  # it takes no less than 3200 bytes, and multiples of 320
        whole=True,
    ),
    "vonage": Hosted(
        "vonage",
        "VonageFrameSerializer",
        _vonage,
        ("vonage_sample_rate", 16_000),
        begins="websocket:connected",
        ends=("websocket:disconnected",),
        mark=lambda stream, name: {"action": "notify", "payload": {"mark": name}},
        marked=("websocket:notify", "payload", "mark"),
        step=0.02,  # exactly so much in each message
        most=0.02,
        whole=True,
        binary=True,
    ),
    "genesys": Hosted(
        "genesys",
        "GenesysAudioHookSerializer",
        _genesys,
        ("genesys_sample_rate", 8_000),
        kind="type",
        begins="open",
        ends=("close",),
        stream="id",
        step=0.2,  # it limits how many messages come
        binary=True,
        parts=True,
    ),
    "telnyx": Hosted(
        "telnyx",
        "TelnyxFrameSerializer",
        _telnyx,
        ("telnyx_sample_rate", 8_000),
        stream="stream_id",
        mark=lambda stream, name: {"event": "mark", "mark": {"name": name}},
        marked=("mark", "mark", "name"),
        quiet={"auto_hang_up": False},
    ),
    "plivo": Hosted(
        "plivo",
        "PlivoFrameSerializer",
        _plivo,
        ("plivo_sample_rate", 8_000),
        stream="streamId",
        mark=lambda stream, name: {"event": "checkpoint", "streamId": stream, "name": name},
        marked=("playedStream", "name"),
        quiet={"auto_hang_up": False},
    ),
}

decode = msgspec.json.Decoder(dict[str, Any]).decode
"""Of a message that is text. Raises msgspec.DecodeError."""
