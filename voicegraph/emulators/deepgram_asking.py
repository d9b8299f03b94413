"""What a client of Deepgram's asks for when it connects: a key, and the parameters in the query."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeVar

from aiohttp import web
from annotated_types import Interval
from pydantic import BaseModel, StringConstraints, TypeAdapter, ValidationError, model_validator

NO_MODEL = "No such model/language/tier combination found."
CODES = {
    401: "INVALID_AUTH",
    402: "ASR_PAYMENT_REQUIRED",
    403: "INSUFFICIENT_PERMISSIONS",
    404: "NOT_FOUND",
    429: "TOO_MANY_REQUESTS",
}
SEVERAL = ("keyterm", "language_hint")
"""Parameters that may come more than once."""

NovaModel = Annotated[str, StringConstraints(pattern=r"^(nova-3|nova-2|nova|enhanced|base)(-[a-z]+)*$")]
Rate = Annotated[int, Interval(ge=8_000, le=96_000)]
Encoding = Literal["linear16", "mulaw", "alaw"]


class Asked(BaseModel, frozen=True):
    """For either interface. What else is asked for means nothing here."""

    encoding: Encoding
    sample_rate: Rate
    keyterm: tuple[str, ...] = ()


class NovaAsked(Asked, frozen=True):
    """For v1."""

    model: NovaModel = "base-general"
    language: str = "en"
    channels: Literal["1"] = "1"
    interim_results: bool = False
    vad_events: bool = False
    endpointing: Literal["false"] | Annotated[int, Interval(ge=0)] = 10
    utterance_end_ms: Annotated[int, Interval(ge=0)] | None = None

    @model_validator(mode="after")
    def _check(self) -> NovaAsked:
        if self.utterance_end_ms is not None and not self.interim_results:
            raise ValueError("utterance_end_ms needs interim_results")
        return self


class FluxAsked(Asked, frozen=True):
    """For v2."""

    model: Literal["flux-general-en", "flux-general-multi"]
    eot_threshold: Annotated[float, Interval(ge=0.5, le=1)] = 0.7
    eager_eot_threshold: Annotated[float, Interval(ge=0.3, le=0.9)] | None = None
    eot_timeout_ms: Annotated[int, Interval(ge=500, le=60_000)] = 5000
    language_hint: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _check(self) -> FluxAsked:
        if self.eager_eot_threshold is not None and self.eager_eot_threshold > self.eot_threshold:
            raise ValueError("eager_eot_threshold must be at most eot_threshold")
        if self.language_hint and self.model != "flux-general-multi":
            raise ValueError("language_hint needs flux-general-multi")
        return self


Kind = TypeVar("Kind", bound=Asked)


def read_query(request: web.Request, kind: type[Kind]) -> Kind:
    """What a client asks for. Raises the refusal of one that brings no key, or asks for what there is not."""
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() not in ("token", "bearer") or not key.strip():
        raise refused(401, "Invalid credentials.")
    given: dict[str, Any] = {
        name: request.query.getall(name) if name in SEVERAL else value for name, value in request.query.items()
    }
    try:
        return TypeAdapter(kind).validate_python(given)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        place = ".".join(map(str, first["loc"][:1]))
        raise refused(400, NO_MODEL if place == "model" else f"{place} {first['msg']}".strip()) from None


class _Refusal(web.HTTPException):
    def __init__(self, status: int, message: str) -> None:
        self.status_code = status
        text = json.dumps(body(status, message))
        super().__init__(text=text, content_type="application/json", headers={"dg-error": message})


def refused(status: int, message: str) -> web.HTTPException:
    """No connection is made: to be raised."""
    return _Refusal(status, message)


def body(status: int, message: str) -> dict[str, str]:
    """An error as Deepgram words it."""
    code = CODES.get(status, "Bad Request" if status < 500 else "INTERNAL_SERVER_ERROR")
    return {"err_code": code, "err_msg": message, "request_id": "00000000-0000-0000-0000-000000000000"}


def decoder(encoding: Encoding) -> Callable[[bytes], bytes]:
    """What makes PCM16 of a client's sound."""
    if encoding == "linear16":
        return bytes
    from voicegraph.audio import g711

    return g711.decode_mulaw if encoding == "mulaw" else g711.decode_alaw
