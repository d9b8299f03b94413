"""Hosts a pipecat service in one call: one pipe at work, and another in its place when it cannot be trusted any more.

A reply that is broken off leaves a service behind that may still speak of it. What pipecat wrote itself is kept, and
told apart by its context ids, as long as nothing stray comes out of it. Anybody else's service is replaced by a new
instance, whatever it says: nothing that it was asked before can come out of that one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from loguru import logger

from voicegraph.call import Call
from voicegraph.errors import ProviderError

if TYPE_CHECKING:
    from aiohttp import ClientSession
    from pipecat.frames.frames import ErrorFrame
    from pipecat.processors.frame_processor import FrameProcessor

    from voicegraph.providers.pipecat_exchange import Exchange
    from voicegraph.providers.pipecat_pipe import Pipe

Made = tuple["Sequence[FrameProcessor]", "Sequence[ClientSession]"]

CALM = 0.3
"""Seconds that the next reply waits for a service which is still busy with an interrupt. Then it gets a new one."""
LONGEST = 200
"""Letters of a service's own words that are told."""


class Host:
    """The service of one node in one call.

    make: a new instance and what stands around it, in order, and the sessions that it uses. name: of the service.
    rates: in and out, in Hz. secrets: texts that no error may tell. lasting: it is asked once, for the whole call, and
    mends its connections itself: only an error for good is one.
    """

    def __init__(
        self,
        call: Call,
        name: str,
        make: Callable[[], Made],
        rates: tuple[int, int],
        *,
        secrets: Sequence[str] = (),
        lasting: bool = False,
    ) -> None:
        self.replaced = 0
        self._call = call
        self._name = name
        self._make = make
        self._rates = rates
        self._secrets = [secret for secret in secrets if secret]
        self._lasting = lasting
        self._said: list[str] = []
        self._pipe: asyncio.Task[Pipe] | None = None
        self._closing: set[asyncio.Task[None]] = set()

    def open(self) -> None:
        """Begins to start the service. Whether that goes well is the first request's business."""
        if self._pipe is None:
            self._pipe = asyncio.create_task(self._start(), name=self._name)

    async def close(self) -> None:
        self._retire()
        if self._closing:
            await asyncio.wait(self._closing)

    @asynccontextmanager
    async def request(self) -> AsyncGenerator[tuple[Pipe, Exchange]]:
        """Asks the service for something. Leave it before its end, and the service is told to let go of it.

        Raises ProviderError, also for an error that comes meanwhile.
        """
        self._said.clear()
        pipe = await self._ready()
        exchange = pipe.begin()
        try:
            yield pipe, exchange
        finally:
            at_work = pipe.exchange is exchange
            pipe.end(exchange)
            if at_work and not exchange.whole:
                self._abandon(pipe)

    def interrupted(self) -> None:
        """The caller has heard enough of a reply. A service that said that it was done with it may have lied."""
        if self._pipe is not None and self._pipe.done() and not self._pipe.cancelled() and not self._pipe.exception():
            pipe = self._pipe.result()
            if pipe.used and not pipe.own and pipe.exchange is None:
                self._retire()
                self.open()

    def mentions(self, text: str) -> None:
        """One more text of this request that no error may tell."""
        if text.strip():
            self._said.append(text)

    # --- pipes --------------------------------------------------------------------------------------------------------

    async def _ready(self) -> Pipe:
        pipe = await self._started()
        if pipe.exchange is not None:  # somebody asks before the last one has let go
            self._abandon(pipe)
            pipe = await self._started()
        if pipe.interrupting and not await pipe.calm(CALM):
            logger.info("{}: is still busy with an interrupt; a new one takes its place", self._name)
            pipe = await self._replace()
        elif pipe.stray or not pipe.usable:
            pipe = await self._replace()
        if not await pipe.ready():
            self._retire()
            raise ProviderError(self._name, "did not start", retryable=True)
        return pipe

    def _abandon(self, pipe: Pipe) -> None:
        """The reply it works on is of no use any more. Nothing here waits for the service."""
        pipe.interrupt()
        if not pipe.own and self._pipe is not None and self._pipe.done() and self._pipe.result() is pipe:
            self._retire()
            self.open()

    async def _replace(self) -> Pipe:
        self._retire()
        return await self._started()

    async def _started(self) -> Pipe:
        self.open()
        assert self._pipe is not None
        try:
            return await asyncio.shield(self._pipe)
        except Exception as error:
            self._pipe = None
            raise ProviderError(self._name, self._hide(f"cannot be made: {error}"), retryable=False) from error

    def _retire(self) -> None:
        """The pipe at work is closed, however long that takes."""
        starting, self._pipe = self._pipe, None
        if starting is not None:
            self.replaced += 1
            task = asyncio.create_task(_close(starting), name=f"{self._name} closing")
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    async def _start(self) -> Pipe:
        from voicegraph.providers.pipecat_pipe import Pipe

        try:
            made, uses = await self._call.offload(self._make)  # it reads certificates: 20 ms, for which no call waits
        except RuntimeError:
            made, uses = self._make()  # it can be made within a loop only
        return Pipe(made, self._rates, self._failed, uses)

    # --- errors -------------------------------------------------------------------------------------------------------

    def _failed(self, pipe: Pipe, frame: ErrorFrame) -> None:
        for_good = frame.processor is not None and not frame.processor.is_usable
        error = ProviderError(self._name, self._hide(frame.error), retryable=not for_good)
        if pipe.exchange is not None and (for_good or not self._lasting):
            pipe.exchange.fail(error)
        elif not pipe.interrupting:
            logger.warning("{}", error)

    def _hide(self, words: str) -> str:
        """The service's own words, without keys and without what was said."""
        for hidden in sorted([*self._secrets, *self._said], key=len, reverse=True):
            words = words.replace(hidden, "…")
        words = " ".join(words.split())
        return words if len(words) <= LONGEST else f"{words[:LONGEST]}…"


async def _close(starting: asyncio.Task[Pipe]) -> None:
    with suppress(Exception):  # one that could not be made has nothing to close, and was told of
        await (await starting).close()
