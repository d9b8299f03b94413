"""Asynchronous handlers: a lane is a task and, unless it is a source, the inbox before it.

The engine drives what a handler makes: it asks a generator for its next frame only when the last one has found room,
and it cancels the handler when its turn is given up. A handler that is slow to let go is left behind after `LET_GO`
seconds, so that it holds up nobody; whatever it still gives is void.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, Protocol

from voicegraph.engine.handlers import Bound, Measured, Work
from voicegraph.engine.inbox import Inbox
from voicegraph.engine.outlet import Answering, Cause, Outlet, Wait, done
from voicegraph.engine.stream import ENDS, FrameStream
from voicegraph.frames import End, Frame

LET_GO = 0.25
"""Seconds that an interrupted handler has for its clean-up before its node goes on without it."""
SLOW_TO_GO = 0.05
"""Seconds of clean-up that are worth telling."""


class Host(Protocol):
    """What a lane needs of its node."""

    name: str
    outlet: Outlet

    def lane_done(self, end: Frame) -> Wait:
        """A lane has worked through all that came before this end marker."""
        ...

    def source_done(self) -> Wait:
        """The source gives no more."""
        ...

    def failed(self, error: BaseException, *, fatal: bool = False) -> None: ...
    def notice(self, text: str) -> None: ...


class _Lane:
    """What all lanes do: own a worker, remember those that were left behind, and report how they end."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self._worker: asyncio.Task[None] | None = None
        self._tasks: dict[asyncio.Task[None], None] = {}

    @property
    def tasks(self) -> list[asyncio.Task[None]]:
        """All that are not done: the worker, its helpers, and those that were left behind."""
        return list(self._tasks)

    def stop(self) -> None:
        """Ends the lane with the call."""
        self._worker = None
        for task in self.tasks:
            task.cancel()

    def _run(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work, name=self.host.name)
        self._tasks[task] = None
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.pop(task, None)
        if task.cancelled():
            return
        if (error := task.exception()) is not None:
            self.host.failed(error, fatal=True)  # the engine's own fault, or something that no handler may raise
        elif task.cancelling() and self._worker is not None:
            self.host.notice("swallowed its cancellation: a handler must let CancelledError pass")

    async def _handle(self, bound: Work, argument: tuple[Any, ...], cause: Cause, *, fatal: bool = False) -> None:
        """One call of a handler. Its fault is its own; the call's policy decides what follows."""
        outlet = self.host.outlet
        try:
            await bound.drive(argument, outlet, cause)
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            self.host.failed(error, fatal=fatal)  # nobody cancelled this task: the handler raised it
        except Exception as error:
            self.host.failed(error, fatal=fatal)
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise asyncio.CancelledError from error  # it was told to let go, and this is how it did
        if type(cause) is Answering and (wait := outlet.close(cause)) is not None:
            await asyncio.shield(outlet.keep(wait))  # an interrupt that cancels us must not lose the end of the reply

    async def _let_go(self, worker: asyncio.Task[None] | None) -> None:
        """Gives the worker before this one its time to clean up."""
        if worker is None:
            return
        clock = asyncio.get_running_loop().time
        began = clock()
        await asyncio.wait([worker], timeout=LET_GO)
        if not worker.done():
            self.host.notice(f"did not let go of an interrupted reply within {LET_GO:g} s; went on without it")
        elif (took := clock() - began) > SLOW_TO_GO:
            self.host.notice(f"took {took * 1000:.0f} ms to let go of an interrupted reply")


class FrameLane(_Lane):
    """Handlers that take one frame each: one at a time, in order, unless the node says `concurrency`."""

    def __init__(self, host: Host, bounds: Mapping[type[Frame], Work], inbox: Inbox, concurrency: int = 1) -> None:
        super().__init__(host)
        self.bounds = bounds
        self.inbox = inbox
        self.concurrency = concurrency
        self.gate: Callable[[int], Awaitable[object] | None] | None = None
        self.fatal = False  # its fault ends the call
        self._helpers: dict[asyncio.Task[None], Cause] = {}
        self._fewer = asyncio.Event() if concurrency > 1 else None  # set when a helper has gone, or was left behind
        self._current: Cause | None = None

    def start(self, after: asyncio.Task[None] | None = None) -> None:
        self._worker = self._run(self._work(after))

    def at_work(self) -> bool:
        """Whether it has something to do for a reply."""
        at_work = self._current is not None and type(self._current) not in ENDS
        return self.inbox.replies and (at_work or bool(self._helpers) or len(self.inbox) > 0)

    def interrupt(self) -> None:
        """Cancels the handlers whose turn is void."""
        void = self.inbox.turns.void
        for task in [task for task, cause in self._helpers.items() if void(cause)]:
            task.cancel()
            self._dismiss(task)
            self._run(self._let_go(task))
        worker, current = self._worker, self._current
        if current is not None and worker is not None and void(current):
            worker.cancel()
            self._current = None
            self.host.outlet.abandon(current)
            self.start(after=worker)
        self.inbox.purge()

    async def _work(self, after: asyncio.Task[None] | None) -> None:
        await self._let_go(after)
        inbox, me = self.inbox, asyncio.current_task()
        while self._worker is me:  # else: interrupted, and it swallowed the cancellation
            frame = inbox.head()
            if frame is None:
                await inbox.wait()
                continue
            if self.gate is not None and (wait := self.gate(frame.turn)) is not None:
                await wait
                continue
            inbox.pop()
            if type(frame) in ENDS:
                self._current = frame
                await self._finish(frame)
            else:
                begins = not frame.turn and self.bounds[type(frame)].begins
                self._current = cause = Answering(frame.born) if begins else frame
                if self.concurrency == 1:
                    await self._take(frame, cause)
                else:
                    await self._delegate(frame, cause)
            if self._worker is me:
                self._current = None

    def _take(self, frame: Frame, cause: Cause) -> Coroutine[Any, Any, None]:
        inbox = self.inbox
        if (
            inbox.measured
            and (inbox.timed is frame or inbox.timed is None or inbox.measured > 1)
            and (stands_for := inbox.taken(frame))
        ):
            return self._measured(stands_for, frame, cause)
        return self._handle(self.bounds[type(frame)], (frame,), cause, fatal=self.fatal)

    async def _measured(self, stands_for: int, frame: Frame, cause: Cause) -> None:
        work = self.bounds[type(frame)]  # what recovers times its requests itself
        await self._handle(
            Measured(work, stands_for) if isinstance(work, Bound) else work, (frame,), cause, fatal=self.fatal
        )

    async def _delegate(self, frame: Frame, cause: Cause) -> None:
        await self._at_most(self.concurrency - 1)
        task = self._run(self._take(frame, cause))
        self._helpers[task] = cause
        task.add_done_callback(self._dismiss)

    def _dismiss(self, task: asyncio.Task[None]) -> None:
        self._helpers.pop(task, None)
        if self._fewer is not None:
            self._fewer.set()

    async def _at_most(self, count: int) -> None:
        """Waits until no more helpers than that are at work."""
        while self._fewer is not None and len(self._helpers) > count:
            self._fewer.clear()
            await self._fewer.wait()

    async def _finish(self, end: Frame) -> None:
        await self._at_most(0)
        if type(end) in self.bounds:
            timing = self.host.outlet.timing
            timing.items += 1
            timing.input_ended(end.turn)
            await self._measured(1, end, end)
        await done(self.host.lane_done(end))


