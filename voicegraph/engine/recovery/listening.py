"""What listens as long as the call lasts, such as a transcriber: the next one hears what the last one has missed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from voicegraph.engine.outlet import Cause, GivenWrongly, Outlet, done
from voicegraph.engine.recovery.attempt import Alarm, Attempt
from voicegraph.engine.recovery.candidates import Candidate, Chain
from voicegraph.engine.recovery.request import BACK_OFF, Site, why
from voicegraph.engine.recovery.tape import Tape, TapeReader
from voicegraph.errors import NotAnswered, ProviderError
from voicegraph.frames import Frame, Transcript

ENTER = 10.0
"""Seconds that one without a `timeout` has until it is ready, if that was not waited for."""
DEAF = 5.0
"""Seconds that a call goes on when nobody hears the caller any more, and what was to be done about it is done."""
STEADY = 5.0
"""Seconds after which one that fails has done its work well enough to be tried again as if it were the first time."""


class Listening:
    """What hears the caller as long as the call lasts, be it one handler or several, with other nodes behind it.

    Its `timeout` is from a pause of the caller to a transcript, where a VAD is wired to the node. live: see Tape.
    """

    def __init__(self, takes: Iterable[type[Frame]], chain: Chain, site: Site, *, begins: bool, live: bool) -> None:
        self.lasting = True
        self.begins = begins
        self._takes = frozenset(takes)
        self._chain = chain
        self._site = site
        self._live = live
        self._sorry = False  # the caller is to be asked to repeat what they said, when they pause
        self._understood = False  # the present one has given a final transcript
        self._alarm = Alarm()

    async def drive(self, argument: tuple[Any, ...], outlet: Outlet, cause: Cause) -> None:
        """Does what `Bound.drive` does, whoever of the candidates it takes."""
        writes = Transcript in self._chain.primary.planned.kind.gives
        tape = Tape(argument[0], live=self._live, replays=writes, news=self._alarm.ring)
        recording = self._chain.run(tape.record(), self._chain.name)
        try:
            await self._listen(tape, outlet, cause)
        finally:
            recording.cancel()

    async def _listen(self, tape: Tape, outlet: Outlet, cause: Cause) -> None:
        candidate: Candidate | None = self._chain.first(0, self._site.now())
        failed: set[str] = set()
        retries = 0
        while candidate is not None:
            attempt = Attempt(self._chain, candidate, tape.reader(), self._takes, self._alarm)
            began, error = self._site.now(), None
            try:
                error = await self._attend(attempt, tape, outlet, cause)
            finally:
                attempt.stop()
                if error is None:
                    candidate.breaker.left()  # it ends with the call: what it was a probe of is not known
            if error is None:
                return
            candidate.breaker.failed(self._site.now())
            self._site.failed(candidate.name, error)
            if self._understood or (attempt.ended and self._site.now() - began >= STEADY):  # not one that hung
                failed.clear()
                retries = 0
            self._sorry = self._sorry or tape.lost
            candidate, retries = await self._next(candidate, error, retries, failed)
        if self._chain.policy.then is None:
            self._site.lost(self._chain.name)
        else:
            await self._site.resort(self._chain, cause)
            await asyncio.sleep(self._chain.policy.then.tool.options.timeout + DEAF)
            self._site.lost(self._chain.name)  # the caller, who is not heard, may have called off what was to end it

    async def _attend(
        self, attempt: Attempt[TapeReader], tape: Tape, outlet: Outlet, cause: Cause
    ) -> BaseException | None:
        """Hands on what a candidate gives. Returns why it has to be replaced; None at the end of the call."""
        self._understood = False
        replayed = tape.unheeded_since is not None
        patience = attempt.candidate.policy.timeout or self._chain.policy.timeout
        ready_by = self._site.now() + (patience or ENTER)
        while True:
            if self._sorry and not tape.speaking:
                self._sorry = False
                if text := self._chain.policy.say or self._site.sorry:
                    self._site.soothe(self._chain.name, text, cause)
            await self._alarm.wait(_after(tape, patience) if attempt.candidate.is_ready else ready_by)
            if attempt.given is not None:
                try:
                    await done(outlet.send(attempt.given, cause))
                except GivenWrongly as error:
                    return error
                if isinstance(attempt.given, Transcript):
                    tape.understood(attempt.given)
                    if attempt.given.final:
                        self._understood = True
                        attempt.candidate.breaker.worked()
                attempt.go_on()
            elif attempt.ended:
                if attempt.error is not None or not tape.ended:
                    lacks = "stopped listening before the end of the call"
                    return attempt.error or NotAnswered(attempt.candidate.name, lacks)
                return None
            elif not attempt.candidate.is_ready:
                if self._site.now() >= ready_by:
                    return NotAnswered(attempt.candidate.name, f"was not ready after {patience or ENTER:g} s")
            elif (due := _after(tape, patience)) is not None and self._site.now() >= due:
                if replayed:
                    tape.give_up()  # neither the one nor the other understood it
                return NotAnswered(attempt.candidate.name, f"understood nothing {patience:g} s after the caller spoke")

    async def _next(
        self, candidate: Candidate, error: BaseException, retries: int, failed: set[str]
    ) -> tuple[Candidate | None, int]:
        hopeless = isinstance(error, ProviderError) and not error.retryable
        if retries < self._chain.policy.retries and not hopeless:
            self._chain.step("restart", candidate.name, why(candidate, error), 0)
            await asyncio.sleep(BACK_OFF * 2**retries * (0.5 + self._site.jitter()))
            return candidate, retries + 1
        failed.add(candidate.name)
        now = self._site.now()
        if (other := self._chain.next(now, failed)) is not None:
            self._chain.stand_in(other, now, why(candidate, error), 0)
        return other, 0


def _after(tape: Tape, patience: float | None) -> float | None:
    """When a transcript is overdue."""
    since = tape.unheeded_since
    return None if since is None or patience is None else since + patience
