"""What nodes that fail have in common: they note each fault, and let go as they were told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Literal, NamedTuple

from voicegraph.call import Call
from voicegraph.errors import ProviderError
from voicegraph.testing.faults import Fault, ScriptedFault

Manner = Literal["at once", "slow", "very slow", "swallows", "raises"]
"""How a handler takes it when it is cancelled."""
SLOW = {"slow": 0.15, "very slow": 3.0}
"""Seconds until it lets go."""


class Strike(NamedTuple):
    """A fault that came about. turn: 0 for a transcriber."""

    at: float
    node: str
    turn: int
    kind: str


class Unwilling(RuntimeError):
    """Raised by a handler that was to let go."""


class Ills:
    """What goes wrong with one node."""

    def __init__(self, call: Call, name: str, manner: Manner) -> None:
        self._call = call
        self._name = name
        self._manner = manner
        self.strikes: list[Strike] = []

    async def wait(self, seconds: float | None) -> None:
        """None: for ever."""
        await self.through(
            asyncio.sleep(seconds) if seconds is not None else asyncio.get_running_loop().create_future()
        )

    async def through(self, work: Awaitable[object]) -> None:
        """Awaits it, and is cancelled in its own manner."""
        try:
            await work
        except asyncio.CancelledError:
            await self.let_go()
            if self._manner != "swallows":
                raise

    async def let_go(self) -> None:
        """What it does before it lets go."""
        if self._manner in SLOW:
            await asyncio.sleep(SLOW[self._manner])
        elif self._manner == "raises":
            raise Unwilling("no")

    def note(self, kind: str, turn: int = 0) -> None:
        self.strikes.append(Strike(self._call.now(), self._name, turn, kind))

    async def strike(self, fault: Fault, turn: int) -> None:
        """Where an answer breaks off. Returns if the answer is to end here as if all were well."""
        self.note(fault.kind, turn)
        match fault.kind:
            case "error" | "die":
                raise ScriptedFault(fault.kind)
            case "hang" | "stall":
                await self.wait(None)
                raise ScriptedFault("nobody waits any more")
            case "truncate":
                raise ProviderError(self._name, "the answer broke off", retryable=True)
            case "silence":
                return
