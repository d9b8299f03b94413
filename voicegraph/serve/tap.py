"""Frames of a call that is on, for somebody who watches it, as JSON Lines. The call does not wait for them.

Between the call and its watcher there is a bounded buffer. What it has no room for is dropped, and the watcher is told
how much that was.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from typing import Any

import msgspec

from voicegraph.engine.session import Session
from voicegraph.frames import Frame
from voicegraph.observe.frame_lines import described

ROOM = 1_000
"""Frames that wait for the watcher: two seconds or so of all that ten nodes give."""
EVERY = 0.1
"""Seconds from one look into the buffer to the next. So a frame costs the call no more than its place in there."""
TAPS = 8
"""Watchers of one process, at most."""


class Tap:
    """An observer of a `Session`, from `lines` on. node: whose frames; all nodes', if None. words: they are shown."""

    def __init__(self, session: Session, node: str | None, *, words: bool) -> None:
        self._session = session
        self._node = node
        self._words = words
        self._frames: deque[tuple[float, str, Frame]] = deque()
        self._dropped = 0
        self._over: str | None = None

    def given(self, node: str, frame: Frame) -> None:
        if self._node is not None and node != self._node:
            return
        if len(self._frames) < ROOM:
            self._frames.append((self._session.now(), node, frame))
        else:
            self._dropped += 1

    def played(self, turn: int, seconds: float) -> None: ...

    def end(self, why: str) -> None:
        """The call is over."""
        self._over = why

    async def lines(self) -> AsyncGenerator[bytes]:
        """Some lines at a time, up to the end of the call. To be closed by whoever does not read to the end."""
        began = self._session.began or self._session.now()
        told = {"tap": "begun", "call": self._session.id, "graph": self._session.plan.name, "words": self._words}
        self._session.observe(self)
        try:
            yield _line(told)
            while self._over is None or self._frames:
                if not self._frames:
                    await asyncio.sleep(EVERY)
                if lines := self._take(began):
                    yield lines
        finally:
            self._session.unobserve(self)
        yield _line({"tap": "over", "why": self._over})

    def _take(self, began: float) -> bytes:
        """What has come, and how much was dropped behind that."""
        frames, dropped = [*self._frames], self._dropped
        self._frames.clear()
        self._dropped = 0
        lines = [
            _line({"at": round(now - began, 6), "node": node, **described(frame, now, words=self._words)})
            for now, node, frame in frames
        ]
        if dropped:
            lines.append(_line({"tap": "dropped", "frames": dropped}))
        return b"".join(lines)


def _line(told: dict[str, Any]) -> bytes:
    return msgspec.json.encode(told) + b"\n"
