"""Pipelines for tests: pipecat's own worker and runner, with ends that see everything."""

# pyright: reportUnknownMemberType=false

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from pipecat.frames import frames as pc
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.settings import TTSSettings
from pipecat.services.tts_service import TTSService
from pipecat.transports.base_output import BaseOutputTransport
from pipecat.transports.base_transport import TransportParams
from pipecat.workers.runner import WorkerRunner

F = TypeVar("F", bound=pc.Frame)
DOWN, UP = FrameDirection.DOWNSTREAM, FrameDirection.UPSTREAM


class End(FrameProcessor):
    """Sees at once what comes by. frames: of one direction, in order."""

    def __init__(self, direction: FrameDirection) -> None:
        super().__init__(enable_direct_mode=True)
        self._direction = direction
        self.frames: list[pc.Frame] = []
        self._came = asyncio.Event()

    async def process_frame(self, frame: pc.Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if direction is self._direction:
            self.frames.append(frame)
            self._came.set()
        await self.push_frame(frame, direction)

    def of(self, kind: type[F]) -> list[F]:
        return [frame for frame in self.frames if isinstance(frame, kind)]

    async def until(self, come_true: Callable[[], object]) -> None:
        async with asyncio.timeout(20):
            while not come_true():
                self._came.clear()
                await self._came.wait()


class Speaker(BaseOutputTransport):
    """An output transport whose loudspeaker takes sound only when it is told to, as fast as it comes by default."""

    def __init__(self) -> None:
        super().__init__(TransportParams(audio_out_enabled=True, audio_out_sample_rate=16_000))
        self.played: list[bytes] = []
        self.only = sys.maxsize  # so many writes, and then it stands still
        self.on = asyncio.Event()
        self.on.set()

    async def start(self, frame: pc.StartFrame) -> None:
        await super().start(frame)
        await self.set_transport_ready(frame)

    async def write_audio_frame(self, frame: pc.OutputAudioRawFrame) -> bool:
        if len(self.played) >= self.only:
            self.on.clear()
        await self.on.wait()
        self.played.append(frame.audio)
        return True


class Beeps(TTSService):
    """A voice of pipecat's: 200 ms for each sentence."""

    def __init__(self) -> None:
        settings = TTSSettings(model=None, voice=None, language=None)
        super().__init__(
            sample_rate=16_000,
            settings=settings,
            push_start_frame=True,
            push_stop_frames=True,
            stop_frame_timeout_s=0.05,
        )

    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[pc.Frame | None, None]:
        yield pc.TTSAudioRawFrame(b"\1\0" * 3_200, 16_000, 1, context_id)


class Running:
    """A pipeline that is on. front: sees what goes up, back: what comes out."""

    def __init__(self, front: End, back: End, worker: PipelineWorker) -> None:
        self.front = front
        self.back = back
        self.worker = worker

    async def say(self, *frames: pc.Frame) -> None:
        for frame in frames:
            await self.worker.queue_frame(frame)

    async def interrupt_from_behind(self) -> None:
        """Somebody at the end of the pipeline interrupts. Returns when that has come to its beginning."""
        frame = pc.InterruptionFrame()
        await self.back.push_frame(frame, UP)
        await self.front.until(lambda: any(each is frame for each in self.front.frames))

    async def until(self, kind: type[pc.Frame], count: int = 1) -> None:
        """Waits until so many of these have come out."""
        await self.back.until(lambda: len(self.back.of(kind)) >= count)


@asynccontextmanager
async def running(*processors: FrameProcessor, begin: bool = True) -> AsyncGenerator[Running]:
    """Runs them between two ends; at the end of the block the pipeline is cancelled, if it is not over by then."""
    front, back = End(UP), End(DOWN)
    pipeline = Pipeline([front, *processors, back])
    worker = PipelineWorker(
        pipeline,
        cancel_on_idle_timeout=False,
        enable_rtvi=False,
        params=PipelineParams(audio_in_sample_rate=16_000, audio_out_sample_rate=16_000),
    )
    runner = WorkerRunner(handle_sigint=False)
    await runner.add_workers(worker)
    running = asyncio.create_task(runner.run())
    try:
        pipe = Running(front, back, worker)
        if begin:
            await pipe.until(pc.StartFrame)
        yield pipe
    finally:
        if not worker.has_finished():
            await worker.cancel()
        async with asyncio.timeout(20):
            await running


def heard(text: str) -> pc.TranscriptionFrame:
    return pc.TranscriptionFrame(text, "caller", "2026-11-22T12:00:00Z")
