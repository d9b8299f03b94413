"""The ASGI app: finds the door for what comes in, and refuses what cannot be served.

app = voicegraph.asgi("graph.yaml")                       # for uvicorn, hypercorn, ...
FastAPI(lifespan=app.lifespan).mount("/voice", app)       # as a part of an app of one's own
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, MutableMapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from loguru import logger

from voicegraph.errors import VoicegraphError, fault, raised_at
from voicegraph.graph.plan import Plan
from voicegraph.observe.exporting import Exports
from voicegraph.observe.recording import prepare
from voicegraph.phrases import PhraseStore, of_user
from voicegraph.serve.admission import Admission, LoopLag
from voicegraph.serve.calls import Calls
from voicegraph.serve.connection import Receive, Send, WebConnection
from voicegraph.serve.doors import Request, Socket
from voicegraph.serve.edition import Edition, edition
from voicegraph.serve.following import Following
from voicegraph.serve.inside import Inside
from voicegraph.serve.limits import Limits
from voicegraph.serve.metrics import Metrics
from voicegraph.serve.pages import Pages
from voicegraph.serve.reasons import REASONS, Reason
from voicegraph.serve.request import read
from voicegraph.serve.signals import Signals

Scope = MutableMapping[str, Any]
NO_NEWS = ("without completing handshake", "Invalid UTF-8 sequence", "Invalid HTTP request")
EXTENSION = "voicegraph.socket"
"""Of ASGI: where our own web server leaves its `voicegraph.serve.socket.Socket`."""


class App:
    """Serves a graph. `lifespan` is to be run around it; a web server does that for an app that is not mounted.

    plan: what is served. limits: see there. record: the folder for recordings, or None. phrases: the process's store;
    the user's own, if not given. warmed: told when calls can be taken, or why none ever will be. beside: runs while the
    app does, such as a `Watch`. exports: where spans of the calls go.
    """

    def __init__(
        self,
        plan: Plan,
        *,
        limits: Limits | None = None,
        record: Path | None = None,
        phrases: PhraseStore | None = None,
        warmed: Callable[[VoicegraphError | None], None] = lambda error: None,
        beside: Callable[[App], Awaitable[None]] | None = None,
        exports: Exports | None = None,
    ) -> None:
        if record is not None:
            prepare(record)
        self.exports = exports or Exports()
        self.exports.check()
        self.edition = edition(plan)
        self.limits = limits or Limits()
        self.metrics = Metrics()
        self.lag = LoopLag()
        self.following = Following(self.metrics)
        self.phrases = phrases or of_user()
        self.admission: Admission | None = None
        self.calls: Calls | None = None
        self.inside: Inside | None = None
        self._record = record
        self._warmed = warmed
        self._beside = beside
        self._pages = Pages(self)

    # --- its life ----------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def lifespan(self, app: object = None) -> AsyncGenerator[None]:
        """Warms up in the background, takes calls, and at the end lets none go on."""
        exporting = self.exports.start()
        self.following = Following(self.metrics, exporting, words=self.exports.words)
        self.inside = Inside(self)
        await self.inside.start()
        self.calls = Calls(self.metrics, self.phrases, self.following, self._record)
        self.admission = Admission(self.limits, lambda: self.lag.seconds, asyncio.get_running_loop().time)
        self.lag.start()
        logging.getLogger("uvicorn.error").addFilter(_is_news)
        tasks = [asyncio.create_task(self._warm(self.admission)), asyncio.create_task(self.following.run())]
        if self._beside is not None:
            tasks.append(asyncio.ensure_future(self._beside(self)))
        try:
            with Signals((signal.SIGTERM, signal.SIGINT), self.drain):
                yield
        finally:
            for task in tasks:
                task.cancel()
            self._close("draining")
            self.admission.shut()
            await self.calls.end_all()
            await asyncio.wait(tasks)
            await self.inside.stop()
            if exporting is not None:
                await exporting.close()
            self.lag.stop()
            self.phrases.close()

    async def drain(self) -> None:
        """Takes no new call, and waits for those that are on, up to the limit."""
        calls, admission = self._running()
        if admission.closed != "draining":
            self._close("draining")
            logger.info("draining: {} calls are on", len(calls.live))
        try:
            async with asyncio.timeout(self.limits.drain):
                await admission.empty()
        except TimeoutError:
            if calls.live:
                logger.warning("{} calls are not over after {:g} s", len(calls.live), self.limits.drain)
            await calls.end_all()

    async def replace(self, plan: Plan) -> None:
        """From now on calls are taken on this plan; those that are on stay with theirs. Raises VoicegraphError."""
        new = edition(plan)
        await new.warm(self.phrases)
        self.edition = new

    async def _warm(self, admission: Admission) -> None:
        failure: VoicegraphError | None = None
        try:
            await self.edition.warm(self.phrases)
        except Exception as error:  # noqa: BLE001 - a node's fault, told like the others
            failure = fault(error)
        if failure is not None:
            logger.error("no call can be taken: {}", failure)
        elif admission.closed == "starting":
            admission.closed = None
            self.metrics.ready.set(1)
        self._warmed(failure)

    def _close(self, why: str) -> None:
        if self.admission is not None:
            self.admission.closed = why
        self.metrics.ready.set(0)

    def _running(self) -> tuple[Calls, Admission]:
        if self.calls is None or self.admission is None:
            raise VoicegraphError(
                "the app was not started. Where it is mounted in another app, that has to run its lifespan: "
                "FastAPI(lifespan=voice.lifespan), or Starlette(lifespan=voice.lifespan)"
            )
        return self.calls, self.admission

    # --- what comes in -----------------------------------------------------------------------------------------------

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        calls, admission = self._running()
        if scope["type"] == "http":
            await self._pages.answer(scope, receive, send, admission)
        else:
            await self._socket(scope, receive, send, calls, admission)

    async def _live(self, receive: Receive, send: Send) -> None:
        """ASGI's lifespan protocol."""
        await receive()
        async with self.lifespan():
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})

    async def _socket(self, scope: Scope, receive: Receive, send: Send, calls: Calls, admission: Admission) -> None:
        await receive()  # websocket.connect
        request = read(scope)
        served: Edition = self.edition
        door = served.sockets.get(request.path)
        why = "wrong-path" if door is None else _refusal(door, request)
        if why is None:
            why = admission.enter()
        if why is not None:
            await _refuse(self.refused(why), scope, send)
            return
        try:
            await send({"type": "websocket.accept"})
            socket = scope.get("extensions", {}).get(EXTENSION, {}).get("socket")
            await calls.serve(served, WebConnection(request, receive, send, self.limits, socket))
        except OSError:  # the peer is gone before it began
            pass
        finally:
            admission.leave()

    def refused(self, name: str) -> Reason:
        """Counts it."""
        reason = REASONS.get(name) or REASONS["refused"]
        self.metrics.refused.labels(reason.name).inc()
        logger.info("refused: {}", reason.name)
        return reason


