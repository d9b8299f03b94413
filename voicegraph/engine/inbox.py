"""The bounded queue before an asynchronous handler."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable

from voicegraph.engine.timing import SOUND, NodeTiming
from voicegraph.engine.turns import Turns
from voicegraph.frames import Audio, Frame

REPLY_BOUND = 16
"""Frames of a reply that wait before a node: enough to keep it busy, few enough that a slow node is felt upstream."""
AUDIO_BOUND = 150
"""Frames that wait before a node that takes the caller's audio: 3 s of it. Past it the oldest audio is dropped."""


class Inbox:
    """Frames on their way to one worker, in order.

    A full inbox makes the giver wait. lossy: caller audio is live, nobody can slow the caller down, so past the bound
    the oldest audio is dropped and counted instead. replies: frames of replies come in here, and so do their ends.
    timing: of the node behind it.
    """

    def __init__(self, turns: Turns, bound: int, timing: NodeTiming, *, lossy: bool, replies: bool) -> None:
        self.turns = turns
        self.bound = bound
        self.lossy = lossy
        self.replies = replies
        self.timing = timing
        self.dropped = 0
        self._frames: deque[Frame] = deque()
        self._reader: asyncio.Future[None] | None = None
        self._granted = 0  # places promised to writers that have not run yet
        self._writers: deque[asyncio.Future[None]] | None = None  # made when somebody has to wait: most never do
        self.measured = 0  # measured frames in here, or some more than there are
        self.timed: Frame | None = None  # the one whose wait is noted
        self._stands_for = 1
        self._since = 0.0  # when it came in

    def __len__(self) -> int:
        return len(self._frames)

    def push(self, frame: Frame, measured: int = 0) -> Awaitable[None] | None:
        """Takes a frame in; None when that is done, else what the giver has to await for it. measured: 1 if it is."""
        if len(self._frames) + self._granted >= self.bound:
            if not (self.lossy and type(frame) is Audio):
                return self._push_when_room(frame, measured)
            if not self._drop_oldest_audio():
                return None
        self._put(frame)
        return None

    def push_measured(self, frame: Frame) -> Awaitable[None] | None:
        """The same, and it is noted how long it waits until it is taken."""
        timing, sound = self.timing, type(frame) in SOUND
        if sound:
            timing.items += timing.sampling.stands_for
        if frame.turn > timing.settled:
            timing.came(frame)
        elif sound and self.timed is not None:
            return self.push(frame)  # one at a time is enough
        wait = self.push(frame, 1)
        if wait is None:
            self.measured += 1
            if self.timed is None:
                self.timed, self._since = frame, timing.clock()
                self._stands_for = timing.sampling.weigh(frame)
        return wait

    def taken(self, frame: Frame) -> int:
        """A frame was taken out for a handler: for how many it stands, if it is measured, or 0.

        To be called while any are, unless it can only be another one: most frames of sound go by without a call.
        """
        timing, stands_for = self.timing, 0
        if type(frame) not in SOUND:
            timing.items += 1
            stands_for = 1
        if frame is self.timed:
            self.timed = None
            stands_for = self._stands_for
            if frame.turn <= timing.settled:
                timing.waited(timing.clock() - self._since)
        if frame.turn > timing.settled:
            timing.taken(frame)
        self.measured -= stands_for > 0
        return stands_for

    def push_marker(self, frame: Frame) -> None:
        """Takes in an end marker, which never waits: there is one for each giver and turn."""
        self._put(frame)

    def head(self) -> Frame | None:
        """The next frame that is alive, which stays in; None when there is none."""
        frames, void = self._frames, self.turns.void
        while frames:
            frame = frames[0]
            if not frame.turn or not void(frame):
                return frame
            if frame is self.timed:
                self.timed = None
            self.pop()
        return None

    async def wait(self) -> None:
        """Returns when something has come in. Safe to cancel."""
        self.measured, self.timed = 0, None
        self._reader = asyncio.get_running_loop().create_future()
        await self._reader

    async def peek(self) -> Frame:
        """Waits for the next frame that is alive, which stays in. Safe to cancel."""
        while (frame := self.head()) is None:
            await self.wait()
        return frame

    def pop(self) -> Frame:
        """Takes the first frame out, which makes room for a waiting giver."""
        frame = self._frames.popleft()
        if self._writers:
            self._let_writers_in()
        return frame

    def purge(self) -> None:
        """Lets go of what an interrupt has made void."""
        if self.timed is not None and self.turns.void(self.timed):
            self.timed = None
        self._frames = deque(frame for frame in self._frames if not self.turns.void(frame))
        self._let_writers_in()

    async def _push_when_room(self, frame: Frame, measured: int) -> None:
        if self._has_room() and not self._writers:  # it was made before we began to wait
            self._put(frame)
            self.measured += measured
            return
        place = asyncio.get_running_loop().create_future()
        if self._writers is None:
            self._writers = deque()
        self._writers.append(place)
        try:
            await place
        finally:
            if place.done() and not place.cancelled():  # granted, even if the giver is being cancelled right now
                self._granted -= 1
                self._put(frame)
                self.measured += measured
            self._let_writers_in()

    def _has_room(self) -> bool:
        return len(self._frames) + self._granted < self.bound

    def _put(self, frame: Frame) -> None:
        self._frames.append(frame)
        if self._reader is not None:
            if not self._reader.done():
                self._reader.set_result(None)
            self._reader = None

    def _let_writers_in(self) -> None:
        """Grants free places to waiting givers, first come, first served."""
        while self._writers and self._has_room():
            place = self._writers.popleft()
            if not place.done():
                self._granted += 1
                place.set_result(None)

    def _drop_oldest_audio(self) -> bool:
        """Makes room by dropping the oldest audio; False when there is none, so that the new audio is the one to go."""
        self.dropped += 1
        for index, frame in enumerate(self._frames):
            if type(frame) is Audio:
                if frame is self.timed:
                    self.timed = None
                del self._frames[index]
                return True
        return False
