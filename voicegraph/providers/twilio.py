"""Twilio: what its requests are signed with, and what its API is asked for.

The signature is HMAC-SHA1 over the address and the sorted fields of the form, each name followed by its value, with
the account's token as the key (twilio.com/docs/usage/security). A WebSocket's handshake is signed over its `wss`
address alone. Twilio has signed addresses with and without the port that goes without saying, and those of sockets
with and without a slash behind them, so both are tried: neither changes who is asked.
"""

from __future__ import annotations

import hmac
from base64 import b64encode
from collections.abc import Iterable, Iterator
from html import escape
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from voicegraph.providers.access import key_of
from voicegraph.providers.carrier_api import ask

VENDOR = "Twilio"
TOKEN = "TWILIO_AUTH_TOKEN"
TWILIO = "https://api.twilio.com"
HEADER = "x-twilio-signature"

PORT = 443
"""Of https and wss: `public_url` is no other."""


def token() -> str:
    """Raises ProviderError where there is none."""
    return key_of(VENDOR, TOKEN)


def sign(key: str, url: str, form: Iterable[tuple[str, str]] = ()) -> str:
    """The signature of a request. form: its fields, in any order; of a field that is there twice, each value once."""
    signed = url + "".join(name + value for name, value in sorted(set(form)))
    return b64encode(hmac.digest(key.encode(), signed.encode(), "sha1")).decode()


def is_signed(key: str, given: str, url: str, body: bytes = b"") -> bool:
    """Whether a signature is right. body: of a form. Compares in constant time."""
    form = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
    good = [hmac.compare_digest(sign(key, each, form).encode(), given.encode()) for each in _ways_to_write(url)]
    return any(good)


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
    address = f"{base_url or TWILIO}/2010-04-01/Accounts/{account}/Calls/{call}.json"
    await ask(VENDOR, "POST", address, basic=(account, token()), form=fields)


def dial(to: str) -> str:
    """The orders to put a caller through."""
    where = f"<Sip>{escape(to)}</Sip>" if to.startswith("sip") else escape(to)
    return f"<Response><Dial>{where}</Dial></Response>"
