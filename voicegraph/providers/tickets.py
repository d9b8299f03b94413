"""Tickets: what a carrier is given with its orders and brings back on the WebSocket, where it does not sign that.

A ticket is the time of its making and a code over that, so that any process with the key can check one.
"""

from __future__ import annotations

import hmac
import time

GOOD_FOR = 60
"""Seconds from the webhook's answer to the beginning of the stream."""
_CODE = 32
"""Characters: 128 bits."""


def issue(key: str, now: float | None = None) -> str:
    """A new ticket, of the letters a-f and digits. now: seconds since 1970; it is checked in another process."""
    made = f"{int(time.time() if now is None else now):x}"
    return _code(key, made) + made


def is_good(key: str, ticket: str, now: float | None = None) -> bool:
    """Whether it is one of ours, and not too old."""
    code, made = ticket[:_CODE], ticket[_CODE:]
    if not (ticket.isascii() and hmac.compare_digest(code, _code(key, made))):
        return False
    return abs((time.time() if now is None else now) - int(made, 16)) <= GOOD_FOR


def _code(key: str, made: str) -> str:
    return hmac.digest(key.encode(), f"voicegraph ticket {made}".encode(), "sha256").hex()[:_CODE]
