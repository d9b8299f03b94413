"""Between a graph's nodes and the pipecat pipeline around it: what comes in, and what goes out. Imports no pipecat."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import AsyncIterator
from typing import Protocol

from voicegraph.frames import CallerFrame, ReplyEnd, TTSAudio, UserTurn

RATE = 24_000
"""Hz: what pipecat's outputs have, if they are told nothing else."""
LETTER = 0.06
"""Seconds of silence that stand for a letter of a voice behind the graph: nearly how long it takes to say."""
LAST = "\n"
"""Behind the last word of a sentence."""

Words = asyncio.Queue[str | None]
"""Of one reply of a language model that is not ours; None behind the last."""

_SOUNDED = re.compile(r"\w")


def seconds_of(text: str) -> float:
    """How much of that silence stands for these words."""
    return LETTER * sum(max(1, len(_SOUNDED.findall(word))) for word in text.split())


class Around(Protocol):
    """The pipeline, as a graph's line sees it."""

    async def give(self, frame: TTSAudio | ReplyEnd) -> None:
        """Hands a part of a reply to the pipeline. Waits while that has more than the lead."""
        ...

    def tell(self, frame: CallerFrame) -> None:
        """Hands it something that the caller did."""
        ...

    def clear(self) -> None: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...

    async def drain(self) -> None:
        """Waits until all has been handed over."""
        ...


class Inbound:
    """What comes down the pipeline, in order, and the replies of a language model in front of the graph."""

    def __init__(self) -> None:
        self._came: deque[CallerFrame | UserTurn] = deque()
        self._news = asyncio.Event()
        self._over = False
        self._replies: list[tuple[UserTurn, Words]] = []

    def put(self, frame: CallerFrame | UserTurn) -> None:
        self._came.append(frame)
        self._news.set()

    def begin_reply(self) -> Words:
        """That model begins to answer."""
        turn, words = UserTurn(""), Words()
        self._replies.append((turn, words))
        self.put(turn)
        return words

    def words_of(self, turn: UserTurn) -> Words:
        """What it answers in this turn."""
        words = next(words for begun, words in self._replies if begun is turn)
        self._replies = [reply for reply in self._replies if reply[0] is not turn]
        return words

    def clear(self) -> None:
        """What the pipeline wants answered, and nobody has begun with, is given up."""
        self._came = deque(frame for frame in self._came if not isinstance(frame, UserTurn))
        self._replies.clear()

    def end(self) -> None:
        """Nothing more comes."""
        self._over = True
        self._news.set()

    async def __aiter__(self) -> AsyncIterator[CallerFrame | UserTurn]:
        while True:
            while self._came:
                yield self._came.popleft()
            if self._over:
                return
            self._news.clear()
            await self._news.wait()
