"""What went wrong with ElevenLabs, in words that tell what to do.

No word of the vendor's own message is passed on: it may quote the key, or what the caller said. Its code may.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from voicegraph.errors import ProviderError

if TYPE_CHECKING:
    from websockets.exceptions import ConnectionClosed

VENDOR = "ElevenLabs"
KEY = "ELEVENLABS_API_KEY"
ADDRESS = "ELEVENLABS_BASE_URL"

_NAME = re.compile(r"[A-Za-z][\w.\[\]-]{0,63}", re.ASCII)
_HIDDEN = 8
"""Characters of a key from which on it is looked for in what the vendor calls its codes."""


class Asked(NamedTuple):
    """For what, and at which host."""

    voice: str
    model: str
    at: str

    def error(self, message: str, *, retryable: bool) -> ProviderError:
        return ProviderError(VENDOR, message, retryable=retryable)


class _Told(NamedTuple):
    """{voice}, {model}, {at}, {detail} and {wait} stand for what is known of them."""

    message: str
    retryable: bool = False


_NO_KEY = _Told(f"does not accept the key: check the environment variable `{KEY}`")
_NO_VOICE = _Told("knows no voice `{voice}`, or not for this key: check `voice`")
_NO_MODEL = _Told("does not offer the model `{model}` here: check `model`")
_NO_CREDIT = _Told("the account has no credits left: see to its billing")
_TOO_MANY = _Told("too many requests{detail}{wait}", retryable=True)
_TOO_LONG = _Told("a sentence is too long for `{model}`{detail}")
_IDLE = _Told("closed the connection, on which nothing was said for too long", retryable=True)

BY_CODE = {
    "invalid_api_key": _NO_KEY,
    "needs_authorization": _NO_KEY,
    "missing_permissions": _Told("does not allow this key to do that: give it the permissions for text to speech"),
    "voice_not_found": _NO_VOICE,
    "voice_does_not_exist": _NO_VOICE,
    "voice_id_does_not_exist": _NO_VOICE,
    "model_not_found": _NO_MODEL,
    "model_does_not_exist": _NO_MODEL,
    "model_can_not_do_text_to_speech": _NO_MODEL,
    "quota_exceeded": _NO_CREDIT,
    "insufficient_credits": _NO_CREDIT,
    "max_character_limit_exceeded": _TOO_LONG,
    "text_too_long": _TOO_LONG,
    "too_many_concurrent_requests": _TOO_MANY,
    "concurrent_limit_exceeded": _TOO_MANY,
    "rate_limit_exceeded": _TOO_MANY,
    "max_active_conversations": _TOO_MANY,
    "system_busy": _Told("is too busy{detail}{wait}", retryable=True),
    "input_timeout_exceeded": _IDLE,
}
"""By the `code` or, of older errors, the `status` or `error` that comes with them."""

BY_STATUS = {
    400: _Told("refused the request for `{model}`{detail}: check the node's settings"),
    401: _NO_KEY,
    402: _Told("the account's plan does not pay for this{detail}: see to its billing"),
    403: _Told("does not allow this key to use the voice `{voice}` with `{model}` here{detail}"),
    404: _Told("has nothing at the address that was asked{detail}: check `voice`, and where `base_url` leads"),
    408: _Told("gave up waiting for the request{detail}", retryable=True),
    409: _Told("was busy with a request in conflict with this one{detail}", retryable=True),
    422: _Told("refused the request for `{model}`{detail}: check the node's settings"),
    429: _TOO_MANY,
}
_ELSE_4XX = _Told("refused the request{detail}")
_5XX = _Told("failed{detail}{wait}", retryable=True)

POLICY = 1008
"""The WebSocket's close code for all that the client did wrong (RFC 6455, section 7.4.1)."""


def of_answer(status: int, body: object, headers: Mapping[str, str] | None, asked: Asked) -> ProviderError:
    """An answer of HTTP that is an error, also one to a WebSocket's handshake. body: its JSON, if it is that."""
    code, param = _codes(body)
    told = BY_CODE.get(code) or BY_STATUS.get(status) or (_5XX if status >= 500 else _ELSE_4XX)
    if param == "model_id" and status in (400, 404, 422):
        told = _NO_MODEL
    return _tell(told, asked, (str(status), code, param and f"`{param}`"), _wait(headers or {}))


def of_message(error: object, code: object, asked: Asked) -> ProviderError:
    """An error that was told on a WebSocket."""
    name = _name(error)
    about = (name, str(code) if isinstance(code, int) else "")
    return _tell(BY_CODE.get(name) or _Told("refused to go on{detail}", code != POLICY), asked, about)


