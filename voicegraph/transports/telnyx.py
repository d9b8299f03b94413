"""Calls over Telnyx media streaming (developers.telnyx.com, "Stream call media over WebSocket")."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any, ClassVar, Literal

import msgspec

from voicegraph.call import Call, this_call
from voicegraph.node import node
from voicegraph.providers import telnyx, tickets
from voicegraph.serve.doors import Request
from voicegraph.transports import carrier
from voicegraph.transports.carrier import Carrier, Event, InOrder, Reader, Refused, Sound, Started
from voicegraph.transports.send_ahead import FRAME, RATE
from voicegraph.transports.telephone import Telephone
from voicegraph.transports.webhook import parameters, variables

SILENCE = {"PCMU": b"\xff", "PCMA": b"\xd5"}


class _Format(msgspec.Struct, gc=False):
    encoding: str
    sample_rate: int | str = RATE


class _Start(msgspec.Struct, gc=False):
    call_control_id: str
    media_format: _Format
    custom_parameters: dict[str, str] = {}


class Said(carrier.Said, gc=False):
    """A message of Telnyx."""

    stream: str = msgspec.field(name="stream_id", default="")
    start: _Start | None = None


def _begin(stream: TelnyxStream, said: Said) -> Event:
    if said.start is None:
        raise Refused("malformed", "a beginning that says nothing")
    start, sound = said.start, said.start.media_format
    stream.silence = SILENCE.get(sound.encoding, b"")
    variables = start.custom_parameters
    return Started(said.stream, start.call_control_id, sound.encoding, variables, rate=sound.sample_rate)


def _sound(stream: TelnyxStream, said: Said) -> Event:
    """Its order is not promised."""
    event = carrier.sound(stream, said)
    number = said.media.chunk if said.media else 0
    if not isinstance(event, Sound) or not event.codes:
        return event
    if isinstance(number, str) and not (number.isascii() and number.isdecimal() and len(number) < 12):
        raise Refused("malformed", "sound without its number")
    return Sound(stream.order.put(int(number), event.codes))


class TelnyxStream(Carrier):
    """Needs `bidirectionalMode="rtp"`. A `clear` makes it send back all marks of what it drops."""

    decoder: ClassVar[msgspec.json.Decoder[Any]] = msgspec.json.Decoder(Said)
    codecs = {"PCMU": "mulaw", "PCMA": "alaw"}
    readers: ClassVar[Mapping[str, Reader]] = {
        "connected": carrier.nothing,
        "start": _begin,
        "media": _sound,
        "dtmf": carrier.key,
        "mark": carrier.played,
        "stop": carrier.over,
    }

    def __init__(self) -> None:
        super().__init__()
        self.order = InOrder()
        self.silence = b""

    def media(self, codes: bytes) -> str:
        """It takes 20 ms at least."""
        return carrier.text({"event": "media", "media": {"payload": codes.ljust(FRAME, self.silence)}})

    def mark(self, name: str) -> str:
        return carrier.text({"event": "mark", "mark": {"name": name}})

    def flush(self) -> str:
        return carrier.text({"event": "clear"})


@node(
    "telnyx.call",
    line=True,
    extra="telnyx",
    packages=("numpy", "httpx2", "cryptography"),
    env=(telnyx.KEY, telnyx.PUBLIC_KEY),
    env_unless="unsigned",
)
class TelnyxCall(Telephone):
    """A phone call on a number of Telnyx, whose TeXML application asks `POST /telnyx` what to do with it.

    codec: of the phone line, PCMU (mu-law) or PCMA (A-law), which Europe uses. All other settings are those of
    twilio.call.
    """

    codec: Literal["PCMU", "PCMA"] = "PCMU"
    call: Call = this_call()

    NAME = "telnyx"
    CARRIER = TelnyxStream

    def warm(self) -> None:
        super().warm()
        if not self.unsigned:
            telnyx.key()
            telnyx.public_key()

    def is_signed(self, request: Request, url: str) -> bool:
        given, at = request.headers.get(telnyx.SIGNATURE, ""), request.headers.get(telnyx.TIMESTAMP, "")
        return telnyx.is_signed(telnyx.public_key(), given, at, request.body)

    def admit(self, started: Started) -> None:
        """It does not sign the handshake, so it brings back a ticket."""
        ticket = started.variables.pop("ticket", "")
        if not (self.unsigned or tickets.redeem(telnyx.key(), ticket)):
            raise Refused("signature", "a call that did not come by the webhook")

    def document(self, request: Request, socket: str) -> str:
        told = variables(request) | ({} if self.unsigned else {"ticket": tickets.issue(telnyx.key())})
        settings = f'bidirectionalMode="rtp" codec="{self.codec}" bidirectionalCodec="{self.codec}"'
        return f'<Connect><Stream url="{escape(socket)}" {settings}>{parameters(told)}</Stream></Connect>'

    async def press(self, digits: str) -> None:
        """By request, since a tone in the sound may be lost on its way; in development as sound."""
        if not self.can_ask:
            return await super().press(digits)
        return await telnyx.command(self.base_url, self.phone.call, "send_dtmf", digits=digits)

    async def hang_up_by_request(self) -> None:
        await telnyx.command(self.base_url, self.phone.call, "hangup")

    async def put_through(self, to: str) -> None:
        await telnyx.command(self.base_url, self.phone.call, "transfer", to=to)
