"""Whose turn is it? Gathers what the caller says into turns, and decides when the agent is interrupted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import field
from functools import cached_property
from itertools import chain
from typing import Annotated

from annotated_types import Ge

from voicegraph.call import Call, this_call
from voicegraph.durations import Duration
from voicegraph.frames import Commit, EndOfTurn, Interrupt, Pause, Resume, Transcript, UserTurn
from voicegraph.frames import SpeechStarted as Started
from voicegraph.frames import SpeechStopped as Stopped
from voicegraph.node import node
from voicegraph.turn_taking.alarms import Alarms
from voicegraph.turn_taking.barge_in import BargeIn
from voicegraph.turn_taking.dialogue import Dialogue
from voicegraph.turn_taking.end_of_turn import FINAL_WAIT, EndOfTurnPolicy, Silence
from voicegraph.turn_taking.voices import AgentVoice, CallerVoice

LOOK = 0.1
"""Seconds between two looks whether the agent is done, while the caller's words wait for that."""

Heard = Started | Stopped | Transcript | EndOfTurn
Decision = UserTurn | Commit | Interrupt | Pause | Resume
Decisions = Iterator[Decision]


@node("aggregator")
class Aggregator:
    """Turns speech and transcripts into the caller's turns, with the conversation so far.

    end_silence: a turn ends when the caller has been silent for so long. end_of_turn: who else judges that. speculate:
    begin the answer at the first pause and hold it back at the line; the end of the turn commits it, further speech
    takes it back unheard. interrupt: when the caller's speech interrupts the agent's. history: how many exchanges with
    the caller a turn carries along at most; one more, and the older half goes at once, so that the conversation begins
    alike for several turns and a language model need not read all of it again.

    Without a VAD the caller's speech begins with the first partial transcript and ends with the final one.
    """

    end_silence: Duration = 0.5
    end_of_turn: EndOfTurnPolicy = Silence()
    speculate: bool = False
    interrupt: BargeIn = field(default_factory=BargeIn)
    history: Annotated[int, Ge(0)] = 20
    call: Call = this_call()

    def __post_init__(self) -> None:
        self._has_vad = False
        self._caller = CallerVoice(self.end_silence, self.end_of_turn)
        self._partial = ""  # what the caller seems to be saying
        self._unwritten = False  # the caller has spoken, and no final transcript of it has come
        self._dialogue = Dialogue(self.history)
        self._kept = False  # words were said over the agent's voice, and wait until the agent is done
        self._alarms = Alarms[Callable[[], Decisions]]()

    @cached_property
    def _agent(self) -> AgentVoice:
        return AgentVoice(self.call)

    async def listen(self, frames: AsyncIterator[Heard]) -> AsyncIterator[Decision]:
        """Waits for the next frame or the next deadline, and gives what follows from it."""
        while True:
            try:
                async with asyncio.timeout_at(self._alarms.next):
                    frame = await anext(frames)
            except TimeoutError:
                pass
            except StopAsyncIteration:
                break
            else:
                for decision in self._on_frame(frame):
                    yield decision
            while alarm := self._alarms.take(self.call.now()):
                for decision in alarm():
                    yield decision
        self._kept = False  # there is no waiting any more
        for decision in chain(self._resume(), self._end_turn()):
            yield decision

    def _on_frame(self, frame: Heard) -> Decisions:
        match frame:
            case Started():
                self._has_vad = True
                return self._on_started(frame.at, _passed(frame))
            case Stopped():
                return self._on_stopped(_passed(frame))
            case EndOfTurn():
                return self._on_verdict(frame)
            case Transcript(final=True):
                return self._on_final(frame)
            case Transcript():
                return self._on_partial(frame)

    # --- the caller speaks, and pauses -------------------------------------------------------------------------------

    def _on_started(self, at: float, passed: float) -> Decisions:
        """The caller began to speak, `passed` seconds ago."""
        began = self.call.now() - passed
        self._caller.start(began, at)
        self._partial, self._unwritten = "", self._has_vad
        self._alarms.drop(self._on_silence, self._end_turn)
        if self._agent.unheard(self._dialogue.last, passed):
            yield self._take_back()  # the caller was not done yet
        elif self._agent.replies():
            self._alarms.set(self._barge_in, began + self.interrupt.after_speech)
            if self.interrupt.pause_first and self._agent.pause():
                yield Pause()
            self._time_pause()

    def _on_stopped(self, passed: float) -> Decisions:
        """The caller stopped, `passed` seconds ago: to breathe, or for an answer."""
        self._caller.stop(self.call.now() - passed)
        self._alarms.drop(self._barge_in)
        self._time_silence()
        self._time_pause()
        return iter(())

    def _on_verdict(self, verdict: EndOfTurn) -> Decisions:
        if self._caller.judge(verdict):
            if self._caller.speaking:  # it is over before anybody noticed the silence
                return self._on_stopped(0.0)
            self._time_silence()
        return iter(())

    def _on_partial(self, transcript: Transcript) -> Decisions:
        news = self._dialogue.words.news(transcript)
        if news and not self._has_vad:
            if not self._caller.speaking:
                yield from self._on_started(transcript.start or 0.0, 0.0)
            self._caller.silent_from(self.call.now())
            self._time_silence()
        self._partial = news
        self._time_pause()
        if self._caller.speaking:
            yield from self._barge_in()

    def _on_final(self, transcript: Transcript) -> Decisions:
        self._partial, self._unwritten = "", self._unwritten and self._caller.is_before(transcript)
        self._alarms.drop(self._end_turn)
        if not self._has_vad:
            yield from self._on_stopped(0.0)
        if news := self._dialogue.words.news(transcript):
            yield from self._take_in(transcript, news)
        if self._caller.speaking:
            return
        yield from self._resume()  # had it been an interruption, there would be no pause any more
        if self._on_silence not in self._alarms:  # the silence was long enough before the words came
            yield from self._end_turn()
        elif self.speculate and self._dialogue.words and not self._waits():
            yield from self._answer(speculative=True)

    def _take_in(self, transcript: Transcript, news: str) -> Decisions:
        """Makes a final transcript a part of the caller's turn, unless it is an "uh-huh" to what the agent says.

        At the very end of that, an "okay" is an answer.
        """
        if self._agent.unheard(self._dialogue.last):
            yield self._take_back()
        elif self.call.speaking():
            if not (self.interrupt.words(news) or self._agent.nearly_done()):
                return
            self._kept = not self.interrupt.decides(float("inf"), news)
            if not self._kept and self._agent.replies():
                yield self._interrupt("barge-in")
        self._dialogue.words.add(transcript)

    # --- the caller's turn is over -----------------------------------------------------------------------------------

    def _time_silence(self) -> None:
        self._alarms.set(self._on_silence, self._caller.over_at)

    def _on_silence(self) -> Decisions:
        """The caller has been silent for long enough."""
        if not self._has_vad:
            self._caller.speaking = False
        unwritten = self._unwritten and self._dialogue.words
        if self._partial or unwritten:  # the last words are not final yet: they are worth a moment
            self._alarms.set(self._end_turn, self.call.now() + FINAL_WAIT)
        else:
            yield from self._end_turn()

    def _end_turn(self) -> Decisions:
        if self._waits():
            self._alarms.set(self._end_turn, self.call.now() + LOOK)
        elif self._dialogue.words:
            yield from self._answer(speculative=False)
        elif self._agent.answers(self._dialogue.commit()):
            self._caller.answered(self.call.now())
            yield Commit()

    def _waits(self) -> bool:
        """Whether the caller's words, which were too few to interrupt, still wait for the agent to be done."""
        return self._kept and self.call.speaking()

    def _answer(self, *, speculative: bool) -> Decisions:
        turn = self._dialogue.close(self.call.replies(), speculative=speculative)
        if turn is None:
            return
        yield from self._resume()
        self._kept = False
        if not speculative:
            self._caller.answered(self.call.now())
        yield turn
        self._dialogue.given()

    # --- the agent gives way -----------------------------------------------------------------------------------------

    def _take_back(self) -> Interrupt:
        """Whose answer is not heard yet may go on, as if the turn had not been given."""
        self._dialogue.reopen()
        return self._interrupt("the caller went on")

    def _barge_in(self) -> Decisions:
        spoken = self._caller.seconds(self.call.now())
        if self.interrupt.decides(spoken, self._partial) and self._agent.replies():
            yield self._interrupt("barge-in")

    def _interrupt(self, reason: str) -> Interrupt:
        self._agent.end_pause()
        return Interrupt(reason=reason)

    def _time_pause(self) -> None:
        guess = bool(self.interrupt.words(self._partial))
        until = self._agent.resume_at(speaks_since=self._caller.speaks_since, guess=guess)
        if until is not None:
            self._alarms.set(self._resume, until)

    def _resume(self) -> Decisions:
        if self._agent.end_pause():
            yield Resume()


def _passed(event: Started | Stopped) -> float:
    """Seconds between an event and its notice."""
    return max(0.0, event.noticed - event.at) if event.noticed else 0.0
