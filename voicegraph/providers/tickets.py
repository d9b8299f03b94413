"""Tickets: what a carrier is given with its orders and brings back on the WebSocket, where it does not sign that.

A ticket is a number used once, the time of its making, and a code over both, so that any process with the key can check
one. Who brought it the first time is remembered while it is good, in each process for itself.
"""

from __future__ import annotations

import hmac
import time
from secrets import token_hex

from voicegraph.shared import shared

GOOD_FOR = 60
"""Seconds from the webhook's answer to the beginning of the stream."""
_CODE, _NUMBER = 32, 16
"""Characters: 128 bits, and 64."""


def issue(key: str, now: float | None = None) -> str:
    """A new ticket, of the letters a-f and digits. now: seconds since 1970; it is checked in another process."""
    made = f"{token_hex(_NUMBER // 2)}{int(time.time() if now is None else now):x}"
    return _code(key, made) + made


def redeem(key: str, ticket: str, now: float | None = None) -> bool:
    """Whether it is one of ours, not too old, and is brought for the first time."""
    now = time.time() if now is None else now
    used: dict[str, float] = shared("tickets", dict[str, float])
    for old in [each for each, until in used.items() if until < now]:
        del used[old]
    if ticket in used or not _is_good(key, ticket, now):
        return False
    used[ticket] = now + 2 * GOOD_FOR  # clocks may differ by as much as it is good for
    return True


def _is_good(key: str, ticket: str, now: float) -> bool:
    code, made = ticket[:_CODE], ticket[_CODE:]
    if not (ticket.isascii() and hmac.compare_digest(code, _code(key, made))):
        return False
    return abs(now - int(made[_NUMBER:], 16)) <= GOOD_FOR


def _code(key: str, made: str) -> str:
    return hmac.digest(key.encode(), f"voicegraph ticket {made}".encode(), "sha256").hex()[:_CODE]
