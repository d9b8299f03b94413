"""Telnyx: what its webhooks are signed with, and what its API is asked for.

The signature is Ed25519 over `timestamp|body`, with the account's public key (developers.telnyx.com, "Webhooks").
"""

from __future__ import annotations

import time
from base64 import b64decode
from binascii import Error as NotBase64
from urllib.parse import quote

from voicegraph.errors import ProviderError
from voicegraph.providers.access import key_of
from voicegraph.providers.carrier_api import ask

VENDOR = "Telnyx"
KEY = "TELNYX_API_KEY"
PUBLIC_KEY = "TELNYX_PUBLIC_KEY"
TELNYX = "https://api.telnyx.com"
SIGNATURE, TIMESTAMP = "telnyx-signature-ed25519", "telnyx-timestamp"
FRESH = 300.0
"""Seconds for which a signature is good, so that nobody can use it again later."""


def key() -> str:
    """Raises ProviderError where there is none."""
    return key_of(VENDOR, KEY)


def public_key() -> bytes:
    """Raises ProviderError where there is none, or something else."""
    try:
        made = b64decode(key_of(VENDOR, PUBLIC_KEY), validate=True)
    except NotBase64:
        made = b""
    if len(made) != 32:
        raise ProviderError(VENDOR, f"`{PUBLIC_KEY}` holds no key: copy it from the account's page", retryable=False)
    return made


def is_signed(key: bytes, signature: str, timestamp: str, body: bytes, now: float | None = None) -> bool:
    """Whether a webhook's signature is right, and new. now: seconds since 1970, since no call has begun yet."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    now = time.time() if now is None else now
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) < 12) or abs(now - int(timestamp)) > FRESH:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(b64decode(signature), timestamp.encode() + b"|" + body)
    except (InvalidSignature, ValueError):
        return False
    return True


async def command(base_url: str, call: str, action: str, **fields: str) -> None:
    """Commands a call that is on: `hangup`, `transfer` to somebody, `send_dtmf`. Raises ProviderError."""
    address = f"{base_url or TELNYX}/v2/calls/{quote(call, safe='')}/actions/{action}"
    await ask(VENDOR, "POST", address, bearer=key(), json=fields)
