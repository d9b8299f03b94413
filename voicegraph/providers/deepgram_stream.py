"""One call's sound at Deepgram, over as many connections as it takes.

A connection that is lost, or over which nothing comes back, is replaced; what was heard since the last final transcript
is sent again. So nothing that the caller says is lost, and it is told late instead.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from typing import Any, Protocol, TypeVar

import msgspec

from voicegraph.call import Call
from voicegraph.errors import ProviderError
from voicegraph.frames import Audio, CallerFrame
from voicegraph.providers import deepgram
from voicegraph.providers.deepgram_link import Link, Patience
from voicegraph.providers.deepgram_tape import Reel, Tape

HELD = 5.0
"""Seconds after which a connection counts as a good one."""
CLOSING = 2.0
"""Seconds for the last transcripts when the call is over."""

Heard_contra = TypeVar("Heard_contra", contravariant=True)
Given_co = TypeVar("Given_co", bound=CallerFrame, covariant=True)
Heard = TypeVar("Heard")
Given = TypeVar("Given", bound=CallerFrame)


class Lost(Exception):
    """What came back does not go together with what came before: a message is missing."""


class Dialect(Protocol[Heard_contra, Given_co]):
    """What one interface says and means by it. No I/O, no clock."""

    end: str
    over: bool
    """The peer has said its last word."""

    def heard(self, frame: Heard_contra) -> str | None:
        """A message to be sent behind the sound so far, because of a frame that is none."""
        ...

    def idle(self, seconds: float) -> str | float | None:
        """What to send when nothing was sent for so long: a message, or so many seconds of silence."""
        ...

    def connected(self) -> None:
        """A new connection: what was not final is told again."""
        ...

    def read(self, message: str | bytes, reel: Reel) -> Iterable[Given_co]:
        """What a message of the peer gives. Raises Lost, and msgspec.DecodeError for what is no message."""
        ...

    def finish(self) -> Iterable[Given_co]:
        """What is left to be given when the last connection has ended."""
        ...


class Stream:
    """The conversation with Deepgram of one call.

    reconnect: seconds for which it tries to have a connection again before it gives up. stall: seconds after which a
    connection is lost over which sound was sent and nothing came back; None for never. ignored: messages left out.
    """

    def __init__(self, call: Call, url: str, model: str, tape: Tape, *, reconnect: float, stall: float | None) -> None:
        self._call = call
        self._url = url
        self._model = model
        self._tape = tape
        self._stall = stall
        self._patience = Patience(reconnect, call.random)
        self._link: Link | None = None
        self._given: asyncio.Queue[Any] = asyncio.Queue()
        self._failure: ProviderError | None = None  # while there is no connection
        self.ignored = 0

    async def converse(
        self, frames: AsyncIterator[Heard], dialect: Dialect[Heard, Given]
    ) -> AsyncGenerator[Given, None]:
        """Sends the frames as they come, and yields what is heard in them. Raises ProviderError when it gives up."""
        talking = asyncio.create_task(self._talk(dialect))
        talking.add_done_callback(lambda _: self._given.put_nowait(None))
        hearing = asyncio.create_task(self._hear_out(frames, dialect, talking))
        try:
            while (frame := await self._given.get()) is not None:
                yield frame
            if not talking.cancelled():
                await talking
            else:  # by the other, which has come to the end of the call
                await hearing
                if self._failure is not None:
                    raise self._failure
            for frame in dialect.finish():
                yield frame
        finally:
            hearing.cancel()
            talking.cancel()
            await asyncio.wait([hearing, talking])
            if self.ignored > 1:
                _notice(f"{deepgram.VENDOR}: left out {self.ignored} messages in this call, broken or unknown")

    # --- the caller's sound ------------------------------------------------------------------------------------------

    async def _hear_out(
        self, frames: AsyncIterator[Heard], dialect: Dialect[Heard, Any], talking: asyncio.Task[None]
    ) -> None:
        """Hears the call to its end, and leaves some time for the last transcripts."""
        try:
            async for frame in frames:
                if isinstance(frame, Audio):
                    self._tape.keep(frame)
                elif message := dialect.heard(frame):
                    self._tape.mark(message)
                if self._link is not None:
                    await self._link.push()
            self._tape.end = dialect.end
            if self._link is not None:
                await self._link.push()
            await asyncio.wait([talking], timeout=CLOSING)
        finally:
            talking.cancel()

    # --- what comes back ---------------------------------------------------------------------------------------------

    async def _talk(self, dialect: Dialect[Any, Any]) -> None:
        """Has one connection after the other, until all is said."""
        while True:
            opened = self._call.now()
            made = await self._open()
            if isinstance(made, Link):
                if await self._use(made, dialect):
                    return
                made = made.failure
                if self._call.now() - opened > HELD:
                    self._patience.settled()
            self._failure = made.error
            seconds = self._patience.wait(made, self._call.now())
            _notice(f"{made.error}; trying again")
            await asyncio.sleep(seconds)

    async def _open(self) -> Link | deepgram.Failure:
        from websockets.exceptions import WebSocketException

        try:
            socket = await deepgram.dial(self._url)
        except (WebSocketException, OSError, EOFError) as exception:
            return deepgram.failed_to_open(exception, self._model)
        return Link(socket, self._tape.reel(), self._call, self._stall)

    async def _use(self, link: Link, dialect: Dialect[Any, Any]) -> bool:
        """Returns whether all was said over it."""
        self._link, self._failure = link, None
        dialect.connected()
        watching = asyncio.create_task(link.watch(dialect.idle))
        try:
            await link.push()
            async for message in link.messages():
                self._take(message, link, dialect)
                if dialect.over and link.reel.ended:
                    return True
        except Lost as missing:
            link.note = str(missing)
        finally:
            self._link = None
            watching.cancel()
            await link.close()
        return link.ended

    def _take(self, message: str | bytes, link: Link, dialect: Dialect[Any, Any]) -> None:
        done = self._tape.done
        try:
            for frame in dialect.read(message, link.reel):
                self._given.put_nowait(frame)
        except msgspec.DecodeError:
            self.ignored += 1
            if self.ignored == 1:
                _notice(f"{deepgram.VENDOR}: left out a message, broken or unknown; more of them are only counted")
        if self._tape.done > done:
            self._patience.settled()


def _notice(text: str) -> None:
    from loguru import logger

    logger.warning(text)
