"""Whose turn is it? Gathers what the caller says into turns, and decides when the agent is interrupted."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Annotated

from annotated_types import Ge

from voicegraph.call import Call, Reply, this_call
from voicegraph.durations import Duration
from voicegraph.frames import Commit, Interrupt, Message, SpeechStarted, SpeechStopped, Transcript, UserTurn
from voicegraph.node import node

CUT = "—"
"""Ends what is left in the history of a reply that was interrupted."""


@dataclass(kw_only=True)
class BargeIn:
    """When the caller's speech interrupts the agent's.

    after_speech: the caller has spoken for so long. min_words: and so many words of it are recognised; with 0, speech
    alone is enough. Fewer words are kept: they are answered when the agent is done, or together with what the caller
    says next. ignore: words that never interrupt, such as "uh-huh"; said over the agent's voice, they are dropped.
    """

    __pydantic_config__ = {"extra": "forbid"}

    after_speech: Duration = 0.25
    min_words: int = 0
    ignore: tuple[str, ...] = ()

    def decides(self, spoken: float, text: str) -> bool:
        """Whether `spoken` seconds of speech, recognised as `text` so far, are an interruption."""
        words = self.words(text)
        if self.ignore and not words:  # nothing yet that tells it from an "uh-huh"
            return False
        return spoken >= self.after_speech and len(words) >= self.min_words

    def words(self, text: str) -> list[str]:
        """The words that count, without case and punctuation."""
        ignored = {_plain(word) for word in self.ignore}
        return [word for word in map(_plain, text.split()) if word and word not in ignored]


FINAL_WAIT = 1.0
"""Seconds that a turn which is over waits for the final transcript of words of which only a guess has come."""
LOOK = 0.1
"""Seconds between two looks whether the agent is done, while the caller's words wait for that."""

Decision = UserTurn | Commit | Interrupt


