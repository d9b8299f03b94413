"""A call's connection to ElevenLabs: open before it is needed, and again when it was lost."""

from __future__ import annotations

import asyncio
import importlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from voicegraph.errors import ProviderError
from voicegraph.providers.elevenlabs import CONNECT, Speaker, tls
from voicegraph.providers.elevenlabs_contexts import INACTIVITY, Context, Manner, Socket
from voicegraph.providers.elevenlabs_errors import VENDOR, of_handshake
from voicegraph.providers.elevenlabs_messages import IN_FIRST

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

LASTING = 10.0
"""Seconds. A connection that was lost sooner is made again when it is needed, not before: it may not be wanted."""
CLOSING = 0.5
"""Seconds that the vendor has to answer a close."""
PING = 10.0
"""Seconds between pings, and for their answers, which come behind all sound that is on its way."""
LARGEST = 16 * 1024 * 1024
"""Bytes in a message. The usual limit of 1 MiB is less than some sentences at 44.1 kHz."""


class Connection:
    """Gives a context for each reply, on a connection that has room for it.

    dial: opens one. There is one at a time; while all of its places are taken by replies that were interrupted, one
    more is opened, which takes over should they still be when the next reply comes.
    """

    def __init__(self, dial: Callable[[], Awaitable[ClientConnection]], manner: Manner) -> None:
        self._dial = dial
        self._manner = manner
        self._socket: Socket | None = None
        self._opening: asyncio.Task[Socket | ProviderError] | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self._unknown = 0

    @property
    def unknown(self) -> int:
        """Messages that nobody has heard of."""
        return self._unknown + (self._socket.unknown if self._socket else 0)

    def open(self) -> None:
        """Begins to open one, if none is ready or about to be."""
        if self._opening is not None:
            if not self._opening.done():
                return
            if isinstance(made := self._opening.result(), Socket):
                if made.failure is None:
                    return
                self._retire(made)
        self._opening = asyncio.create_task(self._open())

    async def context(self) -> Context:
        """One for a new reply. Raises ProviderError when the vendor cannot be reached, or does not want to be."""
        if (socket := self._socket) is None or not socket.free:
            socket = await self._next()
        context = socket.context()
        if not socket.free:
            self.open()
        return context

    async def close(self) -> None:
        """Ends it with the call."""
        if (opening := self._opening) is not None:
            opening.cancel()
            await asyncio.wait([opening])
            if not opening.cancelled() and isinstance(spare := opening.result(), Socket):
                self._retire(spare)
        if self._socket is not None:
            self._retire(self._socket)
        if self._closing:
            await asyncio.wait(self._closing)
        if count := self._unknown:
            from loguru import logger

            some = "1 message" if count == 1 else f"{count} messages"
            logger.warning("{}: left out {} in this call, broken or unknown", VENDOR, some)

    async def _next(self) -> Socket:
        """One that takes the place of the one in use."""
        self.open()
        assert self._opening is not None
        made = await asyncio.shield(self._opening)  # an interrupt of this reply leaves it to the next
        self._opening = None
        if isinstance(made, ProviderError):
            raise made
        if self._socket is not None:
            self._retire(self._socket)
        self._socket = made
        if made.failure is not None:  # the vendor had something against it as soon as it was open
            raise made.failure
        return made

    async def _open(self) -> Socket | ProviderError:
        try:
            return Socket(await self._dial(), self._manner, self._lost)
        except ProviderError as error:
            return error

    def _lost(self, socket: Socket) -> None:
        if asyncio.get_running_loop().time() - socket.began > LASTING:
            self.open()

    def _retire(self, socket: Socket) -> None:
        """Closes a connection. Nobody waits for that."""
        self._unknown += socket.unknown
        task = asyncio.create_task(socket.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


def manner_of(speaker: Speaker) -> Manner:
    """How the contexts of a connection are to sound."""
    first = {name: value for name, value in speaker.extra.items() if name in IN_FIRST and value is not None}
    return Manner(speaker.asked, speaker.rate, speaker.voice_settings, first)


async def dial(speaker: Speaker, voice_id: str) -> ClientConnection:
    """Opens a connection for one voice. Raises ProviderError."""
    from websockets.asyncio.client import connect
    from websockets.exceptions import WebSocketException

    url = f"ws{speaker.address.removeprefix('http')}{speaker.voice_path(voice_id, 'multi-stream-input')}"
    headers = {"xi-api-key": speaker.key}
    try:
        return await connect(
            f"{url}?{urlencode(_query(speaker))}",
            additional_headers=headers,
            ssl=tls() if url.startswith("wss:") else None,
            compression=None,  # base64 of sound does not shrink
            open_timeout=CONNECT,
            close_timeout=CLOSING,
            ping_interval=PING,
            ping_timeout=PING,
            max_size=LARGEST,
            max_queue=None,  # what comes is taken at once
            logger=_silent(),
        )
    except (OSError, ValueError, EOFError, WebSocketException) as error:
        failure = of_handshake(error, speaker.asked)
    raise failure  # out here, so that it does not drag along the other, which has the request in it


def warm() -> None:
    """Imports what a connection needs, and reads the certificates. Blocks for 0.1 s."""
    importlib.import_module("websockets.asyncio.client")
    tls()


def _query(speaker: Speaker) -> Mapping[str, Any]:
    asked = {
        "model_id": speaker.model,
        "output_format": speaker.output_format,
        "language_code": speaker.language_code,
        "auto_mode": True,  # what is sent are whole sentences: nothing to gather
        "sync_alignment": True,  # times in every message
        "inactivity_timeout": INACTIVITY,
        **{name: value for name, value in speaker.extra.items() if name not in IN_FIRST},
    }
    return {key: _text(value) for key, value in asked.items() if value is not None}


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _silent() -> logging.Logger:
    """The package logs, for debugging, every header and message: the key, and what is said."""
    logger = logging.getLogger("voicegraph.elevenlabs")
    logger.setLevel(logging.WARNING)
    return logger
