"""Keeps replies apart where several givers meet: nothing of a reply goes in before the ones begun earlier have ended.

Each giver gives reply after reply, in order, but one may be a reply ahead of another. Without this, the sound of two
replies could be mixed. The giver that is ahead waits, which is back-pressure like any other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from voicegraph.engine.outlet import Push
from voicegraph.engine.turns import Turns
from voicegraph.frames import Frame


class Turnstile:
    """Before one node. Begun are the turns that have come in and not yet ended; others wait, each with its giver.

    waits: told of each frame that does.
    """

    def __init__(self, turns: Turns, waits: Callable[[Frame], None] = lambda frame: None) -> None:
        self.turns = turns
        self.waits = waits
        self._begun: set[int] = set()
        self._ended = 0  # the newest turn that has ended, and with it all before it
        self._waiting: list[int] = []
        self._changed = asyncio.Event()

    def guard(self, push: Push) -> Push:
        """The same push, in the order of turns."""

        def in_order(frame: Frame) -> Awaitable[None] | None:
            if self._must_wait(frame):
                self.waits(frame)
                return self._push_later(push, frame)
            self._begin(frame.turn)
            return push(frame)

        return in_order

    def ended(self, turn: int) -> None:
        """Every giver has ended this turn."""
        self._ended = max(self._ended, turn)
        self._begun.discard(turn)
        self._release()

    def interrupt(self) -> None:
        """Void turns hold up nobody."""
        self._begun = {turn for turn in self._begun if turn >= self.turns.floor or self.turns.outlives(turn)}
        self._release()

    def _begin(self, turn: int) -> None:
        if turn > self._ended:
            self._begun.add(turn)

    def _must_wait(self, frame: Frame) -> bool:
        return min((*self._begun, *self._waiting), default=frame.turn) < frame.turn

    async def _push_later(self, push: Push, frame: Frame) -> None:
        self._waiting.append(frame.turn)
        try:
            while self._must_wait(frame):
                await self._changed.wait()
        finally:
            self._waiting.remove(frame.turn)
            self._release()
        if not self.turns.void(frame):
            self._begin(frame.turn)
            again = push(frame)
            if again is not None:
                await again

    def _release(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
