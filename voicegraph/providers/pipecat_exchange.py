"""What a hosted pipecat service gives for one reply, or for one call, on its way from pipecat's tasks to ours.

An exchange takes so many frames and then lets the service wait, which is the back-pressure. Once it is closed, whoever
waits is let go at once, and whatever still comes is dropped: this is where an interrupt is a guarantee, whatever the
service does.
"""

from __future__ import annotations

import asyncio
from collections import deque

from pipecat.frames.frames import Frame

ROOM = 16
"""Frames that wait for the engine to take them. A voice's are 20 to 500 ms long."""


class Exchange:
    """Frames of one request. labels: pipecat's context ids that its frames had. asked: frames that the service was
    given, on which it may have written in which context it answers. whole: its end has come out.
    """

    def __init__(self) -> None:
        self.labels: set[str] = set()
        self.asked: list[Frame] = []
        self.whole = False
        self.closed = False
        self._over = False
        self._frames: deque[Frame | Exception] = deque()
        self._came = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    async def put(self, frame: Frame) -> None:
        """Waits until there is room. After `close` it returns at once, and the frame is gone."""
        while not self.closed and len(self._frames) >= ROOM:
            self._room.clear()
            await self._room.wait()
        if not self.closed:
            self._frames.append(frame)
            self._came.set()

    async def get(self) -> Frame | None:
        """The next frame; None when nothing more comes. Raises an error of the service in its place."""
        while not self._frames:
            if self._over or self.closed:
                return None
            self._came.clear()
            await self._came.wait()
        frame = self._frames.popleft()
        self._room.set()
        if isinstance(frame, Exception):
            raise frame
        return frame

    async def room(self) -> None:
        """Until the engine has taken so much that the service may be asked for more."""
        while not self.closed and len(self._frames) >= ROOM:
            self._room.clear()
            await self._room.wait()

    def over(self) -> None:
        """The service has come to its end."""
        self._over = True
        self._came.set()

    def fail(self, error: Exception) -> None:
        """The service cannot answer this, or no further."""
        self._frames.append(error)
        self._came.set()

    def close(self) -> None:
        """Nobody takes any more of it."""
        self.closed = True
        self._frames.clear()
        self._room.set()
        self._came.set()
