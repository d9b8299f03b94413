"""How a call ends: at once, when the agent has spoken, or with a goodbye because it cannot go on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from loguru import logger

from voicegraph.errors import VoicegraphError

FAREWELL = 15.0
"""Seconds after which a call that cannot go on is over, be the goodbye said or not."""


class Ending:
    """Of one call. over: set when it has ended; failure: because of this, if it did not end as it should.

    speaking: whether the caller still has to hear something. goodbye: says the last words; False if there are none.
    """

    def __init__(self, call_id: str, speaking: Callable[[], bool], goodbye: Callable[[], bool]) -> None:
        self.over = asyncio.Event()
        self.failure: VoicegraphError | None = None
        self._call_id = call_id
        self._speaking = speaking
        self._goodbye = goodbye
        self._parting: str | None = None  # why the call ends when the agent has spoken
        self._leaving: asyncio.TimerHandle | None = None  # the call cannot go on: nothing calls the end off

    @property
    def near(self) -> bool:
        """Whether the call is over, or will be when the agent has spoken."""
        return self._parting is not None or self.over.is_set()

    def hang_up(self, reason: str, *, after_speaking: bool) -> None:
        if after_speaking and self._speaking():
            self._parting = reason
            return
        logger.info("{}: hung up: {}", self._call_id, reason)
        self.over.set()

    def fail(self, failure: VoicegraphError, *, goodbye: bool = True) -> None:
        """The call cannot go on. It ends with a goodbye, if there is one and somebody to say it."""
        self.failure = self.failure or failure
        if self._leaving is not None:
            return
        if self.over.is_set() or not (goodbye and self._goodbye()):
            self.over.set()
            return
        self._leaving = asyncio.get_running_loop().call_later(FAREWELL, self.over.set)
        self._parting = "the call cannot go on"
        self.heard()

    def heard(self) -> None:
        """The caller has heard something: it may have been the last of what had to be heard."""
        if self._parting is not None and not self._speaking():
            reason, self._parting = self._parting, None
            self.hang_up(reason, after_speaking=False)

    def called_off(self) -> None:
        """The caller interrupts what was to be said before the end."""
        if self._leaving is None:
            self._parting = None

    def stop(self) -> None:
        """The call is over, whatever still happens."""
        self.over.set()
        if self._leaving is not None:
            self._leaving.cancel()
