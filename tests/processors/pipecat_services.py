"""Pipecat services for tests, registered as a user's module would: kind ones, and ones that fail in several ways.

Some are pipecat's own kinds of services with nothing behind them, so that it is pipecat's machinery that is hosted.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from pipecat.frames.frames import (
    AggregatedTextFrame,
    CancelFrame,
    EndFrame,
    Frame,
    FunctionCallFromLLM,
    InterruptionFrame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMFullResponseStartFrame,
    LLMTextFrame,
    TranscriptionFrame,
    TTSAudioRawFrame,
)
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor, FrameProcessorSetup
from pipecat.services.llm_service import LLMService
from pipecat.services.settings import LLMSettings, STTSettings, TTSSettings
from pipecat.services.stt_service import STTService
from pipecat.services.tts_service import TTSService

from voicegraph.pipecat_services import service

RATE = 16_000
LETTER = 0.05
"""Seconds that the voice takes for a letter."""


@service("acme.tts")
class AcmeTTS(TTSService):
    """50 ms of sound for each letter. fails_at: a text for which it reports an error instead; fatal: for good.

    made: each instance so far. reconnects: seconds that it takes to let go of a reply.
    """

    Settings = TTSSettings
    made: list[AcmeTTS] = []

    def __init__(
        self, *, fails_at: str = "", fatal: bool = False, reconnects: float = 0.0, pause: float = 0.0, **kwargs: Any
    ) -> None:
        settings = TTSSettings(model=None, voice="acme", language=None)
        super().__init__(  # pyright: ignore[reportUnknownMemberType]
            push_start_frame=True, push_stop_frames=True, settings=settings, **kwargs
        )
        self.fails_at, self.fatal, self.reconnects, self.pause = fails_at, fatal, reconnects, pause
        self.asked: list[str] = []
        self.interruptions = self.chunks = 0
        AcmeTTS.made.append(self)

    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame | None, None]:
        self.asked.append(text)
        if self.fails_at and self.fails_at in text:
            await self.push_error(f"cannot say [{text}] with the key sesame-1", force_treat_as_permanent=self.fatal)
            return
        for _ in range(len(text)):
            if self.pause:
                await asyncio.sleep(self.pause)
            self.chunks += 1
            yield TTSAudioRawFrame(bytes(int(2 * LETTER * self.sample_rate)), self.sample_rate, 1, context_id)

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        if isinstance(frame, InterruptionFrame):
            self.interruptions += 1
            await asyncio.sleep(self.reconnects)
        await super().process_frame(frame, direction)


@service("acme.llm")
class AcmeLLM(LLMService[Any]):
    """Repeats what it was told, or calls the function `weather` if that is offered and has not been called yet."""

    Settings = LLMSettings
    contexts: list[LLMContext] = []
    instructions: list[str | None] = []

    def __init__(self, **kwargs: Any) -> None:
        settings = LLMSettings(
            model="acme", system_instruction=None, temperature=None, max_tokens=None, top_p=None, top_k=None,
            frequency_penalty=None, presence_penalty=None, seed=None, filter_incomplete_user_turns=False,
            user_turn_completion_config=None,
        )  # fmt: skip
        super().__init__(settings=settings, **kwargs)  # pyright: ignore[reportUnknownMemberType]

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if not isinstance(frame, LLMContextFrame):
            await self.push_frame(frame, direction)
            return
        context = frame.context
        AcmeLLM.contexts.append(context)
        AcmeLLM.instructions.append(self._settings.system_instruction)  # type: ignore[arg-type]
        last: Any = context.get_messages()[-1]
        await self.push_frame(LLMFullResponseStartFrame())
        if context.tools and last["role"] == "user" and "weather" in last["content"]:
            call = FunctionCallFromLLM("weather", "call-1", {"city": "Oslo"}, context)
            await self.run_function_calls([call])
        else:
            for word in f"You said: {last['content']}".split(" "):
                await self.push_frame(LLMTextFrame(f"{word} "))
        await self.push_frame(LLMFullResponseEndFrame())


@service("acme.stt")
class AcmeSTT(STTService):
    """Hears how many bytes came so far, after each 100 ms of sound, and at the end, what came in all."""

    Settings = STTSettings

    def __init__(self, *, fails_after: int = 0, fatal: bool = False, **kwargs: Any) -> None:
        settings = STTSettings(model=None, language=None)
        super().__init__(settings=settings, ttfs_p99_latency=0.1, **kwargs)  # pyright: ignore[reportUnknownMemberType]
        self.fails_after, self.fatal = fails_after, fatal
        self.bytes = 0

    async def run_stt(self, audio: bytes) -> AsyncGenerator[Frame | None, None]:
        self.bytes += len(audio)
        if self.fails_after and self.bytes >= self.fails_after:
            await self.push_error("no connection", force_treat_as_permanent=self.fatal)
        if self.bytes % (2 * self.sample_rate // 10) == 0:
            yield TranscriptionFrame(str(self.bytes), "", "")

    async def stop(self, frame: EndFrame) -> None:
        await super().stop(frame)
        await self.push_frame(TranscriptionFrame(f"{self.bytes} in all", "", ""))


@service("acme.loud.processor")
class Loud(FrameProcessor):
    """Says everything louder."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        if isinstance(frame, AggregatedTextFrame):
            frame.text = frame.text.upper()
        await self.push_frame(frame, direction)


@service("acme.stubborn.tts")
class Stubborn(AcmeTTS):
    """Hangs when it is closed."""

    async def cancel(self, frame: CancelFrame) -> None:
        await super().cancel(frame)
        await asyncio.get_running_loop().create_future()


@service("acme.offline.tts")
class Offline(AcmeTTS):
    """Cannot be made."""

    def __init__(self, *, allowed: bool = False, **kwargs: Any) -> None:
        if not allowed:
            raise ValueError("voices are made of stone: pass allowed")
        super().__init__(**kwargs)


@service("acme.slow.tts")
class SlowToStart(AcmeTTS):
    """Takes its time to connect."""

    async def setup(self, setup: FrameProcessorSetup) -> None:  # type: ignore[override]
        await super().setup(setup)
        await asyncio.sleep(0.3)


@service("own.tts")
class Own(AcmeTTS):
    """As if it were pipecat's own. leaks: with each sentence, 50 ms of the reply before it, with that one's label."""

    __module__ = "pipecat.services.acme"

    def __init__(self, *, leaks: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.leaks = leaks
        self.before = self.current = ""

    async def run_tts(self, text: str, context_id: str) -> AsyncGenerator[Frame | None, None]:
        if context_id != self.current:
            self.before, self.current = self.current, context_id
        if self.leaks and self.before:
            late = bytes(int(2 * LETTER * self.sample_rate))
            await self.push_frame(TTSAudioRawFrame(late, self.sample_rate, 1, self.before))
        async for frame in super().run_tts(text, context_id):
            yield frame
