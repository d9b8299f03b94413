"""Faults over HTTP, and what clients asked for: the emulators' own paths.

GET, POST, DELETE /_emulator/faults    those still to come; adds one, or a list of them; forgets them
GET /_emulator/exchanges               the newest requests, and how each was answered
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from aiohttp import web

from voicegraph.emulators.exchange import Exchange
from voicegraph.emulators.faults import AnyFault, Fault, Faults

if TYPE_CHECKING:
    from pydantic import TypeAdapter

FAULTS, EXCHANGES = "/_emulator/faults", "/_emulator/exchanges"


def control(faults: Faults, exchanges: Iterable[Exchange]) -> list[web.RouteDef]:
    """The routes."""

    async def show(request: web.Request) -> web.Response:
        return web.json_response(_adapter().dump_python(list(faults.planned), mode="json", exclude_none=True))

    async def plan(request: web.Request) -> web.Response:
        from pydantic import ValidationError

        # A page in somebody's browser cannot send this type without being asked for leave (CORS).
        if request.content_type != "application/json":
            raise web.HTTPUnsupportedMediaType(text="send the faults as application/json\n")
        try:
            written: Any = await request.json()
            faults.plan(*_adapter().validate_python(written if isinstance(written, list) else [written]))
        except ValidationError as error:
            mistakes = error.errors(include_url=False, include_context=False, include_input=False)
            return web.json_response({"mistakes": mistakes}, status=422)
        except ValueError:
            return web.json_response({"mistakes": [{"msg": "this is no JSON"}]}, status=400)
        return await show(request)

    async def clear(request: web.Request) -> web.Response:
        faults.clear()
        return await show(request)

    async def ask(request: web.Request) -> web.Response:
        return web.json_response([exchange.as_data() for exchange in exchanges])

    return [
        web.get(FAULTS, show),
        web.post(FAULTS, plan),
        web.delete(FAULTS, clear),
        web.get(EXCHANGES, ask),
    ]


def _adapter() -> TypeAdapter[list[AnyFault]]:
    from pydantic import TypeAdapter

    return TypeAdapter(list[Fault])
