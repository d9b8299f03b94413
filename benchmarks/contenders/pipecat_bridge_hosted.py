"""pipecat's services as nodes: `python -m ...pipecat_bridge_hosted CASE WAY`, or CASE `interrupts` and a count.

The chain is that of providers_voicegraph.py, with the service of providers_pipecat.py hosted in it.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

from pipecat.frames.frames import Frame, InterruptionFrame
from pipecat.processors.frame_processor import FrameDirection
from pipecat.services.elevenlabs.tts import ElevenLabsTTSService

from benchmarks.contenders.plans import plan_of
from benchmarks.contenders.providers_shape import QUESTION, SENTENCE, VOICE, Record, main, now
from benchmarks.contenders.providers_voicegraph import Caller, Turns, run, says
from voicegraph import (
    Audio,
    Call,
    Interrupt,
    Sentence,
    SpeechStarted,
    SpeechStopped,
    TTSAudio,
    UserTurn,
    node,
    this_call,
)
from voicegraph.engine.session import Session, warm
from voicegraph.pipecat_services import service
from voicegraph.processors.pipecat_processor import PipecatProcessor

TALK = 0.25
"""Seconds between the end of the caller's speech and the interrupt: in the midst of the reply's sound."""
PAUSE = 0.5
"""Seconds from an interrupt to the next question: the vendor makes all sound of closed contexts, and has room for 5."""
RECONNECTS = 0.2
"""Seconds that the slow service takes to let go of a reply."""

SERVICES: dict[str, dict[str, Any]] = {
    "deepgram.stt": {"service": "deepgram.stt"},
    "deepgram.flux": {"service": "deepgram.flux.stt"},
    "openai.chat": {"service": "openai.llm", "settings": {"model": "gpt-4.1-mini"}},
    "openai.tts": {"service": "openai.tts", "settings": {"voice": "alloy"}},
    "elevenlabs.tts": {"service": "elevenlabs.tts", "settings": {"voice": VOICE, "sample_rate": 16_000}},
    "elevenlabs.http": {
        "service": "elevenlabs.http.tts",
        "settings": {"voice": VOICE, "model": "eleven_flash_v2_5", "sample_rate": 16_000},
    },
}
SERVICES["bench.tts"] = {
    "service": "bench.tts",
    "settings": {
        **SERVICES["elevenlabs.tts"]["settings"],
        "api_key": os.environ.get("ELEVENLABS_API_KEY", ""),
        "url": f"ws{os.environ.get('ELEVENLABS_BASE_URL', '')[4:]}",
    },
}


@service("bench.tts")
class Reconnects(ElevenLabsTTSService):
    """One that connects anew at each interrupt, as those must whose messages do not say what they belong to."""

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        if isinstance(frame, InterruptionFrame):
            await asyncio.sleep(RECONNECTS)
        await super().process_frame(frame, direction)


def answers(case: str) -> Callable[[str, Record], Coroutine[Any, Any, None]]:
    async def measure(way: str, record: Record) -> None:
        hosted = (PipecatProcessor, SERVICES[case])
        if case.startswith("deepgram"):
            await run(record, (Caller, {"record": record, "marked": case == "deepgram.flux"}), hosted)
        elif case == "openai.chat":
            await run(record, (Turns, {"record": record}), hosted)
        else:
            await run(record, (Turns, {"record": record}), (says, {}), hosted)

    return measure


# --- interrupts -------------------------------------------------------------------------------------------------------


@node("bridge.line", line=True)
class Line:
    """A caller who asks, lets the agent begin, and interrupts. Sound is heard in real time."""

    count: int
    took: Any
    call: Call = this_call()

    def __post_init__(self) -> None:
        self.decided = self.stale = 0.0
        self._voiced = asyncio.Event()

    async def listen(self) -> AsyncIterator[Audio | SpeechStarted | SpeechStopped]:
        for number in range(self.count):
            self._voiced.clear()
            yield SpeechStopped(at=0.0)
            await self._voiced.wait()
            await asyncio.sleep(TALK * (0.2 + 0.8 * (number % 10) / 10))
            self.decided = now()
            yield SpeechStarted(at=0.0)
            await asyncio.sleep(PAUSE)
        self.call.hang_up("measured")

    async def play(self, audio: TTSAudio) -> None:
        self._voiced.set()
        await asyncio.sleep(audio.seconds)

    def clear(self) -> None:
        self.took.append(now() - self.decided)

    async def drain(self) -> None:
        """Nobody listens to the end."""


@node("bridge.decides")
def decides(frame: SpeechStarted | SpeechStopped) -> UserTurn | Interrupt:
    return Interrupt() if isinstance(frame, SpeechStarted) else UserTurn(QUESTION)


@node("bridge.talks")
async def talks(turn: UserTurn) -> AsyncIterator[Sentence]:
    """More than is heard."""
    yield Sentence(SENTENCE)


async def interrupts(name: str, count: int) -> None:
    """Prints how long each took, from the caller's speech to the line's `clear`, in seconds."""
    took: list[float] = []
    nodes: dict[str, tuple[Any, dict[str, Any]]] = {
        "line": (Line, {"count": count, "took": took}),
        "decides": (decides, {}),
        "talks": (talks, {}),
        "tts": (PipecatProcessor, SERVICES[name]),
    }
    plan = plan_of(nodes, "line -> decides -> talks -> tts -> line")
    await warm(plan)
    session = Session(plan)
    await session.run()
    print(json.dumps({"took": took[:count], "faults": [str(fault) for _, fault in session.faults]}), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "interrupts":
        asyncio.run(interrupts(sys.argv[2], int(sys.argv[3])))
    else:
        main({case: answers(case) for case in SERVICES})
