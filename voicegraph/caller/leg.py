"""One call as the carrier sees it: no socket, no clock. Whoever uses it passes the time, in seconds since it began."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from voicegraph.caller.mouth import Mouth
from voicegraph.caller.playout import Playout, Sound
from voicegraph.caller.reading import ERRORS, Clear, Mark, Refused, read
from voicegraph.caller.twilio import FRAME, RATE, Messages
from voicegraph.caller.voiced import Voiced, is_loud
from voicegraph.testing.speech import HeardWord
from voicegraph.testing.telephone import LineEar

STARVED = 0.3
"""Seconds. So short a gap is none between two sentences: the agent's sound came too late."""
LEAST_GAP = 0.001
"""Nobody hears a shorter one."""
MOST_TOLD = 20
"""Faults whose text is kept; an agent that makes one makes it again."""

Kind = Literal["fault", "dtmf", "clear", "gap"]


class Event(NamedTuple):
    """at: seconds since the stream began."""

    at: float
    kind: Kind
    text: str


@dataclass
class Heard:
    """What the agent said in words, as far as its sound carries them. flushed: cleared before they were heard."""

    words: list[HeardWord] = field(default_factory=list[HeardWord])
    flushed: list[HeardWord] = field(default_factory=list[HeardWord])


class Leg:
    """events: what happened beside speech. faults: how often Twilio would have complained, by its code.

    caller, agent: when each could be heard. heard: words. sounds: with `keep`, both sides' sound.
    """

    def __init__(self, messages: Messages, *, ear: bool = True, keep: bool = False) -> None:
        self.mouth = Mouth()
        self.playout = Playout()
        self.caller = Voiced()
        self.agent = Voiced()
        self.events: list[Event] = []
        self.faults: dict[int, int] = {}
        self.heard = Heard()
        self.sounds: tuple[list[Sound], list[Sound]] = ([], [])
        self.marks = self.flushed_marks = self.media = 0
        self._messages = messages
        self._ear = LineEar() if ear else None
        self._keep = keep
        self._at = 0  # the next frame's first sample
        self._ended = False

    # --- the caller's side -------------------------------------------------------------------------------------------

    def begin(self) -> list[str]:
        """The messages that a stream begins with."""
        return [self._messages.connected(), self._messages.start()]

    @property
    def next_frame(self) -> float:
        """When the caller has spoken the next 20 ms."""
        return (self._at + FRAME) / RATE

    def frame(self, *, lost: bool = False) -> str | None:
        """The message of the next 20 ms; none if they were lost on the way to the carrier."""
        at, begun = self._at, len(self.mouth.acts)
        codes = self.mouth.frame(at)
        self._at += FRAME
        if len(self.mouth.acts) > begun:
            self.caller.cut(at)  # what is answered is what the caller said last, however soon after something else
        self.caller.add(at, codes)
        if self._keep:
            self.sounds[0].append(Sound(at, codes))
        self.hear(self._at / RATE)
        return None if lost else self._messages.media(codes, at)

    def press(self, digit: str, now: float) -> str:
        self.events.append(Event(now, "dtmf", digit))
        return self._messages.dtmf(digit)

    def stop(self) -> str:
        return self._messages.stop()

    def end(self, now: float) -> None:
        """The stream is over, and what was waiting to be played with it."""
        self._clear(now)
        self._ended = True

    # --- the agent's side --------------------------------------------------------------------------------------------

    def receive(self, message: str | bytes, now: float) -> None:
        """Takes what the agent sent."""
        if self._ended:
            return
        try:
            told, codes = read(message, self._messages.identity.stream)
        except Refused as refused:
            self.fault(refused.code, now, str(refused))
            return
        match told:
            case Mark():
                self.playout.mark(told.mark.name, _sample(now))
            case Clear():
                self.events.append(Event(now, "clear", ""))
                self._clear(now)
            case _:
                self._media(codes, now)

    def marks_due(self, now: float) -> list[str]:
        """The messages of those whose time has come."""
        due = self.playout.due(_sample(now))
        self.marks += len(due)
        self.flushed_marks += sum(mark.flushed for mark in due)
        return [self._messages.mark(mark.name) for mark in due]

    @property
    def next_mark(self) -> float | None:
        """When the next one is due."""
        at = self.playout.next_mark
        return None if at is None else at / RATE

    def hear(self, now: float) -> None:
        """Takes in what has been played by now."""
        for sound in self.playout.hear(_sample(now)):
            self.agent.add(sound.at, sound.codes)
            if self._keep:
                self.sounds[1].append(sound)
            if self._ear:
                blocks = self._ear.feed_codes(sound.codes, sound.at / RATE)
                self.heard.words += [block.word for block in blocks if block.word]

    def fault(self, code: int, now: float, text: str = "") -> None:
        """Something of which Twilio would complain."""
        self.faults[code] = self.faults.get(code, 0) + 1
        if sum(self.faults.values()) <= MOST_TOLD:
            self.events.append(Event(now, "fault", text or f"{code}: {ERRORS[code]}"))

    def _media(self, codes: bytes, now: float) -> None:
        self.media += 1
        before, at = self.playout.end, _sample(now)
        gap = (at - before) / RATE
        if before and LEAST_GAP < gap <= STARVED:
            self.events.append(Event(before / RATE, "gap", f"{gap * 1000:.0f} ms"))
        self.playout.add(codes, at)

    def _clear(self, now: float) -> None:
        self.hear(now)
        at = _sample(now)
        dropped = self.playout.clear(at)
        if any(is_loud(each.codes) for each in dropped):
            self.agent.cut(at)
        if self._ear and dropped:
            ear = LineEar()
            blocks = [block for each in dropped for block in ear.feed_codes(each.codes, each.at / RATE)]
            self.heard.flushed += [block.word for block in (*blocks, *ear.flush()) if block.word]


def _sample(now: float) -> int:
    return round(now * RATE)
