"""pipecat: `python framework_pipecat.py calls|idle|turn STYLE COUNT [uvloop]`. Prints one JSON object.

The same ten pass-through processors as of voicegraph, in a pipeline and a worker for each call. STYLE: `documented`,
as its documentation builds them; `lean`, with everything optional off (observers, turn tracking, RTVI, metrics, idle
detection); `direct`, that and `enable_direct_mode` in each processor, which leaves out its queues and tasks.

idle: STYLE may also be `agent`, the pipeline of `turn`, lean, with its aggregators.
turn: from a final transcript to the first sound, through its own context aggregators, an LLMService and a TTSService
that answer at once. `documented`: its strategy of a silence of 0.6 s ends the turn (its default, a model, needs sound
to judge by); `tuned`: the same with none; `lean`: no aggregator, the model is given the words when they are final.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from typing import Any

from loguru import logger
from pipecat.frames.frames import (
    Frame,
    InputAudioRawFrame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    StartFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import (
    LLMContextAggregatorPair,
    LLMUserAggregatorParams,
)
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.tts_service import TTSService
from pipecat.turns.user_stop.speech_timeout_user_turn_stop_strategy import SpeechTimeoutUserTurnStopStrategy
from pipecat.turns.user_turn_strategies import UserTurnStrategies
from pipecat.workers.runner import WorkerRunner

from benchmarks.contenders.framework_shape import SECONDS, Growth, main

logger.remove()
PCM = bytes(640)
SOUND = bytes(2 * 24_000 // 5)


class Hop(FrameProcessor):
    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)


class Sink(FrameProcessor):
    """Counts frames of sound."""

    def __init__(self, **options: bool) -> None:
        super().__init__(**options)
        self.count = 0

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, InputAudioRawFrame):
            self.count += 1
            return
        await self.push_frame(frame, direction)


class Started(FrameProcessor):
    """The first of a pipeline: knows when it has started."""

    def __init__(self, **options: bool) -> None:
        super().__init__(**options)
        self.ready = asyncio.Event()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)
        if isinstance(frame, StartFrame):
            self.ready.set()

    async def give(self, seconds: float, late: float) -> None:
        """20 ms of sound every 20 ms. late: seconds; calls do not all begin in one instant."""
        loop = asyncio.get_running_loop()
        began = loop.time() + late
        for index in range(round(seconds * 50)):
            await asyncio.sleep(began + index * 0.02 - loop.time())
            await self.push_frame(InputAudioRawFrame(audio=PCM, sample_rate=16000, num_channels=1))


class Running:
    """Pipelines of this process. They share a runner, as workers may."""

    def __init__(self, style: str) -> None:
        self.style = style
        self.runner = WorkerRunner(handle_sigint=False, check_dangling_tasks=False)
        self._task: asyncio.Task[None] | None = None
        self._workers: list[PipelineWorker] = []

    async def add(self, *processors: FrameProcessor) -> None:
        lean: dict[str, Any] = {
            "cancel_on_idle_timeout": False,
            "idle_timeout_secs": None,
            "enable_turn_tracking": False,
            "enable_rtvi": False,
            "check_dangling_tasks": False,
        }
        options = {} if self.style == "documented" else lean
        worker = PipelineWorker(Pipeline([*processors]), params=PipelineParams(), **options)
        self._workers.append(worker)
        await self.runner.add_workers(worker)
        if self._task is None:
            self._task = asyncio.create_task(self.runner.run())

    async def stop(self) -> None:
        for worker in self._workers:
            await worker.cancel()
        if self._task is not None:
            await asyncio.wait_for(self._task, 20)


def ten(style: str) -> tuple[Started, list[Hop], Sink]:
    options = {"enable_direct_mode": True} if style == "direct" else {}
    return Started(**options), [Hop(**options) for _ in range(10)], Sink(**options)


async def calls(style: str, count: int) -> dict[str, Any]:
    running = Running(style)
    made = [ten(style) for _ in range(count)]
    for first, hops, sink in made:
        await running.add(first, *hops, sink)
    for first, _, _ in made:
        await first.ready.wait()
    await asyncio.sleep(0.5)
    clock = asyncio.get_running_loop().time
    began, since = time.process_time(), clock()
    await asyncio.gather(*(first.give(SECONDS, 0.02 * index / count) for index, (first, _, _) in enumerate(made)))
    for _, _, sink in made:
        while sink.count < SECONDS * 50:  # noqa: ASYNC110 - an event for each frame would cost the contender
            await asyncio.sleep(0.01)
    took, behind = time.process_time() - began, clock() - since - SECONDS
    await running.stop()
    return {"cpu_ms_per_call_second": took * 1000 / count / SECONDS, "behind_ms": behind * 1000}


async def idle(style: str, count: int) -> dict[str, Any]:
    running = Running(style)

    def made_of() -> tuple[Started, *tuple[FrameProcessor, ...]]:
        if style == "agent":
            return agent("tuned", Line())
        first, hops, sink = ten(style)
        return first, *hops, sink

    for first, *others in [made_of() for _ in range(count)]:  # they fill what the imports have left of the heap
        await running.add(first, *others)
        await first.ready.wait()
    await asyncio.sleep(0.2)
    growth = Growth()
    made = [made_of() for _ in range(count)]
    for first, *others in made:
        await running.add(first, *others)
    for first, *_ in made:
        await first.ready.wait()
    growth.started()
    await asyncio.sleep(0.5)
    found = growth.told(count)
    await running.stop()
    return found


class Words(Started):
    """The caller's words, as an STT behind a VAD gives them."""

    async def ask(self, text: str) -> None:
        await self.push_frame(VADUserStartedSpeakingFrame())
        await self.push_frame(VADUserStoppedSpeakingFrame())
        await self.push_frame(TranscriptionFrame(text=text, user_id="caller", timestamp="", finalized=True))


