"""Which replies are alive. Every reply is a turn; turns are numbered from 1 and the numbers only grow."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from voicegraph.frames import ReplyEnd


class OfTurn(Protocol):
    """Something that belongs to a turn: a frame, or a call of a handler. turn: 0 when it belongs to none."""

    @property
    def turn(self) -> int: ...
    @property
    def interruptible(self) -> bool: ...


class Turns:
    """The turns of one call.

    floor: turns below it are void. An interrupt raises it, and from that moment every edge, every inbox and the line
    drop what belongs to a void turn, with no help from any node. opened: told of each new turn and its origin.
    """

    def __init__(self, opened: Callable[[int, str], None] = lambda turn, origin: None) -> None:
        self.latest = 0
        self.floor = 1
        self._opened = opened
        self._origins: list[str] = [""]
        self._held: dict[int, asyncio.Event] = {}
        self._taken_back: set[int] = set()
        self._must_be_said: set[int] = set()  # turns of which a part is not interruptible

    def open(self, origin: str, *, held: bool = False) -> int:
        """A new turn, begun by the node `origin`. Held: the line keeps its audio back until `commit`."""
        self.latest += 1
        self._origins.append(origin)
        if held:
            self._held[self.latest] = asyncio.Event()
        self._opened(self.latest, origin)
        return self.latest

    def origin(self, turn: int) -> str:
        """Name of the node that began a turn."""
        return self._origins[turn]

    def void(self, each: OfTurn) -> bool:
        """Whether this belongs to a reply that was given up, and is no part of it that must be said to its end.

        The reply's end marker lives as long as such a part may still be on its way.
        """
        turn = each.turn
        if not 0 < turn < self.floor:
            return False
        return not self.outlives(turn) if type(each) is ReplyEnd else each.interruptible or turn in self._taken_back

    def must_be_said(self, turn: int) -> None:
        """A part of this turn is not interruptible."""
        self._must_be_said.add(turn)

    def outlives(self, turn: int) -> bool:
        """Whether an interrupt leaves something of this turn alive. Of one that was held it does not."""
        return turn in self._must_be_said and turn not in self._taken_back

    def commit(self) -> None:
        """The caller's turn is truly over: what is held may be heard."""
        for event in self._held.values():
            event.set()
        self._held.clear()

    def interrupt(self) -> None:
        """Voids every turn so far."""
        self.floor = self.latest + 1
        self._taken_back.update(self._held)
        self.commit()  # nobody need wait any longer: what was held is void

    def held(self, turn: int) -> Awaitable[object] | None:
        """What to wait for before audio of this turn may go to the line; None when it may go now."""
        event = self._held.get(turn)
        return event.wait() if event else None

    def is_held(self, turn: int) -> bool:
        """Whether the line keeps the audio of this turn back."""
        return turn in self._held

    async def committed(self, turn: int) -> bool:
        """Waits while a turn is held. False: it was given up."""
        if (held := self.held(turn)) is not None:
            await held
        return not 0 < turn < self.floor

    def holds_of(self, origin: str) -> bool:
        """Whether a turn that this node began is held still."""
        return any(self._origins[turn] == origin for turn in self._held)
