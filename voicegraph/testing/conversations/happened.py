"""What came of a call: all that its test can check."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from voicegraph.engine.milestones import TurnTimes
from voicegraph.graph.source import Span
from voicegraph.testing.conversations.record import Record

By = Literal["caller", "agent", "fault"]


@dataclass(frozen=True, slots=True)
class Spoken:
    """A reply. said: as far as it went to the line. heard: as far as the caller heard it.

    cut: short of its end, by whatever. interrupted: that was an interrupt.
    """

    turn: int
    said: str
    heard: str
    cut: bool
    interrupted: bool


@dataclass(frozen=True, slots=True)
class Happened:
    """A call that is over. seconds: it lasted. ended: by whom. transferred: to whom the caller was put through."""

    seconds: float
    ended: By
    replies: Sequence[Spoken]
    times: Sequence[TurnTimes]
    record: Record
    faults: Sequence[tuple[str, BaseException]]
    transferred: str = ""


class Finding(NamedTuple):
    """An expectation that was not met. place: of the part of it that was not; None for all of it."""

    message: str
    hint: str = ""
    place: Span | None = None
