"""How long each node takes. Always on, so it must cost next to nothing.

The clock is read where a turn begins and ends at a node, and where somebody really waits. Of what happens for each
frame, only one in many is timed.
"""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Protocol

from voicegraph.frames import Frame

KEEP = 10_000
"""Samples kept per node and figure; the oldest go first."""
WAITING = 64
"""Frames of which it is remembered when they came in, while a node has not answered their turn."""


def _now() -> float:
    return asyncio.get_running_loop().time()


def _samples() -> array[float]:
    return array("d")


def note(samples: array[float], seconds: float) -> None:
    """One more sample."""
    samples.append(seconds)
    if len(samples) >= 2 * KEEP:
        del samples[:KEEP]


class Counts(Protocol):
    """What counts the frames that a node gives."""

    given: int


@dataclass(slots=True)
class Spent:
    """What a node did in some time. blocked: seconds in which it was held, as who takes its frames was full. starved:
    seconds in which a handler waited for more of a turn. busy: seconds in which asynchronous handlers were at work,
    these two included. own: seconds in its synchronous handlers, an estimate from samples.
    """

    items: int = 0
    given: int = 0
    blocked: float = 0.0
    starved: float = 0.0
    busy: float = 0.0
    own: float = 0.0

    def since(self, before: Spent) -> Spent:
        return Spent(*(getattr(self, each.name) - getattr(before, each.name) for each in fields(self)))


@dataclass(slots=True)
class TurnAtNode:
    """One node's work on one turn, in loop time. None: not known, or not yet.

    came, taken: its first frame of the turn came in, and was taken by its handler. fed: when the input that led to its
    first output came in, and was taken. first: its first output. last: the end of its work on the turn. spent: from
    the end of its work on the turn before.
    """

    came: float | None = None
    taken: float | None = None
    fed: tuple[float, float] | None = None
    first: float | None = None
    last: float | None = None
    spent: Spent = field(default_factory=Spent)


class NodeTiming:
    """One node of one call. Times are in seconds of the loop's clock.

    dropped: caller audio dropped because the node was behind. errors: exceptions that left it. queue: how long frames
    waited to be taken: those of a turn up to the node's first output, and one in many of the others. first: from the
    call of an asynchronous handler to the first frame that it gives. total: the same to its end, waiting for room
    included. turns: by number. settled: turns up to this one have had their first output. ends: it is the line, with
    which all replies end.
    """

    def __init__(self, *, ends: bool = False, clock: Callable[[], float] = _now) -> None:
        self.clock = clock
        self.taken_in = 0  # by asynchronous handlers
        self.dropped = 0
        self.errors = 0
        self.blocked = 0.0
        self.starved = 0.0
        self.busy = 0.0
        self.queue = _samples()
        self.first = _samples()
        self.total = _samples()
        self.turns: dict[int, TurnAtNode] = {}
        self.settled = 0
        self.meters: list[Meter] = []
        self.outlet: Counts | None = None
        self._ends = ends
        self._arrived: list[tuple[Frame, float]] = []
        self._fed = (0, 0.0, 0.0)  # the newest input: its turn, when it came in, and when it was taken
        self._open: list[int] = []  # turns that have not ended here
        self._before = Spent()

    @property
    def items(self) -> int:
        """Frames handled."""
        return self.taken_in + sum(meter.items for meter in self.meters)

    @property
    def given(self) -> int:
        """Frames given."""
        return self.outlet.given if self.outlet else 0

    @property
    def own(self) -> float:
        """Seconds in synchronous handlers: an estimate from samples."""
        return sum(meter.own for meter in self.meters)

    @property
    def spent(self) -> Spent:
        """In all, so far."""
        return Spent(self.items, self.given, self.blocked, self.starved, self.busy, self.own)

    def came(self, frame: Frame) -> None:
        """A frame comes in, of a turn to which the node has given nothing yet."""
        if len(self._arrived) < WAITING:
            self._arrived.append((frame, self.clock()))

    def taken(self, frame: Frame) -> None:
        """A handler takes such a frame."""
        now = came = self.clock()
        for index, (each, at) in enumerate(self._arrived):
            if each is frame:
                came = at
                del self._arrived[: index + 1]
                break
        note(self.queue, now - came)
        self._fed = frame.turn, came, now
        turn = self._turn(frame.turn)
        if turn.taken is None:
            turn.came, turn.taken = came, now
        if self._ends:
            self.settled = frame.turn

    def gave(self, turn: int) -> None:
        """Its first frame of some type and of this turn."""
        at = self._turn(turn)
        self.settled = max(self.settled, turn)
        if at.first is None:
            at.first = self.clock()
            fed_by, came, taken = self._fed
            at.fed = (came, taken) if fed_by == turn else (at.first, at.first)

    def ended(self, turn: int) -> None:
        """It has done all that it had to do for this turn, and those before."""
        for each in [each for each in self._open if each <= turn]:
            self._open.remove(each)
            at = self.turns[each]
            at.last = self.clock()
            if each == turn:
                spent = self.spent
                at.spent, self._before = spent.since(self._before), spent

    def took(self, began: float, first: float | None, ended: float) -> None:
        """One call of an asynchronous handler, in loop time."""
        self.busy += ended - began
        if first is not None:
            self.first.append(first - began)
        self.total.append(ended - began)
        if len(self.total) >= 2 * KEEP:
            del self.total[:KEEP], self.first[:-KEEP]

    def _turn(self, turn: int) -> TurnAtNode:
        if turn not in self.turns:
            self.turns[turn] = TurnAtNode()
            self._open.append(turn)
        return self.turns[turn]


SAMPLE = 64
"""Of so many calls of a synchronous handler one is timed."""


class Meter:
    """Counts the calls of one synchronous handler, and times one in so many: the first, then ever fewer of them.

    left: calls up to the next that is timed. own: seconds in all of them, estimated.
    """

    def __init__(self) -> None:
        self.left = 1
        self.own = 0.0
        self._every = 1
        self._counted = 0

    @property
    def items(self) -> int:
        return self._counted + self._every - self.left

    def sample(self) -> int:
        """Begins a call that is timed. Returns how many it stands for."""
        stands_for = self._every
        self._counted += stands_for
        self.left = self._every = min(2 * stands_for, SAMPLE)
        return stands_for
