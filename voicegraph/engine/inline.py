"""Synchronous handlers: they run in the stack of whoever gives the frame."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator
from time import perf_counter  # a synchronous call takes no time on a loop's clock; what is measured steers nothing
from typing import Any

from voicegraph.engine.outlet import Answering, Cause, Outlet, Wait, done
from voicegraph.engine.timing import Meter
from voicegraph.frames import Frame

Fail = Callable[[Exception], None]


class InlineFunction(Meter):
    """A handler that is a plain function: one frame or None for each frame."""

    def __init__(self, function: Callable[[Any], Any], outlet: Outlet, fail: Fail) -> None:
        super().__init__()
        self.function = function
        self.outlet = outlet
        self.fail = fail

    def push(self, frame: Frame) -> Wait:
        self.left -= 1
        try:
            given = self.function(frame) if self.left else self._timed(frame)
            return None if given is None else self.outlet.send(given, frame)
        except Exception as error:  # noqa: BLE001 - a node's fault is its own: it must not reach the giver
            self.fail(error)
            return None

    def _timed(self, frame: Frame) -> Any:
        stands_for, began = self.sample(), perf_counter()
        try:
            return self.function(frame)
        finally:
            self.own += stands_for * (perf_counter() - began)


class InlineGenerator(Meter):
    """A handler that is a generator. When a taker is full it rests at its `yield`; frames that come then wait in line.

    begins: it may answer the caller directly, with a reply of its own. Then nobody waits for it: the caller's frames
    also decide about interrupts, and those must not wait for a slow reply.
    """

    def __init__(
        self, function: Callable[[Any], Generator[Any, None, None]], outlet: Outlet, fail: Fail, *, begins: bool = False
    ) -> None:
        super().__init__()
        self.function = function
        self.outlet = outlet
        self.fail = fail
        self.begins = begins
        self._last: asyncio.Event | None = None  # set when the last frame that rests or waits is through

    def push(self, frame: Frame) -> Wait:
        before = self._last
        wait = self._handle(frame) if before is None else None
        if before is None and wait is None:
            return None
        mine = self._last = asyncio.Event()
        work = self._in_line(before, wait, frame, mine)
        if self.begins and not frame.turn:
            self.outlet.keep(work)
            return None
        return work

    def _handle(self, frame: Frame) -> Wait:
        """Gives all that the handler makes of a frame, or all until a taker is full and then the rest, awaited."""
        self.left -= 1
        cause = Answering(frame.born) if self.begins and not frame.turn else frame
        made = self.function(frame) if self.left else self._timed(self.function(frame))
        try:
            for given in made:
                wait = self.outlet.send(given, cause)
                if wait is not None:
                    return self._rest(wait, made, cause)
                if self.outlet.turns.void(cause):
                    made.close()
        except Exception as error:  # noqa: BLE001 - as above
            self.fail(error)
        return self.outlet.close(cause)

    def _timed(self, made: Generator[Any, None, None]) -> Generator[Any, None, None]:
        """The same, timed. Who takes what it gives is not."""
        stands_for, took = self.sample(), 0.0
        try:
            while True:
                began = perf_counter()
                try:
                    given = next(made)
                except StopIteration:
                    return
                finally:
                    took += perf_counter() - began
                yield given
        finally:
            made.close()
            self.own += stands_for * took

    async def _rest(self, wait: Awaitable[None], made: Generator[Any, None, None], cause: Cause) -> None:
        try:
            await wait
            while not self.outlet.turns.void(cause):
                await done(self.outlet.send(next(made), cause))
        except StopIteration:
            pass
        except Exception as error:  # noqa: BLE001 - as above
            self.fail(error)
        finally:
            made.close()
        await done(self.outlet.close(cause))

    async def _in_line(self, before: asyncio.Event | None, wait: Wait, frame: Frame, mine: asyncio.Event) -> None:
        try:
            if before is not None:
                await before.wait()
                wait = None if self.outlet.turns.void(frame) else self._handle(frame)
            await done(wait)
        finally:
            mine.set()
            if self._last is mine:
                self._last = None
