"""Calls to be measured: one that can be made again and again, and the rounds in which that is done."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from time import process_time
from typing import TYPE_CHECKING

from msgspec.structs import replace

from voicegraph.engine.session import Session
from voicegraph.errors import VoicegraphError
from voicegraph.graph.diagnostics import GraphError
from voicegraph.graph.wording import quote
from voicegraph.observe.bench.callers import VoicedCall
from voicegraph.observe.call_times import timeline
from voicegraph.observe.timeline import Timeline
from voicegraph.testing.conversations.director import Director, StepFailed
from voicegraph.testing.conversations.happened import Spoken
from voicegraph.testing.conversations.model import Case
from voicegraph.testing.conversations.record import Record
from voicegraph.testing.virtual import VirtualTimeError

if TYPE_CHECKING:
    from voicegraph.engine.phrases import Phrases
    from voicegraph.graph.plan import Plan


@dataclass(frozen=True)
class Planned:
    """A call that can be made. case: what its caller does; None: its line plays a recording, or asks nobody.

    sounds: the caller's voice, by what they say: PCM16 at the line's rate; simulated speech where there is none.
    """

    plan: Plan
    case: Case | None = None
    sounds: Mapping[str, bytes] = field(default_factory=dict[str, bytes])


async def make(call: Planned, *, name: str, seed: int, phrases: Phrases | None = None) -> Timeline:
    """Makes the call, to its end. `cpu` is what the process took meanwhile, all its threads and the caller included.

    Raises VoicegraphError for a call that fails, GraphError at the step for a conversation that cannot go on, and
    VirtualTimeError for a node that wants what virtual time has not got.
    """
    began = process_time()
    if call.case is None:
        session = Session(call.plan, call_id=name, seed=seed, phrases=phrases)
        await session.run()
    else:
        session = await _Directed(call, call.case).run(name, seed, phrases)
    _check(session)
    return replace(timeline(session), cpu=process_time() - began)


def _check(session: Session) -> None:
    """Nobody wanted what is not there. Whatever else went wrong may come of that."""
    for node, fault in session.faults:
        if isinstance(fault, VirtualTimeError):
            raise VirtualTimeError(f"{quote(node)} cannot run in virtual time: {fault}") from fault


class _Directed:
    """A call whose caller does what a case says. What the agent says is not judged: it is only waited for."""

    def __init__(self, call: Planned, case: Case) -> None:
        self.call = call
        self.record = Record()
        self.director = Director(case, self.record, self._spoken, checks=False)

    async def run(self, name: str, seed: int, phrases: Phrases | None) -> Session:
        observers = (self.record, self.director)
        self.session = session = Session(self.call.plan, call_id=name, seed=seed, observers=observers, phrases=phrases)
        self.director.serve(session)
        if isinstance(self.director.line, VoicedCall):
            self.director.line.sounds = self.call.sounds
        directing = asyncio.create_task(self._direct(), name="the caller")
        failure: VoicegraphError | None = None
        try:
            await session.run()
        except VoicegraphError as error:
            failure = error
        self.director.end(failure)
        try:
            await directing
        except StepFailed as failed:
            _check(session)
            raise failure or GraphError([failed.diagnostic]) from failed
        if failure is not None:
            raise failure
        return session

    async def _direct(self) -> None:
        try:
            await self.director.play()
        finally:
            if not self.director.over:
                self.director.hang_up()

    def _spoken(self, turn: int) -> Spoken:
        """What was said and heard of a turn."""
        reply = self.session.reply(turn)
        return Spoken(turn, reply.said, reply.heard, cut=not reply.ended, interrupted=reply.interrupted)


# --- rounds ---------------------------------------------------------------------------------------------------------


@dataclass
class Rounds:
    """The same calls, one after the other, again and again.

    turns: answers that are wanted in all. rounds: into how many rounds they are spread, at most. make: makes a call,
    which has this number. done: told of every answer, with how many there will be.
    """

    calls: Sequence[Planned]
    turns: int
    rounds: int
    make: Callable[[Planned, int], Timeline]
    done: Callable[[int, int], None] = lambda done, of: None

    def run(self) -> Iterator[tuple[Timeline, ...]]:
        """Round by round, after a call of each kind that does not count: in it things happen for the first time."""
        counts = [_answers(self.make(call, number)) for number, call in enumerate(self.calls)]
        each = sum(counts) or len(self.calls)  # where nobody answers, calls are counted
        rounds = min(self.rounds, ceil(self.turns / each))
        again = ceil(self.turns / (rounds * each))
        expected, so_far, number = rounds * again * each, 0, len(self.calls)
        self.done(so_far, expected)
        for _ in range(rounds):
            made: list[Timeline] = []
            for call in [*self.calls] * again:
                made.append(self.make(call, number))
                number += 1
                so_far += _answers(made[-1]) or (0 if sum(counts) else 1)
                self.done(so_far, max(so_far, expected))
            yield tuple(made)


def _answers(call: Timeline) -> int:
    return sum(turn.answer is not None for turn in call.turns)
