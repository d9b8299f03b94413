"""livekit-agents with tts.FallbackAdapter: `python -m ...dead_air_livekit WAY`. Needs neither voicegraph nor a server.

way: `documented`, as its page on fallback strategies has it; `tuned`, with what it lets one set for a quick fall-back,
no retries and half a second for the first sound; or `sentences`, that and a request over HTTP for each sentence.
An AgentSession without a room, so the line is an AudioOutput. Otherwise its ElevenLabs plugin speaks over the
multi-context WebSocket, which it opens ahead; its OpenAI plugin always asks for a sentence at a time.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys

import aiohttp
from livekit import rtc
from livekit.agents import Agent, AgentSession, APIConnectOptions, tts
from livekit.agents.voice import io
from livekit.agents.voice.agent_session import SessionConnectOptions
from livekit.plugins import elevenlabs, openai

from benchmarks.contenders.dead_air_shape import QUESTION, RATE, SETTLE, SYSTEM, VOICE, Line, main, over, told

QUICK = 0.5
"""Seconds to the first sound, in the `tuned` way."""


class Output(io.AudioOutput):
    """Tells when a reply has been played, as a room's does."""

    def __init__(self, line: Line) -> None:
        super().__init__(
            label="line", capabilities=io.AudioOutputCapabilities(pause=False), next_in_chain=None, sample_rate=RATE
        )
        self._line = line
        self._seconds = 0.0

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        await super().capture_frame(frame)
        self._line.add(bytes(frame.data))
        self._seconds += frame.duration

    def flush(self) -> None:
        super().flush()
        seconds, self._seconds = self._seconds, 0.0
        if seconds:
            asyncio.get_running_loop().call_at(self._line.end, self._finished, seconds)

    def clear_buffer(self) -> None:
        """Nobody interrupts here."""

    def _finished(self, seconds: float) -> None:
        self.on_playback_finished(playback_position=seconds, interrupted=False)


def voice(http: aiohttp.ClientSession, way: str) -> tts.TTS:
    primary = elevenlabs.TTS(
        voice_id=VOICE,
        encoding=f"pcm_{RATE}",  # type: ignore[arg-type]
        api_key=os.environ["ELEVENLABS_API_KEY"],
        base_url=f"{os.environ['ELEVENLABS_BASE_URL']}/v1",
        http_session=http,
    )
    both: list[tts.TTS] = [primary, openai.TTS(response_format="pcm")]
    if way == "documented":
        return tts.FallbackAdapter(both)
    adapter = tts.FallbackAdapter(both, max_retry_per_tts=0)
    return tts.StreamAdapter(tts=adapter) if way == "sentences" else adapter


async def call() -> dict[str, object]:
    way = sys.argv[1]
    line = Line()
    quick = SessionConnectOptions(tts_conn_options=APIConnectOptions(max_retry=0, timeout=QUICK))
    async with aiohttp.ClientSession() as http:
        session: AgentSession[None] = AgentSession(
            llm=openai.LLM(model="gpt-4.1-mini"),
            tts=voice(http, way),
            vad=None,
            **({} if way == "documented" else {"conn_options": quick}),
        )
        session.output.audio = Output(line)
        await session.start(Agent(instructions=SYSTEM))
        await asyncio.sleep(SETTLE)
        asked = asyncio.get_running_loop().time()
        session.generate_reply(user_input=QUESTION)
        await over(line.stretches, asked)
        result = told(line.stretches(), asked)
        await session.aclose()
    return result


if __name__ == "__main__":
    logging.disable(logging.CRITICAL if "-v" not in sys.argv else logging.NOTSET)
    main(call, "livekit-agents", "livekit-plugins-elevenlabs", "livekit-plugins-openai")
