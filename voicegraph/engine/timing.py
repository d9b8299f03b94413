"""How long each node takes. Always on, so it must cost next to nothing.

Frames of sound are nearly all that a call moves, so of them one in `SAMPLE` is *measured*: whoever gives it hands it to
other functions, which time and count what it passes and let it stand for the rest. The others pass no counter and no
clock at all. Every frame of another type is measured, and of each turn the first of its sound.
"""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field, fields

from voicegraph.frames import Audio, Frame, TTSAudio

SOUND = frozenset((Audio, TTSAudio))
"""Types of frames of which not each is measured."""
SAMPLE = 256
"""Of so many of them, one is: of the caller's, one in five seconds."""
KEEP = 10_000
"""Samples kept per node and figure; the oldest go first."""
WAITING = 64
"""Frames of which it is remembered when they came in, while a node has not answered their turn."""


class Sampling:
    """Of one call. stands_for: for how many frames of sound the one stands that is just being measured."""

    __slots__ = ("stands_for",)

    def __init__(self) -> None:
        self.stands_for = 1

    def weigh(self, frame: Frame) -> int:
        """For how many frames this one stands, which is measured."""
        return self.stands_for if type(frame) in SOUND else 1


class Every:
    """Chooses which frames of sound are measured: the first, and then ever fewer, down to one in `SAMPLE`.

    left: how many more frames to the next that is. `every.left -= 1; if not every.left: stands_for = every.next()`
    """

    __slots__ = ("_distance", "left")

    def __init__(self) -> None:
        self.left = self._distance = 1

    def next(self) -> int:
        """For how many frames this one stands."""
        stands_for = self._distance
        self.left = self._distance = min(2 * stands_for, SAMPLE)
        return stands_for


def _now() -> float:
    return asyncio.get_running_loop().time()


_NONE = array("d")


@dataclass(slots=True)
class Spent:
    """What a node did in some time.

    items, given: frames handled and given; those of sound are estimated. blocked: seconds in which it was held, as who
    takes its frames was full. starved: seconds in which a handler waited for more of a turn. busy: seconds in which
    asynchronous handlers were at work, these two included. own: seconds in synchronous handlers; of those for sound,
    an estimate.
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

    items to own: see `Spent`. dropped: caller audio dropped because the node was behind. errors: exceptions that left
    it. queue: how long measured frames waited to be taken. first: from the call of an asynchronous handler to the first
    frame that it gives. total: the same to its end, waiting for room included. turns: by number. settled: turns up to
    this one have had their first output. ends: it is the line, with which all replies end.
    """

    def __init__(
        self, sampling: Sampling | None = None, *, ends: bool = False, clock: Callable[[], float] = _now
    ) -> None:
        self.clock = clock
        self.sampling = sampling or Sampling()
        self.items = 0
        self.given = 0
        self.own = 0.0
        self.dropped = 0
        self.errors = 0
        self.blocked = 0.0
        self.starved = 0.0
        self.busy = 0.0
        self._samples: dict[str, array[float]] = {}
        self.turns: dict[int, TurnAtNode] = {}
        self.settled = 0
        self.measures = 0  # the next call of an asynchronous handler is timed, and stands for so many
        self._ends = ends
        self._arrived: list[tuple[Frame, float]] = []
        self._fed = (0, 0.0, 0.0)  # the newest input: its turn, when it came in, and when it was taken
        self._open: list[int] = []  # turns that have not ended here
        self._before = Spent()

    @property
    def queue(self) -> array[float]:
        return self._samples.get("queue", _NONE)

    @property
    def first(self) -> array[float]:
        return self._samples.get("first", _NONE)

    @property
    def total(self) -> array[float]:
        return self._samples.get("total", _NONE)

    @property
    def spent(self) -> Spent:
        """In all, so far."""
        return Spent(self.items, self.given, self.blocked, self.starved, self.busy, self.own)

    def gives(self, frame: Frame) -> None:
        """A measured frame is given."""
        self.given += self.sampling.weigh(frame)

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
        self.waited(now - came)
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

    def took(self, began: float, first: float | None, ended: float, stands_for: int = 1) -> None:
        """One call of an asynchronous handler, in loop time."""
        self.busy += stands_for * (ended - began)
        if first is not None:
            self._note("first", first - began)
        self._note("total", ended - began)

    def waited(self, seconds: float) -> None:
        """A frame did, until it was taken."""
        self._note("queue", seconds)

    def _note(self, figure: str, seconds: float) -> None:
        if (samples := self._samples.get(figure)) is None:
            samples = self._samples[figure] = array("d")
        samples.append(seconds)
        if len(samples) >= 2 * KEEP:
            del samples[:KEEP]

    def _turn(self, turn: int) -> TurnAtNode:
        if turn not in self.turns:
            self.turns[turn] = TurnAtNode()
            self._open.append(turn)
        return self.turns[turn]
