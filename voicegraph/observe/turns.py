"""When each turn reached its milestones: where the time goes from the end of the caller's speech to the answer heard.

An observer of a `Session`. All times are loop times in seconds, as everything in a call.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from itertools import pairwise
from typing import Any

from voicegraph.call import SLACK
from voicegraph.engine.mouth import CALL
from voicegraph.frames import (
    Audio,
    Commit,
    Frame,
    Interrupt,
    Sentence,
    SpeechStarted,
    SpeechStopped,
    Token,
    Transcript,
    TTSAudio,
    UserTurn,
)

KEEP = 3_000
"""Caller frames whose time is remembered: a minute of 20 ms frames, more than any node takes to notice a pause."""


class Milestone(Enum):
    """What happens on the way to an answer, in its usual order. A speculative turn is committed later, or never."""

    PAUSE = "pause noticed"
    TEXT = "text final"
    TURN = "turn given"
    COMMIT = "turn committed"
    TOKEN = "first token"
    SENTENCE = "first sentence"
    AUDIO = "first audio"
    HEARD = "heard"


@dataclass
class TurnTimes:
    """One reply. speech_end: when the caller's last voiced sample came in; None if nobody spoke, as for a greeting.

    interrupted: when an interrupt gave it up. silent: when the caller last heard a sound of it after that. kept: a part
    of it must be said to its end, so no interrupt silences it. made: seconds of its sound, by giver. played: those
    that were heard.
    """

    turn: int
    speech_end: float | None = None
    marks: dict[Milestone, float] = field(default_factory=dict[Milestone, float])
    interrupted: float | None = None
    silent: float | None = None
    kept: bool = False
    made: dict[str, float] = field(default_factory=dict[str, float])
    played: float = 0.0

    @property
    def heard(self) -> float | None:
        return self.marks.get(Milestone.HEARD)

    @property
    def sounds(self) -> bool:
        """Whether some of its sound is still to be heard, as far as it is made."""
        return self.played < max(self.made.values(), default=0.0) - SLACK

    @property
    def answer(self) -> float | None:
        """Seconds from the end of the caller's speech to the first sound of the answer at the line."""
        return None if self.speech_end is None or self.heard is None else max(0.0, self.heard - self.speech_end)

    @property
    def barge_in(self) -> float | None:
        """Seconds that the caller still heard a reply after the interrupt that gave it up."""
        if self.interrupted is None or self.heard is None or self.kept:
            return None
        return (self.silent or self.interrupted) - self.interrupted

    def parts(self) -> list[tuple[Milestone, float]]:
        """The answer's time in the order in which it passed: each milestone with the seconds since the one before.

        The parts add up to `answer`. Empty for a turn that is no answer, or was not heard.
        """
        if self.speech_end is None or self.heard is None:
            return []
        first, last = self.speech_end, max(self.speech_end, self.heard)
        reached = sorted((min(max(at, first), last), list(Milestone).index(m), m) for m, at in self.marks.items())
        times = [first, *(at for at, _, _ in reached)]
        return [(m, after - before) for (_, _, m), (before, after) in zip(reached, pairwise(times), strict=True)]


