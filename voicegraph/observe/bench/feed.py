"""Frames for a node that is benched alone: a conversation, of which it gets what it takes.

Each turn lasts `SECONDS`: the caller asks something, is silent, and the agent answers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from voicegraph.frames import (
    Audio,
    Dtmf,
    EndOfTurn,
    Frame,
    Message,
    Sentence,
    SpeechStarted,
    SpeechStopped,
    Token,
    ToolCall,
    ToolResult,
    Transcript,
    TTSAudio,
    UserTurn,
)

SECONDS = 4.0
FRAME = 0.02
SPEAKS = 0.2
"""Seconds into the turn at which the caller begins to speak."""
NOTICED = 0.1
"""Seconds until a VAD notices that speech begins, or that it ends."""
PARTIAL = 0.4
"""Seconds between two partial transcripts."""

ASKED = "When do you open on Saturdays?"
SENTENCES = ("On Saturdays we are open from nine in the morning.", "We close at noon, and answer the phone until two.")
HISTORY = (
    Message("system", "You answer the phone of a dental practice."),
    Message("user", "Hello, is this Oak Dental?"),
    Message("assistant", "It is. What can I do for you?"),
)


class Timed(NamedTuple):
    """A frame, and how many seconds into the feed it is due."""

    at: float
    frame: Frame


@dataclass(frozen=True)
class Feed:
    """What a node is given.

    takes: the types of frames. speech: what the caller says, as PCM16 at `rate`. rate, voice_rate: in Hz, at which the
    node takes the caller's sound and the agent's. turns: how many.
    """

    takes: frozenset[type[Frame]]
    turns: int
    speech: bytes = field(default=b"", repr=False)
    rate: int = 16_000
    voice_rate: int = 24_000

    @property
    def replies(self) -> frozenset[type[Frame]]:
        """Types of the agent's answer that it takes, which have to belong to a turn."""
        return frozenset(taken for taken in self.takes if taken in _REPLY)

    def caller(self) -> Iterator[Timed]:
        """What comes from the caller, in order. A `UserTurn` begins each answer, if the node takes anything of one."""
        opens = UserTurn in self.takes or self.replies
        for number in range(self.turns):
            start = number * SECONDS
            frames = [*self._turn(start, number), *([self._user_turn(start)] if opens else ())]
            yield from sorted(frames, key=lambda each: each.at)

    def reply(self) -> Iterator[Frame]:
        """What the agent answers, in the order in which it would come."""
        for taken, make in _REPLY.items():
            if taken in self.takes:
                yield from make(self)

    def counts(self) -> Counter[str]:
        """How many frames of each type the node is given in one turn."""
        one = Feed(self.takes, 1, self.speech, self.rate, self.voice_rate)
        frames = [*(timed.frame for timed in one.caller()), *one.reply()]
        return Counter(type(frame).__name__ for frame in frames if type(frame) in self.takes)

    @cached_property
    def chunks(self) -> list[bytes]:
        """The caller's sound in one turn, 20 ms each."""
        size, count = 2 * round(FRAME * self.rate), round(SECONDS / FRAME)
        silence = bytes(2 * round(SPEAKS * self.rate))
        sound = silence + self.speech[: 2 * round((self.stops - SPEAKS) * self.rate)]
        return [sound[index * size : (index + 1) * size].ljust(size, b"\0") for index in range(count)]

    @property
    def stops(self) -> float:
        """Seconds into a turn at which the caller has said all."""
        return SPEAKS + min(len(self.speech) / (2 * self.rate), SECONDS - SPEAKS - 1.0) if self.speech else 1.8

    def _user_turn(self, start: float) -> Timed:
        asked = UserTurn(ASKED, (*HISTORY, Message("user", ASKED)))
        return Timed(start + self.stops + 0.5, asked)

    def _turn(self, start: float, number: int) -> Iterator[Timed]:
        for taken, make in _CALLER.items():
            if taken in self.takes:
                yield from make(self, start, number)


# --- from the caller ------------------------------------------------------------------------------------------------


def _audio(feed: Feed, start: float, number: int) -> Iterator[Timed]:
    for index, pcm in enumerate(feed.chunks):
        at = start + index * FRAME
        yield Timed(at + FRAME, Audio(pcm, rate=feed.rate, at=at))


def _started(feed: Feed, start: float, number: int) -> Iterator[Timed]:
    at = start + SPEAKS
    yield Timed(at + NOTICED, SpeechStarted(at, at + NOTICED))


def _stopped(feed: Feed, start: float, number: int) -> Iterator[Timed]:
    at = start + feed.stops
    yield Timed(at + NOTICED, SpeechStopped(at, at + NOTICED))


def _transcripts(feed: Feed, start: float, number: int) -> Iterator[Timed]:
    words, begin, end = ASKED.split(), start + SPEAKS, start + feed.stops
    partials = max(1, round((feed.stops - SPEAKS) / PARTIAL))
    for part in range(1, partials):
        text = " ".join(words[: len(words) * part // partials])
        yield Timed(begin + part * PARTIAL, Transcript(text, final=False, start=begin, end=begin + part * PARTIAL))
    yield Timed(end + 0.2, Transcript(ASKED, start=begin, end=end, confidence=0.97))


def _end_of_turn(feed: Feed, start: float, number: int) -> Iterator[Timed]:
    yield Timed(start + feed.stops + 0.25, EndOfTurn(start + feed.stops, 0.9))


def _dtmf(feed: Feed, start: float, number: int) -> Iterator[Timed]:
    yield Timed(start + 0.1, Dtmf(str(number % 10)))


_CALLER: dict[type[Frame], Callable[[Feed, float, int], Iterator[Timed]]] = {
    Audio: _audio,
    SpeechStarted: _started,
    SpeechStopped: _stopped,
    Transcript: _transcripts,
    EndOfTurn: _end_of_turn,
    Dtmf: _dtmf,
}

# --- of the agent's answer ------------------------------------------------------------------------------------------


def _tool_call(feed: Feed) -> Iterator[Frame]:
    yield ToolCall("call-1", "opening_hours", '{"day": "saturday"}')


def _tool_result(feed: Feed) -> Iterator[Frame]:
    yield ToolResult("call-1", '{"from": "09:00", "to": "12:00"}')


def _tokens(feed: Feed) -> Iterator[Frame]:
    words = " ".join(SENTENCES).split()
    return (Token(word if not index else f" {word}") for index, word in enumerate(words))


def _sentences(feed: Feed) -> Iterator[Frame]:
    return (Sentence(text) for text in SENTENCES)


def _sound(feed: Feed) -> Iterator[Frame]:
    chunk = bytes(2 * round(FRAME * feed.voice_rate))
    text = iter(" ".join(SENTENCES).split())
    for index in range(round(3.0 / FRAME)):
        yield TTSAudio(chunk, feed.voice_rate, next(text, "") if index % 8 == 0 else "")


_REPLY: dict[type[Frame], Callable[[Feed], Iterator[Frame]]] = {
    ToolCall: _tool_call,
    ToolResult: _tool_result,
    Token: _tokens,
    Sentence: _sentences,
    TTSAudio: _sound,
}