class LineLane(FrameLane):
    """The way out to the caller: audio of a speculative turn waits here for its commit.

    A line that cannot play ends the call: there is nobody to tell.
    """

    def __init__(self, host: Host, bounds: Mapping[type[Frame], Work], inbox: Inbox) -> None:
        super().__init__(host, bounds, inbox)
        self.gate = inbox.turns.held
        self.fatal = True


class StreamLane(_Lane):
    """A handler that takes a stream: called once for the call, or once for each turn that has frames for it."""

    def __init__(self, host: Host, bound: Work, inbox: Inbox) -> None:
        super().__init__(host)
        self.bound = bound
        self.inbox = inbox
        self._stream: FrameStream | None = None

    def start(self, after: asyncio.Task[None] | None = None) -> None:
        self._worker = self._run(self._work(after))

    def at_work(self) -> bool:
        """Whether it has something to do for a reply, and does not wait for more to come."""
        stream = self._stream
        return not self.bound.lasting and stream is not None and not stream.waiting

    def interrupt(self) -> None:
        """Cancels the handler if its turn is void. One that lives as long as the call goes on, with a new turn."""
        stream, worker = self._stream, self._worker
        if stream is not None and worker is not None and self.inbox.turns.void(stream.cause):
            self.host.outlet.abandon(stream.cause)
            if stream.turn:
                stream.close()
                worker.cancel()
                self._stream = None
                self.start(after=worker)
        self.inbox.purge()

    async def _work(self, after: asyncio.Task[None] | None) -> None:
        await self._let_go(after)
        me = asyncio.current_task()
        while self._worker is me:
            head = None if self.bound.lasting else await self.inbox.peek()
            if head is None or type(head) not in ENDS:
                self._stream = stream = FrameStream(self.inbox, self.host, head)
                await self._handle(self.bound, (stream,), stream.cause, fatal=self.bound.lasting)
                if self.bound.lasting and not isinstance(self.inbox.head(), End):
                    self.host.notice("stopped listening before the end of the call")
                await stream.drain()
                if self._worker is not me:
                    return
                self._stream = None
            end = await self.inbox.peek()
            if type(end) in ENDS:
                self.inbox.pop()
                await done(self.host.lane_done(end))
                if isinstance(end, End):
                    return


class SourceLane(_Lane):
    """A handler that takes nothing: it gives what comes from outside."""

    def __init__(self, host: Host, bound: Work) -> None:
        super().__init__(host)
        self.bound = bound
        self._begun = False
        self._finishing = False
        self._cause = Answering(0.0, lasting=True)

    def start(self) -> None:
        self._worker = self._run(self._work())

    def interrupt(self) -> None:
        """A source answers nobody, so it goes on, with a new turn if it speaks."""
        if self.host.outlet.turns.void(self._cause):
            self.host.outlet.abandon(self._cause)

    def finish(self) -> None:
        """Asks for no more. What it has given goes its way, and then the end."""
        if self._worker is not None and self._begun and not self._finishing:
            self._worker.cancel()
        self._finishing = True

    async def _work(self) -> None:
        me = asyncio.current_task()
        assert me is not None
        self._begun = True
        try:
            if not self._finishing:
                await self._handle(self.bound, (), self._cause, fatal=True)
        except asyncio.CancelledError:
            if not self._finishing or me.cancelling() > 1:
                raise
        if me.cancelling():
            me.uncancel()  # that was only to stop the handler
        await done(self.host.outlet.close(self._cause))  # if it was asked to finish in the midst of a reply
        self._finishing = True  # too late to be asked
        await done(self.host.source_done())


Lane = FrameLane | StreamLane | SourceLane
