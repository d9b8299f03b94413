"""Who may look at the server from inside: how it is, who is on, and frames of a call.

With a token in the environment, whoever asks has to show it: `Authorization: Bearer …`. Without one, what tells nothing
of a caller is open, and frames of a call are for this machine only.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

from voicegraph.serve.request import WebRequest

TOKEN = "VOICEGRAPH_TOKEN"
PROXIED = ("forwarded", "x-forwarded-for", "x-real-ip", "via")
"""Headers of a proxy: who stands behind it is not on this machine, though the connection is."""


def refuse(request: WebRequest, *, near: bool, environment: Mapping[str, str] = os.environ) -> str | None:
    """Why not, as a name of voicegraph.serve.reasons, or None. near: it is for this machine only without a token."""
    if token := environment.get(TOKEN):
        shown = request.headers.get("authorization", "")
        return None if hmac.compare_digest(shown.encode(), f"Bearer {token}".encode()) else "token"
    return None if not near or _near(request) else "elsewhere"


def _near(request: WebRequest) -> bool:
    """From this machine, to this machine by that name (not by one that a stranger's page has led here), directly."""
    try:
        host = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    except ValueError:  # such as `[`
        return False
    address = request.peer.rpartition(":")[0]
    return _is_loopback(address) and _is_loopback(host) and not any(name in request.headers for name in PROXIED)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback
