"""What the caller does not hear: how long a failure was silence to them, and silence without a known cause."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Protocol

from voicegraph.call import SLACK
from voicegraph.engine.heard import Heard
from voicegraph.frames import Recovery
from voicegraph.graph.plan import Watchdog

MOST = 6
"""Incidents in one reply, after which the call cannot go on."""


@dataclass
class _Trouble:
    """A reply for which something failed. gap: the longest silence of the caller since, in seconds."""

    node: str
    gap: float = 0.0


class Host(Protocol):
    """What it asks of the call."""

    def tell(self, frame: Recovery) -> None: ...
    def is_due(self) -> bool:
        """Whether the caller waits for something to hear."""
        ...

    def stuck(self) -> str:
        """The node that holds it up, as far as can be seen."""
        ...

    def speak_over(self, turn: int, node: str, text: str) -> None:
        """Says something in a turn that this node holds up."""
        ...

    def cannot_go_on(self, node: str) -> None: ...


class Silence:
    """Watches what the caller hears while a reply is due."""

    def __init__(self, watchdog: Watchdog, heard: Heard, host: Host) -> None:
        self._watchdog = watchdog
        self._heard = heard
        self._host = host
        self._since = 0.0  # loop time at which the caller last heard something, or a reply became due
        self._played: dict[int, float] = {}
        self._troubles: dict[int, _Trouble] = {}
        self._incidents: dict[int, int] = {}  # how many, by turn
        self._timer: asyncio.TimerHandle | None = None
        self._over = False

    def begun(self) -> None:
        """A reply is about to be due: it is opened, committed, or not paused any more."""
        if self._over:
            return
        loop = asyncio.get_running_loop()
        if not self._host.is_due():
            self._since = loop.time()
        if self._timer is None:
            self._timer = loop.call_at(self._since + self._watchdog.silence, self._look)

    def failed(self, turn: int, node: str) -> None:
        """Something has failed for this turn."""
        if turn:
            self._troubles.setdefault(turn, _Trouble(node))

    def given_up(self, turn: int) -> None:
        """That was not made up for."""
        self._troubles.pop(turn, None)

    def played(self, turn: int, seconds: float) -> None:
        """So many seconds in all of a turn's audio have been heard."""
        more = seconds - self._played.get(turn, 0.0)
        if more <= 0:
            return
        self._played[turn] = seconds
        now = asyncio.get_running_loop().time()
        gap, self._since = max(0.0, now - more - self._since), now
        if (trouble := self._troubles.get(turn)) is not None:
            trouble.gap = max(trouble.gap, gap)
            if self._heard.reply(turn).over:
                self._close(turn)

    def interrupted(self) -> None:
        """Nobody waits for those replies any more."""
        for turn in [turn for turn in self._troubles if self._played.get(turn) and turn not in self._incidents]:
            self._close(turn)
        self._troubles.clear()

    def stop(self) -> None:
        """The call is over."""
        self._over = True
        if self._timer is not None:
            self._timer.cancel()

    def _close(self, turn: int) -> None:
        trouble = self._troubles.pop(turn)
        self._host.tell(Recovery(node=trouble.node, step="recovered", silence=trouble.gap, turn=turn))

    def _look(self) -> None:
        """Wakes when the caller may have heard nothing for too long."""
        self._timer = None
        loop = asyncio.get_running_loop()
        if not self._heard.live() or not self._host.is_due():
            return  # `begun` is told when that changes
        # Sound that the line has, and of which it has not told yet that it was heard, is no silence.
        incident = self._since + self._watchdog.silence + self._heard.ahead()
        if loop.time() >= incident - SLACK:
            self._tell(loop.time() - self._since)
            incident = loop.time() + self._watchdog.silence
        if not self._over and self._timer is None:  # a goodbye is a reply, too, and has begun a watch of its own
            self._timer = loop.call_at(incident, self._look)

    def _tell(self, silent: float) -> None:
        turn, node = max(self._heard.live()), self._host.stuck()
        count = self._incidents[turn] = self._incidents.get(turn, 0) + 1
        why = f"the caller has heard nothing for {silent:.1f} s although a reply is due"
        self._host.tell(Recovery(node=node, step="incident", why=why, silence=silent, turn=turn))
        self._troubles.setdefault(turn, _Trouble(node))
        if count == MOST:
            self._host.cannot_go_on(node)
        elif self._watchdog.say:
            self._host.speak_over(turn, node, self._watchdog.say)
