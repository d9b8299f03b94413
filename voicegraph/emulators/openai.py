"""OpenAI: chat completions, responses, speech, transcriptions and models, over HTTP.

https://platform.openai.com/docs/api-reference. Any key will do, but there has to be one. Times and ids of answers are
made up, the same at each start; tokens are counted as words.
"""

from __future__ import annotations

from aiohttp import web

from voicegraph.emulators.backend import Backend
from voicegraph.emulators.openai_asking import MODELS, authorise, check_model, error, model_card
from voicegraph.emulators.openai_audio import Audio
from voicegraph.emulators.openai_chat import Chat
from voicegraph.emulators.openai_responses import Responses
from voicegraph.emulators.wire import Handler, Wire

_KINDS = {
    401: ("invalid_request_error", "invalid_api_key"),
    403: ("invalid_request_error", "unsupported_country_region_territory"),
    404: ("invalid_request_error", "model_not_found"),
    429: ("requests", "rate_limit_exceeded"),
}


def environment(address: str) -> dict[str, str]:
    """The variables that point the SDK and our nodes here."""
    return {"OPENAI_BASE_URL": f"http://{address}/v1", "OPENAI_API_KEY": "emulated"}


def refusal(status: int, message: str) -> dict[str, object]:
    """An error as OpenAI words it."""
    kind, code = _KINDS.get(status, ("server_error" if status >= 500 else "invalid_request_error", None))
    return error(message, kind=kind, code=code)


def routes(backend: Backend, wire: Wire) -> list[web.RouteDef]:
    """All that is emulated."""
    chat, responses, audio = Chat(backend, wire), Responses(backend, wire), Audio(backend, wire)

    async def models(request: web.Request) -> web.StreamResponse:
        return await wire.json(request, {"object": "list", "data": [model_card(name) for name in MODELS]})

    async def model(request: web.Request) -> web.StreamResponse:
        return await wire.json(request, model_card(check_model(request.match_info["name"])))

    answers: dict[tuple[str, str], Handler] = {
        ("POST", "/v1/chat/completions"): chat.complete,
        ("POST", "/v1/responses"): responses.respond,
        ("POST", "/v1/audio/speech"): audio.speak,
        ("POST", "/v1/audio/transcriptions"): audio.transcribe,
        ("GET", "/v1/models"): models,
        ("GET", "/v1/models/{name}"): model,
    }
    return [web.route(method, path, authorise(handler)) for (method, path), handler in answers.items()]