def of_close(error: ConnectionClosed, asked: Asked) -> ProviderError:
    """A WebSocket that ended without a word. A reason that came with it is the vendor's own, and is not passed on."""
    if error.rcvd is None:
        return _tell(_Told("the connection to {at} broke", retryable=True), asked, ())
    told = _Told("{at} closed the connection{detail}", error.rcvd.code != POLICY)
    return _tell(told, asked, (str(error.rcvd.code),))


def of_handshake(error: Exception, asked: Asked) -> ProviderError:
    """A WebSocket that did not come to be."""
    from websockets.exceptions import InvalidStatus

    if isinstance(error, InvalidStatus):
        try:
            body = msgspec.json.decode(error.response.body or b"null")
        except msgspec.DecodeError:
            body = None
        return of_answer(error.response.status_code, body, error.response.headers, asked)
    if isinstance(error, TimeoutError):
        return _tell(_NO_ANSWER, asked, ())
    if _untrusted(error):
        return _tell(_UNTRUSTED, asked, ())
    if isinstance(error, OSError):
        return _tell(_UNREACHED, asked, ())
    return _tell(_Told("{at} does not speak WebSocket{detail}", retryable=True), asked, (type(error).__name__,))


def of_transport(error: Exception, asked: Asked) -> ProviderError:
    """No answer of HTTP, or the end of one in its midst."""
    import httpx2

    if _untrusted(error):
        return _tell(_UNTRUSTED, asked, ())
    for kind, told in (
        (httpx2.ConnectTimeout, _NO_ANSWER),
        (httpx2.ConnectError, _UNREACHED),
        (httpx2.PoolTimeout, _Told("too many requests at the same time from this process", retryable=True)),
        (httpx2.TimeoutException, SILENT),
    ):
        if isinstance(error, kind):
            return _tell(told, asked, ())
    return _tell(_Told("the connection to {at} broke{detail}", retryable=True), asked, (type(error).__name__,))


_NO_ANSWER = _Told("{at} does not answer: is the network up, and `base_url` right?", retryable=True)
_UNREACHED = _Told("{at} cannot be reached: is the network up, and `base_url` right?", retryable=True)
_UNTRUSTED = _Told("{at} has a certificate that this machine does not trust: check `base_url`, and what is in between")
SILENT = _Told("{at} fell silent", retryable=True)
GARBAGE = _Told("{at} sent what is no JSON", retryable=True)
NO_PCM = _Told("sent a file, not the PCM that was asked for")
NO_END = _Told("gave up the reply before its end", retryable=True)
NO_SOUND = _Told("gave no sound for the text", retryable=True)


def failure(told: _Told, asked: Asked) -> ProviderError:
    """One of those above."""
    return _tell(told, asked, ())


def _untrusted(error: BaseException | None) -> bool:
    """Whether a certificate is behind it."""
    import ssl

    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _tell(told: _Told, asked: Asked, about: Sequence[str], wait: str = "") -> ProviderError:
    known = ", ".join(filter(None, about))
    detail = f" ({known})" if known else ""
    return asked.error(told.message.format(**asked._asdict(), detail=detail, wait=wait), retryable=told.retryable)


class _Detail(msgspec.Struct, gc=False):
    """status: what `code` was called before."""

    code: str = ""
    status: str = ""
    param: str | None = None


class _Invalid(msgspec.Struct, gc=False):
    """What did not pass validation. loc: where that is, such as `["body", "model_id"]`."""

    loc: list[Any] = []


class _Body(msgspec.Struct, gc=False):
    detail: _Detail | list[_Invalid] | str | None = None


def _codes(body: object) -> tuple[str, str]:
    """The code and the parameter that an error's body names."""
    try:
        detail = msgspec.convert(body, _Body).detail
    except msgspec.ValidationError:
        return "", ""
    match detail:
        case _Detail(code, status, param):
            return _name(code) or _name(status), _name(param)
        case [_Invalid(loc=[*_, place]), *_]:
            return "", _name(place)
        case _:
            return "", ""


def _wait(headers: Mapping[str, str]) -> str:
    try:
        return f": asks to wait for {float(headers['retry-after']):g} s"
    except (KeyError, ValueError):
        return ""


def _name(value: object) -> str:
    """A code, if that is what it is: a word that no person says, and not the key."""
    key = os.environ.get(KEY, "")
    if not isinstance(value, str) or not _NAME.fullmatch(value) or (len(key) >= _HIDDEN and key in value):
        return ""
    return value
