"""The server: the vendors' protocols on one port of this machine."""

from __future__ import annotations

import asyncio
import errno
import importlib
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future
from contextlib import contextmanager
from functools import cached_property
from typing import Any, Protocol, cast

from aiohttp import web

from voicegraph.emulators.backend import Backend
from voicegraph.emulators.control import control
from voicegraph.emulators.exchange import Exchange
from voicegraph.emulators.faults import Faults
from voicegraph.emulators.wire import Wire
from voicegraph.errors import VoicegraphError
from voicegraph.graph.wording import listed

VENDORS = {
    "deepgram": "voicegraph.emulators.deepgram",
    "openai": "voicegraph.emulators.openai",
    "elevenlabs": "voicegraph.emulators.elevenlabs",
}
"""Each vendor's module, imported when it is asked for."""

LOOPBACK = "127.0.0.1"
_EVERYWHERE = {"0.0.0.0": LOOPBACK, "::": "::1", "": LOOPBACK}
"""Hosts that mean all of a machine's addresses, and the one for those on it."""
REMEMBERED = 1000
"""Exchanges that are kept."""
MOST = 64 * 1024 * 1024
"""Bytes in the body of a request."""
PATIENCE = 0.05
"""Seconds that open answers have to end when the server stops."""


class Vendor(Protocol):
    """What a vendor's module has."""

    def environment(self, address: str) -> dict[str, str]:
        """The variables that point the vendor's SDK and our nodes at `127.0.0.1:8000`, and a key that means nothing."""
        ...

    def refusal(self, status: int, message: str) -> Any:
        """The JSON body of an HTTP error as this vendor words it."""
        ...

    def routes(self, backend: Backend, wire: Wire) -> list[web.RouteDef]:
        """What it answers to."""
        ...


class Emulators:
    """A server of these vendors, `async with` around it.

        async with Emulators(["openai"], backend=scripted()) as emulators:
            client = AsyncOpenAI(base_url=emulators.environment["OPENAI_BASE_URL"], api_key="any")

    vendors: all by default. port 0: any that is free. ended: is told of each exchange with a client that is over.
    Raises VoicegraphError where the port cannot be had.
    """

    def __init__(
        self,
        vendors: Iterable[str] | None = None,
        *,
        backend: Backend,
        faults: Faults | None = None,
        host: str = LOOPBACK,
        port: int = 0,
        ended: Callable[[Exchange], None] = lambda exchange: None,
    ) -> None:
        self.faults = faults or Faults()
        self.exchanges: deque[Exchange] = deque(maxlen=REMEMBERED)
        """What clients asked for, oldest first, and how each was answered so far."""
        self._vendors = {name: _vendor(name) for name in (VENDORS if vendors is None else vendors)}
        self._backend = backend
        self._host = host
        self._port = port
        self._ended = ended
        self._runner: web.AppRunner | None = None

    @property
    def vendors(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(self._vendors)

    @cached_property
    def address(self) -> str:
        """Host and port, for programs on this machine."""
        assert self._runner is not None, "not started"
        host = _EVERYWHERE.get(self._host, self._host)
        return f"[{host}]:{self._bound}" if ":" in host else f"{host}:{self._bound}"

    @property
    def open_to_all(self) -> bool:
        """Other machines may come, on each address of this one."""
        return self._host in _EVERYWHERE

    @cached_property
    def environment(self) -> dict[str, str]:
        """The variables that point the vendors' SDKs and our nodes at it, with keys that mean nothing."""
        return {key: value for each in self._vendors.values() for key, value in each.environment(self.address).items()}

    async def __aenter__(self) -> Emulators:
        runner = web.AppRunner(
            self._application(), handler_cancellation=True, access_log=None, shutdown_timeout=PATIENCE
        )
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host, self._port).start()
        except OSError as error:
            await runner.cleanup()
            raise VoicegraphError(f"cannot listen on {self._host}:{self._port}: {_why(error)}") from error
        self._runner, self._bound = runner, int(runner.addresses[0][1])
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    def _application(self) -> web.Application:
        application = web.Application(client_max_size=MOST)
        application.add_routes(control(self.faults, self.exchanges))
        for name, vendor in self._vendors.items():
            wire = Wire(name, self.faults, vendor.refusal, began=self.exchanges.append, ended=self._ended)
            for route in vendor.routes(self._backend, wire):
                guarded = wire.guard(cast("Any", route.handler))
                application.router.add_route(route.method, route.path, guarded)
        return application


def _vendor(name: str) -> Vendor:
    if name not in VENDORS:
        raise VoicegraphError(f"there is no emulator of `{name}`; there are {listed(VENDORS)}")
    return cast("Vendor", importlib.import_module(VENDORS[name]))


def _why(error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return "another program has that port; choose another with --port, or 0 for any that is free"
    return error.strerror or str(error)


@contextmanager
def in_thread(
    vendors: Iterable[str] | None = None,
    *,
    backend: Backend,
    faults: Faults | None = None,
    host: str = LOOPBACK,
    port: int = 0,
    ended: Callable[[Exchange], None] = lambda exchange: None,
) -> Generator[Emulators]:
    """The same on a loop and a thread of its own: for tests, benchmarks and `voicegraph run --emulate`."""
    started: Future[tuple[Emulators, Callable[[], object]]] = Future()

    async def serve() -> None:
        async with Emulators(vendors, backend=backend, faults=faults, host=host, port=port, ended=ended) as emulators:
            loop, stop = asyncio.get_running_loop(), asyncio.Event()
            started.set_result((emulators, lambda: loop.call_soon_threadsafe(stop.set)))
            await stop.wait()

    def run() -> None:
        try:
            asyncio.run(serve())
        except BaseException as error:
            if started.done():
                raise
            started.set_exception(error)

    thread = threading.Thread(target=run, name="voicegraph-emulators", daemon=True)
    thread.start()
    emulators, stop = started.result()
    try:
        yield emulators
    finally:
        stop()
        thread.join()
