"""What a client of Deepgram's sends, as the backend hears it."""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable

from voicegraph.emulators.backend import FLUSH, Said
from voicegraph.emulators.deepgram_asking import Asked, decoder
from voicegraph.emulators.sockets import Socket

TIMED_OUT = (
    "Deepgram did not receive audio data or a text message within the timeout window. See https://dpgr.am/net0001"
)

Control = Callable[[str], Awaitable[bool | None]]
"""Of a text message: True for sound to be made up one's mind about, False for the end of it, None for neither."""


class ClientSound:
    """One stream of it.

    A backend says nothing while it hears nothing. Whoever has to know how far it has come asks, with `look_at`, to look
    when so much sound has come: the answer is a `Said` like that to the client's own wish, told apart by `asked`.
    """

    def __init__(self, socket: Socket, asked: Asked, control: Control, idle: float | None) -> None:
        self.seconds = 0.0
        self.digest = hashlib.sha256()
        self.look_at: float | None = None
        self._socket = socket
        self._decode = decoder(asked.encoding)
        self._rate = asked.sample_rate
        self._control = control
        self._idle = idle
        self._wishes: deque[bool] = deque()  # not answered yet: whether they are the client's

    def asked(self, said: Said) -> bool:
        """Whether this answers a wish of the client's."""
        return said.flushed and self._wishes.popleft()

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """For the backend, to the end that the client says, or makes by going away or by silence."""
        while (message := await self._next()) is not None:
            if isinstance(message, str):
                wish = await self._control(message)
                if wish is None:
                    continue
                if not wish:
                    return
                self._wishes.append(True)
                yield FLUSH
            elif not message:  # this ends the stream, as the documentation warns
                return
            else:
                yield self._hear(message)
                if self.look_at is not None and self.seconds >= self.look_at and not self._wishes:
                    self._wishes.append(False)
                    yield FLUSH

    def _hear(self, message: bytes) -> bytes:
        self.digest.update(message)
        pcm = self._decode(message)
        self.seconds += len(pcm) / (2 * self._rate)
        return pcm

    async def _next(self) -> str | bytes | None:
        try:
            async with asyncio.timeout(self._idle):
                return await anext(self._socket, None)
        except TimeoutError:
            await self._socket.close(1011, TIMED_OUT)
            return None
