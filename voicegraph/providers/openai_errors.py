"""What went wrong with a service that speaks OpenAI's interface, in words that tell what to do.

No word of the vendor's own message is passed on: it may quote the key, or what the caller said. Its code may.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from math import isfinite
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from voicegraph.errors import ProviderError
from voicegraph.providers.openai_address import EXAMPLE

if TYPE_CHECKING:
    from openai import APIStatusError

KEY = "OPENAI_API_KEY"
ADDRESS = "OPENAI_BASE_URL"

_NAME = re.compile(r"[A-Za-z][\w.\[\]-]{0,63}", re.ASCII)


class Asked(NamedTuple):
    """Whom, and for which model."""

    vendor: str
    model: str

    def error(self, message: str, *, retryable: bool) -> ProviderError:
        return ProviderError(self.vendor, message, retryable=retryable)


class _Told(NamedTuple):
    """{model}, {detail} and {wait} stand for what is known of them."""

    message: str
    retryable: bool = False


BY_CODE = {
    "model_not_found": _Told("does not offer the model `{model}` to this key: check `model`"),
    "context_length_exceeded": _Told("the conversation is too long for `{model}`: tell it less, or take another model"),
    "insufficient_quota": _Told("the account has no credit left: see to its billing"),
    "content_filter": _Told("its content filter refused the conversation"),
}
BY_STATUS = {
    400: _Told("refused the request for `{model}`{detail}: check the node's settings"),
    401: _Told("does not accept the key: check the environment variable `" + KEY + "`"),
    403: _Told("does not allow this key to use `{model}`{detail}"),
    404: _Told("knows no model `{model}`{detail}: check `model`, and where `base_url` leads"),
    408: _Told("gave up waiting for the request{detail}", retryable=True),
    409: _Told("was busy with a request in conflict with this one{detail}", retryable=True),
    413: _Told("refused the request as too long: tell it less"),
    422: _Told("refused the request for `{model}`{detail}: check the node's settings"),
    429: _Told("too many requests{detail}{wait}", retryable=True),
}
_ELSE_4XX = _Told("refused the request{detail}")
_5XX = _Told("failed{detail}{wait}", retryable=True)

NO_KEY = f"needs a key: set the environment variable `{KEY}`"
NO_ADDRESS = f"`base_url`, or the environment variable `{ADDRESS}`, should be an address such as {EXAMPLE}"
NO_STREAM = "did not answer with a stream of events: check where `base_url` leads, which often ends in /v1"
NO_END = "the answer broke off"
NO_ROOM = "thought up to the limit of its answer, and said nothing: raise `max_tokens`, or let it think less"


def of_status(error: APIStatusError, asked: Asked, *, has_key: bool = True) -> ProviderError:
    """An answer of HTTP that is an error. has_key: a key of the user's was sent."""
    status = error.status_code
    code, where = _name(error.code), _name(error.param)
    told = BY_CODE.get(code) or BY_STATUS.get(status) or (_5XX if status >= 500 else _ELSE_4XX)
    if status == 401 and not has_key:
        told = _Told(NO_KEY)
    if where == "model" and status in (400, 404):
        told = BY_CODE["model_not_found"]
    if status == 404 and "json" not in error.response.headers.get("content-type", ""):
        told = _Told("has nothing at the address that was asked: check `base_url`, which often ends in /v1")
    about = (str(status), code, where and f"`{where}`")
    return _tell(told, asked, about, _wait(error.response.headers))


def of_event(error: object, asked: Asked) -> ProviderError:
    """An error that was told in a stream which had begun well."""
    code, kind = _name(fields(error).get("code")), _name(fields(error).get("type"))
    told = BY_CODE.get(code) or (
        BY_STATUS[400] if kind == "invalid_request_error" else _Told(NO_END + "{detail}", True)
    )
    return _tell(told, asked, (code or kind,), "")


def fields(value: object) -> Mapping[str, Any]:
    """Of a JSON object; none of anything else."""
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def of_transport(error: Exception, asked: Asked) -> ProviderError:
    """No answer, or the end of one in its midst."""
    import httpx2
    from openai import APIConnectionError

    cause = error.__cause__ if isinstance(error, APIConnectionError) and error.__cause__ else error
    for kind, message in (
        (httpx2.ConnectTimeout, "does not answer: is the network up, and `base_url` right?"),
        (httpx2.ConnectError, "cannot be reached: is the network up, and `base_url` right?"),
        (httpx2.PoolTimeout, "too many requests at the same time from this process"),
        (httpx2.TimeoutException, "fell silent"),
        (httpx2.InvalidURL, NO_ADDRESS),
    ):
        if isinstance(cause, kind):
            return _tell(_Told(message, retryable=kind is not httpx2.InvalidURL), asked, (), "")
    return _tell(_Told("the connection broke{detail}", retryable=True), asked, (type(cause).__name__,), "")


def _tell(told: _Told, asked: Asked, about: tuple[str, ...], wait: str) -> ProviderError:
    known = ", ".join(filter(None, about))
    detail = f" ({known})" if known else ""
    message = told.message.format(model=asked.model, detail=detail, wait=wait)
    return asked.error(message, retryable=told.retryable)


def _wait(headers: Mapping[str, str]) -> str:
    """What Retry-After asks for. Vendors give seconds; `retry-after-ms` is OpenAI's own."""
    for name, factor in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        with suppress(KeyError, ValueError):
            if isfinite(seconds := float(headers[name]) * factor):
                return f": asks to wait for {seconds:g} s"
    return ""


def _name(value: object) -> str:
    """A code, if that is what it is: a word that no person says."""
    return value if isinstance(value, str) and _NAME.fullmatch(value) else ""
