"""A pipecat service in a pipeline of pipecat's own, between two ends that are ours.

What goes in is queued as pipecat queues it, a bounded number of frames ahead of what the service has worked through.
What comes out goes to the exchange that is open, or nowhere.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

from aiohttp import ClientSession
from pipecat.clocks.base_clock import BaseClock
from pipecat.clocks.system_clock import SystemClock
from pipecat.frames.frames import (
    CancelFrame,
    EndFrame,
    ErrorFrame,
    Frame,
    InterruptionFrame,
    LLMTextFrame,
    StartFrame,
    SystemFrame,
    TTSAudioRawFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.workers.runner import WorkerRunner

from voicegraph.providers.pipecat_exchange import Exchange

AHEAD = 50
"""Frames that a service may be behind: a second of the caller's sound."""
LEAVE = 2.0
"""Seconds that a service has to close its connections before it is left to itself."""
_LIFE = (StartFrame, EndFrame, CancelFrame, InterruptionFrame)
_CONTENT = (TTSAudioRawFrame, LLMTextFrame)
"""What a caller would hear of. If some comes when nothing was asked for, the service does not let go of replies."""


class _End(FrameProcessor):
    """One end of the pipeline. Works in the task of whoever pushes a frame, so that it can make it wait."""

    def __init__(self, name: str, take: Callable[[Frame, FrameDirection], Awaitable[None]]) -> None:
        super().__init__(name=name, enable_direct_mode=True)  # pyright: ignore[reportUnknownMemberType]
        self._take = take

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        await self._take(frame, direction)
        if isinstance(frame, SystemFrame | EndFrame) and not isinstance(frame, ErrorFrame):
            await self.push_frame(frame, direction)


