"""Faults on demand: how a test makes the next requests to a scripted node go wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Annotated, Literal, NoReturn

from annotated_types import Ge

from voicegraph.durations import Duration

Kind = Literal["error", "hang", "stall", "die", "silence", "truncate"]
"""error: raises at once. hang: never answers. stall: stops in the middle, for ever. die: raises in the middle. silence
(a voice): ends without a sound. truncate (a language model): ends in the middle, as if it were done."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """What goes wrong with the next `count` requests, once `skip` of them have gone well.

    after: where the middle is: a number of tokens of a language model, seconds of audio (in a file `300ms`) of the
    others; by default half of the reply, and for a transcriber half a second of speech.
    """

    __pydantic_config__ = {"extra": "forbid"}

    kind: Kind
    after: int | Duration | None = None
    count: Annotated[int, Ge(1)] = 1
    skip: Annotated[int, Ge(0)] = 0


class ScriptedFault(ConnectionError):
    """What a scripted node raises when a test asked for it, as a vendor's library might."""


class Faults:
    """Those of one node that are still to come."""

    def __init__(self, known: Collection[Kind], planned: Iterable[Fault], *, by_tokens: bool = False) -> None:
        """known: the kinds that the node can have. by_tokens: `after` counts tokens. Raises ValueError for others."""
        self._known = known
        self._by_tokens = by_tokens
        self._planned: list[Fault] = []
        for fault in planned:
            self.plan(fault)

    def plan(self, fault: Fault) -> None:
        """Raises ValueError for what this node cannot have."""
        if fault.kind not in self._known:
            raise ValueError(f"`{fault.kind}` is no fault of this node; it can have {', '.join(sorted(self._known))}")
        if fault.after is not None and isinstance(fault.after, int) != self._by_tokens:
            unit = "a number of tokens" if self._by_tokens else "a duration, such as 300ms"
            raise ValueError(f"a fault's `after` is {unit} here")
        self._planned.append(fault)

    def next(self) -> Fault | None:
        """What goes wrong with the request that comes in now."""
        if not self._planned:
            return None
        fault = self._planned[0]
        if fault.skip:
            self._planned[0] = replace(fault, skip=fault.skip - 1)
            return None
        self._planned[0] = replace(fault, count=fault.count - 1)
        if fault.count <= 1:
            self._planned.pop(0)
        return fault


async def strike(fault: Fault) -> None:
    """Where the answer breaks off: raises, waits for ever, or returns because the answer is to end here."""
    if fault.kind in ("error", "die"):
        break_down(fault)
    if fault.kind in ("hang", "stall"):
        await asyncio.get_running_loop().create_future()


def break_down(fault: Fault) -> NoReturn:
    raise ScriptedFault(f"a fault that the test asked for: {fault.kind}")
