"""The same in pipecat: `python -m ...calls_pipecat PORT WATCH`, until SIGTERM.

As its documentation builds a telephone agent: FastAPIWebsocketTransport with TwilioFrameSerializer, one FrameProcessor
for each role, on the same web server. Everything optional is off.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI, WebSocket
from loguru import logger
from pipecat.frames.frames import Frame, InputAudioRawFrame, LLMContextFrame, LLMTextFrame, TTSAudioRawFrame
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.serializers.twilio import TwilioFrameSerializer
from pipecat.transports.websocket.fastapi import FastAPIWebsocketParams, FastAPIWebsocketTransport
from pipecat.workers.runner import WorkerRunner

from benchmarks.contenders.calls_shape import HEARS_AT, SPEAKS_AT, Caller, arguments, beeps, watch

logger.remove()
TELEPHONE = 8_000


class Hear(FrameProcessor):
    """Interrupts when the caller begins to speak, and asks the LLM when they are done."""

    def __init__(self) -> None:
        super().__init__()
        self._caller = Caller()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if not isinstance(frame, InputAudioRawFrame):
            await self.push_frame(frame, direction)
            return
        match self._caller.hear(frame.audio):
            case "started":
                await self.broadcast_interruption()
            case "stopped":
                await self.push_frame(LLMContextFrame(LLMContext([{"role": "user", "content": "Go on."}])))
            case _:
                pass


class LLM(FrameProcessor):
    """One sentence."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        await self.push_frame(LLMTextFrame("Beep.") if isinstance(frame, LLMContextFrame) else frame, direction)


class TTS(FrameProcessor):
    """Beeps."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if not isinstance(frame, LLMTextFrame):
            await self.push_frame(frame, direction)
            return
        async for pcm in beeps():
            await self.push_frame(TTSAudioRawFrame(pcm, sample_rate=SPEAKS_AT, num_channels=1))


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    task = asyncio.create_task(watch(arguments()[1]))
    yield
    task.cancel()


app = FastAPI(lifespan=lifespan)


@app.websocket("/twilio/media")
async def call(socket: WebSocket) -> None:
    await socket.accept()
    started = {}
    while started.get("event") != "start":
        started = json.loads(await socket.receive_text())
    serializer = TwilioFrameSerializer(
        started["streamSid"], params=TwilioFrameSerializer.InputParams(auto_hang_up=False, sample_rate=HEARS_AT)
    )
    params = FastAPIWebsocketParams(
        audio_in_enabled=True, audio_out_enabled=True, add_wav_header=False, serializer=serializer
    )
    transport = FastAPIWebsocketTransport(socket, params)
    worker = PipelineWorker(
        Pipeline([transport.input(), Hear(), LLM(), TTS(), transport.output()]),
        params=PipelineParams(audio_in_sample_rate=HEARS_AT, audio_out_sample_rate=TELEPHONE),
        cancel_on_idle_timeout=False,
        idle_timeout_secs=None,
        enable_turn_tracking=False,
        enable_rtvi=False,
        check_dangling_tasks=False,
    )

    @transport.event_handler("on_client_disconnected")
    async def gone(*_: object) -> None:
        await worker.cancel()

    runner = WorkerRunner(handle_sigint=False, check_dangling_tasks=False)
    await runner.add_workers(worker)
    await runner.run()


if __name__ == "__main__":
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=arguments()[0],
        loop="uvloop",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=1,
    )
