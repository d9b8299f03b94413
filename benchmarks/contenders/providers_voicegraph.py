"""Our nodes on the engine, between a source and a sink: `python -m ...providers_voicegraph CASE WAY`.

way: `node`, or `timestamps` for that of elevenlabs.http which asks when each word begins.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

from loguru import logger

from benchmarks.contenders.providers_shape import CALLER_RATE, FRAME, QUESTION, SENTENCE, Record, main
from voicegraph import Audio, Sentence, SpeechStopped, Token, Transcript, TTSAudio, UserTurn, node
from voicegraph.engine.session import Session, warm
from voicegraph.frames import FRAME_TYPES
from voicegraph.graph.plan import Edge, Plan, PlannedNode
from voicegraph.node import node_type
from voicegraph.processors.deepgram_flux import DeepgramFlux
from voicegraph.processors.deepgram_stt import DeepgramSTT
from voicegraph.processors.elevenlabs_http import ElevenLabsHTTP
from voicegraph.processors.elevenlabs_tts import ElevenLabsTTS
from voicegraph.processors.openai_chat import OpenAIChat
from voicegraph.processors.openai_tts import OpenAITTS

logger.remove()


@node("bench.turns")
class Turns:
    """Asks, and asks again when the whole answer is there."""

    record: Any

    async def give(self) -> AsyncIterator[UserTurn]:
        async for _ in self.record.answers():
            yield UserTurn(QUESTION)


@node("bench.says")
def says(turn: UserTurn) -> Sentence:
    return Sentence(SENTENCE)


@node("bench.caller")
class Caller:
    """Speaks, and falls silent."""

    record: Any
    marked: bool

    async def give(self) -> AsyncIterator[Audio | SpeechStopped]:
        at = 0.0
        async for pcm in self.record.speech(marked=self.marked):
            if pcm is None:
                yield SpeechStopped(at)
            else:
                yield Audio(pcm, CALLER_RATE, at)
                at += FRAME


@node("bench.sink")
class Sink:
    record: Any

    def on_token(self, token: Token) -> None:
        self.record.token(token.text)

    def on_sound(self, audio: TTSAudio) -> None:
        self.record.sound(audio.pcm)

    def on_transcript(self, transcript: Transcript) -> None:
        if transcript.final:
            self.record.final(transcript.text)


async def run(record: Record, *nodes: tuple[Any, dict[str, Any]]) -> None:
    """A chain of these, and a sink."""
    planned = [PlannedNode(node_type(kind).name, node_type(kind), config) for kind, config in nodes]
    planned.append(PlannedNode("sink", node_type(Sink), {"record": record}))
    edges = [
        Edge(giver.name, taker.name, frame)
        for giver, taker in pairwise(planned)
        for frame in FRAME_TYPES.values()
        if frame in giver.kind.gives & taker.kind.takes
    ]
    plan = Plan("providers", {each.name: each for each in planned}, tuple(edges))
    await warm(plan)
    session = Session(plan)
    await session.run()
    assert not session.faults, session.faults


async def chat(way: str, record: Record) -> None:
    await run(record, (Turns, {"record": record}), (OpenAIChat, {}))


def hears(kind: Any, *, marked: bool) -> Any:
    async def measure(way: str, record: Record) -> None:
        await run(record, (Caller, {"record": record, "marked": marked}), (kind, {}))

    return measure


def speaks(kind: Any) -> Any:
    async def measure(way: str, record: Record) -> None:
        config = {"timestamps": True} if way == "timestamps" else {}
        await run(record, (Turns, {"record": record}), (says, {}), (kind, config))

    return measure


if __name__ == "__main__":
    main(
        {
            "deepgram.stt": hears(DeepgramSTT, marked=False),
            "deepgram.flux": hears(DeepgramFlux, marked=True),
            "openai.chat": chat,
            "openai.tts": speaks(OpenAITTS),
            "elevenlabs.tts": speaks(ElevenLabsTTS),
            "elevenlabs.http": speaks(ElevenLabsHTTP),
        }
    )
