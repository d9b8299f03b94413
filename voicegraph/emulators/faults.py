"""What goes wrong on purpose, and when: rules from a YAML file or over HTTP. `Wire` carries them out."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal

from annotated_types import Ge, Interval, MaxLen

from voicegraph.durations import Duration
from voicegraph.emulators.reading import read_settings
from voicegraph.settings import ToldApart

Transport = Literal["http", "websocket"]
"""How a request is answered."""
Unit = Literal["bytes", "words", "messages", "received", "time"]

_AT_ONCE: Unit = "messages"

Count = Annotated[int, Ge(0)]


@dataclass(frozen=True, kw_only=True)
class After:
    """How far an answer comes before its fault strikes: one of these, or nothing for at once.

    bytes: of the body, or of messages, that the client gets; a drop or a stall may cut a message. words: of text,
    speech or transcript. messages: events of a stream, lines, chunks of sound, WebSocket messages. received: bytes of
    WebSocket messages from the client. time: since the request came.
    """

    __pydantic_config__ = {"extra": "forbid"}

    bytes: Count | None = None
    words: Count | None = None
    messages: Count | None = None
    received: Count | None = None
    time: Duration | None = None

    def __post_init__(self) -> None:
        if len(self._given) > 1:
            raise ValueError(f"a fault comes after one thing, not after {' and '.join(self._given)}")

    @cached_property
    def unit(self) -> Unit:
        return (*self._given, _AT_ONCE)[0]

    @cached_property
    def amount(self) -> float:
        return self._given.get(self.unit, 0)

    @property
    def _given(self) -> dict[Unit, float]:
        units: tuple[Unit, ...] = ("bytes", "words", "messages", "received", "time")
        return {unit: amount for unit in units if (amount := getattr(self, unit)) is not None}


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What all faults have: whom they strike.

    vendor: only its requests. path: only of paths like this, with `*` for anything. skip: so many such requests go well
    first. count: then so many do not; null for all.
    """

    __pydantic_config__ = {"extra": "forbid"}

    vendor: Literal["deepgram", "openai", "elevenlabs"] | None = None
    path: str = "*"
    skip: Count = 0
    count: Annotated[int, Ge(1)] | None = 1

    def fits(self, vendor: str, path: str, transport: Transport) -> bool:
        """Whether it could strike this request."""
        if transport == "http" and isinstance(self, Close | HungClose):
            return False
        return self.vendor in (None, vendor) and fnmatchcase(path, self.path)


@dataclass(frozen=True, kw_only=True)
class Refuse(Rule):
    """The connection is reset without an answer."""

    kind: Literal["refuse"] = "refuse"


@dataclass(frozen=True, kw_only=True)
class Status(Rule):
    """An error in the vendor's own words, instead of an answer or of a WebSocket's handshake. retry_after: a header."""

    kind: Literal["status"] = "status"
    status: Annotated[int, Interval(ge=400, le=599)]
    retry_after: Duration | None = None
    message: str = "a fault that was asked for"


@dataclass(frozen=True, kw_only=True)
class SlowFirstByte(Rule):
    """Nothing at all is answered for so long, not even headers or a handshake; null for ever."""

    kind: Literal["slow_first_byte"] = "slow_first_byte"
    time: Duration | None = 2.0


@dataclass(frozen=True, kw_only=True)
class Stall(Rule):
    """Nothing more is sent for so long, null for ever. A WebSocket goes on answering pings, and a close."""

    kind: Literal["stall"] = "stall"
    after: After = After()
    time: Duration | None = None


@dataclass(frozen=True, kw_only=True)
class Drop(Rule):
    """The connection is gone: reset (TCP RST), or ended (FIN) as if the answer were whole."""

    kind: Literal["drop"] = "drop"
    after: After = After()
    how: Literal["rst", "fin"] = "rst"


@dataclass(frozen=True, kw_only=True)
class Close(Rule):
    """A WebSocket is closed with this code."""

    kind: Literal["close"] = "close"
    after: After = After()
    code: Annotated[int, Interval(ge=1000, le=4999)] = 1011
    reason: Annotated[str, MaxLen(100)] = ""


@dataclass(frozen=True, kw_only=True)
class Garbage(Rule):
    """One message is no JSON: cut in half, or replaced by `text`."""

    kind: Literal["garbage"] = "garbage"
    after: After = After()
    text: str | None = None


@dataclass(frozen=True, kw_only=True)
class UnknownMessage(Rule):
    """One message more, of a type that nobody has heard of; or `text`."""

    kind: Literal["unknown_message"] = "unknown_message"
    after: After = After()
    text: str = '{"type":"UnheardOf","object":"unheard.of","event":"unheard_of"}'


@dataclass(frozen=True, kw_only=True)
class WrongFormat(Rule):
    """From here on sound is MP3, whatever was asked for, in pieces of odd length."""

    kind: Literal["wrong_format"] = "wrong_format"
    after: After = After()


@dataclass(frozen=True, kw_only=True)
class HungClose(Rule):
    """A WebSocket is never closed, and the client's close never answered."""

    kind: Literal["hung_close"] = "hung_close"


AnyFault = Refuse | Status | SlowFirstByte | Stall | Drop | Close | Garbage | UnknownMessage | WrongFormat | HungClose
Fault = Annotated[AnyFault, ToldApart("kind")]


def strikes_after(fault: AnyFault) -> After | None:
    """How far an answer comes before it; None for a fault of another kind of place."""
    return getattr(fault, "after", None)


@dataclass(frozen=True)
class _FaultFile:
    __pydantic_config__ = {"extra": "forbid"}

    faults: tuple[Fault, ...]


class Faults:
    """Those still to come. Of several that fit a request the first strikes, and only that. Any thread may use it."""

    def __init__(self, planned: Iterable[AnyFault] = ()) -> None:
        self._lock = threading.Lock()
        self._planned = list(planned)

    @property
    def planned(self) -> tuple[AnyFault, ...]:
        """With what is left of their `skip` and `count`."""
        return tuple(self._planned)

    def plan(self, *faults: AnyFault) -> None:
        """More of them, behind the others."""
        with self._lock:
            self._planned += faults

    def clear(self) -> None:
        """No more of them. What has struck already goes on."""
        with self._lock:
            self._planned.clear()

    def take(self, vendor: str, path: str, transport: Transport) -> AnyFault | None:
        """What strikes the request that comes in now."""
        with self._lock:
            for index, fault in enumerate(self._planned):
                if not fault.fits(vendor, path, transport):
                    continue
                if not fault.skip:
                    self._planned[index : index + 1] = _rest(fault)
                    return fault
                self._planned[index] = replace(fault, skip=fault.skip - 1)
        return None


def _rest(fault: AnyFault) -> list[AnyFault]:
    """What is left of a fault that strikes once."""
    if fault.count is None:
        return [fault]
    return [replace(fault, count=fault.count - 1)] if fault.count > 1 else []


def read_faults(path: str | Path) -> list[AnyFault]:
    """The faults of a YAML file, a list under `faults`. Raises GraphError, which tells every mistake at its place."""
    return list(read_settings(path, _FaultFile, "write the faults as a list under `faults:`").faults)
