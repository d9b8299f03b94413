"""When each turn reached its milestones: where the time goes from the end of the caller's speech to the answer heard.

Always on. It is told of the caller's frames, and of the first frame of each type that a node gives of a turn. All times
are loop times in seconds, as everything in a call.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from itertools import pairwise
from typing import NamedTuple

from voicegraph.engine.outlet import CALL
from voicegraph.engine.timing import TURNS, NodeTiming
from voicegraph.frames import (
    Audio,
    Commit,
    EndOfTurn,
    Error,
    Frame,
    Recovery,
    Sentence,
    SpeechStarted,
    SpeechStopped,
    Token,
    Transcript,
    TTSAudio,
    UserTurn,
)

KEEP = 200
"""Frames of the caller whose time is remembered: 20 s, of one in five that take 20 ms."""
CALLER_MILESTONES: tuple[type[Frame], ...] = (SpeechStarted, SpeechStopped, Transcript, EndOfTurn)
"""What tells of the end of the caller's speech, the sound itself aside."""


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


REACHES: Mapping[type[Frame], Milestone] = {
    Token: Milestone.TOKEN,
    Sentence: Milestone.SENTENCE,
    TTSAudio: Milestone.AUDIO,
}
"""The milestones that are reached with the first frame of a type in a turn."""


class Cue(NamedTuple):
    """A node told of the end of the caller's speech. what: it told."""

    node: str
    what: str
    at: float


class _Told(NamedTuple):
    """When the caller's speech ended, and when which node told it."""

    end: float
    at: float
    node: str


class Incident(NamedTuple):
    """Something out of the usual at a node. what: the step of a Recovery, or "error"."""

    at: float
    node: str
    what: str


