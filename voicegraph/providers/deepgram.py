"""Deepgram's live interfaces: where they are, how a connection to one is made, and what its failures mean.

A connection is the `websockets` package's, not the vendor's SDK's. The SDK's reads the certificates again for each one
(20 ms in which no call on the loop is served), waits 30 s for a peer that never answers a close, tells the key in its
errors, and takes 90 us to read a transcript that takes msgspec 1.5. Its models say what a message is: the tests hold
those that are read here against them.
"""

from __future__ import annotations

import importlib
import logging
import os
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, NamedTuple
from urllib.parse import urlencode, urlsplit

import msgspec

from voicegraph.errors import ProviderError
from voicegraph.providers.access import Checked, is_address, key_of
from voicegraph.shared import shared

if TYPE_CHECKING:
    from ssl import SSLContext

    from websockets.asyncio.client import connect
    from websockets.http11 import Response

VENDOR = "Deepgram"
KEY = "DEEPGRAM_API_KEY"
ADDRESS = "DEEPGRAM_BASE_URL"
PRODUCTION = "wss://api.deepgram.com"

OPEN = 3.0
"""Seconds for a connection to be made."""
CLOSE = 0.2
"""Seconds for the end of one. By then all that matters has been said."""
PING = 10.0
"""Seconds between pings, which are all that keeps a Flux connection when no sound flows: it is closed after 60 s."""

Value = str | int | float | bool
Query = Mapping[str, Value | Sequence[Value] | None]
Extra = dict[str, Value | list[Value]]

NOT_EXTRA = {"encoding", "channels", "multichannel", "callback", "callback_method"}
"""Parameters that the nodes see to, or that would lead the transcripts away from them."""

_SCHEMES = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}
Address = Annotated[str, Checked(PRODUCTION, (*_SCHEMES,))]
"""The type of a setting `base_url`."""
_CODE = re.compile(r"\b(NET|DATA)-?(\d{4})\b", re.IGNORECASE)  # `NET-0001`, or `https://dpgr.am/net0001`
_BAD_AUDIO = "DATA-0000"
_REFUSALS = {1003, 1007, 1008}
"""Codes with which a peer closes that will not take what it was sent: sending it again is no use."""


class Failure(NamedTuple):
    """error: what to raise if it is not tried again. wait: seconds that the vendor asks to be left alone for."""

    error: ProviderError
    wait: float = 0.0


def address(base_url: str | None, path: str, query: Query) -> str:
    """Of an interface, as a WebSocket's. base_url: by default DEEPGRAM_BASE_URL's, else Deepgram's own."""
    given = (base_url or os.environ.get(ADDRESS) or PRODUCTION).rstrip("/")
    if not is_address(given, (*_SCHEMES,)):
        raise error(f"`base_url`, or the environment variable `{ADDRESS}`, should be an address such as {PRODUCTION}")
    base = urlsplit(given)
    pairs = [(name, _text(each)) for name, value in query.items() for each in _all(value)]
    return f"{_SCHEMES[base.scheme]}://{base.netloc}{base.path}{path}?{urlencode(pairs)}"


def check_extra(extra: Extra, query: Query) -> None:
    """Raises ValueError if parameters that are passed on as they are would undo what a node sets itself."""
    for name in extra:
        if name in query:
            raise ValueError(f"`{name}` is a setting of its own: write it beside `extra`, not in it")
        if name in NOT_EXTRA:
            raise ValueError(f"`{name}` cannot be set: this node takes mono sound and gives transcripts itself")


def warm() -> None:
    """Imports what a connection needs, and reads the certificates. Blocks for 0.1 s."""
    importlib.import_module("websockets.asyncio.client")
    _tls()


def dial(url: str) -> connect:
    """A connection to be entered with `async with`. Raises what `failed_to_open` explains."""
    from websockets.asyncio.client import connect

    return connect(
        url,
        additional_headers={"Authorization": f"Token {key_of(VENDOR, KEY)}"},
        compression=None,  # sound does not shrink, and deflating it takes longer than sending it
        open_timeout=OPEN,
        close_timeout=CLOSE,
        ping_interval=PING,
        ping_timeout=None,  # a peer that is slow to answer them may be quick to transcribe
        logger=_silent(),
        ssl=_tls() if url.startswith("wss:") else None,
    )


