"""What the server answers over HTTP: how it is, who is on, and the pages of the line."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec
from loguru import logger

from voicegraph.errors import raised_at
from voicegraph.serve.admission import Admission
from voicegraph.serve.connection import Receive, Send
from voicegraph.serve.doors import Answer, Page
from voicegraph.serve.metrics import MEDIA_TYPE
from voicegraph.serve.request import WebRequest, path_of, read

if TYPE_CHECKING:
    from voicegraph.serve.app import App, Scope

JSON = "application/json"


class Pages:
    """Of one app. The server's own paths come before the line's."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._own: dict[str, Callable[[Admission], Answer]] = {
            "/health": self._health,
            "/ready": self._ready,
            "/metrics": self._metrics,
            "/calls": self._calls,
        }

    async def answer(self, scope: Scope, receive: Receive, send: Send, admission: Admission) -> None:
        answer = await self._find(scope, receive, admission)
        headers = {"content-type": answer.media_type, "content-length": str(len(answer.body)), **answer.headers}
        pairs = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": answer.status, "headers": pairs})
        await send({"type": "http.response.body", "body": answer.body})

    async def _find(self, scope: Scope, receive: Receive, admission: Admission) -> Answer:
        path, method = path_of(scope), scope["method"]
        method = "GET" if method == "HEAD" else method
        if (own := self._own.get(path)) is not None:
            return own(admission) if method == "GET" else self._refused("wrong-method")
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
        if page.invites and refusal is None and answer.status >= 400:
            admission.expect_no_more()
        elif page.invites and refusal is not None and answer.status < 400:
            self._app.refused(refusal)
        return answer

    def _refused(self, name: str) -> Answer:
        reason = self._app.refused(name)
        return Answer(reason.status, f"{reason.name}: {reason.text}\n".encode())

    # --- the server's own --------------------------------------------------------------------------------------------

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

    def _calls(self, admission: Admission) -> Answer:
        """Who is on, in this process."""
        calls = self._app.calls
        live = [call.told() for call in calls.live.values()] if calls is not None else []
        return _json({"calls": live, "max_calls": self._app.limits.max_calls, "closed": admission.closed})


def _json(value: Any, status: int = 200) -> Answer:
    return Answer(status, msgspec.json.encode(value) + b"\n", JSON)


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