class Pipe:
    """One instance of a service at work. Made and used within a running loop.

    processors: the service and what stands around it, in order. rates: of the sound that goes in, and comes out, in Hz.
    failed: told of each error of the service. uses: what is closed behind it. own: all of it is pipecat's own code.
    used: it was asked for something. stray: it gave something that nobody asked for, so it is not to be trusted with
    the next reply.
    """

    def __init__(
        self,
        processors: Sequence[FrameProcessor],
        rates: tuple[int, int],
        failed: Callable[[Pipe, ErrorFrame], None],
        uses: Sequence[ClientSession] = (),
    ) -> None:
        self.own = all(type(each).__module__.startswith("pipecat.") for each in processors)
        self.used = False
        self.stray = False
        self.interrupting = False
        self.exchange: Exchange | None = None
        self.started = asyncio.Event()
        self._processors = processors
        self._uses = uses
        self._clock: BaseClock = SystemClock()  # type: ignore[no-untyped-call]
        self._failed = failed
        self._calm = asyncio.Event()
        self._calm.set()
        self._old: set[str] = set()  # context ids of replies that are over
        self._sent = self._handled = 0
        self._fewer = asyncio.Event()
        self._pushes: set[asyncio.Task[None]] = set()
        self._interruption: Frame | None = None
        ends = _End("voicegraph.in", self._came_back), _End("voicegraph.out", self._came_out)
        self._worker = PipelineWorker(
            Pipeline([ends[0], *processors, ends[1]]),
            params=PipelineParams(audio_in_sample_rate=rates[0], audio_out_sample_rate=rates[1]),
            clock=self._clock,
            cancel_timeout_secs=LEAVE,
            cancel_on_idle_timeout=False,
            idle_timeout_secs=None,
            enable_turn_tracking=False,
            enable_rtvi=False,
            check_dangling_tasks=False,
        )
        self._runner = WorkerRunner(handle_sigint=False, check_dangling_tasks=False)
        self._run = asyncio.create_task(self._work(), name="pipecat")

    @property
    def usable(self) -> bool:
        """Whether there is any use in asking it for something."""
        return not self._run.done() and all(each.is_usable for each in self._processors)

    def clock(self) -> int:
        """Nanoseconds, by which pipecat tells when words are spoken."""
        return self._clock.get_time()

    async def _work(self) -> None:
        await self._runner.add_workers(self._worker)
        await self._runner.run()

    async def ready(self) -> bool:
        """Waits until the service has started. False: it never will."""
        if self.started.is_set():
            return True
        waiting = asyncio.ensure_future(self.started.wait())
        try:
            await asyncio.wait((waiting, self._run), return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        return self.started.is_set()

    # --- in -----------------------------------------------------------------------------------------------------------

    async def behind(self, frames: int) -> None:
        """Waits while the service has so many frames, or more, to work through."""
        while self._sent - self._handled >= frames:
            self._fewer.clear()
            await self._fewer.wait()

    async def give(self, frame: Frame) -> None:
        """Hands the service a frame; waits while it is far behind."""
        await self.behind(AHEAD)
        self._sent += 1
        number = self._sent

        async def handled(*_: object) -> None:
            self._handled = max(self._handled, number)
            self._fewer.set()

        await self._processors[0].queue_frame(frame, FrameDirection.DOWNSTREAM, handled)

    def begin(self) -> Exchange:
        """From now on what comes out belongs to this exchange."""
        if self.exchange is not None:
            self.end(self.exchange)
        self.used = True
        self.exchange = Exchange()
        return self.exchange

    def end(self, exchange: Exchange) -> None:
        """What comes of it from now on is dropped."""
        exchange.close()
        told = (getattr(frame, "context_id", None) for frame in exchange.asked)
        self._old |= exchange.labels.union(label for label in told if label is not None)
        if self.exchange is exchange:
            self.exchange = None

    def interrupt(self) -> None:
        """Tells the service to let go of the reply. Nobody waits for that but the next reply: see `calm`."""
        if self.exchange is not None:
            self.end(self.exchange)
        self._catch_up()
        self.interrupting = True
        self._calm.clear()
        self._interruption = frame = InterruptionFrame()
        push = asyncio.create_task(self._processors[0].queue_frame(frame, FrameDirection.DOWNSTREAM))
        self._pushes.add(push)
        push.add_done_callback(self._pushes.discard)

    async def calm(self, seconds: float) -> bool:
        """Waits until the service is done with an interrupt. False: it still is not."""
        try:
            async with asyncio.timeout(seconds):
                await self._calm.wait()
        except TimeoutError:
            return False
        return True

    def _catch_up(self) -> None:
        """Frames that failed, or that an interrupt dropped, are not waited for."""
        self._handled = self._sent
        self._fewer.set()

    # --- out ----------------------------------------------------------------------------------------------------------

    async def _came_out(self, frame: Frame, direction: FrameDirection) -> None:
        if direction is not FrameDirection.DOWNSTREAM:
            return
        if isinstance(frame, _LIFE):
            self._lived(frame)
            return
        exchange = self.exchange
        if exchange is None:
            self.stray = self.stray or (isinstance(frame, _CONTENT) and not self.interrupting)
            return
        label = getattr(frame, "context_id", None)
        if label is not None:
            if label in self._old:
                self.stray = self.stray or isinstance(frame, _CONTENT)
                return
            exchange.labels.add(label)
        await exchange.put(frame)

    def _lived(self, frame: Frame) -> None:
        if isinstance(frame, StartFrame):
            self.started.set()
        elif isinstance(frame, EndFrame | CancelFrame) and self.exchange is not None:
            self.exchange.over()
        elif frame is self._interruption:
            self.interrupting = False
            self._calm.set()

    async def _came_back(self, frame: Frame, direction: FrameDirection) -> None:
        if direction is FrameDirection.UPSTREAM and isinstance(frame, ErrorFrame):
            self._catch_up()
            self._failed(self, frame)

    # --- the end ------------------------------------------------------------------------------------------------------

    async def finish(self) -> None:
        """Lets the service bring what it has to an end, such as the last words it heard."""
        await self._worker.queue_frame(EndFrame())

    async def close(self) -> None:
        """Closes the service's connections. One that does not let go is left behind after a while."""
        if self.exchange is not None:
            self.end(self.exchange)
        if not self._run.done():
            await self._runner.cancel()
            await asyncio.wait([self._run], timeout=LEAVE)
        made: Sequence[asyncio.Task[Any]]
        made = self._runner.task_manager.current_tasks()  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        left = {task for task in (self._run, *self._pushes, *made) if not task.done()}
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=LEAVE / 4)
        for session in self._uses:
            await session.close()
        for each in self._processors:
            await _close_client(each)


async def _close_client(service: FrameProcessor) -> None:
    """Some services never close the client of an SDK, whose connections would stay until the garbage is collected."""
    close = getattr(getattr(service, "_client", None), "close", None)
    if inspect.iscoroutinefunction(close):
        with suppress(Exception):
            async with asyncio.timeout(LEAVE / 4):
                await close()
