"""Requests to the APIs of telephone carriers: few, small, and never repeated by themselves."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from voicegraph.errors import ProviderError
from voicegraph.providers.access import host_of
from voicegraph.shared import shared

if TYPE_CHECKING:
    import ssl

PATIENCE = 5.0
"""Seconds. A caller waits for it."""
GONE = 404
"""The call is over already."""


async def ask(
    vendor: str,
    method: str,
    url: str,
    *,
    basic: tuple[str, str] | None = None,
    bearer: str = "",
    form: Mapping[str, str] | None = None,
    json: Mapping[str, Any] | None = None,
) -> None:
    """One request, with a name and a password or a key. Raises ProviderError for any answer but a good one."""
    import httpx2

    told: str | None = None
    headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
    retryable = True
    try:
        async with (
            asyncio.timeout(PATIENCE),  # in all: httpx counts each piece that comes by itself
            httpx2.AsyncClient(timeout=PATIENCE, verify=tls(), auth=basic, headers=headers) as client,
        ):
            answer = await client.request(method, url, data=form, json=json)
    except (httpx2.HTTPError, httpx2.InvalidURL, TimeoutError) as error:
        told = f"{host_of(url)} does not answer ({type(error).__name__})"
    else:
        if answer.is_success:
            return
        told = f"{host_of(url)} answered {answer.status_code} {answer.reason_phrase}"
        retryable = answer.status_code >= 500 or answer.status_code == 429
        if answer.status_code == GONE:
            told += ": the call is over, or another account's"
        elif answer.status_code in (401, 403):
            told += ": is the key right, and of this account?"
    raise ProviderError(vendor, told, retryable=retryable)  # out here: the other error has the request in it


def warm() -> None:
    """Loads what a request needs, which takes a fifth of a second, before a caller waits for it."""
    importlib.import_module("httpx2")
    tls()


def tls() -> ssl.SSLContext:
    """The process's certificates, which take some 20 ms to read."""
    import ssl

    return shared("carriers.tls", ssl.create_default_context)
