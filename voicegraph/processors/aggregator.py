"""Whose turn is it? Gathers what the caller says into turns, and decides when the agent is interrupted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

from voicegraph.call import Call, this_call
from voicegraph.durations import Duration
from voicegraph.frames import Commit, Interrupt, Message, SpeechStarted, SpeechStopped, Transcript, UserTurn
from voicegraph.node import node

CUT = "—"
"""Ends what is left in the history of a reply that was interrupted."""


@dataclass(kw_only=True)
class BargeIn:
    """When the caller's speech interrupts the agent's.

    after_speech: the caller has spoken for so long. min_words: and so many words of it are recognised; with 0, speech
    alone is enough. ignore: words that never interrupt, such as "uh-huh".
    """

    __pydantic_config__ = {"extra": "forbid"}

    after_speech: Duration = 0.25
    min_words: int = 0
    ignore: tuple[str, ...] = ()

    def decides(self, spoken: float, text: str) -> bool:
        """Whether `spoken` seconds of speech, recognised as `text` so far, are an interruption."""
        ignored = {_plain(word) for word in self.ignore}
        words = [word for word in map(_plain, text.split()) if word and word not in ignored]
        if self.ignore and not words:  # nothing yet that tells it from an "uh-huh"
            return False
        return spoken >= self.after_speech and len(words) >= self.min_words


FINAL_WAIT = 1.0
"""Seconds that a turn which is over waits for the final transcript of words of which only a guess has come."""

Decision = UserTurn | Commit | Interrupt


@node("aggregator")
class Aggregator:
    """Turns speech and transcripts into the caller's turns, with the conversation so far.

    end_silence: a turn ends when the caller has been silent for so long. speculate: begin the answer at the first pause
    and hold it back at the line; silence to the end commits it, further speech takes it back unheard. interrupt: when
    the caller's speech interrupts the agent's. history: how many exchanges with the caller each turn carries along.
    """

    end_silence: Duration = 0.5
    speculate: bool = False
    interrupt: BargeIn = field(default_factory=BargeIn)
    history: int = 20
    call: Call = this_call()

    def __post_init__(self) -> None:
        self._has_vad = False
        self._speaking = False
        self._speech_began = 0.0
        self._partial = ""
        self._said: dict[float, Transcript] = {}  # the caller's turn so far: final transcripts by their start
        self._turn: UserTurn | None = None  # the last turn given, and what it was made of
        self._answered: dict[float, Transcript] = {}
        self._committed = True
        self._exchanges: dict[int, str] = {}  # what the caller said, by turn
        self._barge_at: float | None = None  # when the caller will have spoken long enough to interrupt
        self._silent_at: float | None = None  # when the caller will have been silent long enough
        self._final_by: float | None = None  # until when the turn, which is over, waits for its last words

    async def listen(
        self, frames: AsyncIterator[SpeechStarted | SpeechStopped | Transcript]
    ) -> AsyncIterator[Decision]:
        """Waits for the next frame or the next deadline, and gives what follows from it."""
        while True:
            deadlines = [at for at in (self._barge_at, self._silent_at, self._final_by) if at is not None]
            try:
                async with asyncio.timeout_at(min(deadlines, default=None)):
                    frame = await anext(frames)
            except TimeoutError:
                decisions = self._on_deadline()
            except StopAsyncIteration:
                break
            else:
                decisions = self._on_frame(frame)
            for decision in decisions:
                yield decision
        for decision in self._on_silence():
            yield decision

    def _on_frame(self, frame: SpeechStarted | SpeechStopped | Transcript) -> Iterator[Decision]:
        match frame:
            case SpeechStarted():
                return self._on_started()
            case SpeechStopped():
                return self._on_stopped(frame)
            case Transcript(final=True):
                return self._on_final(frame)
            case Transcript():
                return self._on_partial(frame)

    def _on_started(self) -> Iterator[Decision]:
        self._has_vad = self._speaking = True
        self._speech_began = self.call.now()
        self._silent_at = self._final_by = None
        self._partial = ""
        if self._unheard():
            yield self._take_back()  # the caller was not done yet
        elif self._agent_speaks():
            self._barge_at = self._speech_began + self.interrupt.after_speech

    def _on_stopped(self, frame: SpeechStopped) -> Iterator[Decision]:
        self._speaking = False
        self._barge_at = None
        passed = frame.noticed - frame.at if frame.noticed else 0.0
        self._silent_at = self.call.now() + max(0.0, self.end_silence - passed)
        return iter(())

    def _on_partial(self, transcript: Transcript) -> Iterator[Decision]:
        self._partial = transcript.text
        if not self._has_vad:
            self._silent_at = None
        if self._barge_at is None and self._speaking:
            yield from self._barge_in()

    def _on_final(self, transcript: Transcript) -> Iterator[Decision]:
        self._partial, self._final_by = "", None
        if self._unheard():
            yield self._take_back()
        elif self._agent_speaks():
            if not self.interrupt.decides(float("inf"), transcript.text):
                return  # an "uh-huh": no turn of its own
            yield Interrupt(reason="barge-in")
        self._said[transcript.start] = transcript
        if not self._has_vad:
            self._silent_at = self.call.now() + self.end_silence
        if not self._speaking:
            if self._silent_at is None:  # the silence was long enough before the words came
                yield from self._answer(speculative=False)
            elif self.speculate:
                yield from self._answer(speculative=True)

    def _on_deadline(self) -> Iterator[Decision]:
        now = self.call.now()
        if self._barge_at is not None and self._barge_at <= now:
            self._barge_at = None
            yield from self._barge_in()
        if self._silent_at is not None and self._silent_at <= now:
            self._silent_at = None
            if self._partial:  # the last words are not final yet: they are worth a moment
                self._final_by = now + FINAL_WAIT
            else:
                yield from self._on_silence()
        if self._final_by is not None and self._final_by <= now:
            self._final_by = None
            yield from self._on_silence()

    def _on_silence(self) -> Iterator[Decision]:
        """The caller's turn is over."""
        if self._said:
            yield from self._answer(speculative=False)
        elif not self._committed:
            self._committed = True
            yield Commit()

    def _barge_in(self) -> Iterator[Decision]:
        if self._agent_speaks() and self.interrupt.decides(self.call.now() - self._speech_began, self._partial):
            yield Interrupt(reason="barge-in")

    def _answer(self, *, speculative: bool) -> Iterator[Decision]:
        text = " ".join(transcript.text.strip() for _, transcript in sorted(self._said.items()))
        turn = UserTurn(text, messages=(*self._conversation(), Message("user", text)), speculative=speculative)
        self._turn, self._committed = turn, not speculative
        self._answered, self._said = self._said, {}
        yield turn
        self._exchanges[turn.turn] = text  # the engine has numbered it by now

    def _take_back(self) -> Interrupt:
        """Opens the last turn again, as if it had not been given."""
        assert self._turn is not None
        self._exchanges.pop(self._turn.turn, None)
        self._said = {**self._answered, **self._said}
        self._turn, self._committed = None, True
        return Interrupt(reason="the caller went on")

    def _unheard(self) -> bool:
        """Whether an answer is on its way of which nothing has been heard."""
        if self._turn is None:
            return False
        reply = next((reply for reply in self.call.replies() if reply.turn == self._turn.turn), None)
        return reply is None or not (reply.over or reply.heard_seconds)

    def _agent_speaks(self) -> bool:
        return any(not reply.over for reply in self.call.replies())

    def _conversation(self) -> list[Message]:
        """The exchanges so far; the agent's part only as far as it was heard."""
        replies = {reply.turn: reply for reply in self.call.replies()}
        messages: list[Message] = []
        for turn in sorted({*self._exchanges, *replies})[-self.history :]:
            if turn in self._exchanges:
                messages.append(Message("user", self._exchanges[turn]))
            if turn in replies and (heard := replies[turn].heard):
                messages.append(Message("assistant", heard + (CUT if heard != replies[turn].said else "")))
        return messages


def _plain(word: str) -> str:
    """A word without case and punctuation at its ends."""
    return word.strip(".,;:!?\"'()").casefold()
