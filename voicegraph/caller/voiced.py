"""Where somebody can be heard in mu-law sound, and from when to when."""

from __future__ import annotations

from dataclasses import dataclass

from voicegraph.caller.twilio import FRAME, RATE

LOUDEST_SILENCE = 300
"""Of 32,767: -41 dBFS. Lines and codecs hiss below that, voices speak above."""
PAUSE = RATE // 2
"""Samples. A voice that is silent for less goes on speaking; longest between two sentences."""
SILENCE = b"\xff"
"""mu-law's zero."""


def _magnitude(code: int) -> int:
    inverted = ~code & 0xFF
    return ((2 * (inverted & 0x0F) + 33) << (inverted >> 4 & 7)) - 33 << 2


_LOUD = bytes(_magnitude(code) > LOUDEST_SILENCE for code in range(256))


def is_loud(codes: bytes) -> bool:
    return 1 in codes.translate(_LOUD)


def loud_part(codes: bytes) -> tuple[int, int] | None:
    """From its first loud sample to just behind its last; None for silence."""
    loud = codes.translate(_LOUD)
    first = loud.find(1)
    return None if first < 0 else (first, loud.rfind(1) + 1)


@dataclass
class Run:
    """Somebody spoke without a pause worth telling. In samples; end: just behind the last. cut: when it was cut off."""

    start: int
    end: int
    cut: int | None = None


class Voiced:
    """Finds the runs in sound that comes in order."""

    def __init__(self, pause: int = PAUSE) -> None:
        self.runs: list[Run] = []
        self._pause = pause

    def add(self, at: int, codes: bytes) -> None:
        for start in range(0, len(codes), FRAME):
            if part := loud_part(codes[start : start + FRAME]):
                self._loud(at + start + part[0], at + start + part[1])

    def cut(self, at: int) -> None:
        """It would have gone on. What comes now is another run, however soon it comes."""
        if self.runs and self.runs[-1].cut is None:
            self.runs[-1].cut = at

    @property
    def end(self) -> int | None:
        """Behind the last loud sample; None if there was none."""
        return self.runs[-1].end if self.runs else None

    def _loud(self, start: int, end: int) -> None:
        last = self.runs[-1] if self.runs else None
        if last and last.cut is None and start - last.end < self._pause:
            last.end = end
        else:
            self.runs.append(Run(start, end))
