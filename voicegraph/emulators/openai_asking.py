"""What a request to OpenAI has to be, and what is said to one that is not."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from voicegraph.emulators.wire import Handler

EVENT_STREAM = "text/event-stream; charset=utf-8"
EPOCH = 1_767_225_600
"""The time of all answers, in seconds: 2026 began."""
MODELS = ("gpt-4.1", "gpt-4.1-mini", "gpt-4o-mini-transcribe", "gpt-4o-mini-tts", "tts-1", "whisper-1")
_FAMILIES = ("gpt-", "chatgpt-", "o1", "o3", "o4", "ft:", "tts-", "whisper-")

Json = dict[str, Any]


class Asked(msgspec.Struct):
    """What every request says, and many of those for an answer do. What else it says means nothing here."""

    model: str
    stream: bool | None = None
    tools: list[Json] | None = None
    tool_choice: Any = None
    max_completion_tokens: int | None = None
    max_output_tokens: int | None = None
    max_tokens: int | None = None

    @property
    def callable(self) -> list[Json]:
        """The functions that the model may call."""
        return [] if self.tool_choice == "none" else self.tools or []

    @property
    def most(self) -> int | None:
        """Tokens that the answer may have."""
        return self.max_completion_tokens or self.max_output_tokens or self.max_tokens


Kind = TypeVar("Kind", bound=Asked)


def authorise(handler: Handler) -> Handler:
    """The handler, for those who bring a key."""

    async def answer(request: web.Request) -> web.StreamResponse:
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise refused(401, "You didn't provide an API key. You need to provide it in an Authorization header.")
        return await handler(request)

    return answer


async def read(request: web.Request, kind: type[Kind]) -> Kind:
    """The body of a request, for a model that is offered."""
    try:
        asked = msgspec.json.decode(await request.read(), type=kind)
    except msgspec.ValidationError as error:
        raise _explained(str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise refused(400, "We could not parse the JSON body of your request.") from error
    check_model(asked.model)
    return asked


def check_model(name: str) -> str:
    """Any name that OpenAI might give a model."""
    if name.startswith(_FAMILIES):
        return name
    message = f"The model `{name}` does not exist or you do not have access to it."
    raise refused(404, message, code="model_not_found")


def missing(name: str) -> web.HTTPException:
    return refused(400, f"Missing required parameter: '{name}'.", param=name, code="missing_required_parameter")


def _explained(mistake: str) -> web.HTTPException:
    """What msgspec says of a body, as OpenAI says it."""
    if lacks := re.search(r"missing required field `(\w+)`", mistake):
        return missing(lacks[1])
    place = re.search(r"at `\$\.?(.*)`", mistake)
    name = place[1] if place else None
    return refused(400, f"Invalid type for '{name}': {mistake.split(' - ')[0]}.", param=name, code="invalid_type")


class _Refusal(web.HTTPException):
    def __init__(self, status: int, body: Mapping[str, Any]) -> None:
        self.status_code = status
        super().__init__(text=json.dumps(body), content_type="application/json")


def refused(status: int, message: str, *, param: str | None = None, code: str | None = None) -> web.HTTPException:
    """An answer that is an error: to be raised."""
    return _Refusal(status, error(message, param=param, code=code))


def error(
    message: str, *, kind: str = "invalid_request_error", param: str | None = None, code: str | None = None
) -> Json:
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def model_card(name: str) -> Json:
    return {"id": name, "object": "model", "created": EPOCH, "owned_by": "system"}


def tokens(text: str) -> int:
    """As many as it has words."""
    return len(text.split())
