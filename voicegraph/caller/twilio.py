"""What Twilio sends: the form of its webhook, its signature, and the messages of a Media Stream.

Sources: twilio.com/docs/voice/media-streams/websocket-messages and twilio.com/docs/usage/security. Numbers are strings,
but for those of the media format.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

import msgspec

RATE = 8_000
"""Samples per second, one byte of mu-law each."""
FRAME = 160
"""Samples in a media message: 20 ms."""
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True)
class Identity:
    """Who calls, in Twilio's ids: two letters and 32 hexadecimal digits."""

    account: str
    call: str
    stream: str
    caller: str = "+15005550006"
    called: str = "+15005550001"

    @classmethod
    def make(cls, random: Random, **numbers: str) -> Identity:
        account, call, stream = (f"{kind}{random.getrandbits(128):032x}" for kind in ("AC", "CA", "MZ"))
        return cls(account, call, stream, **numbers)

    def form(self) -> dict[str, str]:
        """What the webhook of an incoming call is sent."""
        return {
            "AccountSid": self.account,
            "ApiVersion": "2010-04-01",
            "CallSid": self.call,
            "CallStatus": "ringing",
            "Called": self.called,
            "Caller": self.caller,
            "Direction": "inbound",
            "From": self.caller,
            "To": self.called,
        }


def sign(token: str, url: str, form: Mapping[str, str] | None = None) -> str:
    """`X-Twilio-Signature`: of the URL and the form's keys and values, sorted, without anything between them."""
    signed = url + "".join(key + value for key, value in sorted((form or {}).items()))
    return base64.b64encode(hmac.new(token.encode(), signed.encode(), hashlib.sha1).digest()).decode()


@dataclass
class Messages:
    """The messages of one stream, numbered in the order in which they are made. parameters: the TwiML's."""

    identity: Identity
    parameters: Mapping[str, str] = field(default_factory=dict[str, str])
    _sequence: int = 0
    _chunk: int = 0

    def connected(self) -> str:
        return _encode({"event": "connected", "protocol": "Call", "version": "1.0.0"}).decode()

    def start(self) -> str:
        about = {
            "accountSid": self.identity.account,
            "streamSid": self.identity.stream,
            "callSid": self.identity.call,
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": RATE, "channels": 1},
            "customParameters": dict(self.parameters),
        }
        return self._message("start", about)

    def media(self, codes: bytes, at: int) -> str:
        """at: the place of the first sample in the stream."""
        self._chunk += 1
        about = {
            "track": "inbound",
            "chunk": str(self._chunk),
            "timestamp": str(at * 1000 // RATE),
            "payload": base64.b64encode(codes).decode(),
        }
        return self._message("media", about)

    def mark(self, name: str) -> str:
        return self._message("mark", {"name": name})

    def dtmf(self, digit: str) -> str:
        return self._message("dtmf", {"track": "inbound_track", "digit": digit})

    def stop(self) -> str:
        return self._message("stop", {"accountSid": self.identity.account, "callSid": self.identity.call})

    def _message(self, event: str, about: Mapping[str, Any]) -> str:
        self._sequence += 1
        message = {
            "event": event,
            "sequenceNumber": str(self._sequence),
            "streamSid": self.identity.stream,
            event: about,
        }
        return _encode(message).decode()
