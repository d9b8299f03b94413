"""Judges at each pause whether the caller is done, by how they sound."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Le

from voicegraph import models
from voicegraph.call import Call, this_call
from voicegraph.durations import Duration
from voicegraph.frames import Audio, EndOfTurn, SpeechStarted, SpeechStopped
from voicegraph.node import node
from voicegraph.ports import Rate
from voicegraph.providers.smart_turn import RATE, WINDOW, SmartTurn
from voicegraph.shared import shared

Heard = Audio | SpeechStarted | SpeechStopped

PRE_ROLL = RATE // 5
"""Samples before a start that are heard too: 0.2 s, for starts are found by ear."""
NOTICE = RATE
"""Samples kept beyond the model's window, for pauses are told late: 1 s."""
GAP = RATE // 100
"""A jump in the position of the sound that is more than rounding: 10 ms."""


@node("smart_turn.judge", extra="local", packages=("numpy", "onnxruntime"))
class SmartTurnJudge:
    """Judges at each pause whether the caller is done, by how they sound and in 23 languages, with Smart Turn.

    It needs a VAD on its wires (`line -> vad -> judge` beside `line -> judge`), and an aggregator that is told
    `end_of_turn: model`. It hears the caller's turn, which began when the agent was last heard, or the last 8 s of it.

    model: a name of `voicegraph models`, or the path of another Smart Turn v3 as .onnx. tail: how much of the silence
    behind the speech it hears, if there is as much yet: the more silence, the more any sentence sounds complete.
    threads: more than one per model slows a busy machine down.
    """

    model: str = "smart-turn-v3.2"
    tail: Annotated[Duration, Le(2.0)] = 0.1
    threads: Annotated[int, Ge(1)] = 1
    call: Call = this_call()

    def __post_init__(self) -> None:
        self._sound = _Sound()
        self._turn = 0  # position of the first sample of the caller's turn
        self._pause: _Pause | None = None  # the present one; None while the caller speaks
        self._due: _Pause | None = None  # the same until it is being judged
        self._agent_heard = -1.0  # at the last pause, in seconds; so the first speech begins a turn

    def models(self) -> list[str]:
        return [self.model]

    def warm(self) -> None:
        """Loads the model, and judges silence once so that the first pause is as quick as the others."""
        self._load().judge(b"")

    async def listen(self, frames: AsyncIterator[Annotated[Heard, Rate(16_000)]]) -> AsyncIterator[EndOfTurn]:
        """Judges one pause at a time, in a thread, and goes on listening meanwhile: speech makes a judgement void."""
        news = asyncio.Event()
        hearing = asyncio.create_task(self._hear(frames, news))
        hearing.add_done_callback(lambda _: news.set())
        try:
            while self._due or not hearing.done():
                if pause := self._due:
                    self._due = None
                    probability = await self.call.offload(self._judge, pause)
                    if self._pause is pause:
                        yield EndOfTurn(pause.at, probability)
                else:
                    await news.wait()
                    news.clear()
            await hearing
        finally:
            hearing.cancel()
            await asyncio.wait([hearing])

    async def _hear(self, frames: AsyncIterator[Heard], news: asyncio.Event) -> None:
        async for frame in frames:
            match frame:
                case Audio():
                    self._sound.keep(frame)
                case SpeechStarted(at=at):
                    self._on_speech(at)
                case SpeechStopped(at=at):
                    self._on_pause(at)
                    news.set()

    def _on_speech(self, at: float) -> None:
        self._pause = self._due = None
        if self._heard_of_the_agent() > self._agent_heard:  # in the pause: what is said now answers it
            self._turn = round(at * RATE) - PRE_ROLL

    def _on_pause(self, at: float) -> None:
        if self._pause is not None:  # told twice
            return
        self._agent_heard = self._heard_of_the_agent()
        pcm = self._sound.between(self._turn, round((at + self.tail) * RATE))
        self._pause = self._due = _Pause(pcm, at)

    def _heard_of_the_agent(self) -> float:
        """Seconds in all."""
        return sum(reply.heard_seconds for reply in self.call.replies())

    def _judge(self, pause: _Pause) -> float:
        return round(self._load().judge(pause.pcm), 3)

    def _load(self) -> SmartTurn:
        file = models.path(self.model)
        return shared(("smart turn", file, self.threads), lambda: SmartTurn(file, self.threads))


@dataclass(frozen=True, eq=False)
class _Pause:
    """A pause to be judged. pcm: the turn up to it. at: where the speech ended, in seconds of the call's audio."""

    pcm: bytes
    at: float


class _Sound:
    """The newest sound of the call, as much as the model can need. Positions are in samples."""

    def __init__(self) -> None:
        self._pcm = bytearray()
        self._end = 0  # position behind the newest sample

    def keep(self, audio: Audio) -> None:
        begins = round(audio.at * RATE)
        missing = begins - self._end
        if missing > GAP:  # audio was dropped on its way: keep the positions right
            self._pcm += bytes(2 * min(missing, WINDOW))
        self._pcm += audio.pcm
        self._end = begins + len(audio.pcm) // 2
        del self._pcm[: -2 * (WINDOW + NOTICE)]

    def between(self, begin: int, end: int) -> bytes:
        """The sound between two positions: the last of it that the model hears, as far as there is any."""
        first = self._end - len(self._pcm) // 2
        start = max(begin, end - WINDOW, first) - first
        return bytes(self._pcm[2 * start : 2 * max(end - first, 0)])
