"""One candidate at work on one request, in a task of its own: nobody has to wait for one that hangs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Generic, TypeVar

from voicegraph.engine.recovery.candidates import Candidate, Chain
from voicegraph.frames import Frame

R = TypeVar("R", bound=AsyncIterator[Frame])


class Alarm:
    """What a request waits for: news of its attempts, or a point in time."""

    def __init__(self) -> None:
        self._rung = False
        self._waiting: asyncio.Future[None] | None = None

    def ring(self) -> None:
        self._rung = True
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)

    async def wait(self, until: float | None = None) -> None:
        """Returns when it has rung since the last time, or at that loop time."""
        if not self._rung:
            loop = asyncio.get_running_loop()
            self._waiting = waiting = loop.create_future()
            timer = None if until is None else loop.call_at(until, self.ring)
            try:
                await waiting
            finally:
                self._waiting = None
                if timer is not None:
                    timer.cancel()
        self._rung = False


class Attempt(Generic[R]):
    """A candidate answers what it reads. It makes a frame, and the next when it is told to go on.

    given: the frame that waits to be taken. outputs: how many came. owes: since when more has been due, in loop time;
    None: nothing is. ended: it makes no more; error: because of this. stopped: nobody takes any more of it. voice:
    brings its sound to where it goes.
    """

    def __init__(
        self, chain: Chain, candidate: Candidate, reader: R, taken: frozenset[type[Frame]], alarm: Alarm
    ) -> None:
        self.candidate = candidate
        self.reader = reader
        self.given: Frame | None = None
        self.outputs = 0
        self.ended = False
        self.stopped = False
        self.error: BaseException | None = None
        self.owes: float | None = None
        self.voice = chain.voice(candidate)
        self._chain = chain
        self._taken = taken
        self._alarm = alarm
        self._go_on: asyncio.Future[None] | None = None
        self.task = chain.run(self._work(), candidate.name)

    def go_on(self) -> None:
        """What was given has been taken."""
        self.given = None
        self.owes = None
        if self._go_on is not None and not self._go_on.done():
            self._go_on.set_result(None)

    def stop(self) -> None:
        """Whatever it still gives is void."""
        self.stopped = True
        self._alarm = Alarm()
        self._chain.let_go(self.task)

    async def _work(self) -> None:
        try:
            async with aclosing(self.candidate.answer(self.reader, self._taken)) as made:
                async for given in made:
                    if self.stopped:
                        raise asyncio.CancelledError  # which it has swallowed
                    self._go_on = asyncio.get_running_loop().create_future()
                    self.given = given
                    self.outputs += 1
                    self._alarm.ring()
                    await self._go_on
        except (Exception, asyncio.CancelledError) as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                if not isinstance(error, asyncio.CancelledError):
                    self._chain.failed(self.candidate.name, error)  # it was told to let go, and this is how it did
                raise asyncio.CancelledError from error
            self.error = error  # also a CancelledError that nobody asked for
        finally:
            self.ended = True
            self._alarm.ring()
