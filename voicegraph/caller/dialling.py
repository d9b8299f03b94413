"""From the URL that a user gives to a WebSocket: the webhook, its TwiML, and the handshake, signed as Twilio signs."""

from __future__ import annotations

import importlib
import ssl
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Protocol
from urllib.parse import SplitResult, urljoin, urlsplit, urlunsplit

from voicegraph.caller.reading import ERRORS
from voicegraph.caller.twilio import Identity, sign
from voicegraph.errors import VoicegraphError

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection
    from websockets.exceptions import ConnectionClosed

TIMEOUT = 15.0
"""Seconds that Twilio waits for a webhook."""
MOST_REDIRECTS = 10
LARGEST = 1 << 20
"""Bytes of one message."""
SOCKETS = ("ws", "wss")
ANY = (*SOCKETS, "http", "https")
_BROKEN_OFF = {
    1002: "it does not keep to the WebSocket protocol",
    1007: "its text is not UTF-8",
    1009: f"a message has more than {LARGEST} bytes",
}
"""Why we break a connection off, by the close code with which we do."""


class NotConnected(VoicegraphError):
    """A call did not come about. code: Twilio's, if it would complain; None for an agent that said no."""

    def __init__(self, why: str, code: int | None = None) -> None:
        super().__init__(f"{code}: {ERRORS[code]}: {why}" if code else why)
        self.code = code


@dataclass(frozen=True)
class Number:
    """Whom to call. url: a webhook (http, https) or a stream (ws, wss). token: Twilio's, to sign with; empty for none.

    at: where the server really is, if not at the URL: `http://127.0.0.1:8080`. Signatures are of the URL all the same.
    """

    url: str
    token: str = field(default="", repr=False)
    at: str = ""

    def signature(self, url: str, form: Mapping[str, str] | None = None) -> dict[str, str]:
        """The header."""
        return {"X-Twilio-Signature": sign(self.token, url, form)} if self.token else {}

    def place(self, url: str) -> str:
        """Where this URL is really asked for."""
        if not self.at:
            return url
        asked, there = urlsplit(url), urlsplit(self.at)
        socket = asked.scheme in ("ws", "wss")
        scheme = {"http": "ws", "https": "wss"}.get(there.scheme, there.scheme) if socket else there.scheme
        return urlunsplit((scheme, there.netloc, asked.path, asked.query, ""))


@dataclass(frozen=True)
class Stream:
    """What a TwiML asks for. then: its verbs behind the stream, for when the agent closes it."""

    url: str
    parameters: Mapping[str, str] = field(default_factory=dict[str, str])
    then: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


class Connection(Protocol):
    """A WebSocket. Its end is `receive` raising Over."""

    async def send(self, message: str) -> None: ...

    async def receive(self) -> str | bytes: ...

    async def close(self) -> None: ...

    @property
    def waiting(self) -> int:
        """Bytes that the peer has not taken."""
        ...


class Over(Exception):
    """The agent has closed the connection. code: of RFC 6455; 1006 if it broke.

    fault: what the agent sent, if that was such that the carrier broke it off.
    """

    def __init__(self, code: int, reason: str, fault: str = "") -> None:
        super().__init__(f"{code} {reason}".strip())
        self.code = code
        self.fault = fault


async def look_up(number: Number, identity: Identity) -> Stream:
    """The stream of a number: its own URL, or what its webhook says. Raises NotConnected."""
    if number.at:
        _parts(number.at, ANY)
    if _parts(number.url, ANY).scheme in SOCKETS:
        return Stream(number.url)
    url, notes = number.url, tuple[str, ...]()
    for _ in range(MOST_REDIRECTS):
        found = read_twiml(await _post(number, url, identity), url)
        notes += found.notes
        if _parts(found.url, ANY, 12100).scheme in SOCKETS:
            return replace(found, notes=notes)
        url = found.url
    raise NotConnected(f"the webhook redirects more than {MOST_REDIRECTS} times")


def _parts(url: str, schemes: Sequence[str], code: int | None = None) -> SplitResult:
    """Of a URL with one of these schemes. Raises NotConnected for another, and for what is none at all."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in schemes and parts.hostname and parts.port != 0
    except ValueError as error:
        raise NotConnected(f"`{url}` is no URL: {error}", code) from None
    if not good:
        raise NotConnected(f"`{url}` is none of {', '.join(f'{each}://' for each in schemes)}", code)
    return parts


@cache
def _trusted() -> ssl.SSLContext:
    """The system's certificates, read once: that takes 20 ms."""
    return ssl.create_default_context()


def warm() -> None:
    """Loads what calls need, so that the first is not slower than the others."""
    for package in ("httpx2", "websockets.asyncio.client"):
        importlib.import_module(package)
    _trusted()


