"""Which replies are alive. Every reply is a turn; turns are numbered from 1 and the numbers only grow."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from voicegraph.frames import Frame


class Turns:
    """The turns of one call.

    floor: turns below it are void. An interrupt raises it, and from that moment every edge, every inbox and the line
    drop what belongs to a void turn, with no help from any node.
    """

    def __init__(self) -> None:
        self.latest = 0
        self.floor = 1
        self._origins: list[str] = [""]
        self._held: dict[int, asyncio.Event] = {}

    def open(self, origin: str, *, held: bool = False) -> int:
        """A new turn, begun by the node `origin`. Held: the line keeps its audio back until `commit`."""
        self.latest += 1
        self._origins.append(origin)
        if held:
            self._held[self.latest] = asyncio.Event()
        return self.latest

    def origin(self, turn: int) -> str:
        """Name of the node that began a turn."""
        return self._origins[turn]

    def void(self, frame: Frame) -> bool:
        """Whether a frame belongs to a reply that was given up."""
        return 0 < frame.turn < self.floor and frame.interruptible

    def commit(self) -> None:
        """The caller's turn is truly over: what is held may be heard."""
        for event in self._held.values():
            event.set()
        self._held.clear()

    def interrupt(self) -> None:
        """Voids every turn so far."""
        self.floor = self.latest + 1
        self.commit()  # nobody need wait any longer: what was held is void

    def held(self, turn: int) -> Awaitable[object] | None:
        """What to wait for before audio of this turn may go to the line; None when it may go now."""
        event = self._held.get(turn)
        return event.wait() if event else None
