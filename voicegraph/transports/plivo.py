"""Calls over Plivo audio streams (plivo.com/docs/voice/audio-streaming)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, ClassVar
from urllib.parse import quote

import msgspec

from voicegraph.call import Call, this_call
from voicegraph.node import node
from voicegraph.providers import plivo, tickets
from voicegraph.serve.doors import Answer, Page, Request, Socket
from voicegraph.transports import carrier
from voicegraph.transports.carrier import Carrier, Event, Played, Reader, Refused, Started
from voicegraph.transports.send_ahead import RATE
from voicegraph.transports.telephone import Telephone
from voicegraph.transports.webhook import refusal, variables, xml

_PAIR = re.compile(r"([A-Za-z0-9_-]+)\s*[=:]\s*([A-Za-z0-9_.+-]*)")
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9]")


class _Format(msgspec.Struct, gc=False, rename="camel"):
    encoding: str
    sample_rate: int | str = RATE


class _Start(msgspec.Struct, gc=False, rename="camel"):
    call_id: str
    stream_id: str
    media_format: _Format


class Said(carrier.Said, gc=False):
    """A message of Plivo."""

    stream: str = msgspec.field(name="streamId", default="")
    start: _Start | None = None
    name: str = ""
    extra_headers: str = ""


def _begin(_: Carrier, said: Said) -> Event:
    if said.start is None:
        raise Refused("malformed", "a beginning that says nothing")
    sound, given = said.start.media_format, dict(_PAIR.findall(said.extra_headers))
    return Started(said.start.stream_id, said.start.call_id, sound.encoding, given, rate=sound.sample_rate)


def _played(_: Carrier, said: Said) -> Event:
    return Played(said.name)


class PlivoStream(Carrier):
    """It has checkpoints for marks, and sends back only those whose sound was really played."""

    decoder: ClassVar[msgspec.json.Decoder[Any]] = msgspec.json.Decoder(Said)
    codecs = {"audio/x-mulaw": "mulaw"}
    readers: ClassVar[Mapping[str, Reader]] = {
        "start": _begin,
        "media": carrier.sound,
        "dtmf": carrier.key,
        "playedStream": _played,
        "clearedAudio": carrier.nothing,
        "stop": carrier.over,  # no page of theirs has it, and some streams do
    }

    def media(self, codes: bytes) -> str:
        sound = {"contentType": "audio/x-mulaw", "sampleRate": 8000, "payload": codes}
        return carrier.text({"event": "playAudio", "streamId": self.stream, "media": sound})

    def mark(self, name: str) -> str:
        return carrier.text({"event": "checkpoint", "streamId": self.stream, "name": name})

    def flush(self) -> str:
        return carrier.text({"event": "clearAudio", "streamId": self.stream})


@node(
    "plivo.call",
    line=True,
    extra="plivo",
    packages=("numpy", "httpx2"),
    env=(plivo.ID, plivo.TOKEN),
    env_unless="unsigned",
)
class PlivoCall(Telephone):
    """A phone call on a number of Plivo, whose application asks `POST /plivo` what to do with it.

    All settings are those of twilio.call. Plivo takes only letters and digits in variables: the rest is left out.
    """

    call: Call = this_call()

    NAME = "plivo"
    CARRIER = PlivoStream

    def doors(self) -> Sequence[Page | Socket]:
        return [*super().doors(), Page("/plivo/transfer", self._transfer, ("POST",))]

    def warm(self) -> None:
        super().warm()
        if not self.unsigned:
            plivo.token()

    def is_signed(self, request: Request, url: str) -> bool:
        given = ",".join(request.headers.get(name, "") for name in plivo.SIGNATURES)
        return plivo.is_signed(plivo.token(), given, url, request.headers.get(plivo.NONCE, ""), request.body)

    def admit(self, started: Started) -> None:
        """Nothing is known of a signature on the handshake, so it brings back a ticket."""
        ticket = started.variables.pop("ticket", "")
        if not (self.unsigned or tickets.redeem(plivo.token(), ticket)):
            raise Refused("signature", "a call that did not come by the webhook")

    def document(self, request: Request, socket: str) -> str:
        told = {_plain(name): _plain(value) for name, value in variables(request).items()}
        told |= {} if self.unsigned else {"ticket": tickets.issue(plivo.token())}
        settings = 'bidirectional="true" keepCallAlive="true" contentType="audio/x-mulaw;rate=8000"'
        headers = ",".join(f"{name}={value}" for name, value in told.items())
        return f'<Stream {settings} extraHeaders="{headers}">{escape(socket)}</Stream>'

    def busy(self) -> str:
        return '<Hangup reason="busy"/>'

    async def press(self, digits: str) -> None:
        await self.send(carrier.text({"event": "sendDTMF", "dtmf": digits}))

    async def hang_up_by_request(self) -> None:
        await plivo.hang_up(self.base_url, self.phone.call)

    async def put_through(self, to: str) -> None:
        """Plivo asks for the orders, so that we are asked for what we have just told."""
        url = f"{self.public_url.rstrip('/')}/plivo/transfer?to={quote(to, safe='')}"
        await plivo.redirect(self.base_url, self.phone.call, url)

    async def _transfer(self, request: Request, free: bool) -> Answer:
        if not self._is_known(request, "plivo/transfer"):
            return refusal("signature")
        kind = "User" if (to := request.query.get("to", "")).startswith("sip") else "Number"
        return xml(f"<Dial><{kind}>{escape(to)}</{kind}></Dial>")


def _plain(text: str) -> str:
    return _NOT_PLAIN.sub("", text)
