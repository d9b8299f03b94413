"""Where a node's frames go: a look-up by type and a call.

A *push* hands a frame on. It returns None when that is done, or an awaitable when a full inbox further down makes the
giver wait. Inline nodes pass that awaitable back as it is, so back-pressure reaches the nearest task, and the usual
case, where nothing is full, costs no coroutine at all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from msgspec.structs import force_setattr

from voicegraph.engine.timing import Every, NodeTiming, Sampling
from voicegraph.engine.turns import Turns
from voicegraph.frames import UNSTAMPED, End, Frame, ReplyEnd, UserTurn

if TYPE_CHECKING:
    from voicegraph.engine.milestones import Milestones

Wait = Awaitable[None] | None
Push = Callable[[Frame], Wait]
Tap = Callable[[str, Frame], None]


class Inlet(NamedTuple):
    """The way into a node for one type of frame: as it is, and for frames that are measured."""

    push: Push
    measured: Push


class Answering:
    """A call of a handler that answers no turn: what it gives of a reply begins a turn of its own.

    turn: the turn begun, or 0. lasting: the call lasts as long as the session's, and begins a new turn after each
    interrupt. ended: the turn has got its end.
    """

    __slots__ = ("born", "ended", "interruptible", "lasting", "turn")

    def __init__(self, born: float, *, lasting: bool = False) -> None:
        self.turn = 0
        self.born = born
        self.interruptible = True
        self.lasting = lasting
        self.ended = False


CALL = "~call"
"""Who gives what no node gave. No node of a graph file can have this name."""

Cause = Frame | Answering
"""What a frame is made in answer to."""


class Route:
    """Where one type of frame goes from a node.

    only: the one taker. measured: where those go that are measured, if not all are. turn: the newest turn in which a
    frame went there.
    """

    __slots__ = ("measured", "only", "pushes", "turn")

    def __init__(self, pushes: Sequence[Push], measured: Sequence[Push] = ()) -> None:
        self.pushes = pushes
        self.only = pushes[0] if len(pushes) == 1 else None
        self.measured = measured
        self.turn = 0


class GivenWrongly(TypeError):
    """A node gave what it may not give."""


class Around(Protocol):
    """What an outlet needs of its call. signals: where frames go that no wire carries."""

    turns: Turns
    taps: list[Tap]
    turn_times: Milestones
    signals: dict[type[Frame], Route]
    sampling: Sampling

    def keep(self, work: Awaitable[None]) -> asyncio.Task[None]:
        """Does work that no node waits for."""
        ...


class Outlet:
    """The way out of one node: stamps what it gives and hands it to each taker.

    ends, reply_ends: who takes the end of the call, and of a reply.
    """

    def __init__(
        self,
        node: str,
        timing: NodeTiming,
        around: Around,
    ) -> None:
        self.node = node
        self.turns = around.turns
        self.timing = timing
        self.taps = around.taps
        self._around = around
        self._every = Every()
        self._kept: dict[asyncio.Task[None], None] = {}
        self._sure: dict[asyncio.Task[None], None] = {}
        self.routes: dict[type[Frame], Route] = {}
        self.ends: Sequence[Push] = ()
        self.reply_ends: Sequence[Push] = ()

    def send(self, frame: Frame, cause: Cause) -> Wait:
        """Gives a frame that the node made in answer to `cause`."""
        route = self.routes.get(type(frame)) or self._around.signals.get(type(frame))
        if route is None:
            raise GivenWrongly(
                f"gave a {type(frame).__name__}, which is not in its annotations; add it to the handler's return type"
            )
        new = frame.born == UNSTAMPED
        if new:
            self._stamp(frame, cause)
        turn = frame.turn
        if turn:
            if not new and turn != cause.turn:
                self._check_kept(frame, cause)
            if turn < self.turns.floor and (self.turns.void(frame) or (new and self.turns.void(cause))):
                return None
            if not frame.interruptible:
                self.turns.must_be_said(turn)
            if turn != route.turn:
                route.turn = turn
                self.timing.gave(frame, cause)
                self._around.turn_times.given(self.node, frame)
                if route.measured:
                    return self.send_measured(frame, cause, 1)
        if self.taps:
            for tap in self.taps:
                tap(self.node, frame)
        if new and type(frame) is UserTurn:
            self._begin(route.pushes, frame)
            return None
        wait = route.only(frame) if route.only is not None else self._fan_out(route.pushes, frame)
        if wait is not None and not frame.interruptible and cause.interruptible:
            return self.surely(wait)
        return wait

    def send_measured(self, frame: Frame, cause: Cause, stands_for: int) -> Wait:
        """The same, and it is measured. stands_for: so many frames, if it is sound."""
        route = self.routes.get(type(frame))
        if route is None or not route.measured:
            return self.send(frame, cause)
        sampling = self.timing.sampling
        usual, before = (route.pushes, route.only, route.measured), sampling.stands_for
        route.pushes, route.only, route.measured = route.measured, None, ()
        sampling.stands_for = stands_for
        try:
            return self.send(frame, cause)
        finally:
            route.pushes, route.only, route.measured = usual
            sampling.stands_for = before

    def send_end(self, end: Frame) -> Wait:
        """Hands an end marker to every node further down that can have had frames it closes."""
        if before := self._kept if isinstance(end, End) else self._sure:
            return self._behind([*before], lambda: self.send_end(end))
        if end.turn:
            self.timing.ended(end.turn)
        return self._fan_out(self.ends if isinstance(end, End) else self.reply_ends, end)

    def keep(self, work: Awaitable[None]) -> asyncio.Task[None]:
        """Goes on giving a reply while its giver does something else. The end of the call comes behind it."""
        task = self._around.keep(work)
        self._kept[task] = None
        task.add_done_callback(lambda task: self._kept.pop(task))
        return task

    def pending(self) -> list[asyncio.Task[None]]:
        """What is still being given while its giver does something else."""
        return [*self._kept]

    def surely(self, wait: Awaitable[None]) -> Awaitable[None]:
        """Waits for room even if the giver is cancelled: what was given comes. The reply's end comes behind it."""
        task = self.keep(wait)
        self._sure[task] = None
        task.add_done_callback(lambda task: self._sure.pop(task))
        return asyncio.shield(task)

    async def give(self, frame: Frame, cause: Cause) -> None:
        """Gives a frame, and waits until there is room for it."""
        self._every.left -= 1
        sampled = not self._every.left
        wait = self.send_measured(frame, cause, self._every.next()) if sampled else self.send(frame, cause)
        if wait is not None:
            await self.room(wait, cause.turn)

    async def room(self, wait: Awaitable[None], turn: int) -> None:
        """Waits until who takes a frame has room for it, and notes how long that was."""
        began = self.timing.clock()
        try:
            await wait
        finally:
            self.timing.spend(turn, blocked=self.timing.clock() - began)

    def send_last(self, wait: Wait, turn: int, born: float) -> Wait:
        """Ends a turn behind its last frame. wait: what sending that frame returned."""
        return after(wait, lambda: self.send_end(ReplyEnd(turn=turn, born=born)))

    def close(self, cause: Cause) -> Wait:
        """The call of a handler has ended, and with it the turn that it began, if it did."""
        if isinstance(cause, Answering) and cause.turn and not cause.ended:
            cause.ended = True
            return self.send_last(None, cause.turn, cause.born)
        return None

    def abandon(self, cause: Cause) -> None:
        """The turn of a handler's call was given up. If a part of it must still be said, that gets its end."""
        if self.turns.outlives(cause.turn) and (wait := self.close(cause)) is not None:
            self.keep(wait)

    def _begin(self, pushes: Sequence[Push], turn: Frame) -> None:
        """A UserTurn is all that its giver says in that turn, so the end follows it at once.

        Its giver decides on interrupts too and must never wait for a reply that is made slowly. A next turn does.
        """

        def give() -> Wait:
            if self.turns.void(turn):
                return None
            return self.send_last(self._fan_out(pushes, turn), turn.turn, turn.born)

        wait = self._behind([*self._kept], give) if self._kept else give()
        if wait is not None:
            self.keep(wait)

    async def _behind(self, tasks: list[asyncio.Task[None]], step: Callable[[], Wait]) -> None:
        await asyncio.wait(tasks)
        await done(step())

    def _stamp(self, frame: Frame, cause: Cause) -> None:
        force_setattr(frame, "born", cause.born)
        if not cause.interruptible:
            force_setattr(frame, "interruptible", False)
        if frame.side == "reply":
            if isinstance(frame, UserTurn):
                turn = self.turns.open(self.node, held=frame.speculative)
            elif isinstance(cause, Answering):
                if not cause.turn or (cause.lasting and cause.turn < self.turns.floor):
                    cause.turn, cause.ended = self.turns.open(self.node), False
                turn = cause.turn
            else:
                turn = cause.turn
            force_setattr(frame, "turn", turn)

    def _check_kept(self, frame: Frame, cause: Cause) -> None:
        """A frame that was given before may be passed on in its own turn, and by who sees all turns."""
        if not (isinstance(cause, Answering) and cause.lasting and frame.turn <= self.turns.latest):
            raise GivenWrongly(
                f"gave a {type(frame).__name__} again that was given in another turn; make a new one for each turn"
            )

    def _fan_out(self, pushes: Sequence[Push], frame: Frame) -> Wait:
        for index, push in enumerate(pushes):
            if index and self.turns.void(frame):  # a taker called for an interrupt
                return None
            wait = push(frame)
            if wait is not None:
                return self._fan_out_rest(wait, pushes[index + 1 :], frame)
        return None

    async def _fan_out_rest(self, wait: Awaitable[None], pushes: Sequence[Push], frame: Frame) -> None:
        await wait
        for push in pushes:
            if self.turns.void(frame):  # an interrupt came while we waited
                return
            again = push(frame)
            if again is not None:
                await again


def after(wait: Wait, step: Callable[[], Wait]) -> Wait:
    """Does `step` when `wait` is over: at once if there is nothing to wait for."""
    return step() if wait is None else _after(wait, step)


async def _after(wait: Awaitable[None], step: Callable[[], Wait]) -> None:
    await wait
    again = step()
    if again is not None:
        await again


async def done(wait: Wait) -> None:
    """Awaits what may be nothing."""
    if wait is not None:
        await wait
