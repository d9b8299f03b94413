"""Calls over Twilio Media Streams, in both directions (twilio.com/docs/voice/media-streams/websocket-messages)."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any, ClassVar

import msgspec

from voicegraph.call import Call, this_call
from voicegraph.node import node
from voicegraph.providers import twilio
from voicegraph.serve.doors import Request
from voicegraph.transports import carrier
from voicegraph.transports.carrier import Carrier, Event, Reader, Refused, Started
from voicegraph.transports.send_ahead import RATE
from voicegraph.transports.telephone import Telephone
from voicegraph.transports.webhook import parameters, variables


class _Format(msgspec.Struct, gc=False, rename="camel"):
    encoding: str
    sample_rate: int | str = RATE


class _Start(msgspec.Struct, gc=False, rename="camel"):
    call_sid: str
    account_sid: str
    media_format: _Format
    custom_parameters: dict[str, str] = {}


class Said(carrier.Said, gc=False):
    """A message of Twilio."""

    stream: str = msgspec.field(name="streamSid", default="")
    start: _Start | None = None


def _begin(_: Carrier, said: Said) -> Event:
    if said.start is None:
        raise Refused("malformed", "a beginning that says nothing")
    start, sound = said.start, said.start.media_format
    variables = start.custom_parameters
    return Started(said.stream, start.call_sid, sound.encoding, variables, start.account_sid, sound.sample_rate)


class TwilioStream(Carrier):
    """Exactly what the protocol has: another field, or a binary message, and Twilio ends the stream (errors 31950 on).

    A `clear` makes it send back all marks of what it drops.
    """

    decoder: ClassVar[msgspec.json.Decoder[Any]] = msgspec.json.Decoder(Said)
    codecs = {"audio/x-mulaw": "mulaw"}
    readers: ClassVar[Mapping[str, Reader]] = {
        "connected": carrier.nothing,
        "start": _begin,
        "media": carrier.sound,
        "dtmf": carrier.key,
        "mark": carrier.played,
        "stop": carrier.over,
    }

    def media(self, codes: bytes) -> str:
        return carrier.text({"event": "media", "streamSid": self.stream, "media": {"payload": codes}})

    def mark(self, name: str) -> str:
        return carrier.text({"event": "mark", "streamSid": self.stream, "mark": {"name": name}})

    def flush(self) -> str:
        return carrier.text({"event": "clear", "streamSid": self.stream})


@node(
    "twilio.call",
    line=True,
    extra="twilio",
    packages=("numpy", "httpx2"),
    env=(twilio.TOKEN,),
    env_unless="unsigned",
)
class TwilioCall(Telephone):
    """A phone call on a number of Twilio, which asks `POST /twilio` what to do with it and then comes to /twilio/media.

    public_url: where Twilio finds this server, such as https://agent.example.com: its signatures are checked against
    that. unsigned: for development, nothing is checked. busy_url: of other TwiML, for calls that cannot be taken; by
    default the caller hears that it is busy. after: what becomes of the phone call when the agent is done: `hang_up`,
    or `resume` with the TwiML behind the stream. lead: how much Twilio has of what is to be heard. base_url: of
    Twilio's API, if it is not the usual one. greeting: what the agent says first.

    Parameters of the stream, and the query of the webhook's address, are the call's variables; `from` and `to` too.
    """

    call: Call = this_call()

    NAME = "twilio"
    CARRIER = TwilioStream

    def warm(self) -> None:
        super().warm()
        if not self.unsigned:
            twilio.token()

    def is_signed(self, request: Request, url: str) -> bool:
        return twilio.is_theirs(request.headers, url, request.body)

    def is_signed_socket(self, request: Request, url: str) -> bool:
        return twilio.is_theirs(request.headers, url)

    def document(self, request: Request, socket: str) -> str:
        return f'<Connect><Stream url="{escape(socket)}">{parameters(variables(request))}</Stream></Connect>'

    async def hang_up_by_request(self) -> None:
        await twilio.update_call(self.base_url, self.phone.account, self.phone.call, Status="completed")

    async def put_through(self, to: str) -> None:
        await twilio.update_call(self.base_url, self.phone.account, self.phone.call, Twiml=twilio.dial(to))
