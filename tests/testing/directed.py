"""Calls with a simulated caller whom a test directs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from tests.engine.calls import Log
from voicegraph.engine.session import Session
from voicegraph.frames import Frame
from voicegraph.graph.plan import Plan
from voicegraph.testing import SimulatedCall, run_virtual


class Done(NamedTuple):
    """A call that is over."""

    session: Session
    line: SimulatedCall
    log: Log

    def given(self, node: str, frame_type: type[Frame]) -> list[Any]:
        """The frames of a type that a node gave."""
        return [frame for giver, frame in self.log.frames if giver == node and type(frame) is frame_type]

    def times(self, node: str, frame_type: type[Frame]) -> list[float]:
        """When it gave them, to the millisecond."""
        given = zip(self.log.frames, self.log.times, strict=True)
        return [round(at, 3) for (giver, frame), at in given if giver == node and type(frame) is frame_type]


async def passing(line: SimulatedCall, seconds: float) -> None:
    """Lets time pass, unless the call ends before: it does when nobody but the line has anything more to give."""
    for _ in range(round(seconds * 50)):
        if not await line.tick():
            return


def directed(
    plan: Plan, direct: Callable[[SimulatedCall, Session], Awaitable[Any]], *, seed: int = 1, **options: Any
) -> Done:
    """Runs a call in virtual time. The caller hangs up when the director is done. options: of the session."""

    async def main() -> Done:
        log = Log()
        session = Session(plan, seed=seed, observers=(log,), **options)
        assert plan.line is not None
        line: SimulatedCall = session.nodes[plan.line].instance

        async def play() -> None:
            try:
                await direct(line, session)
            finally:
                line.hang_up()

        playing = asyncio.create_task(play())
        async with asyncio.timeout(3600):
            await session.run()
        await playing
        return Done(session, line, log)

    return run_virtual(main(), seed=seed)
