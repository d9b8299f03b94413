"""Pipecat services with bad manners, registered as any third party would register its own.

What they give tells which turn it was really made for: samples of a voice, and words of a language model. Labels could
be wrong, and some are; this cannot.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Sequence

from pipecat.frames.frames import (
    AggregatedTextFrame,
    Frame,
    InterruptionFrame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    StartFrame,
    TTSAudioRawFrame,
    TTSStartedFrame,
    TTSStoppedFrame,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor

from voicegraph.pipecat_services import service

RATE = 24_000
CHUNKS = 5
"""Of a sentence, each of 20 ms."""
EVERY = 0.01
"""Seconds between two."""
MANNERS = (
    "speaks_on",  # in a task that no interruption ends
    "one_task",  # all that it says comes from one task, which lives as long as it does
    "relabels",  # what is late bears the label of the reply that is due now
    "unlabelled",
    "late",  # and something more when all is said
    "swallows",  # its cancellation
    "slow",  # to let go: 200 ms
    "deaf",  # hands no interruption on
    "repeats",  # something of the last reply before each one
    "closes_early",  # says that it has spoken before it has
)


def turn_in(pcm: bytes) -> int:
    """Of which turn this sound is."""
    turn: int = struct.unpack_from("<h", pcm)[0]
    return turn


class Hostile(FrameProcessor):
    """manners: some of MANNERS."""

    def __init__(self, manners: Sequence[str] = ()) -> None:
        super().__init__()  # pyright: ignore[reportUnknownMemberType]
        self.manners = frozenset(manners)
        self.label = ""
        self.last = 0
        self.work: asyncio.Queue[tuple[int, str]] = asyncio.Queue()
        self.tasks: list[asyncio.Task[None]] = []

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, StartFrame) and "one_task" in self.manners:
            self.tasks.append(asyncio.create_task(self._for_ever()))
        if isinstance(frame, InterruptionFrame):
            if "slow" in self.manners:
                await asyncio.sleep(0.2)
            if "deaf" in self.manners:
                return
        if not await self.handled(frame):
            await self.push_frame(frame, direction)

    async def handled(self, frame: Frame) -> bool:
        raise NotImplementedError

    async def cleanup(self) -> None:
        await super().cleanup()  # type: ignore[no-untyped-call]
        for task in self.tasks:
            task.cancel()

    async def begin(self, turn: int) -> None:
        label = f"{id(self)}-{turn}"
        self.label = label
        if "repeats" in self.manners and self.last not in (0, turn):
            await self.give(self.last, None if "unlabelled" in self.manners else label)
        self.last = turn
        if "one_task" in self.manners:
            self.work.put_nowait((turn, label))
        elif "speaks_on" in self.manners:
            self.tasks.append(asyncio.create_task(self.say(turn, label)))
        else:
            await self.say(turn, label)

    async def _for_ever(self) -> None:
        while True:
            await self.say(*await self.work.get())

    async def say(self, turn: int, label: str) -> None:
        for number in range(CHUNKS + ("late" in self.manners)):
            try:
                await asyncio.sleep(EVERY if number < CHUNKS else 0.5)
            except asyncio.CancelledError:
                if "swallows" not in self.manners:
                    raise
            await self.give(turn, None if "unlabelled" in self.manners else self._labelled(label))

    def _labelled(self, label: str) -> str:
        return self.label if "relabels" in self.manners else label

    async def give(self, turn: int, label: str | None) -> None:
        raise NotImplementedError


@service("hostile.tts")
class HostileVoice(Hostile):
    """Is given sentences such as `3.0`, of turn 3."""

    async def handled(self, frame: Frame) -> bool:
        if not isinstance(frame, AggregatedTextFrame):
            return False
        turn = int(frame.text.partition(".")[0])
        label = f"{id(self)}-{turn}"
        await self.push_frame(TTSStartedFrame(context_id=label))
        if "closes_early" in self.manners:
            await self.push_frame(TTSStoppedFrame(context_id=label))
        await self.begin(turn)
        return True

    async def say(self, turn: int, label: str) -> None:
        await super().say(turn, label)
        await self.push_frame(TTSStoppedFrame(context_id=label))

    async def give(self, turn: int, label: str | None) -> None:
        pcm = struct.pack("<h", turn) * (RATE // 50)
        await self.push_frame(TTSAudioRawFrame(pcm, RATE, 1, context_id=label))


@service("hostile.llm")
class HostileModel(Hostile):
    """Is asked what the caller said in turn 3: `3`."""

    async def handled(self, frame: Frame) -> bool:
        if not isinstance(frame, LLMContextFrame):
            return False
        turn = int(str(frame.context.get_messages()[-1]["content"]))  # type: ignore[index]
        await self.push_frame(LLMFullResponseStartFrame())
        if "closes_early" in self.manners:
            await self.push_frame(LLMFullResponseEndFrame())
        await self.begin(turn)
        return True

    async def say(self, turn: int, label: str) -> None:
        await super().say(turn, label)
        await self.push_frame(LLMFullResponseEndFrame())

    async def give(self, turn: int, label: str | None) -> None:
        await self.push_frame(LLMTextFrame(f"{turn}. "))
