"""What a simulated caller heard of the agent: every sample of it, and the words that are in the sound."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from voicegraph.testing.blocks import ORIGINS
from voicegraph.testing.speech import Ear, HeardWord


@dataclass(eq=False)
class Stretch:
    """Sound that was heard in one go.

    at: loop time of its first sample. turn: as the frames' headers said. void: it was heard although its reply had been
    given up. pcm: PCM16.
    """

    at: float
    turn: int
    void: bool
    pcm: bytearray = field(repr=False)


class Stale(NamedTuple):
    """A block that should not have been heard. at: loop time. origin: the turn it was made in; turn: the header's."""

    at: float
    origin: int
    turn: int
    void: bool


class HeardSound:
    """What was heard, in order. stretches: the sound. words: those in it, at loop times; a real voice has none."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.stretches: list[Stretch] = []
        self.words: list[HeardWord] = []
        self._ear = Ear(rate)

    def hear(self, at: float, turn: int, pcm: bytes, *, void: bool) -> None:
        """Takes in what was heard next."""
        last = self.stretches[-1] if self.stretches else None
        if last is not None and (last.turn, last.void) == (turn, void) and self._follows(last, at):
            last.pcm += pcm
        else:
            self.stretches.append(Stretch(at, turn, void, bytearray(pcm)))
        self.words += [block.word for block in self._ear.feed(pcm, at) if block.word]

    def text(self, turn: int) -> str:
        """The words that were heard of the text that was made in this turn."""
        return " ".join(word.text for word in self.words if word.origin == turn % ORIGINS)

    def seconds(self, turn: int) -> float:
        """How much was heard under the name of this turn."""
        return sum(len(each.pcm) for each in self.stretches if each.turn == turn) / (2 * self.rate)

    def stale(self) -> list[Stale]:
        """Simulated speech that was made in another turn than its frames said, or whose reply had been given up."""
        ear = Ear(self.rate)
        return [
            Stale(block.start, block.origin, stretch.turn, stretch.void)
            for stretch in self.stretches
            for block in (*ear.feed(bytes(stretch.pcm), stretch.at), *ear.flush())
            if stretch.void or block.origin != stretch.turn % ORIGINS
        ]

    def _follows(self, last: Stretch, at: float) -> bool:
        """Whether this moment is that of the sample behind the last."""
        return abs(last.at + len(last.pcm) / (2 * self.rate) - at) < 0.5 / self.rate
