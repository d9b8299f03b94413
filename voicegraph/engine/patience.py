"""For how long a call waits for what a node does for itself: no node may hold up a call, or its end, for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from voicegraph.errors import NotAnswered

ENTERS_WITHIN = 10.0
"""Seconds that a node has to get ready for a call. The caller hears nothing meanwhile."""
LEAVES_WITHIN = 8.0
"""Seconds that it has to tidy up behind one: more than a carrier's API has to hang up."""


async def within(seconds: float, work: Awaitable[object], node: str, lacks: str) -> None:
    """Waits for a node's work. Raises NotAnswered where that takes longer. lacks: in words that go on from its name."""
    patience = asyncio.timeout(seconds)
    try:
        async with patience:
            await work
    except TimeoutError:
        if not patience.expired():
            raise  # the node's own
        raise NotAnswered(node, f"{lacks} within {seconds:g} s") from None
