"""The web server around the app: uvicorn, in this process or in several."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any, cast

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.supervisors import Multiprocess

from voicegraph.errors import VoicegraphError
from voicegraph.serve.app import App
from voicegraph.serve.limits import Limits
from voicegraph.serve.metrics import FOLDER

BACKLOG = 1_024
GOES_WITHIN = 10
"""Seconds for what is left when the calls are over."""
UNREAD = 20_000
"""Milliseconds that a peer may leave what was sent to it, before the system drops the connection."""


class Http(H11Protocol):
    """A connection that asks for nothing is closed; uvicorn would keep it for ever."""

    _patience: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        app: object = cast(Any, self.config).loaded_app
        if isinstance(app, App):
            self._patience = self.loop.call_later(app.limits.starts_within, self._check_begun, app)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop()
        super().connection_lost(exc)

    def handle_websocket_upgrade(self, event: Any) -> None:
        self._stop()
        super().handle_websocket_upgrade(event)

    def _stop(self) -> None:
        if self._patience is not None:
            self._patience.cancel()

    def _check_begun(self, app: App) -> None:
        if cast("object | None", self.scope) is None and not self.transport.is_closing():
            app.refused("silent")
            self.transport.abort()


class Server(uvicorn.Server):
    """Ends in order when it is told to; uvicorn would then let the signal kill the process after all."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self.should_exit = True


def configuration(app: Any, limits: Limits, workers: int = 1) -> uvicorn.Config:
    """uvicorn's. app: of ASGI; for several workers, what makes one in each. Its log says who called, so it is off."""
    return uvicorn.Config(
        app,
        factory=workers > 1,
        workers=workers,
        http=Http,
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        ws_max_size=2 * limits.max_message,  # what is a little too long is told by us
        lifespan="on",
        log_config=None,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=GOES_WITHIN,
        timeout_worker_healthcheck=60,
        backlog=BACKLOG,
    )


def listen(host: str, port: int) -> socket.socket:
    """A socket for the server; port 0 for any that is free. Raises VoicegraphError for one that cannot be had."""
    try:
        (family, kind, protocol, _, address), *_ = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        listener = socket.socket(family, kind, protocol)
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # inherited by its connections
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD)
        listener.bind(address)
        listener.listen(BACKLOG)  # who connects before the app runs waits
    except OSError as error:
        raise VoicegraphError(
            f"cannot listen on {host}:{port}: {error.strerror or error}. Choose another with --host and --port."
        ) from error
    return listener


def run(app: App, listener: socket.socket) -> None:
    """Serves until a signal, and until the calls are over then."""
    Server(configuration(app, app.limits)).run(sockets=[listener])


def run_workers(make: Callable[[], App], limits: Limits, workers: int, listener: socket.socket) -> None:
    """The same in several processes, which take calls from one socket. One that dies is replaced.

    make: can be pickled. Their figures are added up in a folder that is gone with them. Raises VoicegraphError if one
    could not be made ready, which it has told itself.
    """
    with TemporaryDirectory(prefix="voicegraph-metrics-") as folder:
        os.environ[FOLDER] = folder
        supervisor = Multiprocess(configuration(make, limits, workers), sockets=[listener])
        try:
            supervisor.run()
        finally:
            del os.environ[FOLDER]
    if any(process.exitcode == STARTUP_FAILURE for process in supervisor.processes):
        raise VoicegraphError("a process could not be made ready, so all were ended")


def leave_dead_behind(folder: str) -> None:
    """The gauges of processes that are gone no longer count. Called by one that may stand in the place of another."""
    from prometheus_client import multiprocess

    forget: Callable[[int, str], None] = cast(Any, multiprocess).mark_process_dead
    for file in Path(folder).glob("gauge_live*_*.db"):
        pid = int(file.stem.rpartition("_")[2])
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            forget(pid, folder)
