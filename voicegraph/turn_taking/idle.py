"""What is done about a caller who says nothing: they are asked, a few times, and then told goodbye."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Gt, MinLen

from voicegraph.call import Call
from voicegraph.durations import Duration
from voicegraph.settings import Spoken

LOOK = 0.1
"""Seconds between two looks whether the agent is done, while that is waited for."""
GLANCE = 1.0
"""Seconds between two looks whether anybody else has begun to speak, while nobody does."""
GOODBYES = 2
"""How often goodbye is said to a caller who makes a sound at it and no word, before there is no more of it."""


@dataclass(frozen=True, kw_only=True)
class Idle:
    """When a caller who says nothing is asked, and when the call is given up.

    after: nobody has said anything for so long, and no reply is due. say: the question. times: how often it is asked,
    until the caller answers. goodbye: said when there was no answer to the last one for as long; then the call ends.
    Whatever the caller says into the goodbye calls that off.
    """

    __pydantic_config__ = {"extra": "forbid"}

    after: Annotated[Duration, Gt(0)] = 8.0
    say: Annotated[Spoken, MinLen(1)] = "Are you still there?"
    times: Annotated[int, Ge(0)] = 2
    goodbye: Spoken = "I cannot hear you. Goodbye."


class Patience:
    """Waits for the caller of one call, and speaks when that has lasted too long."""

    def __init__(self, idle: Idle, call: Call) -> None:
        self._idle = idle
        self._call = call
        self._since = call.now()
        self._turns = 0  # replies so far
        self._spoken = 0  # what was said since the caller's last word: questions, then goodbyes
        self._goodbye = 0  # turn of the last goodbye

    @property
    def leaving(self) -> bool:
        """Whether goodbye is being said."""
        return self._goodbye > 0 and not self._call.reply(self._goodbye).over

    def stir(self, *, words: bool = False) -> None:
        """The caller does something. words: and said something by it, so they are there."""
        self._since = self._call.now()
        if words:
            self._spoken = 0

    def look(self, *, waiting: bool) -> float:
        """Speaks if it is time to. waiting: nothing of the caller is still to be answered. Returns when to look again.

        The ledger tells whether a reply is due or being heard, be it thought of, held back, made or paused; and whether
        there was one since the last look.
        """
        now = self._call.now()
        quiet = waiting and not self._call.speaking()
        turns = len(self._call.replies()) if quiet else -1
        if not quiet or turns != self._turns:
            self._since, self._turns = now, turns
            return now + LOOK
        over = self._since + self._idle.after
        if now < over:
            return min(over, now + GLANCE)
        self._speak()
        return now + LOOK

    def _speak(self) -> None:
        self._spoken += 1
        goodbyes = self._spoken - self._idle.times
        if goodbyes <= 0:
            self._call.say(self._idle.say)
            return
        if self._idle.goodbye and goodbyes <= GOODBYES:
            self._call.say(self._idle.goodbye)
            self._goodbye = max((reply.turn for reply in self._call.replies()), default=0)
        self._call.hang_up("the caller says nothing", after_speaking=True)
