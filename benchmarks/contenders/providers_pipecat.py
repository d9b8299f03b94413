"""pipecat's services for the same vendors: `python -m ...providers_pipecat CASE WAY`.

A source, the service as its documentation makes it, and a sink. Everything optional is off, as in hop_pipecat.py, and
sound that was sent is not passed on. Its elevenlabs.http always asks when each word begins.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Any

from loguru import logger
from pipecat.frames.frames import (
    Frame,
    InputAudioRawFrame,
    LLMContextFrame,
    LLMTextFrame,
    StartFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
    TTSSpeakFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.workers.runner import WorkerRunner

from benchmarks.contenders.providers_shape import CALLER_RATE, QUESTION, SENTENCE, VOICE, VOICE_RATES, Record, main

logger.remove()
ELEVENLABS = "ELEVENLABS_BASE_URL"


class Source(FrameProcessor):
    """Gives what `gives` does, from when the pipeline has started."""

    def __init__(self, gives: Callable[[Source], Any]) -> None:
        super().__init__()
        self._gives = gives
        self.started = asyncio.Event()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        await self.push_frame(frame, direction)
        if isinstance(frame, StartFrame):
            self.started.set()

    async def give(self) -> None:
        await self.started.wait()
        await self._gives(self)


class Sink(FrameProcessor):
    def __init__(self, record: Record) -> None:
        super().__init__()
        self._record = record

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        match frame:
            case TTSAudioRawFrame():
                self._record.sound(frame.audio)
            case LLMTextFrame():
                self._record.token(frame.text)
            case TranscriptionFrame():
                self._record.final(frame.text)
            case _:
                await self.push_frame(frame, direction)


async def run(record: Record, service: FrameProcessor, gives: Callable[[Source], Any], rate: int) -> None:
    source = Source(gives)
    worker = PipelineWorker(
        Pipeline([source, service, Sink(record)]),
        params=PipelineParams(audio_in_sample_rate=CALLER_RATE, audio_out_sample_rate=rate),
        cancel_on_idle_timeout=False,
        idle_timeout_secs=None,
        enable_turn_tracking=False,
        enable_rtvi=False,
        check_dangling_tasks=False,
    )

    async def give() -> None:
        try:
            await source.give()
        finally:
            await worker.cancel()

    runner = WorkerRunner(handle_sigint=False, check_dangling_tasks=False)
    await runner.add_workers(worker)
    await asyncio.gather(runner.run(), give())


def asks(record: Record, frame: Callable[[], Frame]) -> Callable[[Source], Any]:
    async def give(source: Source) -> None:
        async for _ in record.answers():
            await source.push_frame(frame())

    return give


def talks(record: Record, *, marked: bool) -> Callable[[Source], Any]:
    async def give(source: Source) -> None:
        fresh = not marked
        async for pcm in record.speech(marked=marked):
            if fresh:
                await source.push_frame(VADUserStartedSpeakingFrame())
                fresh = False
            if pcm is not None:
                await source.push_frame(InputAudioRawFrame(audio=pcm, sample_rate=CALLER_RATE, num_channels=1))
            elif not marked:
                await source.push_frame(VADUserStoppedSpeakingFrame())
                fresh = True

    return give


async def chat(way: str, record: Record) -> None:
    from pipecat.services.openai.llm import OpenAILLMService

    service = OpenAILLMService(settings=OpenAILLMService.Settings(model="gpt-4.1-mini"))
    gives = asks(record, lambda: LLMContextFrame(LLMContext([{"role": "user", "content": QUESTION}])))
    await run(record, service, gives, CALLER_RATE)


async def speech(way: str, record: Record) -> None:
    from pipecat.services.openai.tts import OpenAITTSService

    service = OpenAITTSService(settings=OpenAITTSService.Settings(voice="alloy"))
    await run(record, service, asks(record, lambda: TTSSpeakFrame(SENTENCE)), VOICE_RATES["openai.tts"])


async def elevenlabs_socket(way: str, record: Record) -> None:
    from pipecat.services.elevenlabs.tts import ElevenLabsTTSService

    service = ElevenLabsTTSService(
        api_key=os.environ["ELEVENLABS_API_KEY"],
        url=f"ws{os.environ[ELEVENLABS][4:]}",
        settings=ElevenLabsTTSService.Settings(voice=VOICE),
    )
    await run(record, service, asks(record, lambda: TTSSpeakFrame(SENTENCE)), VOICE_RATES["elevenlabs.tts"])


async def elevenlabs_http(way: str, record: Record) -> None:
    import aiohttp
    from pipecat.services.elevenlabs.tts import ElevenLabsHttpTTSService

    async with aiohttp.ClientSession() as session:
        service = ElevenLabsHttpTTSService(
            api_key=os.environ["ELEVENLABS_API_KEY"],
            aiohttp_session=session,
            base_url=os.environ[ELEVENLABS],
            settings=ElevenLabsHttpTTSService.Settings(voice=VOICE, model="eleven_flash_v2_5"),
        )
        await run(record, service, asks(record, lambda: TTSSpeakFrame(SENTENCE)), VOICE_RATES["elevenlabs.http"])


async def nova(way: str, record: Record) -> None:
    from pipecat.services.deepgram.stt import DeepgramSTTService

    service = DeepgramSTTService(
        api_key=os.environ["DEEPGRAM_API_KEY"], base_url=os.environ["DEEPGRAM_BASE_URL"], audio_passthrough=False
    )
    await run(record, service, talks(record, marked=False), CALLER_RATE)


async def flux(way: str, record: Record) -> None:
    from pipecat.services.deepgram.flux.stt import DeepgramFluxSTTService

    service = DeepgramFluxSTTService(
        api_key=os.environ["DEEPGRAM_API_KEY"],
        url=f"ws{os.environ['DEEPGRAM_BASE_URL'][4:]}/v2/listen",
        audio_passthrough=False,
    )
    await run(record, service, talks(record, marked=True), CALLER_RATE)


if __name__ == "__main__":
    main(
        {
            "deepgram.stt": nova,
            "deepgram.flux": flux,
            "openai.chat": chat,
            "openai.tts": speech,
            "elevenlabs.tts": elevenlabs_socket,
            "elevenlabs.http": elevenlabs_http,
        }
    )
