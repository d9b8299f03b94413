"""One request: deadlines, retries, fall-back, hedging. Whatever happens, its frames are given in order, and once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Protocol

from voicegraph.engine.outlet import Cause, GivenWrongly, Outlet
from voicegraph.engine.recovery.attempt import Alarm, Attempt
from voicegraph.engine.recovery.candidates import Candidate, Chain
from voicegraph.engine.recovery.feed import Feed, Reader
from voicegraph.engine.recovery.resume import Resume
from voicegraph.errors import NotAnswered, ProviderError
from voicegraph.frames import Frame

BACK_OFF = 0.1
"""Seconds before the first retry, half of them by chance; twice as long before each of the next."""
LAST_HOPE = 3.0
"""Seconds that a stand-in has at least behind which there is nobody else, if it has no `timeout` of its own."""
RELAPSES = 3
"""Times in one request that those who failed are asked anew, when one has failed that had done some of the work."""
GIVE_UPS = 3
"""Replies in a row for which nothing helped, after which the call cannot go on."""


class Site(Protocol):
    """What recovery asks of the call."""

    def failed(self, node: str, error: BaseException, *, turn: int = 0) -> None: ...
    def now(self) -> float: ...
    def jitter(self) -> float:
        """A random number from 0 to 1, of the call's own."""
        ...

    @property
    def sorry(self) -> str:
        """What the caller hears of a reply that will not come; may be empty."""
        ...

    def soothe(self, node: str, text: str, cause: Cause) -> None:
        """Says something while the caller waits: once in a reply."""
        ...

    def lost(self, node: str) -> None:
        """Nobody can do the work of this node any more, so the call cannot go on."""
        ...

    async def resort(self, chain: Chain, cause: Cause) -> None:
        """Does what is left to do for a reply that will not come."""
        ...


