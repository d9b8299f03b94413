"""Asynchronous handlers: a lane is a task and, unless it is a source, the inbox before it.

The engine drives what a handler makes: it asks a generator for its next frame only when the last one has found room,
and it cancels the handler when its turn is given up. A handler that is slow to let go is left behind after `LET_GO`
seconds, so that it holds up nobody; whatever it still gives is void.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from voicegraph.engine.heard import Heard
from voicegraph.engine.inbox import Inbox
from voicegraph.engine.outlet import Cause, Outlet
from voicegraph.frames import UNSTAMPED, End, Frame, ReplyEnd, TTSAudio
from voicegraph.ports import Handler, Style

LET_GO = 0.25
"""Seconds that an interrupted handler has for its clean-up before its node goes on without it."""


class Host(Protocol):
    """What a lane needs of its node and its call."""

    name: str
    outlet: Outlet

    def lane_done(self, end: Frame) -> Awaitable[None] | None:
        """A lane has worked through all that came before this end marker."""
        ...

    def source_done(self) -> Awaitable[None] | None:
        """The source gives no more."""
        ...

    def failed(self, error: Exception, *, fatal: bool = False) -> None: ...
    def overstayed(self) -> None: ...


class Bound:
    """A handler of one instance, ready to call."""

    def __init__(self, handler: Handler, function: Callable[..., Any]) -> None:
        self.name = handler.name
        self.style = handler.style
        self.function = function

    async def drive(self, argument: tuple[Any, ...], outlet: Outlet, cause: Cause) -> None:
        """Calls the handler and gives all that it makes, each frame before the next is asked for."""
        clock = asyncio.get_running_loop().time
        began, first = clock(), None
        made = self.function(*argument)
        if self.style is Style.COROUTINE:
            given = await made
            if given is not None:
                first = clock()
                wait = outlet.send(given, cause)
                if wait is not None:
                    await wait
        elif self.style is Style.ASYNC_GENERATOR:
            try:
                async for given in made:
                    first = first or clock()
                    wait = outlet.send(given, cause)
                    if wait is not None:
                        await wait
            finally:
                await made.aclose()
        else:  # a synchronous handler of a node that has asynchronous ones too: it keeps its place in the row
            for given in made if self.style is Style.GENERATOR else (made,):
                if given is not None:
                    await _done(outlet.send(given, cause))
        if outlet.opened:
            await _done(outlet.close_opened())
        outlet.timing.took(began, first, clock())


class FrameLane:
    """Handlers that take one frame each: one at a time, in order, unless the node says `concurrency`."""

    def __init__(self, host: Host, bounds: Mapping[type[Frame], Bound], inbox: Inbox, concurrency: int = 1) -> None:
        self.host = host
        self.bounds = bounds
        self.inbox = inbox
        self.concurrency = concurrency
        self.gate: Callable[[int], Awaitable[object] | None] | None = None
        self._worker: asyncio.Task[None] | None = None
        self._helpers: dict[asyncio.Task[None], Frame] = {}
        self._current: Frame | None = None

    @property
    def tasks(self) -> list[asyncio.Task[None]]:
        return [task for task in (self._worker, *self._helpers) if task is not None]

    def start(self, after: asyncio.Task[None] | None = None) -> None:
        self._worker = asyncio.create_task(self._work(after), name=f"{self.host.name}")

    def interrupt(self) -> None:
        """Cancels the handlers whose turn is void."""
        void = self.inbox.turns.void
        for task, frame in self._helpers.items():
            if void(frame):
                task.cancel()
        if self._current is not None and self._worker is not None and void(self._current):
            self._worker.cancel()
            self._current = None
            self.start(after=self._worker)
        self.inbox.purge()

    async def _work(self, after: asyncio.Task[None] | None) -> None:
        await _let_go(after, self.host)
        inbox, me = self.inbox, asyncio.current_task()
        while self._worker is me:  # else: interrupted, and it swallowed the cancellation
            frame = inbox.head()
            if frame is None:
                await inbox.wait()
                continue
            if self.gate is not None and (wait := self.gate(frame.turn)) is not None:
                await wait
                continue
            self._current = inbox.pop()
            if isinstance(frame, ReplyEnd | End):
                await self._finish(frame)
            elif self.concurrency == 1:
                await self._handle(frame)
            else:
                await self._delegate(frame)
            if self._worker is me:
                self._current = None

    async def _handle(self, frame: Frame) -> None:
        outlet = self.host.outlet
        outlet.timing.items += 1
        try:
            await self.bounds[type(frame)].drive((frame,), outlet, frame)
        except Exception as error:  # noqa: BLE001 - a node's fault is its own; the call's policy decides
            self.host.failed(error)

    async def _delegate(self, frame: Frame) -> None:
        if len(self._helpers) >= self.concurrency:
            await asyncio.wait(list(self._helpers), return_when=asyncio.FIRST_COMPLETED)
        task = asyncio.create_task(self._handle(frame), name=f"{self.host.name}")
        self._helpers[task] = frame
        task.add_done_callback(self._helpers.pop)

    async def _finish(self, end: Frame) -> None:
        if self._helpers:
            await asyncio.wait(list(self._helpers))
        if type(end) in self.bounds:
            await self._handle(end)
        await _done(self.host.lane_done(end))


class LineLane(FrameLane):
    """The way out to the caller: audio of a speculative turn waits here for its commit, and the ledger is written."""

    def __init__(self, host: Host, bounds: Mapping[type[Frame], Bound], inbox: Inbox, heard: Heard) -> None:
        super().__init__(host, bounds, inbox)
        self.gate = inbox.turns.held
        self.heard = heard

    async def _handle(self, frame: Frame) -> None:
        if isinstance(frame, TTSAudio):
            self.heard.queued(frame)
        await super()._handle(frame)


class StreamLane:
    """A handler that takes a stream: called once for the call, or once for each turn that has frames for it."""

    def __init__(self, host: Host, bound: Bound, inbox: Inbox, *, whole_call: bool) -> None:
        self.host = host
        self.bound = bound
        self.inbox = inbox
        self.whole_call = whole_call
        self._worker: asyncio.Task[None] | None = None
        self._stream: FrameStream | None = None

    @property
    def tasks(self) -> list[asyncio.Task[None]]:
        return [self._worker] if self._worker is not None else []

    def start(self, after: asyncio.Task[None] | None = None) -> None:
        self._worker = asyncio.create_task(self._work(after), name=f"{self.host.name}")

    def interrupt(self) -> None:
        """Cancels the handler if its turn is void."""
        stream, worker = self._stream, self._worker
        if stream is not None and worker is not None and 0 < stream.turn < self.inbox.turns.floor:
            worker.cancel()
            self._stream = None
            self.start(after=worker)
        self.inbox.purge()

    async def _work(self, after: asyncio.Task[None] | None) -> None:
        await _let_go(after, self.host)
        me = asyncio.current_task()
        while self._worker is me:
            head = None if self.whole_call else await self.inbox.peek()
            if head is None or not isinstance(head, ReplyEnd | End):
                self._stream = stream = FrameStream(self.inbox, self.host, 0 if head is None else head.turn)
                await self._handle(stream)
                await stream.drain()
                if self._worker is not me:
                    return
                self._stream = None
            end = await self.inbox.peek()
            if isinstance(end, ReplyEnd | End):
                self.inbox.pop()
                await _done(self.host.lane_done(end))
                if isinstance(end, End):
                    return

    async def _handle(self, stream: FrameStream) -> None:
        try:
            await self.bound.drive((stream,), self.host.outlet, stream)
        except Exception as error:  # noqa: BLE001 - a node's fault is its own; the call's policy decides
            self.host.failed(error, fatal=self.whole_call)


class FrameStream:
    """The frames of one turn, or of the whole call, as a handler reads them. Cancelling a read loses nothing."""

    def __init__(self, inbox: Inbox, host: Host, turn: int) -> None:
        self.turn = turn
        self.born = UNSTAMPED
        self.interruptible = True
        self._inbox = inbox
        self._host = host

    def __aiter__(self) -> FrameStream:
        return self

    async def __anext__(self) -> Frame:
        while True:
            frame = await self._inbox.peek()
            if self._ends_at(frame):
                raise StopAsyncIteration
            self._inbox.pop()
            if not isinstance(frame, ReplyEnd):
                break
            await _done(self._host.lane_done(frame))  # a stream of the whole call sees turns come and go
        self._host.outlet.timing.items += 1
        self.born = frame.born
        self.interruptible = frame.interruptible
        return frame

    async def drain(self) -> None:
        """Drops what the handler left unread, so that the end marker comes to the front."""
        while not self._ends_at(await self._inbox.peek()):
            self._inbox.pop()

    def _ends_at(self, frame: Frame) -> bool:
        if self.turn == 0:
            return isinstance(frame, End)
        return isinstance(frame, ReplyEnd | End) or frame.turn != self.turn


class SourceLane:
    """A handler that takes nothing: it gives what comes from outside."""

    def __init__(self, host: Host, bound: Bound) -> None:
        self.host = host
        self.bound = bound
        self._worker: asyncio.Task[None] | None = None
        self._stopping = False

    @property
    def tasks(self) -> list[asyncio.Task[None]]:
        return [self._worker] if self._worker is not None else []

    def start(self) -> None:
        self._worker = asyncio.create_task(self._work(), name=f"{self.host.name}")

    def interrupt(self) -> None:
        """A source answers nobody, so no interrupt is meant for it."""

    def stop(self) -> None:
        """Asks for no more. What it has given goes its way, and then the end."""
        if self._worker is not None and not self._stopping:
            self._stopping = self._worker.cancel()

    async def _work(self) -> None:
        try:
            await self.bound.drive((), self.host.outlet, _Now())
        except asyncio.CancelledError:
            if not self._stopping:
                raise
        except Exception as error:  # noqa: BLE001 - a node's fault is its own; the call's policy decides
            self.host.failed(error, fatal=True)
        await _done(self.host.source_done())


class _Now:
    """The cause of what a source gives: nothing in the graph, just now."""

    turn = 0
    interruptible = True

    @property
    def born(self) -> float:
        return asyncio.get_running_loop().time()


Lane = FrameLane | StreamLane | SourceLane


async def _done(wait: Awaitable[None] | None) -> None:
    if wait is not None:
        await wait


async def _let_go(worker: asyncio.Task[None] | None, host: Host) -> None:
    """Gives the worker before this one its time to clean up."""
    if worker is not None:
        await asyncio.wait([worker], timeout=LET_GO)
        if not worker.done():
            host.overstayed()
