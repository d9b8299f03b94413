"""A stream of frames as a handler reads it, and where it ends."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from voicegraph.engine.inbox import Inbox
from voicegraph.engine.outlet import Answering, Cause
from voicegraph.frames import End, Frame, ReplyEnd

if TYPE_CHECKING:
    from voicegraph.engine.lanes import Host

ENDS = frozenset((ReplyEnd, End))
"""What closes a stream: the end of a reply, and of the call."""


class FrameStream:
    """The frames of one turn, or of the whole call, as a handler reads them. Cancelling a read loses nothing.

    Where a turn has parts that must be said to their end, each part is a stream of its own.

    first: the first frame of the turn; None for the whole call. cause: what the handler's frames are in answer to.
    """

    def __init__(self, inbox: Inbox, host: Host, first: Frame | None) -> None:
        self.turn = 0 if first is None else first.turn
        self.cause: Cause = Answering(0.0, lasting=True) if first is None else first
        self._inbox = inbox
        self._host = host
        self._timing = host.outlet.timing
        self.waiting = False  # the handler asks for more than there is
        self._closed = False
        self._handing: asyncio.Task[None] | None = None  # hands on the end of a turn that came by

    def __aiter__(self) -> FrameStream:
        return self

    async def __anext__(self) -> Frame:
        frame = await self._next()
        if frame is None:
            raise StopAsyncIteration
        inbox = self._inbox
        if inbox.measured and (inbox.timed is frame or inbox.timed is None or inbox.measured > 1):
            inbox.taken(frame)
        if isinstance(self.cause, Answering):
            self.cause.born = frame.born
        return frame

    def missed(self) -> None:
        """A frame that was read here is dropped: whoever it is for is behind. It counts like those dropped before."""
        self._inbox.dropped += 1

    def close(self) -> None:
        """Ends the stream here: its turn is void, and the inbox is another worker's now."""
        self._closed = True

    async def drain(self) -> None:
        """Drops what the handler left unread, so that the end marker comes to the front."""
        while await self._next() is not None:
            pass

    async def _next(self) -> Frame | None:
        while not self._closed:
            if self._handing is not None:
                await asyncio.shield(self._handing)  # which goes on if this read is cancelled
                self._handing = None
            frame = self._inbox.head() or await self._wait()
            self._timing.alone = False
            if self._ends_at(frame):
                self._timing.input_ended(self.turn)
                return None
            self._inbox.pop()
            if not isinstance(frame, ReplyEnd):
                return frame
            wait = self._host.lane_done(frame)  # a stream of the whole call sees turns come and go
            if wait is not None:
                self._handing = self._host.outlet.keep(wait)
        return None

    async def _wait(self) -> Frame:
        """For the next frame, when there is none. How long the frames of a turn let wait is noted."""
        timing, self.waiting = self._timing, True
        began = timing.clock() if self.turn else 0.0
        timing.alone = True  # until there is one
        try:
            return await self._inbox.peek()
        finally:
            self.waiting = False
            if self.turn:
                timing.spend(self.turn, starved=timing.clock() - began)

    def _ends_at(self, frame: Frame) -> bool:
        if self.turn == 0:
            return isinstance(frame, End)
        if type(frame) in ENDS or frame.turn != self.turn:
            return True
        return frame.interruptible != self.cause.interruptible
