"""What a carrier and we say to each other on a WebSocket: tables and text, no I/O.

A carrier is a subclass of `Carrier`: the shape of its messages, who reads which, and three messages of ours. All speak
JSON as text with the sound in base64, since all of them follow Twilio's Media Streams.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from heapq import heappop, heappush
from typing import Any, ClassVar, NamedTuple

import msgspec

from voicegraph.errors import VoicegraphError
from voicegraph.transports.send_ahead import RATE, Mark, Media, Send


class Refused(VoicegraphError):
    """The peer does what the protocol does not know. reason: a name of voicegraph.serve.reasons."""

    def __init__(self, reason: str, told: str) -> None:
        super().__init__(told)
        self.reason = reason


class Started(NamedTuple):
    """The call begins. call, stream: the carrier's names for it. encoding: of the sound, as the carrier calls it.

    account: whose call it is. variables: what came with it. rate: in Hz; some carriers write numbers as text.
    """

    stream: str
    call: str
    encoding: str
    variables: dict[str, str]
    account: str = ""
    rate: int | str = RATE


class Sound(NamedTuple):
    """Of the caller, in G.711."""

    codes: bytes


class Key(NamedTuple):
    """A key that the caller has pressed."""

    digit: str


class Played(NamedTuple):
    """A mark of ours has come back."""

    mark: str


class Over(NamedTuple):
    """The caller is gone, or the carrier goes on with something else."""


class Unknown(NamedTuple):
    """Something that we need not know of. event: empty for what is known all the same."""

    event: str


Event = Started | Sound | Key | Played | Over | Unknown


class SoundPart(msgspec.Struct, gc=False):
    """`media` of a message. chunk: its number from 1, as a number or as text."""

    payload: bytes
    track: str = "inbound"
    chunk: int | str = 0


class KeyPart(msgspec.Struct, gc=False):
    """`dtmf` of a message."""

    digit: str


class MarkPart(msgspec.Struct, gc=False):
    """`mark` of a message."""

    name: str


class Said(msgspec.Struct, gc=False):
    """What messages of carriers have; a subclass has the rest, and how the carrier writes `stream`: whose it is."""

    event: str
    stream: str = ""
    media: SoundPart | None = None
    dtmf: KeyPart | None = None
    mark: MarkPart | None = None


Reader = Callable[[Any, Any], Event]
"""Reads one kind of message: is given the carrier and what was said."""

KEYS = frozenset("0123456789*#ABCD")
INBOUND = frozenset({"inbound", "inbound_track"})


def sound(carrier: Carrier, said: Said) -> Event:
    """What of it is the caller's; some carriers can be asked for our own sound, too."""
    if said.media is None:
        raise Refused("malformed", "a message without its sound")
    return Sound(said.media.payload if said.media.track in INBOUND else b"")


def key(carrier: Carrier, said: Said) -> Event:
    if said.dtmf is None or said.dtmf.digit not in KEYS:
        raise Refused("malformed", "a key that no phone has")
    return Key(said.dtmf.digit)


def played(carrier: Carrier, said: Said) -> Event:
    if said.mark is None:
        raise Refused("malformed", "a mark without a name")
    return Played(said.mark.name)


def nothing(carrier: Carrier, said: Said) -> Event:
    """Known, and of no use."""
    return Unknown("")


def over(carrier: Carrier, said: Said) -> Event:
    return Over()


class Carrier:
    """One call's side of a carrier's protocol.

    decoder: of its messages. readers: who reads which event. before: events that may come before the stream has begun.
    codecs: by the carrier's names for them, ours (voicegraph.audio.g711).
    """

    decoder: ClassVar[msgspec.json.Decoder[Any]]
    readers: ClassVar[Mapping[str, Reader]]
    before: ClassVar[frozenset[str]] = frozenset({"start", "connected"})
    codecs: ClassVar[Mapping[str, str]]

    def __init__(self) -> None:
        self.stream = ""

    def read(self, message: str | bytes) -> Event:
        """What a message says. Raises Refused."""
        if isinstance(message, bytes):
            raise Refused("binary", "a binary message")
        try:
            said = self.decoder.decode(message)
        except (msgspec.DecodeError, UnicodeError, RecursionError):  # its text would quote the message
            raise Refused("malformed", "a message that is none of the protocol's") from None
        reader = self.readers.get(said.event)
        if reader is None:
            return Unknown(said.event)
        if said.event not in self.before:
            if not self.stream:
                raise Refused("out-of-order", "a message before the stream has begun")
            if said.stream not in (self.stream, ""):
                raise Refused("wrong-stream", "a message of another stream")
        event = reader(self, said)
        if isinstance(event, Started):
            self._begin(event)
        return event

    def write(self, send: Send) -> str:
        """The message for something that is to be sent."""
        if isinstance(send, Media):
            return self.media(send.codes)
        return self.mark(send.name) if isinstance(send, Mark) else self.flush()

    def media(self, codes: bytes) -> str:
        raise NotImplementedError

    def mark(self, name: str) -> str:
        raise NotImplementedError

    def flush(self) -> str:
        raise NotImplementedError

    def _begin(self, started: Started) -> None:
        if self.stream:
            raise Refused("out-of-order", "a second beginning")
        if started.encoding not in self.codecs or str(started.rate) != str(RATE):
            raise Refused("malformed", f"sound that is none of {', '.join(self.codecs)} at {RATE} Hz")
        if not started.stream:
            raise Refused("malformed", "a stream without a name")
        self.stream = started.stream


def text(message: Mapping[str, object]) -> str:
    """As it is sent. Bytes in it become base64."""
    return msgspec.json.encode(message).decode()


class InOrder:
    """Puts sound into the order of its numbers, for carriers that do not promise it. Holds back nothing in order.

    most: chunks that are held while one is missing; then it is taken for lost. late: chunks that came after that.
    """

    def __init__(self, most: int = 5) -> None:
        self.late = 0
        self._most = most
        self._next: int | None = None
        self._held: list[tuple[int, bytes]] = []

    def put(self, number: int, codes: bytes) -> bytes:
        """Takes a chunk, gives all whose turn it is."""
        if self._next is None:
            self._next = number
        if number < self._next:
            self.late += 1
            return b""
        heappush(self._held, (number, codes))
        if len(self._held) > self._most:
            self._next = self._held[0][0]
        ready = bytearray()
        while self._held and self._held[0][0] <= self._next:
            number, codes = heappop(self._held)
            if number == self._next:
                ready += codes
                self._next += 1
            else:
                self.late += 1  # twice the same
        return bytes(ready)
