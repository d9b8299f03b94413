"""A call in time: a leg on a connection, and somebody who says what the caller does."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from random import Random
from typing import Any, Literal

from voicegraph.caller.dialling import Connection, Over
from voicegraph.caller.leg import Leg
from voicegraph.caller.network import Lane, Road, Trouble
from voicegraph.caller.reading import ERRORS

MOST_WAITING = 16_000
"""Bytes that an agent may leave unread: about a second of the caller's sound. Twilio then drops what comes."""

Ending = Literal["caller", "agent", "lost"]


@dataclass
class Ended:
    """How a call ended. by: whom. why: a close code and a reason. at: seconds since it began."""

    by: Ending
    why: str
    at: float


@dataclass
class Lateness:
    """By how much each of the caller's frames left late, in seconds: a load generator's own trouble."""

    all: list[float] = field(default_factory=list[float])


class Phone:
    """leg: what happens. ended: None while the call lasts. late: how well the caller kept time."""

    def __init__(self, leg: Leg, connection: Connection, trouble: Trouble, random: Random) -> None:
        self.leg = leg
        self.ended: Ended | None = None
        self.late = Lateness()
        self._connection = connection
        self._trouble = trouble
        self._random = random
        self._ticked = asyncio.Event()
        self._marks = asyncio.Event()
        self._began = asyncio.get_running_loop().time()
        self._over = asyncio.Event()
        self._lanes: list[Lane[Any]] = []
        self._out = self._lane(self._send_now)
        self._in = self._lane(self._receive_now)

    def now(self) -> float:
        """Seconds since the call began."""
        return asyncio.get_running_loop().time() - self._began

    async def run(self, caller: Callable[[Phone], Coroutine[Any, Any, None]]) -> None:
        """The whole call. It is over when the agent ends it, or when the caller, which this gives a phone, is done.

        Raises what the caller raises, after an orderly end. A call that is cancelled is hung up, too.
        """
        self._began = asyncio.get_running_loop().time()
        parts: list[Coroutine[Any, Any, Any]] = [self._speak(), self._listen(), self._acknowledge()]
        work = [asyncio.create_task(each) for each in (*parts, *(lane.run() for lane in self._lanes))]
        says = asyncio.create_task(caller(self))
        over = asyncio.create_task(self._over.wait())
        try:
            await asyncio.wait([*work, says, over], return_when=asyncio.FIRST_COMPLETED)
            if self.ended is None and not says.done():
                await asyncio.gather(*(task for task in work if task.done()))  # raises: it is a bug of ours
            if self.ended is None:
                await self._hang_up()
            await _settled(says)
        except asyncio.CancelledError:
            if self.ended is None:
                await self._hang_up()
            raise
        finally:
            for task in (*work, over, says):
                task.cancel()
            await asyncio.gather(*work, over, says, return_exceptions=True)
            await self._connection.close()
        if not says.cancelled() and (error := says.exception()):
            raise error

    async def press(self, digit: str) -> None:
        await self._send(self.leg.press(digit, self.now()))

    async def tick(self) -> bool:
        """Waits until 20 ms more have been spoken. False once the call is over."""
        if self.ended is None:
            await self._ticked.wait()
        return self.ended is None

    # --- its tasks ---------------------------------------------------------------------------------------------------

    async def _speak(self) -> None:
        """Each frame when its last sample has been spoken. The times do not depend on each other, so nothing drifts."""
        for greeting in self.leg.begin():
            await self._send(greeting)
        while self.ended is None:
            await asyncio.sleep(self.leg.next_frame - self.now())
            self.late.all.append(self.now() - self.leg.next_frame)
            lost = self._trouble.loss > 0 and self._random.random() < self._trouble.loss
            message = self.leg.frame(lost=lost)
            if message and self._connection.waiting > MOST_WAITING:
                self.leg.fault(31930, self.now())
            elif message:
                await self._send(message)
            self._tick()

    async def _listen(self) -> None:
        try:
            while True:
                message = await self._connection.receive()
                await (self._in.put(message) if self._in else self._receive_now(message))
        except Over as over:
            if self._in:
                await self._in.empty()
            if over.fault:
                self.leg.fault(31951, self.now(), f"31951: {ERRORS[31951]}: {over.fault}")
            elif over.code == 1006:
                self.leg.fault(31921, self.now(), f"31921: {ERRORS[31921]}")
            self._end("lost" if over.fault or over.code == 1006 else "agent", str(over))

    async def _acknowledge(self) -> None:
        """Sends each mark back when its time has come."""
        while True:
            for message in self.leg.marks_due(self.now()):
                await self._send(message)
            at = self.leg.next_mark
            self._marks.clear()
            try:
                async with asyncio.timeout(None if at is None else max(0.0, at - self.now())):
                    await self._marks.wait()
            except TimeoutError:
                pass

    async def _receive_now(self, message: str | bytes) -> None:
        self.leg.receive(message, self.now())
        self._marks.set()

    async def _send(self, message: str) -> None:
        await (self._out.put(message) if self._out else self._send_now(message))

    async def _send_now(self, message: str) -> None:
        try:
            await self._connection.send(message)
        except Over:
            await self._over.wait()  # `_listen` knows more

    async def _hang_up(self) -> None:
        self._end("caller", "")
        await self._send(self.leg.stop())
        if self._out:
            await self._out.empty()

    def _end(self, by: Ending, why: str) -> None:
        if self.ended is None:
            self.ended = Ended(by, why, self.now())
            self.leg.end(self.now())
            self._over.set()
            self._tick()

    def _tick(self) -> None:
        ticked, self._ticked = self._ticked, asyncio.Event()
        ticked.set()

    def _lane(self, deliver: Callable[[Any], Awaitable[None]]) -> Lane[Any] | None:
        """None where nothing is delayed."""
        if not self._trouble.delays:
            return None
        lane: Lane[Any] = Lane(Road(self._trouble, self._random), self.now, deliver)
        self._lanes.append(lane)
        return lane


async def _settled(task: asyncio.Task[None]) -> None:
    """Lets the caller see that the call is over, which ticks tell."""
    await asyncio.wait([task], timeout=1.0)
