"""The caller's side of a line: what they say, 20 ms at a time, and silence in between."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from voicegraph.caller.twilio import FRAME, RATE
from voicegraph.caller.voiced import SILENCE


@dataclass(eq=False)
class Act:
    """Something to say. text: its words, for people. began, ended: samples in the stream; None before that."""

    text: str
    codes: bytes = field(repr=False)
    began: int | None = None
    ended: int | None = None

    @property
    def seconds(self) -> float:
        return len(self.codes) / RATE


class Mouth:
    """acts: all that was begun, in order."""

    def __init__(self) -> None:
        self.acts: list[Act] = []
        self._next: deque[Act] = deque()

    def say(self, codes: bytes, text: str = "") -> Act:
        """From the next frame on, or when what was to be said before is said."""
        act = Act(text, codes)
        self._next.append(act)
        return act

    def frame(self, at: int) -> bytes:
        """The 20 ms that begin at this sample."""
        made = b""
        while self._next and len(made) < FRAME:
            act = self._next[0]
            if act.began is None:
                act.began = at + len(made)
                self.acts.append(act)
            done = at + len(made) - act.began
            made += act.codes[done : done + FRAME - len(made)]
            if at + len(made) - act.began >= len(act.codes):
                act.ended = act.began + len(act.codes)
                self._next.popleft()
        return made.ljust(FRAME, SILENCE)