@node("aggregator")
class Aggregator:
    """Turns speech and transcripts into the caller's turns, with the conversation so far.

    end_silence: a turn ends when the caller has been silent for so long. speculate: begin the answer at the first pause
    and hold it back at the line; silence to the end commits it, further speech takes it back unheard. interrupt: when
    the caller's speech interrupts the agent's. history: how many exchanges with the caller a turn carries along at
    most; one more, and the older half goes at once, so that the conversation begins alike for several turns and a
    language model need not read all of it again.

    Without a VAD the caller's speech begins with the first partial transcript and ends with the final one.
    """

    end_silence: Duration = 0.5
    speculate: bool = False
    interrupt: BargeIn = field(default_factory=BargeIn)
    history: Annotated[int, Ge(0)] = 20
    call: Call = this_call()

    def __post_init__(self) -> None:
        self._has_vad = False
        self._speaking = False
        self._speech_began = 0.0
        self._partial = ""
        self._said: list[Transcript] = []  # the caller's turn so far: final transcripts, in order
        self._kept = False  # some of it was said over the agent's voice, and waits until the agent is done
        self._turn: UserTurn | None = None  # the last turn given, and what it was made of
        self._answered: list[Transcript] = []
        self._settled: list[Transcript] = []  # what the turn before that was made of
        self._committed = True
        self._exchanges: dict[int, str] = {}  # what the caller said, by turn
        self._oldest = 1  # turn with which the history begins
        self._barge_at: float | None = None  # when the caller will have spoken long enough to interrupt
        self._silent_at: float | None = None  # when the caller will have been silent long enough
        self._final_by: float | None = None  # until when the turn, which is over, waits for its last words
        self._look_at: float | None = None  # when to see whether the agent is done

    async def listen(
        self, frames: AsyncIterator[SpeechStarted | SpeechStopped | Transcript]
    ) -> AsyncIterator[Decision]:
        """Waits for the next frame or the next deadline, and gives what follows from it."""
        while True:
            deadlines = (self._barge_at, self._silent_at, self._final_by, self._look_at)
            try:
                async with asyncio.timeout_at(min((at for at in deadlines if at is not None), default=None)):
                    frame = await anext(frames)
            except TimeoutError:
                decisions = self._on_deadline()
            except StopAsyncIteration:
                break
            else:
                decisions = self._on_frame(frame)
            for decision in decisions:
                yield decision
        self._kept = False  # there is no waiting any more
        for decision in self._on_silence():
            yield decision

    def _on_frame(self, frame: SpeechStarted | SpeechStopped | Transcript) -> Iterator[Decision]:
        match frame:
            case SpeechStarted():
                self._has_vad = True
                return self._begin(frame.noticed - frame.at if frame.noticed else 0.0)
            case SpeechStopped():
                return self._on_stopped(frame)
            case Transcript(final=True):
                return self._on_final(frame)
            case Transcript():
                return self._on_partial(frame)

    def _begin(self, passed: float) -> Iterator[Decision]:
        """The caller began to speak, `passed` seconds ago."""
        self._speaking = True
        self._speech_began = self.call.now() - max(0.0, passed)
        self._silent_at = self._final_by = self._look_at = None
        self._partial = ""
        if self._unheard():
            yield self._take_back()  # the caller was not done yet
        elif self.call.speaking():
            self._barge_at = self._speech_began + self.interrupt.after_speech

    def _on_stopped(self, frame: SpeechStopped) -> Iterator[Decision]:
        self._speaking = False
        self._barge_at = None
        passed = frame.noticed - frame.at if frame.noticed else 0.0
        self._silent_at = self.call.now() + max(0.0, self.end_silence - passed)
        return iter(())

    def _on_partial(self, transcript: Transcript) -> Iterator[Decision]:
        news = self._news(transcript)
        if news and not self._has_vad:
            if not self._speaking:
                yield from self._begin(0.0)
            self._silent_at, self._final_by = self.call.now() + self.end_silence, None
        self._partial = news
        if self._barge_at is None and self._speaking:
            yield from self._barge_in()

    def _on_final(self, transcript: Transcript) -> Iterator[Decision]:
        self._partial, self._final_by = "", None
        if not self._has_vad:
            self._speaking, self._barge_at = False, None
            self._silent_at, self._look_at = self.call.now() + self.end_silence, None
        if news := self._news(transcript):
            yield from self._take_in(transcript, news)
        if self._speaking:
            return
        if self._silent_at is None:  # the silence was long enough before the words came
            yield from self._on_silence()
        elif self.speculate and self._said and not self._waits():
            yield from self._answer(speculative=True)

    def _take_in(self, transcript: Transcript, news: str) -> Iterator[Decision]:
        """Makes a final transcript a part of the caller's turn, unless it is an "uh-huh" to what the agent says."""
        if self._unheard():
            yield self._take_back()
        elif self.call.speaking():
            if not self.interrupt.words(news):
                return
            self._kept = not self.interrupt.decides(float("inf"), news)
            if not self._kept:
                yield Interrupt(reason="barge-in")
        same = next((index for index, said in enumerate(self._said) if _same_utterance(said, transcript)), None)
        if same is None:
            self._said.append(transcript)
        else:
            self._said[same] = transcript

    def _on_deadline(self) -> Iterator[Decision]:
        now = self.call.now()
        if self._barge_at is not None and self._barge_at <= now:
            self._barge_at = None
            yield from self._barge_in()
        if self._silent_at is not None and self._silent_at <= now:
            self._silent_at = None
            self._speaking = self._speaking and self._has_vad
            if self._partial:  # the last words are not final yet: they are worth a moment
                self._final_by = now + FINAL_WAIT
            else:
                yield from self._on_silence()
        if self._final_by is not None and self._final_by <= now:
            self._final_by = None
            yield from self._on_silence()
        if self._look_at is not None and self._look_at <= now:
            yield from self._on_silence()

    def _on_silence(self) -> Iterator[Decision]:
        """The caller's turn is over."""
        self._look_at = self.call.now() + LOOK if self._waits() else None
        if self._said and self._look_at is None:
            yield from self._answer(speculative=False)
        elif not self._committed:
            self._committed = True
            yield Commit()

    def _barge_in(self) -> Iterator[Decision]:
        if self.call.speaking() and self.interrupt.decides(self.call.now() - self._speech_began, self._partial):
            yield Interrupt(reason="barge-in")

    def _waits(self) -> bool:
        """Whether the caller's words, which were too few to interrupt, still wait for the agent to be done."""
        return self._kept and self.call.speaking()

    def _answer(self, *, speculative: bool) -> Iterator[Decision]:
        if self._answered:
            self._settled, self._answered = self._answered, []
        text = " ".join(filter(None, map(self._news, self._said)))
        if not text:  # taken back, and then recognised as no more than what was answered before
            self._said = []
            return
        turn = UserTurn(text, messages=(*self._conversation(), Message("user", text)), speculative=speculative)
        self._turn, self._committed = turn, not speculative
        self._answered, self._said, self._kept = self._said, [], False
        yield turn
        self._exchanges[turn.turn] = text  # the engine has numbered it by now

    def _take_back(self) -> Interrupt:
        """Opens the last turn again, as if it had not been given."""
        assert self._turn is not None
        self._exchanges.pop(self._turn.turn, None)
        self._said, self._answered = [*self._answered, *self._said], []
        self._turn, self._committed = None, True
        return Interrupt(reason="the caller went on")

    def _unheard(self) -> bool:
        """Whether an answer is on its way of which nothing has been heard."""
        if self._turn is None:
            return False
        reply = self.call.reply(self._turn.turn)
        return not (reply.over or reply.heard_seconds)

    def _news(self, transcript: Transcript) -> str:
        """What a transcript says beyond what is answered already: an utterance may go on behind its answer's start."""
        answered = (*self._answered, *self._settled)
        before = next((said.text for said in answered if _same_utterance(said, transcript)), "")
        return _beyond(transcript.text, before)

    def _conversation(self) -> Iterator[Message]:
        """The exchanges so far; the agent's part only as far as it was heard."""
        heard = {reply.turn: _as_heard(reply) for reply in self.call.replies() if reply.turn >= self._oldest}
        turns = sorted({*self._exchanges, *(turn for turn, text in heard.items() if text)})
        if len(turns) > self.history:
            half = len(turns) - (self.history + 1) // 2
            self._oldest = turns[half - 1] + 1
            turns = turns[half:]
            self._exchanges = {turn: said for turn, said in self._exchanges.items() if turn >= self._oldest}
        for turn in turns:
            if turn in self._exchanges:
                yield Message("user", self._exchanges[turn])
            if heard.get(turn):
                yield Message("assistant", heard[turn])


def _as_heard(reply: Reply) -> str:
    """The reply as far as it was heard, marked if more of it was to come."""
    complete = not reply.interrupted or (reply.ended and reply.heard == reply.said)
    return reply.heard if complete or not reply.heard else reply.heard + CUT


def _same_utterance(one: Transcript, other: Transcript) -> bool:
    return one.start is not None and one.start == other.start


def _beyond(text: str, before: str) -> str:
    """The rest of a text that begins with the words of another; all of it if it does not."""
    words, old = text.split(), before.split()
    begins = list(map(_plain, words[: len(old)])) == list(map(_plain, old))
    return " ".join(words[len(old) :] if begins else words)


def _plain(word: str) -> str:
    """A word without case and punctuation at its ends."""
    return word.strip(".,;:!?\"'()…—-").casefold()
