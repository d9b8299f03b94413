"""Deepgram: live transcription over WebSockets, v1 for the Nova models and v2 for Flux.

https://developers.deepgram.com/reference. Any key will do, but there has to be one. Ids and dates are made up, the same
at each start.
"""

from __future__ import annotations

from itertools import count
from uuid import UUID

from aiohttp import web

from voicegraph.emulators.backend import Backend
from voicegraph.emulators.deepgram_asking import FluxAsked, NovaAsked, body, read_query
from voicegraph.emulators.deepgram_flux import FluxSession
from voicegraph.emulators.deepgram_nova import NovaSession
from voicegraph.emulators.wire import Wire


def environment(address: str) -> dict[str, str]:
    """The variables that point our nodes here. The SDK has none: give it a DeepgramClientEnvironment."""
    return {"DEEPGRAM_BASE_URL": f"http://{address}", "DEEPGRAM_API_KEY": "emulated"}


def refusal(status: int, message: str) -> dict[str, str]:
    """An error as Deepgram words it."""
    return body(status, message)


def routes(backend: Backend, wire: Wire) -> list[web.RouteDef]:
    """All that is emulated."""
    ids = (str(UUID(int=number)) for number in count(1))

    async def nova(request: web.Request) -> web.StreamResponse:
        asked, request_id = read_query(request, NovaAsked), next(ids)
        async with wire.socket(request, headers={"dg-request-id": request_id}) as socket:
            await NovaSession(socket, asked, backend.hearing, request_id).run()
        return socket.response

    async def flux(request: web.Request) -> web.StreamResponse:
        asked, request_id = read_query(request, FluxAsked), next(ids)
        async with wire.socket(request, headers={"dg-request-id": request_id}) as socket:
            await FluxSession(socket, asked, backend.hearing, request_id).run()
        return socket.response

    return [web.get("/v1/listen", nova), web.get("/v2/listen", flux)]
