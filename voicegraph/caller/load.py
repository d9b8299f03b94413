"""Makes calls: one, or many at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from voicegraph.caller.dialling import NotConnected, Number, connect, look_up
from voicegraph.caller.leg import Leg
from voicegraph.caller.network import Trouble
from voicegraph.caller.phone import Phone
from voicegraph.caller.result import Result, Results, result_of
from voicegraph.caller.steps import Director, Manner, Step, StepFailed
from voicegraph.caller.twilio import Identity, Messages
from voicegraph.caller.voices import Voice


@dataclass(frozen=True)
class Plan:
    """What each call is like. parameters: in addition to the TwiML's. ear: listen for words. keep: keep the sound."""

    number: Number
    steps: Sequence[Step]
    voice: Voice
    manner: Manner = field(default_factory=Manner)
    trouble: Trouble = field(default_factory=Trouble)
    parameters: dict[str, str] = field(default_factory=dict[str, str])
    caller: str = Identity.caller
    called: str = Identity.called
    ear: bool = True
    keep: bool = False


@dataclass(frozen=True)
class Made:
    """A call that is over. phone: None if it was not connected. notes: what Twilio would do otherwise.

    stopped: it was cancelled.
    """

    result: Result
    phone: Phone | None = None
    notes: tuple[str, ...] = ()
    failure: StepFailed | None = None
    stopped: bool = False


async def call(plan: Plan, random: Random, *, stoppable: bool = False) -> Made:
    """Makes one. stoppable: when it is cancelled, what came of it until then is not lost."""
    clock = asyncio.get_running_loop().time
    identity = Identity.make(random, caller=plan.caller, called=plan.called)
    began = clock()
    try:
        stream = await look_up(plan.number, identity)
        connection = await connect(plan.number, stream)
    except NotConnected as error:
        return Made(Result("not connected", str(error), clock() - began))
    connecting = clock() - began
    leg = Leg(Messages(identity, {**stream.parameters, **plan.parameters}), ear=plan.ear, keep=plan.keep)
    phone = Phone(leg, connection, plan.trouble, random)
    failure, stopped = None, False
    try:
        await phone.run(Director(plan.steps, plan.voice, plan.manner))
    except StepFailed as error:
        failure = error
    except asyncio.CancelledError:
        if not stoppable:
            raise
        stopped = True
    result = result_of(phone, connecting, str(failure) if failure else "")
    notes = stream.notes
    if result.outcome == "agent hung up" and stream.then:
        notes += (f"Twilio goes on with {', '.join(stream.then)}",)
    return Made(result, phone, notes, failure, stopped)


async def calls(
    plan: Plan, number: int, *, concurrent: int, every: float, seed: int, done: Callable[[Result], None]
) -> Results:
    """Makes so many, no more than `concurrent` at a time, one each `every` seconds at the most.

    done: is told of each. Results are in the order in which they came.
    """
    results = Results()
    room = asyncio.Semaphore(concurrent)

    async def one(which: int) -> None:
        try:
            made = await call(plan, Random(seed * 1_000_003 + which))
        finally:
            room.release()
        results.calls.append(made.result)
        done(made.result)

    async with asyncio.TaskGroup() as group:
        for which in range(number):
            await room.acquire()
            group.create_task(one(which))
            await asyncio.sleep(every)
    return results
