"""Whose turn is it? Gathers what the caller says into turns, and decides when the agent is interrupted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import field, replace
from functools import cached_property
from itertools import chain
from typing import Annotated

from annotated_types import Ge

from voicegraph.call import Call, this_call
from voicegraph.durations import Duration
from voicegraph.frames import Commit, Dtmf, EndOfTurn, Interrupt, Pause, Resume, Transcript, UserTurn
from voicegraph.frames import SpeechStarted as Started
from voicegraph.frames import SpeechStopped as Stopped
from voicegraph.node import node
from voicegraph.turn_taking.alarms import Alarms
from voicegraph.turn_taking.barge_in import WORDS_WAIT, BargeIn
from voicegraph.turn_taking.dialogue import Dialogue
from voicegraph.turn_taking.end_of_turn import FINAL_WAIT, EndOfTurnPolicy, Silence
from voicegraph.turn_taking.idle import LOOK, Idle, Patience
from voicegraph.turn_taking.voices import AgentVoice, CallerVoice

Heard = Started | Stopped | Transcript | EndOfTurn | Dtmf
Decision = UserTurn | Commit | Interrupt | Pause | Resume
Decisions = Iterator[Decision]


@node("aggregator")
class Aggregator:
    """Turns speech and transcripts into the caller's turns, with the conversation so far.

    end_silence: a turn ends when the caller has been silent for so long. end_of_turn: who else judges that. speculate:
    begin the answer at the first pause and hold it back at the line; the end of the turn commits it, further speech
    takes it back unheard. interrupt: when the caller's speech interrupts the agent's, or takes back an answer that is
    not heard yet. idle: when a caller who says nothing is asked; by default never. Keys that are pressed count as an
    answer to that, and nothing else. history: how many exchanges with the caller a turn carries along at most; one
    more, and the older half goes at once, so that the conversation begins alike for several turns and a language model
    need not read all of it again.

    Without a VAD the caller's speech begins with the first partial transcript and ends with the final one.
    """

    end_silence: Duration = 0.5
    end_of_turn: EndOfTurnPolicy = Silence()
    speculate: bool = False
    interrupt: BargeIn = field(default_factory=BargeIn)
    idle: Idle | None = None
    history: Annotated[int, Ge(0)] = 20
    call: Call = this_call()

    def __post_init__(self) -> None:
        self._has_vad = False
        self._caller = CallerVoice(self.end_silence, self.end_of_turn)
        self._partial = ""  # what the caller seems to be saying
        self._unwritten = False  # the caller has spoken, and no final transcript of it has come
        self._dialogue = Dialogue(self.history)
        self._kept = False  # words were said over the agent's voice, and wait until the agent is done
        self._early = False  # the caller's last speech began before the answer to what they had said was heard
        self._alarms = Alarms[Callable[[], Decisions]]()

    @cached_property
    def _agent(self) -> AgentVoice:
        return AgentVoice(self.call)

    @cached_property
    def _patience(self) -> Patience | None:
        return Patience(self.idle, self.call) if self.idle else None

    async def listen(self, frames: AsyncIterator[Heard]) -> AsyncIterator[Decision]:
        """Waits for the next frame or the next deadline, and gives what follows from it."""
        if self._patience:
            self._alarms.set(self._look, self.call.now())
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
            case Dtmf():
                return self._on_key()
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
        self._early = self._agent.unheard(self._dialogue.last, passed)
        self._stir()
        if self._agent.replies():
            self._alarms.set(self._barge_in, began + self.interrupt.after_speech)
            if self._pauses():
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
        if news:
            self._stir()
        self._time_pause()
        if self._caller.speaking:
            yield from self._barge_in()

    def _on_final(self, transcript: Transcript) -> Decisions:
        self._partial, self._unwritten = "", self._unwritten and self._caller.is_before(transcript)
        self._alarms.drop(self._end_turn)
        if not self._has_vad:
            yield from self._on_stopped(0.0)
        if news := self._dialogue.words.news(transcript):
            self._stir(words=True)
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
        policy = self._policy
        if self._goes_on():
            if not policy.words(news):
                return
            yield self._take_back()
        elif self.call.speaking():
            if not (policy.words(news) or self._agent.nearly_done()):
                return
            self._kept = not policy.decides(float("inf"), news)
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
        now = self.call.now()
        if self._partial or (self._unwritten and self._dialogue.words):  # the last words are not final yet
            self._alarms.set(self._end_turn, now + FINAL_WAIT)
        elif self._unwritten and self._caller.silence(now) < WORDS_WAIT:  # nor would they be by now, if it was any
            self._alarms.set(self._end_turn, now + WORDS_WAIT - self._caller.silence(now))
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

    @property
    def _policy(self) -> BargeIn:
        """Whoever is told goodbye, for they say nothing, may say anything."""
        if self._patience and self._patience.leaving:
            pause_first = self.interrupt.pause_first or self._agent.pausable
            return replace(self.interrupt, min_words=0, ignore=(), pause_first=pause_first)
        return self.interrupt

    def _goes_on(self) -> bool:
        """Whether what the caller says is still of the turn that is being answered: they had heard no word of that."""
        last = self._dialogue.last
        return self._agent.unheard(last) or (self._early and self._agent.wordless(last))

    def _take_back(self) -> Interrupt:
        """Whose answer is not heard yet may go on, as if the turn had not been given."""
        self._dialogue.reopen()
        return self._interrupt("the caller went on")

    def _barge_in(self) -> Decisions:
        if not self._policy.decides(self._caller.seconds(self.call.now()), self._partial):
            return
        if self._goes_on():
            yield self._take_back()
        elif self._agent.replies():
            yield self._interrupt("barge-in")

    def _pauses(self) -> bool:
        """Whether to be silent until it is known what the caller's sound is; an answer is not begun before."""
        if self._early and not self._dialogue.held and self._agent.hold(self._dialogue.last):
            return True
        return self._policy.pause_first and self._agent.pause()

    def _interrupt(self, reason: str) -> Interrupt:
        self._agent.end_pause()
        return Interrupt(reason=reason)

    def _time_pause(self) -> None:
        guess = bool(self._policy.words(self._partial))
        until = self._agent.resume_at(speaks_since=self._caller.speaks_since, guess=guess)
        if until is not None:
            self._alarms.set(self._resume, until)

    def _resume(self) -> Decisions:
        self._early = False
        if self._agent.end_pause():
            yield Resume()

    # --- the caller says nothing -------------------------------------------------------------------------------------

    def _on_key(self) -> Decisions:
        self._stir(words=True)
        return iter(())

    def _stir(self, *, words: bool = False) -> None:
        if self._patience:
            self._patience.stir(words=words)

    def _look(self) -> Decisions:
        assert self._patience is not None
        undecided = self._caller.speaking or self._on_silence in self._alarms or self._end_turn in self._alarms
        self._alarms.set(self._look, self._patience.look(waiting=not undecided))
        return iter(())


def _passed(event: Started | Stopped) -> float:
    """Seconds between an event and its notice."""
    return max(0.0, event.noticed - event.at) if event.noticed else 0.0
