"""Where callers come in: what a line that can be served shows to the server, and what the server gives to it.

Neither side knows the other: a line imports no web framework, and the server knows no carrier. A line that can be
served has, besides what every line has (voicegraph.node), two methods more:

* `doors(self) -> Sequence[Page | Socket]`: asked once, of an instance that serves no call.
* `attach(self, connection: Connection) -> None`: of the call's own instance, before the call is run. Its source then
  reads the connection; what the peer says of the call goes into `self.call.variables`.

Should it want to see its call from outside, as a page does that shows it: `observer(self) -> Observer`
(voicegraph.engine.session), asked of the call's own instance behind `attach`.

A line learns of its peer's end by `Closed`, and returns from its source or calls `self.call.hang_up`. The server closes
the connection when the call is over; a line closes it only to say why: `await connection.close(*told("malformed"))`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from voicegraph.errors import VoicegraphError
from voicegraph.serve.reasons import REASONS


class Closed(VoicegraphError):
    """The connection is over. code: of RFC 6455, section 7.4.1; 1006 where there was no closing handshake."""

    def __init__(self, code: int = 1006, reason: str = "") -> None:
        super().__init__(f"the connection was closed: {code}" + (f" {reason}" if reason else ""))
        self.code = code
        self.reason = reason


class Connection(Protocol):
    """One WebSocket, as a line sees it. headers have lower-case names. peer: the address it came from."""

    @property
    def path(self) -> str: ...

    @property
    def headers(self) -> Mapping[str, str]: ...

    @property
    def query(self) -> Mapping[str, str]: ...

    @property
    def peer(self) -> str: ...

    async def receive(self) -> str | bytes:
        """The next message. Raises Closed when there is none any more."""
        ...

    async def send(self, message: str | bytes) -> None:
        """Sends a message, waiting while the peer is slow. Raises Closed. Safe to cancel: sent whole or not at all."""
        ...

    def send_now(self, *messages: str | bytes) -> bool:
        """Sends messages in this step of the loop. False: the peer is slow or gone, or this web server knows no way, so
        that nothing was sent; `send` waits, or tells."""
        ...

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Ends it; a second time does nothing. A reason that is a name of voicegraph.serve.reasons is counted as it."""
        ...


class Request(Protocol):
    """An HTTP request, or a WebSocket's handshake (whose method is GET, with neither form nor body).

    url: as this server saw it; behind a proxy that is not the public one. headers have lower-case names. form: of an
    `application/x-www-form-urlencoded` body, else empty.
    """

    @property
    def method(self) -> str: ...

    @property
    def url(self) -> str: ...

    @property
    def path(self) -> str: ...

    @property
    def headers(self) -> Mapping[str, str]: ...

    @property
    def query(self) -> Mapping[str, str]: ...

    @property
    def form(self) -> Mapping[str, str]: ...

    @property
    def body(self) -> bytes: ...


@dataclass(frozen=True)
class Answer:
    """What a page gives. refused: why it gives nothing else, as a name of voicegraph.serve.reasons, to be counted."""

    status: int = 200
    body: bytes = b""
    media_type: str = "text/plain"
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    refused: str = ""


@dataclass(frozen=True)
class Page:
    """Something to be asked for over HTTP. path: exactly this one.

    answer: is given the request, and whether a new call can be taken now. A carrier whose call cannot is told so here,
    in its own way, since it asks before it connects. invites: an answer below 400 makes the caller connect to a Socket
    within seconds, so a place is kept for them.
    """

    path: str
    answer: Callable[[Request, bool], Awaitable[Answer]]
    methods: Sequence[str] = ("GET",)
    invites: bool = False


@dataclass(frozen=True)
class Socket:
    """Where a call's WebSocket comes in.

    refuse: is given the handshake and says why it is refused, as a name of voicegraph.serve.reasons (such as `origin`,
    `signature`), or None. A refused handshake is answered with that reason's HTTP status.
    """

    path: str
    refuse: Callable[[Request], str | None] = lambda _: None


@runtime_checkable
class Served(Protocol):
    """A line that can be served."""

    def doors(self) -> Sequence[Page | Socket]: ...

    def attach(self, connection: Connection) -> None: ...


def told(name: str) -> tuple[int, str]:
    """Close code and reason of a name in voicegraph.serve.reasons, as `Connection.close` takes them."""
    return REASONS[name].close, name