def failed_to_open(exception: Exception, model: str) -> Failure:
    """Why `dial` gave no connection. Nothing of the exception is kept: it may have the key in it."""
    from websockets.exceptions import InvalidStatus

    if isinstance(exception, InvalidStatus):
        return _refused(exception.response, model)
    if isinstance(exception, TimeoutError):
        return Failure(error(f"does not answer within {OPEN:g} s", retryable=True))
    import ssl

    if isinstance(exception, ssl.SSLCertVerificationError):
        return Failure(error("its certificate is not one that this machine trusts"))
    what = exception.strerror if isinstance(exception, OSError) else type(exception).__name__
    return Failure(error(f"cannot be reached ({what}): is the network up, and `base_url` right?", retryable=True))


def lost(code: int | None, reason: str, note: str = "") -> Failure:
    """Why a connection ended. Of the reason that the vendor gave, only its code is kept.

    note: what ended it, if that was we.
    """
    named = _CODE.search(reason)
    told = f"{named[1].upper()}-{named[2]}" if named else ""
    if told == _BAD_AUDIO:
        return Failure(error(f"cannot decode the audio ({_BAD_AUDIO}): check `sample_rate` and `extra`"))
    about = note or " ".join(filter(None, (str(code or ""), told))) or "no close"
    if code in _REFUSALS:
        return Failure(error(f"closed the connection and will not take what was sent ({about})"))
    return Failure(error(f"the connection was lost ({about})", retryable=True))


def error(message: str, *, retryable: bool = False) -> ProviderError:
    return ProviderError(VENDOR, message, retryable=retryable)


class _Body(msgspec.Struct, gc=False):
    """Of a refusal."""

    err_msg: str = ""


def _refused(response: Response, model: str) -> Failure:
    """An answer of HTTP instead of a connection. The caller has said nothing yet that it could quote."""
    status = response.status_code
    said = _said(response)
    match status:
        case 401:
            return Failure(error(f"does not accept the key: check the environment variable `{KEY}`"))
        case 402:
            return Failure(error("the account has no credit left: see to its billing"))
        case 403:
            return Failure(error(f"does not allow this key to use the model `{model}`"))
        case 400 | 404 if "model" in said.casefold():
            return Failure(error(f"does not offer the model `{model}` with these settings: check `model`"))
        case 429:
            return Failure(error("too many connections at the same time", retryable=True), _retry_after(response))
        case _ if status >= 500:
            return Failure(error(f"failed ({status})", retryable=True), _retry_after(response))
        case _:
            detail = f": {said}" if said else ": check the node's settings, and where `base_url` leads"
            return Failure(error(f"refused the connection ({status}){detail}"))


def _said(response: Response) -> str:
    """What was wrong, as Deepgram says it in the body or in a header, in one line and without the key."""
    try:
        said = msgspec.json.decode(response.body or b"", type=_Body).err_msg
    except msgspec.DecodeError:
        said = response.headers.get("dg-error", "")
    return " ".join(said.replace(key_of(VENDOR, KEY), "***").split()).rstrip(".")[:200]


def _retry_after(response: Response) -> float:
    try:
        return float(response.headers.get("Retry-After", 0))
    except ValueError:  # a date, which is no use without a clock
        return 0.0


def _tls() -> SSLContext:
    import ssl

    return shared("deepgram.tls", ssl.create_default_context)


def _silent() -> logging.Logger:
    """The package logs, for debugging, every header and message: the key, and what the caller says."""
    logger = logging.getLogger("voicegraph.deepgram")
    logger.setLevel(logging.WARNING)
    return logger


def _all(value: Value | Sequence[Value] | None) -> Sequence[Value]:
    if value is None:
        return ()
    return (value,) if isinstance(value, Value) else value


def _text(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
