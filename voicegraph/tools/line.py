"""Tools of every graph, called `line.hang_up`, `line.transfer` and `line.send_dtmf` in it.

The last two call methods that a line may have: `async def transfer(self, to: str)`, `async def send_dtmf(self, digits:
str)`. Every line hangs up when the call ends.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any

from voicegraph.call import SLACK, Call
from voicegraph.errors import ToolError
from voicegraph.tools.declaration import tool

SETTLE = 0.6
"""Seconds in which a voice begins a sentence that it was given. After so long, nothing is on its way to the caller."""
_KEYS = re.compile(r"[0-9*#A-D]{1,32}")


async def hang_up(call: Call) -> str:
    """Ends the phone call. For when the conversation is over, or the caller asks for it."""
    call.hang_up("the agent hung up", after_speaking=True)
    return "The call ends when the caller has heard what you say now. Say goodbye if you have not yet, and no more."


@tool(timeout=30.0)
async def transfer(to: str, call: Call) -> str:
    """Puts the caller through to somebody else, which ends your conversation. Tell the caller first.

    Args:
        to: A phone number in international form, such as +15551234567, that you were told to use.
    """
    put_through = _ability(call, "transfer")
    await _heard(call)
    await put_through(to)
    return "The caller was put through."


async def send_dtmf(digits: str, call: Call) -> str:
    """Presses keys of the phone, for a machine at the other end.

    Args:
        digits: The keys in their order, of 0-9, *, # and A-D.
    """
    if not _KEYS.fullmatch(digits):
        raise ToolError("`digits` are 1 to 32 of the keys 0-9, *, # and A-D")
    await _ability(call, "send_dtmf")(digits)
    return "The keys were pressed."


TOOLS: dict[str, Callable[..., Any]] = {"hang_up": hang_up, "transfer": transfer, "send_dtmf": send_dtmf}

ABILITIES = {transfer: "transfer", send_dtmf: "send_dtmf"}
"""The methods of the line that they need."""


def _ability(call: Call, name: str) -> Callable[[str], Any]:
    method: Callable[[str], Any] | None = getattr(call.line, name, None)
    if method is None:  # a line that stands in for another in a test, for which the graph was not checked
        raise ToolError("this line cannot do that")
    return method


async def _heard(call: Call) -> None:
    """Waits until the caller has heard what was said so far, and nothing more is on its way."""
    before = -1.0
    while True:
        replies = call.replies()
        said = sum(reply.seconds for reply in replies)
        unheard = any(reply.heard_seconds < reply.seconds - SLACK for reply in replies)
        if said == before and not unheard:
            return
        before = said
        await asyncio.sleep(SETTLE)
