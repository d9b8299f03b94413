"""Where a node's frames go: a look-up by type and a call.

A *push* hands a frame on. It returns None when that is done, or an awaitable when a full inbox further down makes the
giver wait. Inline nodes pass that awaitable back as it is, so back-pressure reaches the nearest task, and the usual
case, where nothing is full, costs no coroutine at all.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from msgspec.structs import force_setattr

from voicegraph.engine.turns import Turns
from voicegraph.frames import UNSTAMPED, Frame, ReplyEnd, UserTurn

if TYPE_CHECKING:
    from voicegraph.engine.timing import NodeTiming

Push = Callable[[Frame], "Awaitable[None] | None"]
Tap = Callable[[str, Frame], None]


class Cause(Protocol):
    """What a frame is made in answer to: another frame, or a source."""

    @property
    def turn(self) -> int: ...
    @property
    def born(self) -> float: ...
    @property
    def interruptible(self) -> bool: ...


class Undeclared(TypeError):
    """A node gave something that its annotations do not name."""


class Outlet:
    """The way out of one node: stamps what it gives and hands it to each taker."""

    def __init__(self, node: str, turns: Turns, timing: NodeTiming, taps: list[Tap]) -> None:
        self.node = node
        self.turns = turns
        self.timing = timing
        self.taps = taps
        self.routes: dict[type[Frame], Sequence[Push]] = {}
        self.end_routes: dict[type[Frame], Sequence[Push]] = {}
        self.opened = 0  # the turn that this node began without a UserTurn, while its handler runs

    def send(self, frame: Frame, cause: Cause) -> Awaitable[None] | None:
        """Gives a frame that the node made in answer to `cause`."""
        pushes = self.routes.get(type(frame))
        if pushes is None:
            raise Undeclared(
                f"gave a {type(frame).__name__}, which is not in its annotations; add it to the handler's return type"
            )
        if frame.born == UNSTAMPED:
            self._stamp(frame, cause)
        turn = frame.turn
        if 0 < turn < self.turns.floor and frame.interruptible:
            return None
        self.timing.given += 1
        if self.taps:
            for tap in self.taps:
                tap(self.node, frame)
        if type(frame) is UserTurn:
            return self.then_end(self._fan_out(pushes, frame), frame)
        if len(pushes) == 1:
            return pushes[0](frame)
        return self._fan_out(pushes, frame)

    def send_end(self, end: Frame) -> Awaitable[None] | None:
        """Hands an end marker to every node further down that can have had frames it closes."""
        return self._fan_out(self.end_routes.get(type(end), ()), end)

    def close_opened(self) -> Awaitable[None] | None:
        """The handler that began a turn of its own has ended, and so has that turn."""
        if not self.opened:
            return None
        turn, self.opened = self.opened, 0
        return self.send_end(ReplyEnd(turn=turn))

    def _stamp(self, frame: Frame, cause: Cause) -> None:
        force_setattr(frame, "born", cause.born)
        if not cause.interruptible:
            force_setattr(frame, "interruptible", False)
        if frame.side == "reply":
            if isinstance(frame, UserTurn):
                turn = self.turns.open(self.node, held=frame.speculative)
            elif cause.turn:
                turn = cause.turn
            else:
                turn = self.opened = self.opened or self.turns.open(self.node)
            force_setattr(frame, "turn", turn)

    def _fan_out(self, pushes: Sequence[Push], frame: Frame) -> Awaitable[None] | None:
        for index, push in enumerate(pushes):
            wait = push(frame)
            if wait is not None:
                return self._fan_out_rest(wait, pushes[index + 1 :], frame)
            if self.turns.void(frame):  # a taker called for an interrupt
                return None
        return None

    async def _fan_out_rest(self, wait: Awaitable[None], pushes: Sequence[Push], frame: Frame) -> None:
        await wait
        for push in pushes:
            if self.turns.void(frame):  # an interrupt came while we waited
                return
            again = push(frame)
            if again is not None:
                await again

    def then_end(self, wait: Awaitable[None] | None, turn: Frame) -> Awaitable[None] | None:
        """Ends the turn behind a frame that is all that its giver says in it, such as a UserTurn.

        wait: what sending that frame returned.
        """
        end = ReplyEnd(turn=turn.turn, born=turn.born)
        if wait is None:
            return self.send_end(end)
        return self._end_after(wait, end)

    async def _end_after(self, wait: Awaitable[None], end: Frame) -> None:
        await wait
        again = self.send_end(end)
        if again is not None:
            await again
