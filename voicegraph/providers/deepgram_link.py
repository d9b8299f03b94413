"""One connection to Deepgram: what goes out over it, what comes back, and how its failure is noticed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from random import Random
from typing import TYPE_CHECKING

from voicegraph.call import Call
from voicegraph.durations import format_duration
from voicegraph.providers.deepgram import Failure, lost
from voicegraph.providers.deepgram_tape import Reel

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

TICK = 0.25
"""Seconds between two looks at a connection."""
FIRST_WAIT, LONGEST_WAIT = 0.1, 2.0
"""Seconds before a connection is tried again: by chance up to the first, twice as much each time, up to the second."""


class Link:
    """One connection. note: why we gave it up, if we did. ended: the peer closed it in order, after we said the end."""

    def __init__(self, socket: ClientConnection, reel: Reel, call: Call, stall: float | None) -> None:
        from websockets.exceptions import ConnectionClosed

        self.reel = reel
        self.note = ""
        self.ended = False
        self._socket = socket
        self._transport = socket.transport
        self._closed = ConnectionClosed
        self._now = call.now
        self._stall = stall
        self._pushing = False
        self._sent_at = call.now()
        self._sounded = False  # sound was sent since the last look
        self._unanswered = 0.0  # seconds in which sound was sent, and nothing came back

    async def push(self) -> None:
        """Sends what there is, as far as the network takes it at once: a slow one makes nobody wait."""
        if self._pushing:
            return
        self._pushing = True
        try:
            while self._has_room() and (message := self.reel.next()) is not None:
                await self._send(message)
        finally:
            self._pushing = False

    async def messages(self) -> AsyncIterator[str | bytes]:
        """What comes, up to the end of the connection."""
        try:
            async for message in self._socket:
                self._unanswered = 0.0
                yield message
            self.ended = self.reel.ended
        except self._closed:
            pass

    async def watch(self, idle: Callable[[float], str | float | None]) -> None:
        """Keeps the connection, and gives it up when nothing comes back.

        idle: what to send when nothing was sent for so long: a message, or so many seconds of silence.
        """
        looked = self._now()
        while True:
            await asyncio.sleep(TICK)
            now = self._now()
            if self._sounded or not self._has_room():  # to a line that is silent no answer is owed
                self._unanswered += now - looked
            looked, self._sounded = now, False
            if self._stall is not None and self._unanswered > self._stall:
                self.note = f"nothing came back for {format_duration(self._stall)}"
                self._transport.abort()
                return
            await self.push()
            filler = idle(now - self._sent_at)
            if filler is not None and self._has_room():
                await self._send(filler if isinstance(filler, str) else self.reel.silence(filler))

    async def close(self) -> None:
        """Here and now: a peer that hangs would not answer a close."""
        self._transport.abort()
        await self._socket.wait_closed()

    @property
    def failure(self) -> Failure:
        """Why it has ended."""
        return lost(self._socket.close_code, self._socket.close_reason or "", self.note)

    def _has_room(self) -> bool:
        return not (self._transport.get_write_buffer_size() or self._transport.is_closing())

    async def _send(self, message: str | bytes) -> None:
        self._sent_at = self._now()
        self._sounded = self._sounded or isinstance(message, bytes)
        try:
            await self._socket.send(message)
        except self._closed:
            self._transport.abort()  # whoever reads from it learns of it


class Patience:
    """When to try again, and when to give up. Times are loop times in seconds."""

    def __init__(self, limit: float, random: Random) -> None:
        self._limit = limit
        self._random = random
        self._since: float | None = None
        self._tries = 0

    def settled(self) -> None:
        """All is well."""
        self._since, self._tries = None, 0

    def wait(self, failure: Failure, now: float) -> float:
        """Seconds to wait before the next try. Raises the failure's error if there is to be none."""
        if not failure.error.retryable:
            raise failure.error
        self._since = now if self._since is None else self._since
        seconds = self._random.uniform(0, min(LONGEST_WAIT, FIRST_WAIT * 2**self._tries))
        seconds = max(seconds, failure.wait)
        self._tries += 1
        if now + seconds - self._since >= self._limit:
            raise failure.error
        return seconds
