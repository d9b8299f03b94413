"""What the caller does next: the steps of a conversation test (voicegraph.testing.conversations), on a telephone.

Here only sound tells what the agent does. It is done when it has answered and been silent for a while.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from voicegraph.caller.mouth import Act
from voicegraph.caller.phone import Phone
from voicegraph.caller.twilio import RATE
from voicegraph.durations import format_duration
from voicegraph.errors import VoicegraphError
from voicegraph.graph.codes import Code
from voicegraph.graph.diagnostics import Diagnostic
from voicegraph.graph.source import Source, Span
from voicegraph.testing.conversations.model import (
    Agent,
    AgentAudio,
    AgentWords,
    Caller,
    CallerAudio,
    Cough,
    Dtmf,
    HangUp,
    Silence,
    Time,
)
from voicegraph.testing.conversations.wording import is_part, said, words_of
from voicegraph.testing.telephone import murmur_codes

QUIET = 1.0
"""Seconds of silence by which the agent seems to be done."""
PATIENCE = 10.0
"""Seconds that a caller waits for an answer."""
GREETING = 2.0
"""Seconds that they wait to be greeted."""
DEADLINE = 30.0
"""Seconds that a step of a script may take to happen."""
KEY_EVERY = 0.1
"""Seconds from one key to the next."""

Voice = Callable[[str], bytes]
"""Speaks a text: mu-law codes, 8000 a second."""


@dataclass(frozen=True, slots=True)
class Greeting:
    """Waits until the agent has greeted, if it does so at all."""

    place: Span


@dataclass(frozen=True, slots=True)
class Play:
    """The caller says what was recorded."""

    place: Span
    codes: bytes
    name: str


_ENDS = {"caller": "the call ended", "agent": "the agent hung up", "lost": "the connection broke"}

Step: TypeAlias = (
    Agent | AgentAudio | AgentWords | Caller | CallerAudio | Cough | Dtmf | Greeting | HangUp | Play | Silence | Time
)


class StepFailed(VoicegraphError):
    """A step did not happen, or not as it was to. in_a_file: a user has written it, and is shown where."""

    def __init__(self, code: Code, message: str, step: Step, hint: str) -> None:
        self.diagnostic = Diagnostic(code, message, step.place, hint)
        self.in_a_file = bool(step.place.source.text)
        super().__init__(f"{step.place.source.name}:{step.place.line}: {message}" if self.in_a_file else message)


@dataclass(frozen=True)
class Manner:
    """How patient a caller is, in seconds; see the constants."""

    patience: float = PATIENCE
    quiet: float = QUIET
    deadline: float = DEADLINE


def from_options(texts: Sequence[str], sound: tuple[str, bytes] | None) -> tuple[Step, ...]:
    """Waits for a greeting and says one text after the other, or plays a sound with its name from the start."""
    place = Source("the call", "", folder=Path()).start
    if sound:
        return (Play(place, sound[1], sound[0]),)
    said = [step for text in texts for step in (Caller(place, text), Agent(place, ""))]
    return (Greeting(place), *said)


class Director:
    """Plays the steps of one call. voice: the caller's."""

    def __init__(self, steps: Sequence[Step], voice: Voice, manner: Manner) -> None:
        self._steps = steps
        self._voice = voice
        self._manner = manner
        self._at = 0
        self._act: Act | None = None  # what the caller said last
        self._since = 0.0  # of what the agent says from then on, nothing was asked for yet
        self._awaited: float | None = None  # since when the agent owes an answer
        self._said: tuple[Agent, float] | None = None  # what it was to say, from when on, and has not been compared
        self._coughs = 0
        self._play: dict[type[Step], Callable[[Any], Coroutine[Any, Any, None]]] = {
            Agent: self._agent,
            AgentAudio: self._agent_audio,
            AgentWords: self._agent_words,
            Caller: self._caller,
            CallerAudio: self._caller_audio,
            Cough: self._cough,
            Dtmf: self._dtmf,
            Greeting: self._greeting,
            HangUp: self._hang_up,
            Play: self._recorded,
            Silence: self._silence,
            Time: self._time,
        }

    async def __call__(self, phone: Phone) -> None:
        """All steps, until the agent has answered the last. Raises StepFailed."""
        self.phone = phone
        self.leg = phone.leg
        for at, step in enumerate(self._steps):
            self._at = at
            await self._play[type(step)](step)
        if not (self._steps and isinstance(self._steps[-1], HangUp)):
            await self._until_done()
        self._compare(self._now())

    # --- what the caller does ----------------------------------------------------------------------------------------

    async def _caller(self, step: Caller) -> None:
        await self._say(step, self._voice(step.text), step.text)

    async def _cough(self, step: Cough) -> None:
        self._coughs += 1
        await self._say(step, murmur_codes(step.seconds, origin=self._coughs), "(coughs)")

    async def _recorded(self, step: Play) -> None:
        await self._say(step, step.codes, f"({step.name})", wait=False)

    async def _say(self, step: Step, codes: bytes, text: str, *, wait: bool = True) -> None:
        if wait:
            await self._turn_of_caller()
        act = self._act = self.leg.mouth.say(codes, text)
        await self._until(lambda: act.began is not None, step, lambda: "the caller could not begin")
        following = self._steps[self._at + 1 : self._at + 2]
        if not (following and isinstance(following[0], CallerAudio)):
            await self._until(lambda: act.ended is not None, step, _too_slow, deadline=act.seconds + 1.0)
            self._since = self._now()
        else:
            self._since = (act.began or 0) / RATE
        self._awaited = self._since

    async def _dtmf(self, step: Dtmf) -> None:
        await self._turn_of_caller()
        for digit in step.digits:
            self._go_on(step)
            await self.phone.press(digit)
            await self._pass(KEY_EVERY)
        self._since = self._awaited = self._now()

    async def _hang_up(self, step: HangUp) -> None:
        await self._turn_of_caller()

    async def _turn_of_caller(self) -> None:
        """Lets the agent finish, unless the step before says when."""
        if self._at == 0 or isinstance(self._steps[self._at - 1], Agent | Greeting):
            await self._until_done()

    # --- what the agent does -----------------------------------------------------------------------------------------

    async def _greeting(self, step: Greeting) -> None:
        until = self._now() + GREETING
        while not self._heard() and self._now() < until and await self.phone.tick():
            pass

    async def _agent(self, step: Agent) -> None:
        if self._said and self._said[1] == self._since:  # it says one thing after the other
            await self._happens(self._is_quiet, self._manner.deadline)
            self._since = self._now()
        self._compare(self._since)
        self._said = (step, self._since)
        if step.text:
            await self._until(lambda: self._heard() > 0, step, lambda: "the agent said nothing")
        else:  # how long the caller waited stands in the result
            await self._happens(lambda: self._heard() > 0, self._manner.patience)

    def _compare(self, until: float) -> None:
        """The agent said what it was to say, as far as that was heard. Of a real voice nobody knows."""
        if self._said is None:
            return
        (step, since), self._said = self._said, None
        heard = " ".join(word.text for word in self.leg.heard.words if since <= word.start < until)
        words, expected = words_of(heard), words_of(step.text)
        cut = any(run.cut and run.end / RATE > since for run in self.leg.agent.runs)
        if step.text and words and not (words == expected or (cut and is_part(words, expected))):
            raise StepFailed("other-words", f"the caller heard {said(heard)}", step, "not this")

    async def _agent_audio(self, step: AgentAudio) -> None:
        def missing() -> str:
            return f"the agent was heard for {self._heard():.2f} s"

        await self._until(lambda: self._heard() >= step.seconds, step, missing)

    async def _agent_words(self, step: AgentWords) -> None:
        def count() -> int:
            return sum(word.start >= self._since for word in self.leg.heard.words)

        def missing() -> str:
            return f"the caller heard {count()} words; of a real voice nobody knows them, so use `agent_audio`"

        await self._until(lambda: count() >= step.count, step, missing)

    # --- time --------------------------------------------------------------------------------------------------------

    async def _caller_audio(self, step: CallerAudio) -> None:
        assert self._act is not None  # a file without one is refused
        await self._until_time((self._act.began or 0) / RATE + step.seconds)

    async def _silence(self, step: Silence) -> None:
        await self._pass(step.seconds)

    async def _time(self, step: Time) -> None:
        await self._until_time(step.seconds)

    async def _pass(self, seconds: float) -> None:
        await self._until_time(self._now() + seconds)

    async def _until_time(self, time: float) -> None:
        while self._now() < time and await self.phone.tick():
            pass

    # --- waiting -----------------------------------------------------------------------------------------------------

    def _now(self) -> float:
        return self.phone.now()

    def _heard(self) -> float:
        """Seconds from the beginning of what the agent says now to its end so far; 0 if it has not begun."""
        runs = [run for run in self.leg.agent.runs if run.end / RATE > self._since]
        return (runs[-1].end - max(runs[0].start, round(self._since * RATE))) / RATE if runs else 0.0

    def _is_quiet(self) -> bool:
        """The agent is, and has been for a while."""
        end = self.leg.agent.end
        waiting = self.leg.playout.end / RATE > self._now() + self._manner.quiet
        return not waiting and (end is None or self._now() - end / RATE >= self._manner.quiet)

    async def _until_done(self) -> None:
        """Until the agent neither speaks nor owes an answer."""

        def done() -> bool:
            owes = self._awaited is not None and not self._heard()
            patient = self._now() < (self._awaited or 0.0) + self._manner.patience
            return self._is_quiet() and not (owes and patient)

        await self._happens(done, 10 * self._manner.deadline)

    async def _happens(self, happened: Callable[[], bool], within: float) -> bool:
        until = self._now() + within
        while not happened():
            if self._now() >= until or not await self.phone.tick():
                return happened()
        return True

    async def _until(
        self, happened: Callable[[], bool], step: Step, missing: Callable[[], str], *, deadline: float | None = None
    ) -> None:
        """Raises StepFailed at the deadline, and when the call ends before."""
        within = self._manner.deadline if deadline is None else deadline
        if await self._happens(happened, within):
            return
        self._go_on(step)
        raise StepFailed("never-happened", f"{missing()}, within {format_duration(within)}", step, "waited for this")

    def _go_on(self, step: Step) -> None:
        ended = self.phone.ended
        if ended is not None:
            how = f"{_ENDS[ended.by]} before {'this' if step.place.source.text else 'the caller was done'}"
            raise StepFailed("call-ended", how + (f" ({ended.why})" if ended.why else ""), step, "waited for this")


def _too_slow() -> str:
    return "this machine was too slow to speak for the caller"
