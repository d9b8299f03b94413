"""What a request to ElevenLabs has to be, and what is said to one that is not."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec
from aiohttp import web

from voicegraph.emulators.wire import Handler

KEY_HEADER = "xi-api-key"
REQUEST_ID = "emulated"

VOICES = {
    "21m00Tcm4TlvDq8ikWAM": "Rachel",
    "EXAVITQu4vr4xnSDxMaL": "Sarah - Mature, Reassuring, Confident",
    "JBFqnCBsd6RMkjVDRZzb": "George - Warm, Captivating Storyteller",
    "onwK4e9ZLuTAKqWW03F9": "Daniel - Steady Broadcaster",
    "pFZP5JQG7iQjIQuC4Bku": "Lily - Velvety Actress",
}
"""Voices of the emulated account, by id: some that every account has had. Any other id is somebody's own voice."""
_ID = re.compile(r"[A-Za-z0-9]{20}")
_MODEL = re.compile(r"eleven_\w+")
NOT_ON_SOCKETS = "eleven_v3"
"""Models without a multi-context WebSocket."""
DEFAULT_FORMAT = "mp3_44100_128"

_KINDS = {
    400: ("validation_error", "invalid_parameters"),
    401: ("authentication_error", "invalid_api_key"),
    402: ("payment_required", "insufficient_credits"),
    403: ("authorization_error", "missing_permissions"),
    404: ("not_found", "not_found"),
    409: ("conflict", "conflict"),
    422: ("validation_error", "invalid_parameters"),
    429: ("rate_limit_error", "rate_limit_exceeded"),
    503: ("service_unavailable", "system_busy"),
}
_OTHER = ("internal_error", "internal_server_error")

Json = dict[str, Any]


class Format(NamedTuple):
    """How sound is asked for. encode: from PCM16."""

    rate: int
    content_type: str
    encode: Callable[[bytes], bytes]


class AskedSpeech(msgspec.Struct):
    """The body of a request for speech. What else it says means nothing here."""

    text: str
    model_id: str = "eleven_multilingual_v2"
    voice_settings: Json | None = None


def authorise(handler: Handler) -> Handler:
    """The handler, for those who bring a key."""

    async def answer(request: web.Request) -> web.StreamResponse:
        if not request.headers.get(KEY_HEADER):
            message = "Neither authorization header nor xi-api-key received, please provide one."
            raise refused(401, message, code="needs_authorization")
        return await handler(request)

    return answer


async def read(request: web.Request) -> AskedSpeech:
    """The body of a request for speech, for a voice and a model that are offered."""
    try:
        asked = msgspec.json.decode(await request.read(), type=AskedSpeech)
    except msgspec.ValidationError as error:
        raise _Refusal(422, _explained(str(error))) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise refused(400, "Could not parse the JSON body of the request.") from error
    if not is_voice(voice := request.match_info["voice"]):
        raise refused(404, f"A voice with the voice_id {voice} was not found.", code="voice_not_found")
    if not is_model(asked.model_id):
        message = f"A model with model ID {asked.model_id} does not exist."
        raise refused(400, message, code="model_not_found", param="model_id")
    return asked


def format_of(request: web.Request) -> Format:
    """The format of sound that a request names. Raises an answer for those that are not emulated."""
    name = request.query.get("output_format", DEFAULT_FORMAT)
    kind, _, rate = name.partition("_")
    if kind == "pcm" and rate in ("8000", "16000", "22050", "24000", "32000", "44100", "48000"):
        return Format(int(rate), "audio/pcm", bytes)
    if name in ("ulaw_8000", "alaw_8000"):
        from voicegraph.audio import g711

        return Format(8_000, "audio/basic", g711.encode_mulaw if kind == "ulaw" else g711.encode_alaw)
    message = f"The output format {name} is not emulated: ask for PCM, such as output_format=pcm_16000, or ulaw_8000."
    raise refused(400, message, code="unsupported_output_format", param="output_format")


def is_voice(name: str) -> bool:
    return _ID.fullmatch(name) is not None


def is_model(name: str) -> bool:
    return _MODEL.fullmatch(name) is not None


def speed_of(voice_settings: Mapping[str, Any] | None) -> float:
    speed = (voice_settings or {}).get("speed")
    return float(speed) if isinstance(speed, int | float) else 1.0


def voice_card(voice_id: str) -> Json:
    name = VOICES[voice_id]
    return {
        "voice_id": voice_id,
        "name": name,
        "category": "premade",
        "labels": {"language": "en"},
        "description": name.partition(" - ")[2],
        "available_for_tiers": [],
        "settings": None,
        "high_quality_base_model_ids": [],
    }


class _Refusal(web.HTTPException):
    def __init__(self, status: int, body: Mapping[str, Any]) -> None:
        self.status_code = status
        super().__init__(text=json.dumps(body), content_type="application/json")


def refused(status: int, message: str, *, code: str | None = None, param: str | None = None) -> web.HTTPException:
    """An answer that is an error: to be raised."""
    return _Refusal(status, error(status, message, code=code, param=param))


def error(status: int, message: str, *, code: str | None = None, param: str | None = None) -> Json:
    """https://elevenlabs.io/docs/eleven-api/resources/errors. `status` is what `code` was called before."""
    kind, usual = _KINDS.get(status, _OTHER)
    code = code or usual
    return {
        "detail": {
            "type": kind,
            "code": code,
            "message": message,
            "status": code,
            "request_id": REQUEST_ID,
            "param": param,
        }
    }


def _explained(mistake: str) -> Json:
    """What msgspec says of a body, as ElevenLabs says it."""
    if lacks := re.search(r"missing required field `(\w+)`", mistake):
        return {"detail": [{"type": "missing", "loc": ["body", lacks[1]], "msg": "Field required"}]}
    place = re.search(r"at `\$\.?(.*)`", mistake)
    loc = ["body", *place[1].split(".")] if place else ["body"]
    return {"detail": [{"type": "type_error", "loc": loc, "msg": mistake.split(" - ")[0]}]}