class Request:
    """A frame, or the stream of a turn, and whoever answers it. `run()` returns whether it was answered.

    A failure is an exception, a missed deadline, or an answer that ends with nothing in it.
    """

    def __init__(
        self,
        chain: Chain,
        feed: Feed,
        resume: Resume,
        taken: frozenset[type[Frame]],
        outlet: Outlet,
        cause: Cause,
        site: Site,
    ) -> None:
        self._chain = chain
        self._feed = feed
        self._resume = resume
        self._taken = taken
        self._outlet = outlet
        self._cause = cause
        self._site = site
        self._alarm = Alarm()
        self._running: list[Attempt[Reader]] = []
        self._failed: set[str] = set()  # names of candidates
        self._relapses = 0
        self._hedged = False
        self._first: float | None = None

    async def run(self) -> bool:
        began = self._site.now()
        candidate: Candidate | None = self._chain.first(self._cause.turn, began)
        retries = 0
        try:
            while candidate is not None:
                error = await self._try(candidate)
                if error is None:
                    return True
                if self._chain.policy.say:
                    self._site.soothe(self._chain.name, self._chain.policy.say, self._cause)
                if self._resume.rest(self._feed.frames) is None:
                    break
                candidate, retries = await self._next(self._chain.active, error, retries)
            return False
        finally:
            self._outlet.timing.took(began, self._first, turn=self._cause.turn, whole=not self._running)
            await self._let_go()

    async def _let_go(self) -> None:
        """Interrupted: the lane that this runs in sees to it that nobody waits long for a slow clean-up."""
        for attempt in self._running:
            attempt.stop()
            attempt.candidate.breaker.left()
        if self._running:
            await asyncio.wait([attempt.task for attempt in self._running])

    # --- one candidate, or two that race -----------------------------------------------------------------------------

    async def _try(self, candidate: Candidate) -> BaseException | None:
        """What went wrong; None if all is well."""
        self._running = [self._start(candidate)]
        while True:
            await self._alarm.wait(self._wakes_at())
            for attempt in tuple(self._running):
                if attempt not in self._running:
                    continue  # another one has just won
                if attempt.given is not None and attempt.error is None:
                    if not await self._hand_on(attempt):
                        return None
                elif (error := self._fault(attempt)) is not None:
                    self._drop(attempt, error)
                    if not self._running:
                        return error
                elif attempt.ended:
                    self._win(attempt)
                    await self._send(attempt.voice.rest())
                    self._running = []
                    return None
            self._hedge()

    def _start(self, candidate: Candidate) -> Attempt[Reader]:
        asked = self._resume.rest(self._feed.frames) or []
        reader = Reader(self._feed, asked, self._alarm.ring)
        return Attempt(self._chain, candidate, reader, self._taken, self._alarm)

    async def _hand_on(self, attempt: Attempt[Reader]) -> bool:
        """Gives what an attempt has made. False: the turn is void, and there is nothing more to do."""
        self._win(attempt)
        assert attempt.given is not None
        if self._first is None:
            self._first = self._site.now()
        try:
            for frame in self._resume.given(attempt.given):
                await self._send(attempt.voice.bring(frame))
        except GivenWrongly as error:
            attempt.error = error
            self._alarm.ring()
            return True
        if self._cause.turn and self._outlet.turns.void(self._cause):
            return False
        attempt.go_on()
        return True

    async def _send(self, frames: Iterator[Frame]) -> None:
        for frame in frames:
            await self._outlet.give(frame, self._cause)

    def _win(self, attempt: Attempt[Reader]) -> None:
        """The first to speak goes on; the others need not."""
        attempt.candidate.breaker.worked()
        for place, other in enumerate(self._running):
            if other is not attempt:
                other.stop()
                if place == 0:  # it had a start of `hedge`, and came too late all the same
                    other.candidate.breaker.failed(self._site.now())
                else:
                    other.candidate.breaker.left()
        self._running = [attempt]
        self._chain.take_over(attempt.candidate, self._site.now())

    def _drop(self, attempt: Attempt[Reader], error: BaseException) -> None:
        attempt.stop()
        self._running.remove(attempt)
        if attempt.outputs and self._relapses < RELAPSES:
            self._relapses += 1
            self._failed.clear()
        self._failed.add(attempt.candidate.name)
        if not self._running:
            self._resume.broke_off()
        attempt.candidate.breaker.failed(self._site.now())
        self._site.failed(attempt.candidate.name, error, turn=self._cause.turn)

    # --- deadlines ---------------------------------------------------------------------------------------------------

    def _fault(self, attempt: Attempt[Reader]) -> BaseException | None:
        """What is wrong with an attempt by now."""
        if attempt.error is not None:
            return attempt.error
        if attempt.ended:
            lacks = self._resume.lacks(attempt.reader.read)
            return NotAnswered(attempt.candidate.name, lacks) if lacks else None
        due = self._due_at(attempt)
        if due is None or self._site.now() < due:
            return None
        return NotAnswered(attempt.candidate.name, f"gave nothing for {self._patience(attempt):g} s")

    def _patience(self, attempt: Attempt[Reader]) -> float | None:
        own = attempt.candidate.policy
        policy = own if own.timeout is not None else self._chain.policy
        patience = policy.timeout if not attempt.outputs or policy.stall is None else policy.stall
        if patience is not None and policy is not own and self._is_last(attempt.candidate):
            return max(patience, LAST_HOPE)
        return patience

    def _is_last(self, candidate: Candidate) -> bool:
        return {each.name for each in self._chain.candidates} <= {*self._failed, candidate.name}

    def _due_at(self, attempt: Attempt[Reader]) -> float | None:
        """When an attempt is overdue, if nothing comes of it before; None if nothing has to come."""
        patience = self._patience(attempt)
        self._see_what_is_owed(attempt)
        return None if patience is None or attempt.owes is None else attempt.owes + patience

    def _see_what_is_owed(self, attempt: Attempt[Reader]) -> None:
        """Something is owed from the beginning, be it read yet or not, until the candidate waits for more to do."""
        due = self._resume.due(attempt.reader.read) if not attempt.ended else False
        if due is None:
            due = not attempt.reader.waiting
        if not due:
            attempt.owes = None
        elif attempt.owes is None:
            attempt.owes = self._site.now()

    def _wakes_at(self) -> float | None:
        times = [due for attempt in self._running if (due := self._due_at(attempt)) is not None]
        if (hedge := self._hedge_at()) is not None:
            times.append(hedge)
        return min(times, default=None)

    def _hedge_at(self) -> float | None:
        if self._hedged or self._chain.policy.hedge is None or len(self._running) != 1:
            return None
        (attempt,) = self._running
        self._see_what_is_owed(attempt)
        return None if attempt.owes is None or attempt.outputs else attempt.owes + self._chain.policy.hedge

    def _hedge(self) -> None:
        """Starts the next candidate beside one that is late."""
        at = self._hedge_at()
        if at is None or self._site.now() < at:
            return
        self._hedged = True
        now = self._site.now()
        if (other := self._chain.next(now, {*self._failed, self._running[0].candidate.name})) is not None:
            why = f"{self._running[0].candidate.name} gave nothing for {self._chain.policy.hedge:g} s"
            self._chain.step("hedge", other.name, why, self._cause.turn)
            self._running.append(self._start(other))

    # --- after a failure ---------------------------------------------------------------------------------------------

    async def _next(self, failed: Candidate, error: BaseException, retries: int) -> tuple[Candidate | None, int]:
        """Who is to try next, and how often the same one has been tried again."""
        turn = self._cause.turn
        hopeless = isinstance(error, ProviderError) and not error.retryable
        if retries < self._chain.policy.retries and not hopeless and failed.name in self._failed:
            self._chain.step("retry", failed.name, why(failed, error), turn)
            await asyncio.sleep(BACK_OFF * 2**retries * (0.5 + self._site.jitter()))
            return failed, retries + 1
        now = self._site.now()
        if (other := self._chain.next(now, self._failed)) is not None:
            self._chain.stand_in(other, now, why(failed, error), turn)
        return other, retries


def why(candidate: Candidate, error: BaseException) -> str:
    """For people, and without what an exception of somebody else may tell of the caller."""
    known = isinstance(error, ProviderError | NotAnswered)
    return str(error) if known else f"{candidate.name}: {type(error).__name__}"
