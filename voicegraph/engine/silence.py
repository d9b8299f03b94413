"""What the caller does not hear: how long a failure was silence to them, and silence without a known cause."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from voicegraph.call import SLACK, Reply
from voicegraph.frames import Recovery
from voicegraph.graph.plan import Watchdog


@dataclass
class _Trouble:
    """A reply for which something failed. gap: the longest silence of the caller since, in seconds."""

    node: str
    gap: float = 0.0


class Silence:
    """Watches what the caller hears while a reply is due.

    tell: told of incidents, and of recoveries when they are over. due: whether a reply is due that ought to be heard
    now. stuck: the newest turn and the node that holds it up. speak: says something in that turn.
    """

    def __init__(
        self,
        watchdog: Watchdog,
        *,
        tell: Callable[[Recovery], None],
        due: Callable[[], bool],
        stuck: Callable[[], tuple[int, str]],
        speak: Callable[[int, str, str], None],
    ) -> None:
        self._watchdog = watchdog
        self._tell = tell
        self._due = due
        self._stuck = stuck
        self._speak = speak
        self._since = 0.0  # loop time at which the caller last heard something, or a reply became due
        self._played: dict[int, float] = {}
        self._troubles: dict[int, _Trouble] = {}
        self._told: set[int] = set()  # turns whose silence was an incident
        self._timer: asyncio.TimerHandle | None = None

    def begun(self) -> None:
        """A reply is due."""
        loop = asyncio.get_running_loop()
        if not self._due():
            self._since = loop.time()
        if self._timer is None:
            self._timer = loop.call_at(max(self._since, loop.time()) + self._watchdog.silence, self._look)

    def failed(self, turn: int, node: str) -> None:
        """Something has failed for this turn."""
        if turn:
            self._troubles.setdefault(turn, _Trouble(node))

    def played(self, turn: int, seconds: float, reply: Callable[[int], Reply]) -> None:
        """So many seconds in all of a turn's audio have been heard. reply: what the ledger tells of a turn."""
        more = seconds - self._played.get(turn, 0.0)
        if more <= 0:
            return
        self._played[turn] = seconds
        now = asyncio.get_running_loop().time()
        gap, self._since = max(0.0, now - more - self._since), now
        if (trouble := self._troubles.get(turn)) is not None:
            trouble.gap = max(trouble.gap, gap)
            if reply(turn).over:
                self._close(turn)

    def interrupted(self) -> None:
        """Nobody waits for those replies any more."""
        for turn in [turn for turn in self._troubles if self._played.get(turn)]:
            self._close(turn)
        self._troubles.clear()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _close(self, turn: int) -> None:
        trouble = self._troubles.pop(turn)
        self._tell(Recovery(node=trouble.node, step="recovered", silence=trouble.gap, turn=turn))

    def _look(self) -> None:
        """Wakes when the caller may have heard nothing for too long."""
        self._timer = None
        if not self._due():
            return
        loop = asyncio.get_running_loop()
        silent = loop.time() - self._since
        if silent < self._watchdog.silence - SLACK:
            self._timer = loop.call_at(self._since + self._watchdog.silence, self._look)
            return
        turn, node = self._stuck()
        if turn not in self._told:
            self._told.add(turn)
            why = f"the caller has heard nothing for {silent:.1f} s although a reply is due"
            self._tell(Recovery(node=node, step="incident", why=why, silence=silent, turn=turn))
            self._troubles.setdefault(turn, _Trouble(node))
            if self._watchdog.say:
                self._speak(turn, node, self._watchdog.say)
        self._timer = loop.call_later(self._watchdog.silence, self._look)
