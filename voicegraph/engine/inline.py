"""Synchronous handlers: they run in the stack of whoever gives the frame."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator
from typing import Any

from voicegraph.engine.outlet import Outlet
from voicegraph.frames import Frame

Fail = Callable[[Exception], None]


class InlineFunction:
    """A handler that is a plain function: one frame or None for each frame."""

    def __init__(self, function: Callable[[Any], Any], outlet: Outlet, fail: Fail) -> None:
        self.function = function
        self.outlet = outlet
        self.timing = outlet.timing
        self.fail = fail

    def push(self, frame: Frame) -> Awaitable[None] | None:
        self.timing.items += 1
        try:
            given = self.function(frame)
            wait = None if given is None else self.outlet.send(given, frame)
        except Exception as error:  # noqa: BLE001 - a node's fault is its own: it must not reach the giver
            self.fail(error)
            return None
        if self.outlet.opened:
            return _close_opened(self.outlet, wait)
        return wait


class InlineGenerator:
    """A handler that is a generator. When a taker is full it rests at its `yield`; frames that come meanwhile wait."""

    def __init__(self, function: Callable[[Any], Generator[Any, None, None]], outlet: Outlet, fail: Fail) -> None:
        self.function = function
        self.outlet = outlet
        self.timing = outlet.timing
        self.fail = fail
        self._resting = asyncio.Lock()

    def push(self, frame: Frame) -> Awaitable[None] | None:
        if self._resting.locked():
            return self._push_in_turn(frame)
        self.timing.items += 1
        made = self.function(frame)
        try:
            for given in made:
                wait = self.outlet.send(given, frame)
                if wait is not None:
                    return self._rest(wait, made, frame)
        except Exception as error:  # noqa: BLE001 - as above
            self.fail(error)
        return self.outlet.close_opened()

    async def _rest(self, wait: Awaitable[None], made: Generator[Any, None, None], cause: Frame) -> None:
        async with self._resting:
            try:
                await wait
                for given in made:
                    again = self.outlet.send(given, cause)
                    if again is not None:
                        await again
            except Exception as error:  # noqa: BLE001 - as above
                self.fail(error)
            finally:
                made.close()
            await _close_opened(self.outlet, None)

    async def _push_in_turn(self, frame: Frame) -> None:
        async with self._resting:
            pass
        wait = None if self.outlet.turns.void(frame) else self.push(frame)
        if wait is not None:
            await wait


async def _close_opened(outlet: Outlet, wait: Awaitable[None] | None) -> None:
    if wait is not None:
        await wait
    end = outlet.close_opened()
    if end is not None:
        await end
