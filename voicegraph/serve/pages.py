"""What the server answers over HTTP: how it is, who is on, and the pages of the line."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import msgspec
from loguru import logger

from voicegraph.errors import raised_at
from voicegraph.serve.admission import Admission
from voicegraph.serve.connection import Receive, Send
from voicegraph.serve.doors import Answer, Page
from voicegraph.serve.guard import refuse
from voicegraph.serve.inside import Inside, NotShown
from voicegraph.serve.metrics import MEDIA_TYPE
from voicegraph.serve.peers import until_either
from voicegraph.serve.request import WebRequest, path_of, read

if TYPE_CHECKING:
    from voicegraph.serve.app import App, Scope

JSON = "application/json"
LINES = "application/x-ndjson"
TAP = "/tap"
OPEN = ("/health", "/ready")
"""What a load balancer asks."""

Lines = AsyncGenerator[bytes]


class Pages:
    """Of one app. The server's own paths come before the line's."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._own: dict[str, Callable[[Admission], Answer]] = {
            "/health": self._health,
            "/ready": self._ready,
            "/metrics": self._metrics,
        }
        self._inside: dict[str, Callable[[Inside, WebRequest], Awaitable[Answer | Lines]]] = {
            "/calls": self._calls,
            "/stats": self._stats,
            "/tap": self._tap,
        }

    async def answer(self, scope: Scope, receive: Receive, send: Send, admission: Admission) -> None:
        answer = await self._find(scope, receive, admission)
        if not isinstance(answer, Answer):
            await until_either(_stream(answer, send), _left(receive))
            return
        headers = {"content-type": answer.media_type, "content-length": str(len(answer.body)), **answer.headers}
        pairs = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": answer.status, "headers": pairs})
        await send({"type": "http.response.body", "body": answer.body})

    async def _find(self, scope: Scope, receive: Receive, admission: Admission) -> Answer | Lines:
        path, method = path_of(scope), scope["method"]
        method = "GET" if method == "HEAD" and path != TAP else method
        if path in self._own or path in self._inside:
            if method != "GET":
                return self._refused("wrong-method")
            return await self._of_server(path, read(scope), admission)
        page = self._app.edition.pages.get(path)
        if page is None:
            return self._refused("wrong-path")
        if method not in page.methods:
            return self._refused("wrong-method")
        try:
            async with asyncio.timeout(self._app.limits.starts_within):
                body = await _body(receive, self._app.limits.max_message)
        except TimeoutError:
            return self._refused("silent")
        return self._refused("oversize") if body is None else await self._ask(page, read(scope, body), admission)

    async def _ask(self, page: Page, request: WebRequest, admission: Admission) -> Answer:
        """The line's answer. Its fault is told to nobody outside."""
        refusal = admission.refusal()
        if page.invites and refusal is None:
            admission.expect()  # before the answer is made: others ask meanwhile
        answer = Answer(500, b"failed\n")
        try:
            answer = await page.answer(request, refusal is None)
        except Exception as error:  # noqa: BLE001 - a line's fault touches nobody else
            logger.error("{}: {} at {}", page.path, type(error).__name__, raised_at(error))
        if answer.refused:
            self._app.refused(answer.refused)
        if page.invites and refusal is None and answer.status >= 400:
            admission.expect_no_more()
        elif page.invites and refusal is not None and answer.status < 400:
            self._app.refused(refusal)
        return answer

    def _refused(self, name: str) -> Answer:
        reason = self._app.refused(name)
        headers = {"www-authenticate": "Bearer"} if reason.status == 401 else {}
        return Answer(reason.status, f"{reason.name}: {reason.text}\n".encode(), headers=headers)

    # --- the server's own --------------------------------------------------------------------------------------------

    async def _of_server(self, path: str, request: WebRequest, admission: Admission) -> Answer | Lines:
        """What tells nothing about a caller is open, unless there is a token."""
        why = None if path in OPEN else refuse(request, near=path == TAP)
        if why is not None:
            return self._refused(why)
        if path in self._own:
            return self._own[path](admission)
        assert self._app.inside is not None
        return await self._inside[path](self._app.inside, request)

    async def _calls(self, inside: Inside, request: WebRequest) -> Answer:
        """Who is on, in all processes. closed: why this one takes no call, or None."""
        stats = await inside.stats()
        places = sum(process.max_calls for process in stats.processes)
        return _json({"calls": stats.calls, "max_calls": places, "closed": stats.processes[0].closed})

    async def _stats(self, inside: Inside, request: WebRequest) -> Answer:
        """For `voicegraph top`."""
        return _json(await inside.stats())

    async def _tap(self, inside: Inside, request: WebRequest) -> Answer | Lines:
        """For `voicegraph tap`."""
        try:
            return await inside.tap(request.query)
        except NotShown as error:
            return Answer(error.status, f"{error}\n".encode())

    def _health(self, admission: Admission) -> Answer:
        """The process lives."""
        return Answer(body=b"ok\n")

    def _ready(self, admission: Admission) -> Answer:
        """Whether callers may be sent here at all; one who comes while all lines are busy is told so by the line."""
        return _json({"ready": admission.closed is None, "why": admission.closed}, 503 if admission.closed else 200)

    def _metrics(self, admission: Admission) -> Answer:
        self._app.metrics.lag.set(self._app.lag.seconds)
        self._app.metrics.note(self._app.edition.breakers.states(asyncio.get_running_loop().time()))
        return Answer(body=self._app.metrics.text(), media_type=MEDIA_TYPE)


def _json(value: Any, status: int = 200) -> Answer:
    return Answer(status, msgspec.json.encode(value) + b"\n", JSON)


async def _stream(lines: Lines, send: Send) -> None:
    """An answer that comes bit by bit."""
    headers = [(b"content-type", LINES.encode()), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    async with aclosing(lines):
        async for some in lines:
            await send({"type": "http.response.body", "body": some, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _left(receive: Receive) -> None:
    """Returns when the peer is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _body(receive: Receive, limit: int) -> bytes | None:
    """All of a request's body; None if it is longer than that."""
    body = b""
    while True:
        event = await receive()
        if event["type"] == "http.disconnect":
            return body
        body += bytes(event.get("body", b""))
        if len(body) > limit:
            return None
        if not event.get("more_body", False):
            return body
