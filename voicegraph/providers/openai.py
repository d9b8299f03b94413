"""OpenAI, and every other service that speaks its HTTP interface: whom a node asks, and how the answer comes back."""

from __future__ import annotations

import asyncio
import importlib
import os
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from voicegraph.errors import ProviderError
from voicegraph.providers.access import host_of, is_address, key_of
from voicegraph.providers.openai_address import OPENAI, is_openai
from voicegraph.providers.openai_errors import (
    ADDRESS,
    KEY,
    NO_ADDRESS,
    NO_STREAM,
    Asked,
    of_status,
    of_transport,
)
from voicegraph.providers.openai_events import Events
from voicegraph.shared import shared

if TYPE_CHECKING:
    import httpx2
    from openai import AsyncOpenAI

ANY_KEY = "none"
"""Stands for a key where there is none: servers on one's own machine ask for none, and the SDK insists on one."""

CONNECT = 5.0
"""Seconds for a connection to be made."""
SILENCE = 30.0
"""Seconds without a byte after which nobody waits any longer. A graph's `recover` is there for shorter ones."""
KEPT = 120.0
"""Seconds for which an idle connection is kept, so that the next turn need not make one: 2-3 round trips. The SDK's 5 s
are shorter than most replies take to be heard; firewalls forget idle connections after some minutes."""
TAIL = 0.25
"""Seconds for the rest of a whole answer: what it cost, and the end of its body, so that its connection can be used
again."""
END = b"[DONE]"


@dataclass(frozen=True)
class Service:
    """Who is asked, for which model. base_url: by default OPENAI_BASE_URL's, else OpenAI itself."""

    model: str
    base_url: str | None = None

    @property
    def address(self) -> str:
        return self.base_url or os.environ.get(ADDRESS) or OPENAI

    @property
    def is_openai(self) -> bool:
        return is_openai(self.address)

    @property
    def asked(self) -> Asked:
        host = host_of(self.address)
        return Asked("OpenAI" if self.is_openai else f"OpenAI's interface{host and f' at {host}'}", self.model)

    def warm(self) -> None:
        """Imports the SDK, with what it imports when first used, and reads the certificates. Blocks for a second.

        Raises ProviderError where a key, or the address, is missing or wrong, before anybody waits for an answer.
        """
        self._key()
        _clients()

    async def events(self, path: str, body: Mapping[str, Any]) -> AsyncGenerator[bytes, None]:
        """The data of each server-sent event of an answer. Raises ProviderError; closing it ends the request."""
        events, begin = Events(), b""
        async with aclosing(self.stream(path, body)) as pieces:
            async for piece in pieces:
                begin = begin or piece.lstrip()[:1]
                for data in events.feed(piece):
                    if data == END:
                        with suppress(TimeoutError, ProviderError):
                            async with asyncio.timeout(TAIL):
                                async for _ in pieces:
                                    pass
                        return
                    yield data
        if begin in (b"{", b"[", b"<"):
            raise self.asked.error(NO_STREAM, retryable=False)

    async def stream(
        self, path: str, body: Mapping[str, Any], files: Mapping[str, Any] | None = None
    ) -> AsyncGenerator[bytes, None]:
        """The bytes of an answer as they come. Raises ProviderError; closing it ends the request.

        path: such as `/chat/completions`. files: by field, for a form instead of JSON.
        """
        import anyio
        import httpx2
        from h2.exceptions import H2Error
        from openai import APIStatusError, OpenAIError

        failure: ProviderError
        try:
            response = await self._post(path, body, files)
            try:
                async with aclosing(response.aiter_bytes()) as pieces:
                    async for piece in pieces:
                        yield piece
            finally:
                await response.aclose()
            return
        except APIStatusError as error:
            failure = of_status(error, self.asked, has_key=has_key())
        except (OpenAIError, httpx2.HTTPError, httpx2.InvalidURL, H2Error, OSError, anyio.EndOfStream) as error:
            failure = of_transport(error, self.asked)
        raise failure  # out here, so that it does not drag along the SDK's error, which has the request in it

    async def _post(self, path: str, body: Mapping[str, Any], files: Mapping[str, Any] | None) -> httpx2.Response:
        """By the SDK's way for what it has no method for. Its methods go through the types of the whole conversation,
        which takes 7 ms for 40 messages before anything is sent, and refuse what only others than OpenAI know."""
        import httpx2

        client: Any = await _clients().of(self.address, self._key())
        headers = {"headers": {"Content-Type": "multipart/form-data"}} if files else {}
        post = client.post(path, cast_to=httpx2.Response, body=dict(body), files=files, options=headers, stream=True)
        return cast("httpx2.Response", await post)

    def _key(self) -> str:
        """What is sent as one. Raises ProviderError where a key is missing or wrong, or the address is."""
        if not is_address(self.address):
            raise self.asked.error(NO_ADDRESS, retryable=False)
        if not has_key() and not self.is_openai:
            return ANY_KEY
        return key_of(self.asked.vendor, KEY)


def has_key() -> bool:
    """Whether there is one of the user's."""
    return bool(os.environ.get(KEY, "").strip())


class Clients:
    """The SDK's clients of this process: one for each address, key and event loop, closed with the loop."""

    def __init__(self) -> None:
        import httpx2

        for late in ("openai", "voicegraph.providers.openai_http2", "anyio._backends._asyncio"):
            with suppress(ModuleNotFoundError):  # the last is anyio's own affair
                importlib.import_module(late)  # here, where it holds up nobody
        self._tls = httpx2.create_ssl_context()
        self._open: dict[tuple[asyncio.AbstractEventLoop, str, str], AsyncOpenAI] = {}
        self._keepers: set[AsyncGenerator[None, None]] = set()

    async def of(self, address: str, key: str) -> AsyncOpenAI:
        """The one for this address and key, on the running loop."""
        place = asyncio.get_running_loop(), address, key
        if place not in self._open:
            self._open[place] = self._make(address, key)
            await self._close_with_loop(place)
        return self._open[place]

    def _make(self, address: str, key: str) -> AsyncOpenAI:
        from urllib.request import getproxies

        import httpx2
        from openai import AsyncOpenAI, DefaultAsyncHttpx2Client

        from voicegraph.providers.openai_http2 import Transport

        url = httpx2.URL(address)
        limits = httpx2.Limits(max_connections=1000, max_keepalive_connections=100, keepalive_expiry=KEPT)
        way: dict[str, Any] = {"transport": Transport(self._tls, limits)}
        login = (url.username, url.password) if url.userinfo else None
        if {"http", "https", "all"} & getproxies().keys():
            way = {"verify": self._tls}  # httpx2's own way, which goes by proxies, over HTTP/1.1
        return AsyncOpenAI(
            api_key=key,
            base_url=url.copy_with(userinfo=b""),  # httpx2 logs addresses
            http_client=DefaultAsyncHttpx2Client(limits=limits, auth=login, **way),
            timeout=httpx2.Timeout(SILENCE, connect=CONNECT),
            max_retries=0,  # the SDK waits for half a second before a retry, and as long as Retry-After says
        )

    async def _close_with_loop(self, place: tuple[asyncio.AbstractEventLoop, str, str]) -> None:
        """Before a loop is closed it ends its asynchronous generators, and nothing else that it could be given."""

        async def keep() -> AsyncGenerator[None, None]:
            try:
                yield
            finally:
                self._keepers.discard(keeper)
                await self._open.pop(place).close()

        keeper = keep()
        self._keepers.add(keeper)
        await anext(keeper)


def _clients() -> Clients:
    certificates = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")  # httpx2 trusts those
    return shared(("openai.clients", certificates), Clients)
