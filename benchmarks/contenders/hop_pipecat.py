"""A chain of pass-through processors in pipecat. `python hop_pipecat.py STYLE NODES FRAMES` prints CPU seconds.

STYLE: `documented`, as its documentation builds a pipeline and its worker; `lean`, with everything optional off (no
observers, turn tracking, RTVI, metrics, heartbeats, idle detection); `direct`, the same, and every processor with
`enable_direct_mode`, which leaves out its queues and tasks.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

from loguru import logger
from pipecat.frames.frames import Frame, InputAudioRawFrame, StartFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.workers.runner import WorkerRunner

logger.remove()
PCM = bytes(640)


class Hop(FrameProcessor):
    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)


class Sink(FrameProcessor):
    """Counts, and keeps the CPU time at the first and behind the last frame."""

    def __init__(self, frames: int, **options: bool) -> None:
        super().__init__(**options)
        self.frames = frames
        self.count = 0
        self.ended = 0.0

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, InputAudioRawFrame):
            self.count += 1
            if self.count == self.frames:
                self.ended = time.process_time()
            return
        await self.push_frame(frame, direction)


class Source(FrameProcessor):
    """Gives all frames as soon as the pipeline has started."""

    def __init__(self, frames: int, **options: bool) -> None:
        super().__init__(**options)
        self.frames = frames
        self.began = 0.0
        self.worker: PipelineWorker

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)
        if isinstance(frame, StartFrame):
            asyncio.get_running_loop().call_later(0.2, lambda: asyncio.ensure_future(self._give()))

    async def _give(self) -> None:
        self.began = time.process_time()
        for _ in range(self.frames):
            await self.push_frame(InputAudioRawFrame(audio=PCM, sample_rate=16000, num_channels=1))
            await asyncio.sleep(0)
        await self.worker.stop_when_done()


LEAN: dict[str, Any] = {
    "cancel_on_idle_timeout": False,
    "idle_timeout_secs": None,
    "enable_turn_tracking": False,
    "enable_rtvi": False,
    "check_dangling_tasks": False,
}


async def cpu_seconds(style: str, length: int, frames: int) -> float:
    options = {"enable_direct_mode": True} if style == "direct" else {}
    source, sink = Source(frames, **options), Sink(frames, **options)
    worker = PipelineWorker(
        Pipeline([source, *(Hop(**options) for _ in range(length)), sink]),
        params=PipelineParams(),
        **({} if style == "documented" else LEAN),
    )
    source.worker = worker
    runner = WorkerRunner(handle_sigint=False, check_dangling_tasks=False)
    await runner.add_workers(worker)
    await runner.run()
    assert sink.count == frames, (sink.count, frames)
    return sink.ended - source.began


if __name__ == "__main__":
    style, length, frames = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    print(asyncio.run(cpu_seconds(style, length, frames)))
