"""The web server around the app: uvicorn, in this process or in several."""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any, cast

import uvicorn
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from voicegraph.errors import VoicegraphError
from voicegraph.serve.app import App
from voicegraph.serve.limits import Limits
from voicegraph.serve.metrics import FOLDER
from voicegraph.serve.protocols import Http, WebSocket

BACKLOG = 1_024
GOES_WITHIN = 10
"""Seconds for what is left when the calls are over."""
COLLECTED = (2_000, 10, 10)
"""Of `gc.set_threshold`: 2,000 new objects are looked through in less than a millisecond, and all of them after what
some 200 calls leave behind: 10 MB."""
UNREAD = 20_000
"""Milliseconds that a peer may leave what was sent to it, before the system drops the connection."""


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
        ws=WebSocket,
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


class SharedPort(socket.socket):
    """A port for several processes, held by their parent. What a process is sent of it is a socket of its own there.

    Linux then spreads connections evenly. From one socket for all, whoever wakes first would take most of them: one
    process would be full, and refuse calls, while others are idle.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        return _beside, (self.family, self.getsockname())


def _beside(family: int, address: Any) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    _set_options(listener)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind(address)
    listener.listen(BACKLOG)
    return listener


def _set_options(listener: socket.socket) -> None:
    if os.name == "posix":
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # inherited by its connections
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD)


def listen(host: str, port: int, *, shared: bool = False) -> socket.socket:
    """A socket for the server; port 0 for any that is free. Raises VoicegraphError for one that cannot be had.

    shared: for several processes.
    """
    spread = shared and sys.platform == "linux"
    try:
        (family, kind, protocol, _, address), *_ = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        with ExitStack() as undo:
            listener = undo.enter_context((SharedPort if spread else socket.socket)(family, kind, protocol))
            _set_options(listener)
            listener.bind(address)
            if spread:
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)  # only now: the port was nobody's
            else:
                listener.listen(BACKLOG)  # who connects before the app runs waits
            undo.pop_all()
    except OSError as error:
        raise VoicegraphError(
            f"cannot listen on {host}:{port}: {error.strerror or error}. Choose another with --host and --port."
        ) from error
    return listener


def settle() -> None:
    """For a process that only serves, once all is loaded: what is there by now is no more looked through for garbage.

    Looking through all of it, models' modules and all, stops every call for 50 ms or more. What calls leave behind is
    looked for less often than Python would, too.
    """
    gc.collect()
    gc.freeze()
    gc.collect()  # or it goes by how much there was before, and waits until there is a quarter more
    gc.set_threshold(*COLLECTED)


def run(app: App, listener: socket.socket) -> None:
    """Serves until a signal, and until the calls are over then."""
    Server(configuration(app, app.limits)).run(sockets=[listener])
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # it is going, and in order: one more changes nothing


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
