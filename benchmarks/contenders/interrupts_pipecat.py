"""The same in pipecat: `python -m ...interrupts_pipecat CASE COUNT LOOP`.

As its documentation builds a telephone agent: FastAPIWebsocketTransport with TwilioFrameSerializer at both ends, both
ends at 8 kHz, and between them one FrameProcessor for each role. Everything optional is off, as in hop_pipecat.py. Who
decides calls `broadcast_interruption()`, as pipecat's own turn processors do. The WebSocket is a stand-in that takes
everything at once, so what is measured ends where the network would begin.

The transport lets go of its buffer when it resets its queue of audio: `cleared`. Behind that it tells Twilio to let go
too: `sent`.
"""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

from loguru import logger
from pipecat.frames.frames import (
    AggregatedTextFrame,
    Frame,
    LLMContextFrame,
    LLMTextFrame,
    OutputTransportReadyFrame,
    TTSAudioRawFrame,
    VADUserStartedSpeakingFrame,
    VADUserStoppedSpeakingFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.serializers.twilio import TwilioFrameSerializer
from pipecat.transports.websocket.fastapi import FastAPIWebsocketParams, FastAPIWebsocketTransport
from pipecat.workers.runner import WorkerRunner
from starlette.websockets import WebSocketState

from benchmarks.contenders.interrupts_shape import (
    BEHIND,
    CHUNK,
    RATE,
    SPEAK,
    SPLIT,
    TOKEN,
    CleanUp,
    Record,
    code_of,
    main,
    talk,
)
from voicegraph.audio.g711 import decode_mulaw

logger.remove()
SAMPLES = int(CHUNK * RATE)


class Socket:
    """A WebSocket whose other end takes everything at once and says nothing."""

    client_state = application_state = WebSocketState.CONNECTED
    headers: dict[str, str] = {}

    def __init__(self, record: Record) -> None:
        self.record = record

    async def receive(self) -> dict[str, Any]:
        return await asyncio.get_running_loop().create_future()

    async def send_text(self, text: str) -> None:
        message = json.loads(text)
        if message["event"] == "clear":
            self.record.send_clear()
        else:
            for code in set(base64.b64decode(message["media"]["payload"])):
                self.record.sound(code)

    async def close(self) -> None:
        self.client_state = WebSocketState.DISCONNECTED


class Decides(FrameProcessor):
    """Speech interrupts; its end is a turn."""

    def __init__(self, record: Record, llm: FrameDirection) -> None:
        super().__init__()
        self.record = record
        self.llm = llm
        self.ready = asyncio.Event()

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, VADUserStartedSpeakingFrame):
            self.record.decide()
            await self.broadcast_interruption()
        elif isinstance(frame, VADUserStoppedSpeakingFrame):
            turn = {"role": "user", "content": str(self.record.turn)}
            await self.push_frame(LLMContextFrame(LLMContext([turn])), self.llm)
        else:
            if isinstance(frame, OutputTransportReadyFrame):
                self.ready.set()
            await self.push_frame(frame, direction)


class LLM(FrameProcessor):
    """Says the number of the turn for ever."""

    def __init__(self, slow: bool) -> None:
        super().__init__()
        self.slow = slow

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if not isinstance(frame, LLMContextFrame):
            await self.push_frame(frame, direction)
            return
        async with CleanUp(self.slow):
            while True:
                await asyncio.sleep(TOKEN)
                await self.push_frame(LLMTextFrame(frame.context.messages[0]["content"]))


class Sentences(FrameProcessor):
    """A sentence for each token."""

    def __init__(self, slow: bool) -> None:
        super().__init__()
        self.slow = slow

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if not isinstance(frame, LLMTextFrame):
            await self.push_frame(frame, direction)
            return
        async with CleanUp(self.slow):
            await asyncio.sleep(SPLIT)
            await self.push_frame(AggregatedTextFrame(frame.text, "sentence"))


class TTS(FrameProcessor):
    """A chunk of sound for each sentence."""

    def __init__(self, case: str) -> None:
        super().__init__()
        self.case = case

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if not isinstance(frame, AggregatedTextFrame):
            await self.push_frame(frame, direction)
            return
        async with CleanUp(self.case in ("tts", "moved")):
            try:
                await asyncio.sleep(SPEAK)
                if self.case == "background":
                    self.create_task(self._from_behind(frame))
                else:
                    await self.push_frame(sound(frame))
            except asyncio.CancelledError:
                if self.case == "insists":
                    for _ in range(3):
                        await self.push_frame(sound(frame))
                raise

    async def _from_behind(self, sentence: AggregatedTextFrame) -> None:
        """A task of its own, which nobody cancels."""
        await asyncio.sleep(BEHIND)
        await self.push_frame(sound(sentence))


def sound(sentence: AggregatedTextFrame) -> TTSAudioRawFrame:
    pcm = decode_mulaw(bytes([code_of(int(sentence.text))]) * SAMPLES)
    return TTSAudioRawFrame(pcm, sample_rate=RATE, num_channels=1)


def telephone(record: Record) -> FastAPIWebsocketTransport:
    serializer = TwilioFrameSerializer("stream", params=TwilioFrameSerializer.InputParams(auto_hang_up=False))
    params = FastAPIWebsocketParams(
        audio_in_enabled=True, audio_out_enabled=True, add_wav_header=False, serializer=serializer
    )
    return FastAPIWebsocketTransport(Socket(record), params)  # type: ignore[arg-type]


class Waiting:
    """How many frames wait at each step, seen from outside; and the moment in which the transport drops its audio."""

    def __init__(self, transport: FastAPIWebsocketTransport, record: Record, *steps: FrameProcessor) -> None:
        self.queues = {type(step).__name__.lower(): step._FrameProcessor__process_queue for step in steps}
        audio = transport.output()._media_senders[None]._audio_queue
        self.queues["line"] = audio
        reset = audio.reset

        def stamped() -> None:
            reset()
            record.clear()

        audio.reset = stamped

    def __call__(self) -> dict[str, int]:
        return {name: queue.qsize() for name, queue in self.queues.items()}


async def measure(case: str, count: int) -> Record:
    record = Record()
    transport = telephone(record)
    llm, sentences, tts = LLM(case == "llm"), Sentences(case == "sentences"), TTS(case)
    decides = Decides(record, FrameDirection.UPSTREAM if case == "moved" else FrameDirection.DOWNSTREAM)
    between = [llm, sentences, tts, decides] if case == "moved" else [decides, llm, sentences, tts]
    worker = PipelineWorker(
        Pipeline([transport.input(), *between, transport.output()]),
        params=PipelineParams(audio_in_sample_rate=RATE, audio_out_sample_rate=RATE),
        cancel_on_idle_timeout=False,
        idle_timeout_secs=None,
        enable_turn_tracking=False,
        enable_rtvi=False,
        check_dangling_tasks=False,
    )

    async def caller() -> None:
        try:
            await decides.ready.wait()
            async for step in talk(record, count, Waiting(transport, record, sentences, tts)):
                frame = VADUserStoppedSpeakingFrame() if step == "stopped" else VADUserStartedSpeakingFrame()
                await transport.input().push_frame(frame)
        finally:
            await worker.cancel()

    runner = WorkerRunner(handle_sigint=False, check_dangling_tasks=False)
    await runner.add_workers(worker)
    await asyncio.gather(runner.run(), caller())
    return record


if __name__ == "__main__":
    main(measure)
