"""Twilio: what its requests are signed with, and what its API is asked for.

The signature is HMAC-SHA1 over the address and the sorted fields of the form, each name followed by its value, with
the account's token as the key (twilio.com/docs/usage/security). A WebSocket's handshake is signed over its `wss`
address alone. Twilio has signed addresses with and without the port that goes without saying, and those of sockets
with and without a slash behind them, so both are tried: neither changes who is asked.

An account may have a key of its own for webhooks, a SharedKey, and then HMAC-SHA256: a second header says so
(twilio.com/docs/usage/webhooks/webhook-shared-keys).
"""

from __future__ import annotations

import hmac
import os
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from urllib.parse import parse_qsl, quote, urlsplit, urlunsplit

from voicegraph.providers.access import key_of
from voicegraph.providers.carrier_api import ask

VENDOR = "Twilio"
TOKEN = "TWILIO_AUTH_TOKEN"
TWILIO = "https://api.twilio.com"
SHARED_KEY = "TWILIO_SHARED_KEY"
HEADER, SETTINGS = "x-twilio-signature", "x-twilio-webhooks-signature-settings"
ALGORITHMS = {"HMAC_SHA1": "sha1", "HMAC_SHA256": "sha256"}
"""As the settings call them, and hashlib does."""

PORT = 443
"""Of https and wss: `public_url` is no other."""


def token() -> str:
    """Raises ProviderError where there is none."""
    return key_of(VENDOR, TOKEN)


def is_theirs(headers: Mapping[str, str], url: str, body: bytes = b"") -> bool:
    """Whether a request comes from Twilio: the headers, by lower-case names, hold a right signature."""
    key, algorithm, given = token(), "HMAC_SHA1", headers.get(HEADER, "")
    if settings := headers.get(SETTINGS):
        key = os.environ.get(SHARED_KEY, "").strip()
        for part in settings.split(","):
            name, _, value = part.partition("=")
            if name.strip() == "algorithm":
                algorithm = value.strip().upper()
    return bool(key) and algorithm in ALGORITHMS and is_signed(key, given, url, body, algorithm)


def sign(key: str, url: str, form: Iterable[tuple[str, str]] = (), algorithm: str = "HMAC_SHA1") -> str:
    """The signature of a request. form: its fields, in any order; of a field that is there twice, each value once."""
    signed = url + "".join(name + value for name, value in sorted(set(form)))
    return b64encode(hmac.digest(key.encode(), signed.encode(), ALGORITHMS[algorithm])).decode()


def is_signed(key: str, given: str, url: str, body: bytes = b"", algorithm: str = "HMAC_SHA1") -> bool:
    """Whether a signature is right. body: of a form. Compares in constant time."""
    form = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
    ways = (sign(key, each, form, algorithm).encode() for each in _ways_to_write(url))
    return any([hmac.compare_digest(good, given.encode()) for good in ways])  # noqa: C419 - all of them, whichever it is


def _ways_to_write(url: str) -> Iterator[str]:
    """An address with and without its scheme's own port, and that of a socket with and without a slash at the end."""
    parts = urlsplit(url)
    bare = parts.netloc.removesuffix(f":{PORT}")
    hosts = (parts.netloc,) if bare == parts.netloc and parts.port else (bare, f"{bare}:{PORT}")
    slashes = ("", "/") if parts.scheme == "wss" and not parts.path.endswith("/") else ("",)
    for host in hosts:
        for slash in slashes:
            yield urlunsplit(parts._replace(netloc=host, path=parts.path + slash))


async def update_call(base_url: str, account: str, call: str, **fields: str) -> None:
    """Changes a call that is on: `Status="completed"` ends it, `Twiml` gives it other orders. Raises ProviderError."""
    place = f"Accounts/{quote(account, safe='')}/Calls/{quote(call, safe='')}.json"
    address = f"{base_url or TWILIO}/2010-04-01/{place}"
    await ask(VENDOR, "POST", address, basic=(account, token()), form=fields)


def dial(to: str) -> str:
    """The orders to put a caller through."""
    where = f"<Sip>{escape(to)}</Sip>" if to.startswith("sip") else escape(to)
    return f"<Response><Dial>{where}</Dial></Response>"
