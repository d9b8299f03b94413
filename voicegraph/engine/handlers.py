"""A handler as it is called: what it makes is given frame by frame, each before the next is asked for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any, Protocol

from voicegraph.engine.outlet import Answering, Cause, Outlet
from voicegraph.engine.timing import Every
from voicegraph.frames import Audio, Frame
from voicegraph.node import NodeType
from voicegraph.ports import Form, Handler, Style

NOTED = 0.1
"""Seconds after which a frame of the caller's sound is noted again with the time when it came in."""


class Work(Protocol):
    """What a lane drives: a handler, or one that recovers (voicegraph.engine.recovery).

    lasting: it is called once, for the whole call. begins: it gives frames of replies, so it may begin one.
    """

    lasting: bool
    begins: bool

    async def drive(self, argument: tuple[Any, ...], outlet: Outlet, cause: Cause) -> None:
        """Calls the handler and gives all that it makes, each frame before the next is asked for."""
        ...


class Bound:
    """A handler of one instance, ready to call. hertz: the rate at which it takes sound; None: any."""

    def __init__(self, handler: Handler, function: Callable[..., Any], hertz: int | None = None) -> None:
        self.style = handler.style
        self.form = handler.form
        self.takes = handler.takes
        self.hertz = hertz
        self.function = function
        self.source = handler.form is Form.SOURCE
        callers = any(taken.side == "caller" for taken in handler.takes)
        self.lasting = self.source or (handler.form is Form.STREAM and callers)
        self.begins = any(given.side == "reply" for given in handler.gives)
        self._one_by_one = handler.form is Form.FRAME  # asked once, as members of an Enum take long to look up
        self._coroutine = handler.style is Style.COROUTINE
        self._plain = self._one_by_one and self._coroutine

    @staticmethod
    def of(handler: Handler, instance: Any, kind: NodeType) -> Bound:
        """A handler of a node. A function under @node is its own instance."""
        function = instance if instance is kind.target else getattr(instance, handler.name)
        hertz = handler.takes_rate.hz if handler.takes_rate else None
        return Bound(handler, function, getattr(instance, hertz) if isinstance(hertz, str) else hertz)

    async def outputs(self, argument: Any) -> AsyncGenerator[Frame, None]:
        """All that the handler makes of a frame, or of a stream of them."""
        made = self.function(argument)
        if self.style is Style.ASYNC_GENERATOR:
            async with aclosing(made):
                async for given in made:
                    yield given
            return
        if self.style is Style.COROUTINE:
            made = await made
        for given in made if self.style is Style.GENERATOR else (made,):
            if given is not None:
                yield given

    async def drive(self, argument: tuple[Any, ...], outlet: Outlet, cause: Cause, stands_for: int = 0) -> None:
        """See `Work`. Timed, but for a call with a frame that is not measured. stands_for: so many calls."""
        if self._plain and not stands_for:
            given = await self.function(*argument)
            if given is not None and (wait := outlet.send(given, cause)) is not None:
                await outlet.room(wait, cause.turn)
            return
        timing, every, first, whole = outlet.timing, Every(), None, False
        began, stands_for = timing.clock(), stands_for if self._one_by_one else 1
        try:
            made = self.function(*argument)
            if self.style is Style.ASYNC_GENERATOR:
                async with aclosing(made):
                    async for given in made:
                        first = timing.clock() if first is None else first
                        every.left -= 1
                        if every.left or not stands_for:
                            wait = outlet.send(given, cause)
                        else:
                            wait = outlet.send_measured(given, cause, stands_for * every.next())
                        if wait is not None:
                            await outlet.room(wait, cause.turn)
                        if cause.turn and not self.lasting and outlet.turns.void(cause):
                            break
            else:  # synchronous: of a node that has asynchronous handlers too, it keeps its place in the row
                for given in made if self.style is Style.GENERATOR else (await made if self._coroutine else made,):
                    if given is not None:
                        first = timing.clock() if first is None else first
                        wait = (
                            outlet.send_measured(given, cause, stands_for) if stands_for else outlet.send(given, cause)
                        )
                        if wait is not None:
                            await outlet.room(wait, cause.turn)
                    if outlet.turns.void(cause):
                        break
            whole = True
        finally:
            if stands_for:
                timing.took(began, first, turn=cause.turn, stands_for=stands_for, whole=whole)


class Measured:
    """One call of a handler with a frame that is measured, and stands for so many."""

    def __init__(self, bound: Bound, stands_for: int) -> None:
        self.lasting = bound.lasting
        self.begins = bound.begins
        self._bound = bound
        self._stands_for = stands_for

    async def drive(self, argument: tuple[Any, ...], outlet: Outlet, cause: Cause) -> None:
        """See `Work`."""
        await self._bound.drive(argument, outlet, cause, self._stands_for)


class Source:
    """A handler that takes nothing, and gives what comes from outside: each frame enters the graph when it is given.

    came: told of some frames of sound, and of when they came in.
    """

    def __init__(self, bound: Bound, came: Callable[[Audio, float], None]) -> None:
        self.lasting = True
        self.begins = bound.begins
        self._bound = bound
        self._came = came

    async def drive(self, argument: tuple[Any, ...], outlet: Outlet, cause: Cause) -> None:
        """See `Work`. What was given comes, even if the source is asked to finish meanwhile."""
        assert isinstance(cause, Answering)
        if self._bound.style is not Style.ASYNC_GENERATOR:
            await self._bound.drive(argument, outlet, cause)
            return
        clock, every, left, noted = asyncio.get_running_loop().time, Every(), 1, 0.0
        made = self._bound.function()
        try:
            async for given in made:
                cause.born = now = clock()
                left -= 1
                if left:
                    wait = outlet.send(given, cause)
                else:
                    wait = outlet.send_measured(given, cause, every.next())
                    left = every.left
                if now >= noted and type(given) is Audio:
                    noted = now + NOTED
                    self._came(given, now)
                if wait is not None:
                    await outlet.room(outlet.surely(wait), cause.turn)
        finally:
            await made.aclose()
