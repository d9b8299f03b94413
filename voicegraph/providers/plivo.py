"""Plivo: what its webhooks are signed with, and what its API is asked for.

The signature, version 3, is HMAC-SHA256 with the account's token over the address, its sorted query, the sorted fields
of the form and a nonce (plivo.com/docs, "Signature validation").
"""

from __future__ import annotations

import hmac
from base64 import b64encode
from urllib.parse import parse_qsl, quote, urlsplit

from voicegraph.providers.access import key_of
from voicegraph.providers.carrier_api import ask

VENDOR = "Plivo"
ID, TOKEN = "PLIVO_AUTH_ID", "PLIVO_AUTH_TOKEN"
PLIVO = "https://api.plivo.com"
SIGNATURES, NONCE = ("x-plivo-signature-v3", "x-plivo-signature-ma-v3"), "x-plivo-signature-v3-nonce"


def token() -> str:
    """Raises ProviderError where there is none."""
    return key_of(VENDOR, TOKEN)


def sign(key: str, url: str, nonce: str, body: bytes = b"") -> str:
    """The signature of a POST request. url: as the carrier asks for it. body: of a form."""
    parts = urlsplit(url)
    query = "&".join(f"{name}={value}" for name, value in sorted(parse_qsl(parts.query, keep_blank_values=True)))
    form = "".join(name + value for name, value in sorted(parse_qsl(body.decode("utf-8", "replace"), True)))
    signed = f"{parts.scheme}://{parts.netloc}{parts.path}"
    if query or form:
        signed += f"?{query}"
    if query and form:
        signed += "."
    return b64encode(hmac.digest(key.encode(), f"{signed}{form}.{nonce}".encode(), "sha256")).decode()


def is_signed(key: str, given: str, url: str, nonce: str, body: bytes = b"") -> bool:
    """Whether one of the signatures in a header is right: there may be several, with commas between."""
    good = sign(key, url, nonce, body).encode()
    return bool(nonce) and any(hmac.compare_digest(good, each.strip().encode()) for each in given.split(","))


async def hang_up(base_url: str, call: str) -> None:
    """Ends a call. Raises ProviderError."""
    await ask(VENDOR, "DELETE", _address(base_url, call), basic=_account())


async def redirect(base_url: str, call: str, url: str) -> None:
    """Gives the caller other orders, which Plivo asks for at an address. Raises ProviderError."""
    fields = {"legs": "aleg", "aleg_url": url, "aleg_method": "POST"}
    await ask(VENDOR, "POST", _address(base_url, call), basic=_account(), json=fields)


def _address(base_url: str, call: str) -> str:
    return f"{base_url or PLIVO}/v1/Account/{_account()[0]}/Call/{quote(call, safe='')}/"


def _account() -> tuple[str, str]:
    return key_of(VENDOR, ID), token()
