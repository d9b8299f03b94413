"""ElevenLabs' multi-context WebSocket: a connection, and on it a context for each reply.

A context has its place at the vendor from its first message until the vendor says `isFinal`: not when it is closed, but
when all that was sent to it before has become sound. The sound of an interrupted reply therefore goes on to come for a
while, and its place is not free before that.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from voicegraph.errors import ProviderError
from voicegraph.providers import elevenlabs_messages as messages
from voicegraph.providers.elevenlabs import SILENCE
from voicegraph.providers.elevenlabs_errors import GARBAGE, NO_END, SILENT, Asked, failure, of_close, of_message
from voicegraph.providers.elevenlabs_messages import Received

if TYPE_CHECKING:
    from collections.abc import Callable

    from websockets.asyncio.client import ClientConnection

MOST = 5
"""Contexts that one connection may have. One more, and the vendor closes it with 1008."""
INACTIVITY = 180
"""Seconds without a message after which the vendor closes a context, and the connection. It allows for no more."""
STAY = INACTIVITY / 3
"""Seconds without a message after which contexts are kept alive."""
AHEAD = 10.0
"""Seconds of sound that may wait to be played before the next sentence is sent: what is not sent is not billed when the
caller interrupts, and keeps no place."""


class Manner(NamedTuple):
    """How a connection's contexts are to sound. first: what else stands in their first message. rate: in Hz."""

    asked: Asked
    rate: int
    voice_settings: Mapping[str, Any]
    first: Mapping[str, Any]


class Context:
    """One reply at the vendor. Iterating gives its sound as it comes, and ends with it. Raises ProviderError.

    Before a context is sent its first words, the vendor has to have heard how they are to sound: making one does that.
    """

    def __init__(self, name: str, socket: Socket, manner: Manner) -> None:
        self.name = name
        self.closed = False
        self._socket = socket
        self._asked = manner.asked
        self._ahead = int(AHEAD * 2 * manner.rate)  # bytes that may still come before it is enough for now
        self._room = asyncio.Event()
        self._room.set()
        self._queue: deque[Received | ProviderError | None] = deque()
        self._loop = asyncio.get_running_loop()
        self._waiting: asyncio.Future[None] | None = None  # for something in the queue
        self._due: float | None = None  # loop time before which something has to come
        self._patience: asyncio.TimerHandle | None = None  # looks whether it has; made once, not for every message
        socket.post(messages.opening(name, manner.voice_settings, manner.first))

    async def room(self) -> None:
        """Returns when so little sound waits that more may be asked for."""
        await self._room.wait()

    def say(self, text: str) -> None:
        """Asks for the sound of a sentence. Does nothing once it is closed: that would begin another context."""
        if self.closed:
            return
        self._expect()
        self._socket.post(messages.speaking(self.name, text))

    def end(self) -> None:
        """Nothing more will be said. What was said still becomes sound."""
        if not self.closed:
            self.closed = True
            self._expect()
            self._socket.post(messages.closing(self.name))

    def drop(self) -> None:
        """At once: no sound of it is wanted any more."""
        self.end()
        self._due = None
        if self._patience is not None:
            self._patience.cancel()
        self._socket.forget(self)

    def __aiter__(self) -> Context:
        return self

    async def __anext__(self) -> Received:
        while not self._queue:
            self._waiting = self._loop.create_future()
            await self._waiting
        item = self._queue.popleft()
        if item is None:
            raise StopAsyncIteration
        if isinstance(item, ProviderError):
            raise item
        self._grow(len(item.audio or b""))
        return item

    def take(self, item: Received | ProviderError | None) -> None:
        """What came for it: a piece of sound, why there is no more, or its end."""
        self._queue.append(item)
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)
        self._due = None
        if isinstance(item, Received):
            self._grow(-len(item.audio or b""))
            if self.closed:
                self._expect()

    def _grow(self, size: int) -> None:
        self._ahead += size
        if self._ahead > 0:
            self._room.set()
        else:
            self._room.clear()

    def _expect(self) -> None:
        """From now on something has to come."""
        self._due = self._loop.time() + SILENCE
        if self._patience is None:
            self._patience = self._loop.call_at(self._due, self._look)

    def _look(self) -> None:
        self._patience = None
        if self._due is None:
            return
        if self._loop.time() < self._due:
            self._patience = self._loop.call_at(self._due, self._look)
        else:
            self._socket.fail(failure(SILENT, self._asked))


