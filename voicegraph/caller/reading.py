"""What Twilio takes from an agent: three messages, to the letter. Of anything else it complains, by a code."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import msgspec

ERRORS: dict[int, str] = {
    11200: "the webhook could not be fetched",
    11205: "the webhook could not be reached",
    12100: "the webhook's answer is no TwiML",
    12300: "the webhook's answer is not XML by its content type",
    31920: "the WebSocket was refused",
    31921: "the WebSocket was closed without a closing handshake",
    31924: "no such event",
    31930: "the agent does not read: the caller's sound is dropped",
    31941: "the stream's URL is none that Twilio dials",
    31950: "a binary message",
    31951: "a message that is not as it should be",
}
"""Twilio's codes for what an agent does wrong (twilio.com/docs/api/errors), and what they mean."""


class _Strict(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    pass


class Payload(_Strict, frozen=True, gc=False):
    payload: str


class Name(_Strict, frozen=True, gc=False):
    name: str


class _Message(_Strict, frozen=True, gc=False, tag_field="event"):
    stream: str = msgspec.field(name="streamSid")


class Media(_Message, frozen=True, gc=False, tag="media"):
    """Sound to be played, behind what is waiting."""

    media: Payload

    @property
    def codes(self) -> bytes:
        return base64.b64decode(self.media.payload, validate=True)


class Mark(_Message, frozen=True, gc=False, tag="mark"):
    """To be sent back when what came before it has been played."""

    mark: Name


class Clear(_Message, frozen=True, gc=False, tag="clear"):
    """What is waiting is not to be played."""


Message = Media | Mark | Clear
_EVENTS = ("media", "mark", "clear")
_decode = msgspec.json.Decoder(Message).decode


class Refused(Exception):
    """A message that Twilio would not take. code: Twilio's."""

    def __init__(self, code: int, why: str) -> None:
        super().__init__(f"{code}: {ERRORS[code]}: {why}" if why else f"{code}: {ERRORS[code]}")
        self.code = code


def read(message: str | bytes, stream: str) -> tuple[Message, bytes]:
    """What an agent sent to this stream, and the mu-law codes in it. Raises Refused."""
    if isinstance(message, bytes):
        raise Refused(31950, f"{len(message)} bytes; everything is JSON in text")
    try:
        told: Message = _decode(message)
    except msgspec.DecodeError as error:
        raise _refusal(message, error) from None
    if told.stream != stream:
        raise Refused(31951, "its `streamSid` is of another stream")
    try:
        return told, told.codes if isinstance(told, Media) else b""
    except (binascii.Error, ValueError):
        raise Refused(31951, "its payload is not base64") from None


def _refusal(message: str, error: msgspec.DecodeError) -> Refused:
    """Why it cannot be read."""
    try:
        raw: Any = msgspec.json.decode(message)
    except msgspec.DecodeError:
        return Refused(31951, "it is not JSON")
    event: Any = raw.get("event") if isinstance(raw, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    if isinstance(event, str) and event not in _EVENTS:
        return Refused(31924, f"`{event[:40]}`; there are {', '.join(_EVENTS)}")
    return Refused(31951, str(error))
