"""pipecat with a ServiceSwitcher: `python -m ...dead_air_pipecat WAY`. Does not need voicegraph.

way: `documented`, with its ServiceSwitcherStrategyFailover; or `tuned`, with a strategy that switches at any error, as
its documentation invites one to write, and with its ElevenLabs over HTTP: behind its WebSocket, which by default all
others have here too, nothing of a reply is said any more once it has failed.
The line is its FastAPIWebsocketTransport, which paces the sound, with a serializer that leaves it as it is, and a
stand-in for the socket. Everything optional is off.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any

import aiohttp
from loguru import logger
from pipecat.frames.frames import ErrorFrame, Frame, LLMContextFrame, OutputAudioRawFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.service_switcher import (
    ServiceSwitcher,
    ServiceSwitcherStrategyFailover,
    ServiceSwitcherStrategyManual,
)
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.serializers.base_serializer import FrameSerializer
from pipecat.services.elevenlabs.tts import ElevenLabsHttpTTSService, ElevenLabsTTSService
from pipecat.services.openai.llm import OpenAILLMService
from pipecat.services.openai.tts import OpenAITTSService
from pipecat.transports.websocket.fastapi import FastAPIWebsocketParams, FastAPIWebsocketTransport
from pipecat.workers.runner import WorkerRunner
from starlette.websockets import WebSocketState

from benchmarks.contenders.dead_air_shape import QUESTION, RATE, SETTLE, SYSTEM, VOICE, Line, main, over, told


class AtAnyError(ServiceSwitcherStrategyManual):
    """Goes to the other service, whatever the error."""

    async def handle_error(self, error: ErrorFrame) -> FrameProcessor | None:
        if error.processor is not self.active_service or self.active_service is self.services[-1]:
            return None
        return await self._set_active_if_available(self.services[-1])


class Sound(FrameSerializer):
    """The sound, and nothing but the sound."""

    async def serialize(self, frame: Frame) -> str | bytes | None:
        return frame.audio if isinstance(frame, OutputAudioRawFrame) else None

    async def deserialize(self, data: str | bytes) -> Frame | None:
        return None


class Socket:
    """A WebSocket whose other end takes everything at once and says nothing."""

    client_state = application_state = WebSocketState.CONNECTED
    headers: dict[str, str] = {}

    def __init__(self, line: Line) -> None:
        self._line = line

    async def receive(self) -> dict[str, Any]:
        return await asyncio.get_running_loop().create_future()

    async def send_bytes(self, data: bytes) -> None:
        self._line.add(data)

    async def close(self) -> None:
        self.client_state = WebSocketState.DISCONNECTED


def voice(way: str, http: aiohttp.ClientSession) -> ServiceSwitcher[Any]:
    key, address = os.environ["ELEVENLABS_API_KEY"], os.environ["ELEVENLABS_BASE_URL"]
    primary: FrameProcessor
    if way == "tuned":
        primary = ElevenLabsHttpTTSService(
            api_key=key,
            aiohttp_session=http,
            base_url=address,
            settings=ElevenLabsHttpTTSService.Settings(voice=VOICE, model="eleven_flash_v2_5"),
        )
    else:
        primary = ElevenLabsTTSService(
            api_key=key,
            url=f"ws{address[4:]}",
            settings=ElevenLabsTTSService.Settings(voice=VOICE),
        )
    backup = OpenAITTSService(settings=OpenAITTSService.Settings(voice="alloy"))
    return ServiceSwitcher([primary, backup], ServiceSwitcherStrategyFailover if way == "documented" else AtAnyError)


async def call() -> dict[str, object]:
    async with aiohttp.ClientSession() as http:
        return await converse(voice(sys.argv[1], http))


async def converse(speaks: ServiceSwitcher[Any]) -> dict[str, object]:
    line = Line()
    params = FastAPIWebsocketParams(audio_out_enabled=True, add_wav_header=False, serializer=Sound())
    transport = FastAPIWebsocketTransport(Socket(line), params)  # type: ignore[arg-type]
    llm = OpenAILLMService(settings=OpenAILLMService.Settings(model="gpt-4.1-mini", system_instruction=SYSTEM))
    worker = PipelineWorker(
        Pipeline([transport.input(), llm, speaks, transport.output()]),
        params=PipelineParams(audio_out_sample_rate=RATE),
        cancel_on_idle_timeout=False,
        idle_timeout_secs=None,
        enable_turn_tracking=False,
        enable_rtvi=False,
        check_dangling_tasks=False,
    )
    results: list[dict[str, object]] = []

    async def caller() -> None:
        try:
            await asyncio.sleep(SETTLE)
            asked = asyncio.get_running_loop().time()
            await worker.queue_frame(LLMContextFrame(LLMContext([{"role": "user", "content": QUESTION}])))
            await over(line.stretches, asked)
            results.append(told(line.stretches(), asked))
        finally:
            await worker.cancel()

    runner = WorkerRunner(handle_sigint=False, check_dangling_tasks=False)
    await runner.add_workers(worker)
    await asyncio.gather(runner.run(), caller())
    return results[0]


if __name__ == "__main__":
    if "-v" not in sys.argv:
        logger.remove()
    main(call, "pipecat-ai")
