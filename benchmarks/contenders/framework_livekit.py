"""livekit-agents without a room: `python framework_livekit.py turn|idle STYLE COUNT [uvloop]`. Prints one JSON object.

An AgentSession as its documentation has it, with the nodes of its Agent overridden by ones that answer at once: the
transcript is final, the language model gives two sentences, the voice 200 ms of sound for each. tuned: with no delay
before a turn is taken for over, and words alone enough for that; `documented` leaves its defaults.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterable
from typing import Any

from livekit import rtc
from livekit.agents import Agent, AgentSession, llm, stt, tts
from livekit.agents.voice import io

from benchmarks.contenders.framework_shape import Growth, main

RATE = 24_000
SOUND = bytes(2 * RATE // 5)
BETWEEN = 0.5
"""Seconds from a heard answer to the next question."""


class Input(io.AudioInput):
    """A caller who sends no sound, as those of the other contenders."""

    def __init__(self) -> None:
        super().__init__(label="line")

    async def __anext__(self) -> rtc.AudioFrame:
        await asyncio.sleep(3600)
        return rtc.AudioFrame(bytes(1600), 16_000, 1, 800)


class Output(io.AudioOutput):
    """Notes when the first sound of each answer comes, and plays at once."""

    def __init__(self) -> None:
        super().__init__(
            label="line", capabilities=io.AudioOutputCapabilities(pause=False), next_in_chain=None, sample_rate=RATE
        )
        self.first: asyncio.Future[float] | None = None
        self._seconds = 0.0

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        await super().capture_frame(frame)
        self._seconds += frame.duration
        if self.first is not None and not self.first.done():
            self.first.set_result(time.perf_counter())

    def flush(self) -> None:
        super().flush()
        seconds, self._seconds = self._seconds, 0.0
        if seconds:
            self.on_playback_finished(playback_position=seconds, interrupted=False)

    def clear_buffer(self) -> None:
        """Nobody interrupts here."""


class Ears(stt.STT):
    """Never asked, as the agent's own node hears; without one, nobody would."""

    def __init__(self) -> None:
        super().__init__(capabilities=stt.STTCapabilities(streaming=True, interim_results=False))

    async def _recognize_impl(self, *args: Any, **kwargs: Any) -> stt.SpeechEvent:
        raise NotImplementedError


class Brain(llm.LLM):
    """Never asked either."""

    def chat(self, **kwargs: Any) -> llm.LLMStream:
        raise NotImplementedError


class Voice(tts.TTS):
    """Nor this one."""

    def __init__(self) -> None:
        super().__init__(capabilities=tts.TTSCapabilities(streaming=True), sample_rate=RATE, num_channels=1)

    def synthesize(self, *args: Any, **kwargs: Any) -> tts.ChunkedStream:
        raise NotImplementedError


class Instant(Agent):
    """Hears what `words` says, and answers at once."""

    def __init__(self) -> None:
        super().__init__(instructions="none")
        self.words: asyncio.Queue[str] = asyncio.Queue()

    async def stt_node(self, audio: AsyncIterable[rtc.AudioFrame], settings: Any) -> AsyncGenerator[stt.SpeechEvent]:
        async def ignore() -> None:
            async for _ in audio:
                pass

        ignoring = asyncio.create_task(ignore())
        try:
            while True:
                text = await self.words.get()
                alternatives = [stt.SpeechData(language="en", text=text)]
                yield stt.SpeechEvent(type=stt.SpeechEventType.START_OF_SPEECH)
                yield stt.SpeechEvent(type=stt.SpeechEventType.END_OF_SPEECH)
                yield stt.SpeechEvent(type=stt.SpeechEventType.FINAL_TRANSCRIPT, alternatives=alternatives)
        finally:
            ignoring.cancel()

    async def llm_node(self, context: Any, tools: Any, settings: Any) -> AsyncGenerator[str]:
        for word in ("We ", "are ", "open. ", "Come ", "at ", "nine."):
            yield word

    async def tts_node(self, text: AsyncIterable[str], settings: Any) -> AsyncGenerator[rtc.AudioFrame]:
        async for _ in text:
            yield rtc.AudioFrame(SOUND, RATE, 1, len(SOUND) // 2)


async def open_call(style: str) -> tuple[AgentSession[None], Instant, Output]:
    quick: dict[str, Any] = {} if style == "documented" else {"min_endpointing_delay": 0.0}
    session: AgentSession[None] = AgentSession(
        stt=Ears(), llm=Brain(), tts=Voice(), turn_detection="stt", vad=None, **quick
    )
    agent, output = Instant(), Output()
    session.input.audio, session.output.audio = Input(), output
    await session.start(agent)
    return session, agent, output


async def turn(style: str, times: int) -> dict[str, Any]:
    """Milliseconds from the final transcript to the first sound at the line."""
    session, agent, output = await open_call(style)
    taken: list[float] = []
    for number in range(times + 3):
        output.first = asyncio.get_running_loop().create_future()
        asked = time.perf_counter()
        agent.words.put_nowait(f"question {number}")
        taken.append((await asyncio.wait_for(output.first, 10) - asked) * 1000)
        await asyncio.sleep(BETWEEN)
    await session.aclose()
    return {"ms": taken[3:]}


async def idle(style: str, calls: int) -> dict[str, Any]:
    """What a call has that nobody speaks in."""
    first = [await open_call(style) for _ in range(calls)]  # they fill what the imports have left of the heap
    await asyncio.sleep(1.0)
    growth = Growth()
    others = [await open_call(style) for _ in range(calls)]
    growth.started()
    await asyncio.sleep(0.5)
    found = growth.told(calls)
    await asyncio.gather(*(session.aclose() for session, _, _ in [*first, *others]))
    return found


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    main({"turn": turn, "idle": idle})
