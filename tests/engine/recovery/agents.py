"""Whole agents of scripted parts, of which some fail, and a simulated caller who asks them something."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any

from tests.engine.calls import plan as planned
from tests.testing.directed import Done, directed, passing
from voicegraph import Call, Recovery, Sentence, TTSAudio, node, this_call
from voicegraph.engine.session import Session
from voicegraph.graph.plan import Plan, PlannedNode, Recover
from voicegraph.node import node_type
from voicegraph.processors.aggregator import Aggregator
from voicegraph.processors.sentences import Sentences
from voicegraph.testing import SimulatedCall
from voicegraph.testing.faults import Fault, Faults, strike
from voicegraph.testing.latency import pass_time
from voicegraph.testing.scripted import Says, ScriptedLLM, ScriptedSTT, ScriptedTTS, ScriptedVAD
from voicegraph.testing.speech import utter_words

QUESTION = "When are you open on Saturdays please"
ANSWER = "We are open from nine to five on weekdays, and on Saturdays until noon. Is there anything else?"
RATE = 16_000
SAYS = (Says(text=ANSWER),)

NODES: dict[str, Any] = {
    "line": SimulatedCall,
    "vad": ScriptedVAD,
    "stt": ScriptedSTT,
    "aggregator": Aggregator,
    "llm": ScriptedLLM,
    "sentences": Sentences,
    "tts": ScriptedTTS,
}
FLOW = ("line -> vad -> aggregator -> llm -> sentences -> tts -> line", "line -> stt -> aggregator", "vad -> stt")
CONFIG: dict[str, dict[str, Any]] = {
    "line": {"plays_at": RATE},
    "llm": {"says": SAYS},
    "tts": {"rate": RATE},
}


@node("test.recovery.streaming")
class StreamingVoice:
    """A voice with one connection for all sentences of a reply. It takes the next ones in while it speaks."""

    first: float = 0.1
    faults: tuple[Fault, ...] = ()
    call: Call = this_call()

    def __post_init__(self) -> None:
        self._faults = Faults(("error", "hang", "stall", "die", "silence"), self.faults)
        self._turn = 0
        self._number = 0
        self.closed = 0

    async def speak(self, sentences: AsyncIterator[Sentence]) -> AsyncIterator[TTSAudio]:
        fault = self._faults.next()
        texts: asyncio.Queue[Sentence | None] = asyncio.Queue()

        async def take_in() -> None:
            async for sentence in sentences:
                texts.put_nowait(sentence)
            texts.put_nowait(None)

        taking = asyncio.create_task(take_in())
        seconds = 0.0
        try:
            while (sentence := await texts.get()) is not None:
                if fault is not None and fault.kind in ("error", "hang", "silence"):
                    await strike(fault)
                    return
                await pass_time(self.first)
                for word, pcm in self._words(sentence):
                    if fault is not None and seconds >= float(fault.after or 0.5):
                        await strike(fault)
                    await pass_time(0.01)
                    seconds += len(pcm) / (2 * RATE)
                    yield TTSAudio(pcm, RATE, word)
        finally:
            taking.cancel()
            self.closed += 1

    def _words(self, sentence: Sentence) -> list[tuple[str, bytes]]:
        if sentence.turn != self._turn:
            self._turn, self._number = sentence.turn, 0
        made = list(utter_words(sentence.text, rate=RATE, origin=self._turn, number=self._number))
        self._number += 50 * len(made)
        return made


def agent(
    *,
    recover: Mapping[str, Recover],
    standby: Mapping[str, Any] | None = None,
    nodes: Mapping[str, Any] | None = None,
    config: Mapping[str, dict[str, Any]] | None = None,
    **more: Any,
) -> Plan:
    """A plan of scripted parts. standby: the node types that stand by. config: over what the parts are told anyway."""
    told = {name: CONFIG.get(name, {}) | (config or {}).get(name, {}) for name in {**CONFIG, **(config or {})}}
    parts = {**NODES, **(nodes or {})}
    made = planned(parts, *FLOW, config={name: told.get(name, {}) for name in parts})
    backups = {
        name: PlannedNode(name, node_type(each), told.get(name, {}), recover.get(name))
        for name, each in (standby or {}).items()
    }
    flow = {name: replace(each, recover=recover.get(name)) for name, each in made.nodes.items()}
    return replace(made, nodes=flow, standby=backups, **more)


def ask(plan: Plan, *texts: str, seconds: float = 12.0, before: float = 0.5, seed: int = 1, **options: Any) -> Done:
    """The caller asks each of these, and waits so long for the answer. before: seconds until they begin to speak."""

    async def direct(line: SimulatedCall, session: Session) -> None:
        for text in texts or (QUESTION,):
            await passing(line, before)
            line.say(text)
            await passing(line, seconds)

    return directed(plan, direct, seed=seed, **options)


def heard(done: Done, turn: int = 1) -> str:
    """What the caller has heard of a reply, as the sound itself tells."""
    return done.line.heard.text(turn)


def steps(done: Done) -> list[tuple[str, str, str]]:
    """What was done about failures: node, step, to."""
    return [(frame.node, frame.step, frame.to) for _, frame in done.log.frames if isinstance(frame, Recovery)]


def gaps(done: Done) -> list[float]:
    """Silences between the stretches of sound that the caller heard, in seconds."""
    spans = [(each.at, each.at + len(each.pcm) / (2 * RATE)) for each in done.line.heard.stretches]
    return [round(after[0] - before[1], 3) for before, after in pairwise(spans)]