class AtOnce(FrameProcessor):
    """Hands the model its context as soon as the words are final."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, TranscriptionFrame):
            await self.push_frame(LLMContextFrame(LLMContext([{"role": "user", "content": frame.text}])))
        elif not isinstance(frame, VADUserStartedSpeakingFrame | VADUserStoppedSpeakingFrame):
            await self.push_frame(frame, direction)


class Brain(FrameProcessor):
    """Gives what its LLMServices give, at once."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if not isinstance(frame, LLMContextFrame):
            await self.push_frame(frame, direction)
            return
        await self.push_frame(LLMFullResponseStartFrame())
        for word in ("We ", "are ", "open. ", "Come ", "at ", "nine."):
            await self.push_frame(LLMTextFrame(word))
        await self.push_frame(LLMFullResponseEndFrame())


class Voice(TTSService):
    """Its TTSService, with a voice that takes no time."""

    def can_generate_metrics(self) -> bool:
        return False

    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame | None]:
        yield TTSAudioRawFrame(SOUND, 24_000, 1, context_id=context_id)


class Line(FrameProcessor):
    """Notes when the first sound comes."""

    def __init__(self) -> None:
        super().__init__()
        self.first: asyncio.Future[float] | None = None

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, TTSAudioRawFrame) and self.first is not None and not self.first.done():
            self.first.set_result(time.perf_counter())
        await self.push_frame(frame, direction)


def agent(style: str, line: Line) -> tuple[Words, *tuple[FrameProcessor, ...]]:
    silence = SpeechTimeoutUserTurnStopStrategy(user_speech_timeout=0.6 if style == "documented" else 0.0)
    strategies = UserTurnStrategies(stop=[silence])
    pair = LLMContextAggregatorPair(LLMContext(), user_params=LLMUserAggregatorParams(user_turn_strategies=strategies))
    before: list[FrameProcessor] = [AtOnce()] if style == "lean" else [pair.user()]
    after: list[FrameProcessor] = [] if style == "lean" else [pair.assistant()]
    return Words(), *before, Brain(), Voice(sample_rate=24_000), line, *after


async def turn(style: str, count: int) -> dict[str, Any]:
    """Milliseconds."""
    running, line = Running(style), Line()
    words, *others = agent(style, line)
    await running.add(words, *others)
    await words.ready.wait()
    await asyncio.sleep(0.5)
    taken: list[float] = []
    for number in range(count + 3):
        line.first = asyncio.get_running_loop().create_future()
        asked = time.perf_counter()
        await words.ask(f"question {number}")
        taken.append((await asyncio.wait_for(line.first, 10) - asked) * 1000)
        await asyncio.sleep(0.5)
    await running.stop()
    return {"ms": taken[3:]}


if __name__ == "__main__":
    main({"calls": calls, "idle": idle, "turn": turn})
