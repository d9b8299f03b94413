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
from typing import NamedTuple

from voicegraph.frames import Audio, Frame, TTSAudio

SOUND = frozenset((Audio, TTSAudio))
"""Types of frames of which not each is measured."""
SAMPLE = 512
"""Of so many of them, one is: of the caller's, one in ten seconds."""
KEEP = 10_000
"""Samples kept per node and figure; the oldest go first."""
TURNS = 1_000
"""Turns that are remembered, for calls that last for hours; the oldest go first."""
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


class Output(NamedTuple):
    """The first frame of its type that a node gave of a turn, in loop time.

    came, taken: when the input that led to it came in, and was taken. by: what that was; None: nothing of this turn.
    """

    kind: type[Frame]
    at: float
    came: float
    taken: float
    by: type[Frame] | None


@dataclass(slots=True)
class TurnAtNode:
    """One node's work on one turn, in loop time. None: not known, or not yet.

    came, taken: its first frame of the turn came in, and was taken by its handler. outputs: the first of each type, in
    order; of a line, the first sound that it took. last: the end of its work on the turn. spent: from the end of its
    work on the turn before.
    """

    came: float | None = None
    taken: float | None = None
    outputs: list[Output] = field(default_factory=list[Output])
    last: float | None = None
    spent: Spent = field(default_factory=Spent)

    @property
    def first(self) -> float | None:
        """Its first output."""
        return self.outputs[0].at if self.outputs else None


class NodeTiming:
    """One node of one call. Times are in seconds of the loop's clock.

    items to own: see `Spent`. dropped: caller audio dropped because the node was behind. errors: exceptions that left
    it. queue: how long measured frames waited to be taken. first: from the call of an asynchronous handler to the first
    frame that it gives. total: the same to its end, waiting for room included. turns: the newest `TURNS` by number.
    settled: turns up to this one have had their first output. alone: its handler has stopped waiting for the caller's
    frames, as it had set itself a time. ends: it is the line, with which all replies end.
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
        self.turns: dict[int, TurnAtNode] = {}
        self.settled = 0
        self.alone = False
        self._ends = ends
        self._samples: dict[str, array[float]] = {}
        self._arrived: list[tuple[Frame, float]] = []
        self._fed: tuple[int, float, float, type[Frame] | None] = (0, 0.0, 0.0, None)  # the newest input: see Output
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
        """A frame comes in. It is noted if the node has given nothing to its turn yet."""
        if frame.turn <= self.settled or len(self._arrived) >= WAITING:
            return
        if all(each is not frame for each, _ in self._arrived):
            self._arrived.append((frame, self.clock()))

    def taken(self, frame: Frame) -> None:
        """A handler takes a frame of such a turn."""
        now = came = self.clock()
        for index, (each, at) in enumerate(self._arrived):
            if each is frame:
                came = at
                self._note("queue", now - came)
                del self._arrived[: index + 1]
                break
        self._fed = frame.turn, came, now, type(frame)
        turn = self._turn(frame.turn)
        if turn.taken is None:
            turn.came, turn.taken = came, now
        if self._ends and type(frame) is TTSAudio:
            turn.outputs.append(Output(TTSAudio, now, came, now, TTSAudio))
            self.settled = max(self.settled, frame.turn)

    def input_ended(self, turn: int) -> None:
        """No more of the turn will come: what the handler gives now, it gives because of that."""
        if turn > self.settled:
            now = self.clock()
            self._fed = turn, now, now, None

    def gave(self, frame: Frame, cause: object) -> None:
        """Its first frame of this type and turn. cause: what it was made in answer to."""
        turn = self._turn(frame.turn)
        self.settled = max(self.settled, frame.turn)
        if any(each.kind is type(frame) for each in turn.outputs):
            return  # frames of two turns take turns
        now = self.clock()
        fed, came, taken, by = self._fed
        if fed != frame.turn:
            came = taken = now
            by = type(cause) if isinstance(cause, Frame) and cause.turn == frame.turn else None
        turn.outputs.append(Output(type(frame), now, came, taken, by))

    def ended(self, turn: int, outlives: Callable[[int], bool] = lambda turn: False) -> None:
        """It has done all that it had to do for this turn, and those before. outlives: an interrupt leaves some be."""
        if self._arrived:
            self._arrived = [each for each in self._arrived if each[0].turn > turn or outlives(each[0].turn)]
        over = [each for each in self._open if each <= turn and not outlives(each)]
        if not over:
            return
        now, spent = self.clock(), self.spent
        for each in over:
            self._open.remove(each)
            self.turns[each].last = now
        self.turns[max(over)].spent, self._before = spent.since(self._before), spent

    def spend(self, turn: int, *, blocked: float = 0.0, starved: float = 0.0, busy: float = 0.0) -> None:
        """Seconds; see `Spent`. An interrupted handler tells of its last ones when its turn has ended already."""
        self.blocked += blocked
        self.starved += starved
        self.busy += busy
        if turn and (at := self.turns.get(turn)) is not None and at.last is not None:
            for each in (at.spent, self._before):
                each.blocked += blocked
                each.starved += starved
                each.busy += busy

    def took(self, began: float, first: float | None, *, turn: int, stands_for: int = 1, whole: bool = True) -> None:
        """A call of an asynchronous handler is over. began, first: in loop time. whole: nobody has cut it short."""
        seconds = self.clock() - began
        self.spend(turn, busy=stands_for * seconds)
        if first is not None:
            self._note("first", first - began)
        if whole:
            self._note("total", seconds)

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
            if len(self.turns) > TURNS:
                oldest = next(iter(self.turns))
                del self.turns[oldest]
                self._open = [each for each in self._open if each != oldest]
        return self.turns[turn]