@dataclass
class TurnTimes:
    """One reply. speech_end: when the caller's last voiced sample came in; None if nobody spoke, as for a greeting.

    began: of the turn. asked: the caller's words that it answers. origin: the node that began it. reached_by: which
    node gave the frame of a milestone. happened: faults, and what was done about them. cues: who last told something
    of the caller's speech before the turn was given, and before it was committed. held: for its commit. interrupted:
    when an interrupt gave it up. silent: when the caller last heard a sound of it after that.
    """

    turn: int
    began: float = 0.0
    asked: str = ""
    origin: str = ""
    speech_end: float | None = None
    cues: dict[Milestone, Cue] = field(default_factory=dict[Milestone, Cue])
    marks: dict[Milestone, float] = field(default_factory=dict[Milestone, float])
    reached_by: dict[Milestone, str] = field(default_factory=dict[Milestone, str])
    happened: list[Incident] = field(default_factory=list["Incident"])
    held: bool = False
    interrupted: float | None = None
    silent: float | None = None

    def reach(self, milestone: Milestone, node: str, at: float) -> None:
        """The first time counts."""
        if milestone not in self.marks:
            self.marks[milestone], self.reached_by[milestone] = at, node

    @property
    def heard(self) -> float | None:
        return self.marks.get(Milestone.HEARD)

    @property
    def answer(self) -> float | None:
        """Seconds from the end of the caller's speech to the first sound of the answer at the line."""
        return None if self.speech_end is None or self.heard is None else max(0.0, self.heard - self.speech_end)

    @property
    def barge_in(self) -> float | None:
        """Seconds that the caller still heard a reply after the interrupt that gave it up."""
        if self.interrupted is None or self.heard is None:
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
    """Those of one call. turns: the newest, by number, with those that were taken back unheard. clock: the loop's.

    timings: of the nodes. line: who hears the caller; "" without a line, when every source does.
    """

    def __init__(self, clock: Callable[[], float] | None = None) -> None:
        self.turns: dict[int, TurnTimes] = {}
        self.timings: dict[str, NodeTiming] = {}
        self.line = ""
        self._clock = clock or (lambda: asyncio.get_running_loop().time())
        self._came: deque[tuple[float, float]] = deque(maxlen=KEEP)  # position of a frame's end, and when it came in
        self._stop: _Told | None = None  # by the caller's silence
        self._cue: Cue | None = None
        self._text: _Told | None = None  # by what was recognised

    def answer(self, turn: int) -> float | None:
        """Seconds that the answer of this turn took; None if it is none, or not heard yet."""
        return self.turns[turn].answer if turn in self.turns else None

    def answers(self) -> list[TurnTimes]:
        """The turns that answered the caller's speech and were heard, in order."""
        return [times for _, times in sorted(self.turns.items()) if times.answer is not None]

    def given(self, node: str, frame: Frame) -> None:
        match frame:
            case SpeechStarted():
                self._stop = self._text = self._cue = None
            case SpeechStopped():
                self._on_stopped(node, frame)
            case Transcript(final=True):
                self._on_final(node, frame)
            case EndOfTurn():
                self._cue = Cue(node, "end of turn judged", self._clock())
            case UserTurn():
                self._on_turn(node, frame)
            case Commit():
                self.committed(frame)
            case Token() | Sentence() | TTSAudio():
                self._turn(node, frame).reach(REACHES[type(frame)], node, self._clock())
            case _:
                pass

    def played(self, turn: int, seconds: float) -> None:
        """The first report tells when the turn was first heard: so many seconds ago."""
        times = self.turns.get(turn)
        if times is None or not seconds:
            return
        now = self._clock()
        if times.heard is None:
            times.marks[Milestone.HEARD] = max(now - seconds, times.marks.get(Milestone.AUDIO, now - seconds))
            if times.speech_end is not None and (self._stop is None or self._stop.end <= times.speech_end):
                self._stop = self._text = self._cue = None  # what the caller said has its answer
        if times.interrupted is not None:
            times.silent = now

    def came(self, node: str, audio: Audio, at: float) -> None:
        """This sound came in, at this time. Of some frames of the caller's that is good enough to know."""
        if self.line in ("", node):
            self._came.append((audio.at + audio.seconds, at))

    def committed(self, commit: Frame) -> None:
        """The caller's turn is truly over."""
        for times in self.turns.values():
            if times.held and times.heard is None and times.interrupted is None:
                times.held = False
                times.reach(Milestone.COMMIT, times.origin, self._clock())
                self._note_cue(times, Milestone.COMMIT)

    def interrupted(self, turns: Iterable[int]) -> None:
        """These turns were given up, and nothing of them must be said to its end."""
        for turn in turns:
            if turn in self.turns and self.turns[turn].interrupted is None:
                self.turns[turn].interrupted = self._clock()

    def told(self, frame: Error | Recovery) -> None:
        """A node failed, or something is done about it."""
        if frame.turn in self.turns:
            what = frame.step if isinstance(frame, Recovery) else "error"
            self.turns[frame.turn].happened.append(Incident(self._clock(), frame.node, what))

    # --- the caller --------------------------------------------------------------------------------------------------

    def _on_stopped(self, node: str, stopped: SpeechStopped) -> None:
        self._cue = Cue(node, Milestone.PAUSE.value, self._clock())
        self._stop = _Told(self._when(stopped.at), self._clock(), node)
        for times in self.turns.values():  # begun before the pause was noticed
            if times.speech_end is not None and times.heard is None and Milestone.PAUSE not in times.marks:
                self._take_speech(times)

    def _on_final(self, node: str, transcript: Transcript) -> None:
        self._cue = Cue(node, Milestone.TEXT.value, self._clock())
        self._text = _Told(self._when(transcript.end), self._clock(), node)

    def _when(self, position: float) -> float:
        """When the sample at this position of the caller's audio came in. A frame comes in when its end does."""
        for end, born in reversed(self._came):
            if end <= position:
                return born + position - end
        return self._came[0][1] + position - self._came[0][0] if self._came else self._clock()

    # --- the reply ---------------------------------------------------------------------------------------------------

    def _on_turn(self, node: str, turn: UserTurn) -> None:
        times = self._turn(node, turn)
        times.asked, times.held = turn.text, turn.speculative
        times.reach(Milestone.TURN, node, self._clock())

    def _turn(self, node: str, frame: Frame) -> TurnTimes:
        """The turn of this frame. A new one answers what the caller said, unless the call speaks of its own accord."""
        times = self.turns.get(frame.turn)
        if times is None:
            self.turns[frame.turn] = times = TurnTimes(frame.turn, began=self._clock(), origin=node)
            if len(self.turns) > TURNS:
                del self.turns[next(iter(self.turns))]
            if node != CALL:
                self._take_speech(times)
        return times

    def _note_cue(self, times: TurnTimes, milestone: Milestone) -> None:
        """What was told last led to it, unless who decided had set itself a time: that runs from the pause."""
        cue, timing = self._cue, self.timings.get(times.origin)
        if timing is not None and timing.alone and self._stop is not None:
            cue = Cue(self._stop.node, Milestone.PAUSE.value, self._stop.at)
        if cue is not None:
            times.cues[milestone] = cue

    def _take_speech(self, times: TurnTimes) -> None:
        """What the caller said last is what the turn answers."""
        if Milestone.TURN not in times.cues:
            self._note_cue(times, Milestone.TURN)
        spoken = self._stop or self._text
        if spoken is not None:
            times.speech_end = spoken.end
        for milestone, told in ((Milestone.PAUSE, self._stop), (Milestone.TEXT, self._text)):
            if told is not None:
                times.reach(milestone, told.node, told.at)