class Socket:
    """One connection. ended: is called when it is lost. failure: why it was; then it is of no more use."""

    def __init__(self, ws: ClientConnection, manner: Manner, ended: Callable[[Socket], None]) -> None:
        self.failure: ProviderError | None = None
        self.unknown = 0
        self.began = asyncio.get_running_loop().time()
        self._ws = ws
        self._manner = manner
        self._ended = ended
        self._names = itertools.count(1)
        self._contexts: dict[str, Context | None] = {}  # those that have a place at the vendor; None: not wanted
        self._outbox: asyncio.Queue[bytes] = asyncio.Queue()
        self._reader = asyncio.create_task(self._read())
        self._writer = asyncio.create_task(self._write())

    @property
    def free(self) -> bool:
        """Whether there is a place for one more context."""
        return self.failure is None and len(self._contexts) < MOST

    def context(self) -> Context:
        """A new one."""
        name = f"reply-{next(self._names)}"
        self._contexts[name] = made = Context(name, self, self._manner)
        return made

    def post(self, message: bytes) -> None:
        """Sends it, behind those before it, without waiting for that."""
        self._outbox.put_nowait(message)

    def forget(self, context: Context) -> None:
        """Drops what still comes for a context. It keeps its place until the vendor lets go of it."""
        if context.name in self._contexts:
            self._contexts[context.name] = None

    def fail(self, why: ProviderError) -> None:
        """The connection is of no more use."""
        if self.failure is not None:
            return
        self.failure = why
        self._writer.cancel()
        for context in filter(None, self._contexts.values()):
            context.take(why)
        self._contexts.clear()
        self._ended(self)

    async def close(self) -> None:
        """Ends the connection, and returns when it has ended."""
        self.failure = self.failure or failure(SILENT, self._manner.asked)
        self._reader.cancel()
        self._writer.cancel()
        await self._ws.close()

    async def _read(self) -> None:
        from websockets.exceptions import ConnectionClosed

        while self.failure is None:
            try:
                self._take(messages.receive(await self._ws.recv(decode=False)))
            except msgspec.ValidationError:  # JSON, but nothing that is known
                self.unknown += 1
            except msgspec.DecodeError:  # a piece of some reply is lost
                self.fail(failure(GARBAGE, self._manner.asked))
            except ConnectionClosed as error:
                self.fail(of_close(error, self._manner.asked))

    def _take(self, message: Received) -> None:
        if message.error is not None:
            self.fail(of_message(message.error, message.code, self._manner.asked))
            return
        if not message.known:
            self.unknown += 1
            return
        name = message.context_id or ""
        context = self._contexts.pop(name, None) if message.is_final else self._contexts.get(name)
        if context is None:
            return
        if message.audio or not message.is_final:
            context.take(message)
        if message.is_final:
            context.take(None if context.closed else failure(NO_END, self._manner.asked))

    async def _write(self) -> None:
        from websockets.exceptions import ConnectionClosed

        while True:
            try:
                async with asyncio.timeout(STAY):
                    message = await self._outbox.get()
            except TimeoutError:
                self._stay()
                continue
            try:
                await self._ws.send(message, text=True)
            except ConnectionClosed:  # told by the reader
                return

    def _stay(self) -> None:
        """Keeps contexts alive to which nothing was said for long. Those of no use may go."""
        for name, context in self._contexts.items():
            if context is not None and not context.closed:
                self.post(messages.staying(name))
