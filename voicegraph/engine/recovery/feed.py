"""What a request is about, kept so that more than one candidate can read it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from voicegraph.engine.stream import FrameStream
from voicegraph.frames import Frame


class Input:
    """The frames of one call of a handler: the one frame, or the stream of a turn."""

    def __init__(self, argument: Frame | FrameStream) -> None:
        self._stream = argument if isinstance(argument, FrameStream) else None
        self._head: Frame | None = None if isinstance(argument, FrameStream) else argument

    async def peek(self) -> Frame | None:
        """The next frame, which stays; None at the end. Safe to cancel."""
        if self._head is None and self._stream is not None:
            self._head = await anext(self._stream, None)
        return self._head

    def pop(self) -> Frame:
        """Takes the frame that `peek` has shown."""
        assert self._head is not None
        frame, self._head = self._head, None
        return frame


class Feed:
    """The part of an input that one request is about, up to a frame for which `ends` is true.

    frames: those that were read so far.
    """

    def __init__(self, source: Input, ends: Callable[[Frame], bool]) -> None:
        self.frames: list[Frame] = []
        self._source = source
        self._ends = ends
        self._turn = asyncio.Lock()  # two candidates may be reading

    async def at(self, index: int) -> Frame | None:
        """The frame in that place, be it read yet or not; None behind the last."""
        async with self._turn:
            if index >= len(self.frames):
                frame = await self._source.peek()
                if frame is None or self._ends(frame):
                    return None
                self.frames.append(self._source.pop())
            return self.frames[index]


class Reader:
    """A feed as one candidate reads it.

    instead: what it reads in the place of the frames that were read before it came. news: is called when it gets a
    frame or the end, and when it has to wait for one. read: what it got. waiting: it has asked for more than there is.
    """

    def __init__(self, feed: Feed, instead: Sequence[Frame], news: Callable[[], None]) -> None:
        self.waiting = False  # there is something to read, or nobody would be asked
        self.read: list[Frame] = []
        self._feed = feed
        self._instead = instead
        self._start = len(feed.frames)
        self._news = news

    def __aiter__(self) -> Reader:
        return self

    async def __anext__(self) -> Frame:
        frame = await self._get()
        self.waiting = False
        if frame is not None:
            self.read.append(frame)
        self._news()  # also at the end, behind which all that was asked for is owed
        if frame is None:
            raise StopAsyncIteration
        return frame

    async def _get(self) -> Frame | None:
        done = len(self.read)
        if done < len(self._instead):
            return self._instead[done]
        self.waiting = True
        self._news()
        return await self._feed.at(self._start + done - len(self._instead))
