"""Plays the steps of a test: does what the caller does, waits for the agent, and says what it waited for in vain."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextlib import suppress
from math import inf
from typing import Any

from voicegraph.durations import format_duration
from voicegraph.engine.session import Session
from voicegraph.errors import VoicegraphError
from voicegraph.frames import Audio, Frame, UserTurn
from voicegraph.graph.codes import Code
from voicegraph.graph.diagnostics import Diagnostic
from voicegraph.graph.wording import quote
from voicegraph.testing.conversations.happened import Spoken
from voicegraph.testing.conversations.model import (
    Agent,
    AgentAudio,
    AgentWords,
    Caller,
    CallerAudio,
    Case,
    Cough,
    Dtmf,
    Fault,
    Given,
    HangUp,
    Silence,
    Step,
    Time,
)
from voicegraph.testing.conversations.record import Record
from voicegraph.testing.conversations.wording import is_part, said, words_of
from voicegraph.testing.scripted import Says, ScriptedLLM
from voicegraph.testing.simulated import Act, SimulatedCall

PATIENCE = 3.0
"""Seconds after which nobody waits any more for an answer to what the caller said: a mere "uh-huh" gets none."""
COUGH = "(coughs)"


class StepFailed(Exception):
    """A step did not happen, or not as it was to."""

    def __init__(self, code: Code, message: str, step: Step, hint: str) -> None:
        super().__init__(message)
        self.diagnostic = Diagnostic(code, message, step.place, hint)


class CallEnded(StepFailed):
    """A step cannot happen any more."""


class Director:
    """Directs one call. An observer of its session, too: when a scripted brain is to be asked, tells it what to say.

    spoken: what was said and heard of a turn so far. checks: whether the agent has to say what its steps say; else they
    only wait for it. hung_up: the caller ended the call.
    """

    def __init__(self, case: Case, record: Record, spoken: Callable[[int], Spoken], *, checks: bool = True) -> None:
        self.case = case
        self._checks = checks
        self.hung_up = False
        self._record = record
        self._spoken = spoken
        self._at = 0  # the step that is being played
        self._claimed = 0  # how many of the replies in record.begun belong to steps already played
        self._reply = 0  # the turn that the last `agent` step is about
        self._new_reply = True  # the caller has done something since
        self._unchecked: list[tuple[Agent, int]] = []
        self._ended = False
        self._why = ""
        self._act: Act | None = None  # what the caller said last
        self._answer_from: float | None = None  # when the caller had said what the agent owes an answer to
        self._play: dict[type[Step], Callable[[Any], Coroutine[Any, Any, None]]] = {
            Caller: self._caller,
            Cough: self._cough,
            Dtmf: self._dtmf,
            HangUp: self._hang_up,
            Agent: self._agent,
            AgentAudio: self._agent_audio,
            AgentWords: self._agent_words,
            CallerAudio: self._caller_audio,
            Time: self._time,
            Given: self._given,
            Silence: self._silence,
            Fault: self._fault,
        }

    def serve(self, session: Session) -> None:
        """Says whose call it is, before that begins."""
        assert session.plan.line is not None
        self._session = session
        self._line_name = session.plan.line
        line = session.nodes[session.plan.line].instance
        assert isinstance(line, SimulatedCall)
        self.line = line
        self._brains = [node.instance for node in session.nodes.values() if isinstance(node.instance, ScriptedLLM)]

    async def play(self) -> None:
        """All steps, until the agent has answered the last one. Raises StepFailed."""
        steps = self.case.steps
        await self._until(lambda: self._record.counts[self._line_name, Audio] > 0, steps[0], lambda: "no call began")
        for self._at, step in enumerate(steps):
            await self._play[type(step)](step)
        self._at = len(steps)
        with suppress(CallEnded):
            await self._until_done(steps[-1], "the agent was not done with its answer")
        await self.line.tick()  # an agent that hangs up when it has spoken does so before the caller
        self._check(last=True)

    @property
    def over(self) -> bool:
        """The call has ended."""
        return self._ended or self.line.over

    def end(self, failure: VoicegraphError | None) -> None:
        """The call has ended, or could not even begin."""
        self._ended = True
        self._why = f": {failure}" if failure else ""
        self._record.wake()

    def hang_up(self) -> None:
        """The caller does."""
        self.hung_up = True
        self.line.hang_up()

    # --- as an observer of the session -------------------------------------------------------------------------------

    def given(self, node: str, frame: Frame) -> None:
        """Whoever is asked says what the next `agent` step has; nothing if there is none."""
        if type(frame) is UserTurn:
            following = (step.text for step in self.case.steps[self._at :] if isinstance(step, Agent))
            line = Says(text=next(following, ""), cue=frame.text)
            for brain in self._brains:
                brain.add(line)

    def played(self, turn: int, seconds: float) -> None:
        """The record keeps it."""

    # --- what the caller does ----------------------------------------------------------------------------------------

    async def _caller(self, step: Caller) -> None:
        await self._turn_of_caller(step)
        await self._utter(step, self.line.say(step.text), step.text)

    async def _cough(self, step: Cough) -> None:
        await self._turn_of_caller(step)
        await self._utter(step, self.line.cough(step.seconds), COUGH)

    async def _utter(self, step: Step, act: Act, text: str) -> None:
        """Until it is said, unless the next step counts from its beginning."""
        await act.begun()
        self._go_on(step)
        start = self._record.since(act.began or 0.0)
        self._act = act
        self._record.caller_says(text, start, start + act.seconds)
        if isinstance(step, Caller):
            self._answer_from = start + act.seconds
        following = (each for each in self.case.steps[self._at + 1 :] if not isinstance(each, Fault))
        if not isinstance(next(following, None), CallerAudio):
            with suppress(CallEnded):  # in the middle of it: for the next step to complain about
                await self._until_time(start + act.seconds, step)

    async def _dtmf(self, step: Dtmf) -> None:
        await self._turn_of_caller(step)
        self.line.press(step.digits)
        self._answer_from = self._record.now()
        self._record.note("caller", "".join(f"[{digit}]" for digit in step.digits))

    async def _hang_up(self, step: HangUp) -> None:
        await self._turn_of_caller(step)
        self._record.note("caller", "(hangs up)")
        self.hang_up()

    async def _turn_of_caller(self, step: Step) -> None:
        """The caller lets the agent finish, unless the step before says when."""
        before = (each for each in reversed(self.case.steps[: self._at]) if not isinstance(each, Fault))
        if isinstance(next(before, None), Agent | None):
            await self._until_done(step, "the agent was not done, so the caller could not begin")
        self._claimed = len(self._record.begun)
        self._new_reply = True

    async def _caller_audio(self, step: CallerAudio) -> None:
        assert self._act is not None  # a file without one is refused
        assert self._act.began is not None
        if step.seconds > self._act.seconds:
            message = f"what the caller says takes {self._act.seconds:.2f} s only"
            raise StepFailed("never-happened", message, step, "so this never happens")
        await self._until_time(self._record.since(self._act.began) + step.seconds, step)

    # --- what the agent does -----------------------------------------------------------------------------------------

    async def _agent(self, step: Agent) -> None:
        begun = self._record.begun
        await self._until(lambda: len(begun) > self._claimed, step, self._nothing_said)
        self._reply, self._new_reply = [*begun][self._claimed], False
        self._claimed += 1
        if self._checks:
            self._unchecked.append((step, self._reply))

    async def _agent_audio(self, step: AgentAudio) -> None:
        def heard() -> float:
            return self._record.seconds.get(self._current(), 0.0)

        def missing() -> str:
            return f"the agent was heard for {heard():.2f} s" if self._current() else self._nothing_said()

        await self._until(lambda: heard() >= step.seconds, step, missing)

    async def _agent_words(self, step: AgentWords) -> None:
        def words() -> list[str]:
            return self._spoken(self._current()).heard.split()

        def missing() -> str:
            return f"the caller heard {said(' '.join(words()))}" if words() else self._nothing_said()

        await self._until(lambda: len(words()) >= step.count, step, missing)

    def _nothing_said(self) -> str:
        return "the agent said nothing more" if self._record.begun else "the agent said nothing"

    def _current(self) -> int:
        """The reply that is heard, or is to be heard next; 0 if it has not begun."""
        coming = [*self._record.begun][self._claimed :]
        if coming:
            return coming[0]
        last = self._reply if not self._new_reply else next(reversed(self._record.begun), 0)
        return last if not self._new_reply or (last and not self._session.reply(last).over) else 0

    # --- the rest ----------------------------------------------------------------------------------------------------

    async def _silence(self, step: Silence) -> None:
        with suppress(CallEnded):
            await self._until_time(self._record.now() + step.seconds, step)

    async def _time(self, step: Time) -> None:
        await self._until_time(step.seconds, step)

    async def _given(self, step: Given) -> None:
        def count() -> int:
            return self._record.count(step.frame, step.node.text if step.node else None)

        before = count()
        by = f" by {quote(step.node.text)}" if step.node else ""
        await self._until(lambda: count() > before, step, lambda: f"no {step.frame.__name__} was given{by}")

    async def _fault(self, step: Fault) -> None:
        self._session.nodes[step.node.text].instance.fail(step.kind, **step.settings)
        self._record.note("test", f"{step.node.text}: {step.kind}")

    # --- waiting -----------------------------------------------------------------------------------------------------

    async def _until_done(self, step: Step, missing: str) -> None:
        """Until the agent neither speaks nor owes an answer."""
        await self._until(
            lambda: not self._session.speaking() and self._owes_until() <= self._record.now(),
            step,
            lambda: missing,
            look_at=self._owes_until,
        )

    def _owes_until(self) -> float:
        """When nobody will expect an answer any more to what the caller said; in the past if there was one."""
        since, record = self._answer_from, self._record
        if since is None:
            return -inf
        later = (turn for turn, opened in record.opened.items() if opened >= since)
        if any(turn in record.begun or not self._session.reply(turn).interrupted for turn in later):
            return -inf
        return max(since, *record.last_heard.values(), 0.0) + PATIENCE

    async def _until(
        self,
        happened: Callable[[], bool],
        step: Step,
        missing: Callable[[], str],
        *,
        look_at: Callable[[], float] = lambda: inf,
    ) -> None:
        """Raises StepFailed at the deadline, with what is missing, and when the call ends before."""
        deadline = self._record.now() + self.case.deadline
        while not happened():
            self._go_on(step)
            if self._record.now() >= deadline:
                message = f"{missing()}, within {format_duration(self.case.deadline)}"
                raise StepFailed("never-happened", message, step, "waited for this")
            at = look_at()
            await self._record.change(min(deadline, at) if at > self._record.now() else deadline)

    async def _until_time(self, time: float, step: Step) -> None:
        while self._record.now() < time:
            self._go_on(step)
            await self._record.change(time)
        self._check()

    def _go_on(self, step: Step) -> None:
        self._check()
        if self.over:
            raise CallEnded("call-ended", f"the call ended before this{self._why}", step, "waited for this")

    def _check(self, *, last: bool = False) -> None:
        """The agent said what it was to say, as far as that was heard."""
        if not self._unchecked or (self._session.speaking() and not last and len(self._unchecked) < 2):
            return
        checked = [each for each in self._unchecked if last or self._session.reply(each[1]).over]
        self._unchecked = [each for each in self._unchecked if each not in checked]
        for step, turn in checked:
            reply = self._spoken(turn)
            heard, expected = words_of(reply.heard), words_of(step.text)
            if not (heard == expected or (reply.cut and is_part(heard, expected))):
                end = ", and was cut short" if reply.cut else ""
                raise StepFailed("other-words", f"the caller heard {said(reply.heard)}{end}", step, "not this")
