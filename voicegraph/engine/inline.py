"""Synchronous handlers: they run in the stack of whoever gives the frame."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from time import perf_counter  # a synchronous call takes no time on a loop's clock; what is measured steers nothing
from typing import Any

from voicegraph.engine.outlet import Answering, Cause, Outlet, Wait, done
from voicegraph.frames import Frame

Fail = Callable[[Exception], None]


class InlineFunction:
    """A handler that is a plain function: one frame or None for each frame."""

    def __init__(self, function: Callable[[Any], Any], outlet: Outlet, fail: Fail) -> None:
        self.function = function
        self.outlet = outlet
        self.fail = fail

    def push(self, frame: Frame) -> Wait:
        try:
            given = self.function(frame)
            return None if given is None else self.outlet.send(given, frame)
        except Exception as error:  # noqa: BLE001 - a node's fault is its own: it must not reach the giver
            self.fail(error)
            return None

    def push_measured(self, frame: Frame) -> Wait:
        """The same, counted and timed."""
        timing = self.outlet.timing
        stands_for = timing.sampling.weigh(frame)
        timing.items += stands_for
        began = perf_counter()
        try:
            given = self.function(frame)
        except Exception as error:  # noqa: BLE001 - as above
            self.fail(error)
            return None
        finally:
            timing.own += stands_for * (perf_counter() - began)
        try:
            return None if given is None else self.outlet.send_measured(given, frame, stands_for)
        except Exception as error:  # noqa: BLE001 - as above
            self.fail(error)
            return None


class InlineGenerator:
    """A handler that is a generator. When a taker is full it rests at its `yield`; frames that come then wait in line.

    begins: it may answer the caller directly, with a reply of its own. Then nobody waits for it: the caller's frames
    also decide about interrupts, and those must not wait for a slow reply.
    """

    def __init__(
        self, function: Callable[[Any], Generator[Any, None, None]], outlet: Outlet, fail: Fail, *, begins: bool = False
    ) -> None:
        self.function = function
        self.outlet = outlet
        self.fail = fail
        self.begins = begins
        self._last: asyncio.Event | None = None  # set when the last frame that rests or waits is through

    def push(self, frame: Frame) -> Wait:
        return self._push(frame, 0)

    def push_measured(self, frame: Frame) -> Wait:
        """The same, counted and timed."""
        return self._push(frame, self.outlet.timing.sampling.weigh(frame))

    def _push(self, frame: Frame, stands_for: int) -> Wait:
        before = self._last
        wait = self._handle(frame, stands_for) if before is None else None
        if before is None and wait is None:
            return None
        mine = self._last = asyncio.Event()
        work = self._in_line(before, wait, frame, mine, stands_for)
        if self.begins and not frame.turn:
            self.outlet.keep(work)
            return None
        return work

    def _handle(self, frame: Frame, stands_for: int) -> Wait:
        """Gives all that the handler makes of a frame, or all until a taker is full and then the rest, awaited."""
        cause = Answering(frame.born) if self.begins and not frame.turn else frame
        made = self.function(frame)
        if stands_for:
            self.outlet.timing.items += stands_for
            made = self._timed(made, stands_for)
        try:
            for given in made:
                if stands_for:
                    wait = self.outlet.send_measured(given, cause, stands_for)
                else:
                    wait = self.outlet.send(given, cause)
                if wait is not None:
                    return self._rest(wait, made, cause, stands_for)
                if self.outlet.turns.void(cause):
                    made.close()
        except Exception as error:  # noqa: BLE001 - as above
            self.fail(error)
        return self.outlet.close(cause)

    def _timed(self, made: Generator[Any, None, None], stands_for: int) -> Generator[Any, None, None]:
        """The same, timed. Who takes what it gives is not."""
        took = 0.0
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
            self.outlet.timing.own += stands_for * took

    async def _rest(self, wait: Wait, made: Generator[Any, None, None], cause: Cause, stands_for: int) -> None:
        outlet = self.outlet
        try:
            while True:
                if wait is not None:
                    await outlet.room(wait, cause.turn)
                if outlet.turns.void(cause):
                    break
                given = next(made)
                wait = outlet.send_measured(given, cause, stands_for) if stands_for else outlet.send(given, cause)
        except StopIteration:
            pass
        except Exception as error:  # noqa: BLE001 - as above
            self.fail(error)
        finally:
            made.close()
        await done(self.outlet.close(cause))

    async def _in_line(
        self, before: asyncio.Event | None, wait: Wait, frame: Frame, mine: asyncio.Event, stands_for: int
    ) -> None:
        try:
            if before is not None:
                await before.wait()
                wait = None if self.outlet.turns.void(frame) else self._handle(frame, stands_for)
            await done(wait)
        finally:
            mine.set()
            if self._last is mine:
                self._last = None