class Milestones:
    """The observer. turns: by number, those that were taken back unheard included. clock: the loop's, if not given."""

    def __init__(self, clock: Callable[[], float] | None = None) -> None:
        self.turns: dict[int, TurnTimes] = {}
        self._clock = clock or (lambda: asyncio.get_running_loop().time())
        self._line = ""  # who gave the first caller audio
        self._came: deque[tuple[float, float]] = deque(maxlen=KEEP)  # position of a frame's end, and when it came in
        self._stop: tuple[float, float] | None = None  # end of the caller's speech, and when that was noticed
        self._text: tuple[float, float] | None = None  # end of the speech that was recognised, and when
        self._handlers: dict[type[Frame], Callable[[str, Any], None]] = {
            Audio: self._on_audio,
            SpeechStarted: self._on_started,
            SpeechStopped: self._on_stopped,
            Transcript: self._on_transcript,
            UserTurn: self._on_turn,
            Commit: self._on_commit,
            Interrupt: self._on_interrupt,
            Token: self._reaches(Milestone.TOKEN),
            Sentence: self._reaches(Milestone.SENTENCE),
            TTSAudio: self._on_sound,
        }

    def answer(self, turn: int) -> float | None:
        """Seconds that the answer of this turn took; None if it is none, or not heard yet."""
        return self.turns[turn].answer if turn in self.turns else None

    def answers(self) -> list[TurnTimes]:
        """The turns that answered the caller's speech and were heard, in order."""
        return [times for _, times in sorted(self.turns.items()) if times.answer is not None]

    def given(self, node: str, frame: Frame) -> None:
        handle = self._handlers.get(type(frame))
        if handle is not None:
            handle(node, frame)

    def played(self, turn: int, seconds: float) -> None:
        """The first report tells when the turn was first heard: so many seconds ago."""
        times = self.turns.get(turn)
        if times is None or not seconds:
            return
        times.played = seconds
        now = self._clock()
        if times.heard is None:
            times.marks[Milestone.HEARD] = max(now - seconds, times.marks.get(Milestone.AUDIO, 0.0))
            self._stop = self._text = None  # what the caller said has its answer
        if times.interrupted is not None:
            times.silent = now

    # --- the caller --------------------------------------------------------------------------------------------------

    def _on_audio(self, node: str, audio: Audio) -> None:
        self._line = self._line or node
        if node == self._line:
            self._came.append((audio.at + audio.seconds, audio.born))

    def _on_started(self, node: str, started: SpeechStarted) -> None:
        self._stop = self._text = None

    def _on_stopped(self, node: str, stopped: SpeechStopped) -> None:
        self._stop = (self._when(stopped.at), self._clock())
        for times in self.turns.values():  # begun before the pause was noticed
            if times.speech_end is not None and times.heard is None and Milestone.PAUSE not in times.marks:
                self._take_speech(times)

    def _on_transcript(self, node: str, transcript: Transcript) -> None:
        if transcript.final:
            self._text = (self._when(transcript.end), self._clock())

    def _when(self, position: float) -> float:
        """When the sample at this position of the caller's audio came in. A frame comes in when its end does."""
        for end, born in reversed(self._came):
            if end <= position:
                return born + position - end
        return self._came[0][1] + position - self._came[0][0] if self._came else self._clock()

    # --- the reply ---------------------------------------------------------------------------------------------------

    def _on_turn(self, node: str, turn: UserTurn) -> None:
        self._turn(node, turn).marks[Milestone.TURN] = self._clock()

    def _on_commit(self, node: str, commit: Commit) -> None:
        for times in self.turns.values():
            if times.heard is None and times.interrupted is None:
                times.marks.setdefault(Milestone.COMMIT, self._clock())

    def _on_interrupt(self, node: str, interrupt: Interrupt) -> None:
        sounding = max((times.turn for times in self.turns.values() if times.heard is not None), default=0)
        for times in self.turns.values():
            if times.interrupted is None and (times.sounds or times.turn > sounding):
                times.interrupted = self._clock()

    def _on_sound(self, node: str, audio: TTSAudio) -> None:
        times = self._turn(node, audio)
        times.marks.setdefault(Milestone.AUDIO, self._clock())
        times.made[node] = times.made.get(node, 0.0) + audio.seconds

    def _reaches(self, milestone: Milestone) -> Callable[[str, Frame], None]:
        def reach(node: str, frame: Frame) -> None:
            self._turn(node, frame).marks.setdefault(milestone, self._clock())

        return reach

    def _turn(self, node: str, frame: Frame) -> TurnTimes:
        """The turn of this frame. A new one answers what the caller said, unless the call speaks of its own accord."""
        if frame.turn not in self.turns:
            self.turns[frame.turn] = TurnTimes(frame.turn)
            if node != CALL:
                self._take_speech(self.turns[frame.turn])
        times = self.turns[frame.turn]
        times.kept = times.kept or not frame.interruptible
        return times

    def _take_speech(self, times: TurnTimes) -> None:
        """What the caller said last is what the turn answers."""
        spoken = self._stop or self._text
        if spoken is not None:
            times.speech_end = spoken[0]
        for milestone, told in ((Milestone.PAUSE, self._stop), (Milestone.TEXT, self._text)):
            if told is not None:
                times.marks.setdefault(milestone, told[1])