async def _post(number: Number, url: str, identity: Identity) -> str:
    import httpx2

    form = identity.form()
    headers = {"User-Agent": "TwilioProxy/1.1", **number.signature(url, form)}
    try:
        async with httpx2.AsyncClient(timeout=TIMEOUT, verify=_trusted()) as client:
            answer = await client.post(number.place(url), data=form, headers=headers)
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise NotConnected(f"{url}: {str(error) or type(error).__name__}", 11205) from error
    if answer.status_code >= 400:
        hint = "; is TWILIO_AUTH_TOKEN the agent's, and the URL the one it is configured with?"
        raise NotConnected(f"HTTP {answer.status_code}{hint if answer.status_code == 403 else ''}", 11200)
    kind = answer.headers.get("content-type", "").partition(";")[0].strip()
    if kind not in ("text/xml", "application/xml", "text/html"):
        raise NotConnected(f"`{kind}`; text/xml is meant", 12300)
    return answer.text


def read_twiml(text: str, base: str) -> Stream:
    """What to connect to: a stream, or where it redirects, by its URL. Raises NotConnected."""
    try:
        root = ET.fromstring(text)
    except ET.ParseError as error:
        raise NotConnected(str(error), 12100) from None
    if root.tag != "Response":
        raise NotConnected(f"its root is <{root.tag}>, not <Response>", 12100)
    notes: list[str] = []
    for place, verb in enumerate(root):
        then = tuple(following.tag for following in root[place + 1 :])
        match verb.tag:
            case "Connect":
                return _stream(verb, then, tuple(notes))
            case "Redirect":
                return Stream(_joined(base, (verb.text or "").strip()), notes=tuple(notes))
            case "Reject":
                raise NotConnected(f"rejected: {verb.get('reason', 'rejected')}")
            case "Hangup":
                raise NotConnected("the TwiML hangs up")
            case other:
                notes.append(f"<{other}> is not simulated")
    raise NotConnected("no <Connect><Stream> in the TwiML", 12100)


def _joined(base: str, url: str) -> str:
    try:
        return urljoin(base, url)
    except ValueError as error:
        raise NotConnected(f"`{url}` is no URL: {error}", 12100) from None


def _stream(connect: ET.Element, then: tuple[str, ...], notes: tuple[str, ...]) -> Stream:
    found = connect.find("Stream")
    if found is None:
        raise NotConnected("its <Connect> has no <Stream>", 12100)
    url = _parts(found.get("url", ""), SOCKETS, 31941)
    if url.scheme == "ws":
        notes += ("Twilio dials wss:// only",)
    if url.query:
        notes += ("Twilio leaves out a stream's query: use <Parameter>",)
    if connect.get("action"):
        then = ("action",)
    parameters = {each.get("name", ""): each.get("value", "") for each in found.iter("Parameter")}
    return Stream(urlunsplit((url.scheme, url.netloc, url.path, "", "")), parameters, then, notes)


async def connect(number: Number, stream: Stream) -> Connection:
    """The WebSocket. Raises NotConnected."""
    from websockets.asyncio.client import connect as dial
    from websockets.exceptions import InvalidHandshake, InvalidStatus, InvalidURI

    signed = urlunsplit(("wss", *urlsplit(stream.url)[1:]))  # Twilio dials, and so signs, nothing else
    place = number.place(stream.url)
    try:
        socket = await dial(
            place,
            ssl=_trusted() if place.startswith("wss:") else None,
            additional_headers=number.signature(signed),
            user_agent_header="Twilio.TmeWs/1.0",
            compression=None,
            max_size=LARGEST,
            max_queue=1024,
            ping_interval=None,
            open_timeout=TIMEOUT,
            close_timeout=2,
        )
    except InvalidStatus as error:
        raise NotConnected(f"HTTP {error.response.status_code}", 31920) from None
    except (OSError, TimeoutError, InvalidHandshake, InvalidURI, EOFError) as error:
        raise NotConnected(str(error) or type(error).__name__, 31920) from error
    return _Socket(socket)


class _Socket:
    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    async def send(self, message: str) -> None:
        from websockets.exceptions import ConnectionClosed

        try:
            await self._socket.send(message)
        except ConnectionClosed as closed:
            raise self._over(closed) from None

    async def receive(self) -> str | bytes:
        from websockets.exceptions import ConnectionClosed

        try:
            return await self._socket.recv()
        except ConnectionClosed as closed:
            raise self._over(closed) from None

    async def close(self) -> None:
        await self._socket.close()

    @property
    def waiting(self) -> int:
        return self._socket.transport.get_write_buffer_size()

    def _over(self, closed: ConnectionClosed) -> Over:
        ours = closed.sent if closed.rcvd is None else None
        if ours is not None and ours.code in _BROKEN_OFF:
            return Over(ours.code, "", _BROKEN_OFF[ours.code])
        code = self._socket.close_code
        return Over(1006 if code is None else code, self._socket.close_reason or "")
