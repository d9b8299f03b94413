"""Interrupts of a reply that never ends, in voicegraph: `python -m ...interrupts_voicegraph CASE COUNT LOOP`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from loguru import logger

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
from benchmarks.contenders.plans import plan_of
from voicegraph import (
    Audio,
    Call,
    Interrupt,
    Sentence,
    SpeechStarted,
    SpeechStopped,
    Token,
    TTSAudio,
    UserTurn,
    node,
    this_call,
)
from voicegraph.audio.g711 import decode_mulaw, encode_mulaw
from voicegraph.engine.session import Session

logger.remove()
LEAD = 0.2
SAMPLES = int(CHUNK * RATE)


@node("interrupts.line", line=True)
class Line:
    """A telephone: takes 200 ms of sound ahead of what is being heard."""

    record: Any
    count: int
    call: Call = this_call()

    def __post_init__(self) -> None:
        self.waiting: Any = None
        self._end = 0.0

    async def listen(self) -> AsyncIterator[Audio | SpeechStarted | SpeechStopped]:
        async for step in talk(self.record, self.count, self.waiting):
            yield SpeechStopped(at=0.0) if step == "stopped" else SpeechStarted(at=0.0)
        self.call.hang_up("measured")

    async def play(self, audio: TTSAudio) -> None:
        self.record.sound(encode_mulaw(audio.pcm[:2])[0])
        await asyncio.sleep(self._end - LEAD - self.call.now())
        self._end = max(self._end, self.call.now()) + audio.seconds

    def clear(self) -> None:
        self._end = self.call.now()
        self.record.clear()
        self.record.send_clear()

    async def drain(self) -> None:
        """Nobody listens to the end."""


@node("interrupts.decides")
class Decides:
    """Speech interrupts; its end is a turn."""

    record: Any

    async def listen(self, frames: AsyncIterator[SpeechStarted | SpeechStopped]) -> AsyncIterator[UserTurn | Interrupt]:
        async for frame in frames:
            if isinstance(frame, SpeechStarted):
                self.record.decide()
                yield Interrupt()
            else:
                yield UserTurn(str(self.record.turn))


@node("interrupts.llm")
class LLM:
    """Says the number of the turn for ever."""

    slow: bool

    async def on_turn(self, turn: UserTurn) -> AsyncIterator[Token]:
        async with CleanUp(self.slow):
            while True:
                await asyncio.sleep(TOKEN)
                yield Token(turn.text)


@node("interrupts.sentences")
class Sentences:
    """A sentence for each token."""

    slow: bool

    async def split(self, tokens: AsyncIterator[Token]) -> AsyncIterator[Sentence]:
        async with CleanUp(self.slow):
            async for token in tokens:
                await asyncio.sleep(SPLIT)
                yield Sentence(token.text)


@node("interrupts.tts")
class TTS:
    """A chunk of sound for each sentence."""

    case: str

    async def speak(self, sentence: Sentence) -> AsyncIterator[TTSAudio]:
        async with CleanUp(self.case == "tts"):
            try:
                if self.case == "background":
                    yield await self._from_behind(sentence)
                else:
                    await asyncio.sleep(SPEAK)
                    yield sound(sentence)
            except (asyncio.CancelledError, GeneratorExit):
                if self.case == "insists":
                    for _ in range(3):
                        yield sound(sentence)
                raise

    async def _from_behind(self, sentence: Sentence) -> TTSAudio:
        """What a task of its own brings, which nobody cancels. A node can give only here: there is no other way out."""
        socket: asyncio.Queue[TTSAudio] = asyncio.Queue()
        asyncio.get_running_loop().call_later(BEHIND, socket.put_nowait, sound(sentence))
        return await socket.get()


def sound(sentence: Sentence) -> TTSAudio:
    return TTSAudio(decode_mulaw(bytes([code_of(int(sentence.text))]) * SAMPLES), rate=RATE)


async def measure(case: str, count: int) -> Record:
    record = Record()
    nodes: dict[str, Any] = {
        "line": (Line, {"record": record, "count": count}),
        "decides": (Decides, {"record": record}),
        "llm": (LLM, {"slow": case == "llm"}),
        "sentences": (Sentences, {"slow": case == "sentences"}),
        "tts": (TTS, {"case": case}),
    }
    session = Session(plan_of(nodes, " -> ".join((*nodes, "line"))), seed=1)
    session.nodes["line"].instance.waiting = lambda: {
        name: sum(len(lane.inbox) for lane in session.nodes[name].lanes) for name in ("sentences", "tts", "line")
    }
    await session.run()
    return record


if __name__ == "__main__":
    main(measure)