def _refusal(door: Socket, request: Request) -> str | None:
    """Why the line does not want this handshake. Its fault is told to nobody outside."""
    try:
        return door.refuse(request)
    except Exception as error:  # noqa: BLE001 - a line's fault touches nobody else
        logger.error("{}: {} at {}", door.path, type(error).__name__, raised_at(error))
        return "failed"


async def _refuse(reason: Reason, scope: Mapping[str, Any], send: Send) -> None:
    """Answers a handshake with an HTTP status, or with 403 where the web server knows no other."""
    if "websocket.http.response" not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": reason.close, "reason": reason.name})
        return
    body = f"{reason.name}: {reason.text}\n".encode()
    headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(body)).encode())]
    await send({"type": "websocket.http.response.start", "status": reason.status, "headers": headers})
    await send({"type": "websocket.http.response.body", "body": body})


def _is_news(record: logging.LogRecord) -> bool:
    """uvicorn takes a handshake that was answered with an HTTP status for a mistake of the app's, and tells of each
    peer that writes nonsense. Such peers are counted."""
    return not any(known in str(record.msg) for known in NO_NEWS)


def asgi(
    graph: str | Path | Plan,
    sets: Sequence[str] = (),
    *,
    limits: Limits | None = None,
    record: str | Path | None = None,
    exports: Exports | None = None,
) -> App:
    """An ASGI app that serves a graph file. Raises GraphError for one that is wrong, and VoicegraphError.

    sets: changes such as `nodes.llm.with.model=small`. limits: of one process. record: a folder for recordings.
    exports: where spans go, such as `Exports(otel=True)` of voicegraph.observe.exporting.
    """
    from voicegraph.graph import compile_plan, load

    plan = graph if isinstance(graph, Plan) else compile_plan(load(graph, sets))
    return App(plan, limits=limits, record=Path(record) if record is not None else None, exports=exports)
