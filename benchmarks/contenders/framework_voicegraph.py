"""voicegraph alone: `python framework_voicegraph.py calls|idle|turn STYLE COUNT [uvloop]`. Prints one JSON object.

calls: CPU of COUNT calls in one process, each ten nodes and 50 frames of 20 ms a second. STYLE: `def`, ten nodes that
only compute; `mixed`, six of them and four asynchronous ones, which is what agents are; `async`, ten of these.
idle: what each of COUNT calls has, in which nothing is said; STYLE may also be `agent`, the graph of `turn`.
turn: from a final transcript to the first sound at the line, through the real aggregator and sentence splitter, with a
model and a voice that answer at once; `words` lets a final transcript end the turn, `documented` leaves the
aggregator's half second of silence.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator
from typing import Any

from benchmarks.contenders.framework_shape import SECONDS, Growth, main
from benchmarks.contenders.hop_voicegraph import PCM, Sink, inline, task
from voicegraph import (
    Audio,
    Call,
    Sentence,
    SpeechStarted,
    SpeechStopped,
    Token,
    Transcript,
    TTSAudio,
    UserTurn,
    node,
    this_call,
)
from voicegraph.engine.session import Session
from voicegraph.frames import EndOfTurn
from voicegraph.graph.plan import Edge, Plan, PlannedNode
from voicegraph.node import node_type

SOUND = bytes(2 * 24_000 // 5)
STYLES = {"def": "ssssssssss", "mixed": "sasssasasa", "async": "aaaaaaaaaa"}


@node("bench.paced")
class Paced:
    """20 ms of sound every 20 ms, for so many seconds. late: seconds; calls do not all begin in one instant."""

    seconds: float
    late: float
    call: Call = this_call()

    async def give(self) -> AsyncIterator[Audio]:
        began = self.call.now() + self.late
        for index in range(round(self.seconds * 50)):
            await asyncio.sleep(began + index * 0.02 - self.call.now())
            yield Audio(PCM)


@node("bench.silent")
class Silent:
    async def give(self) -> AsyncIterator[Audio]:
        await asyncio.sleep(3600)
        yield Audio(PCM)


def chain(style: str, first: Any, config: dict[str, Any]) -> Plan:
    kinds = [first, *({"s": inline, "a": task}[each] for each in STYLES[style]), Sink]
    names = ["source", *(f"node{index}" for index in range(10)), "sink"]
    nodes = {name: PlannedNode(name, node_type(kind)) for name, kind in zip(names, kinds, strict=True)}
    nodes["source"] = PlannedNode("source", node_type(first), config)
    return Plan("bench", nodes, tuple(Edge(a, b, Audio) for a, b in itertools.pairwise(names)))


async def calls(style: str, count: int) -> dict[str, Any]:
    lates = (0.02 * index / count for index in range(count))
    sessions = [Session(chain(style, Paced, {"seconds": SECONDS, "late": late})) for late in lates]
    clock = asyncio.get_running_loop().time
    began, since = time.process_time(), clock()
    await asyncio.gather(*(session.run() for session in sessions))
    took, behind = time.process_time() - began, clock() - since - SECONDS
    assert all(session.nodes["sink"].instance.count == SECONDS * 50 for session in sessions)
    return {"cpu_ms_per_call_second": took * 1000 / count / SECONDS, "behind_ms": behind * 1000}


async def idle(style: str, count: int) -> dict[str, Any]:
    plan = agent(style) if style == "agent" else chain(style, Silent, {})
    running = [asyncio.create_task(Session(plan).run()) for _ in range(count)]  # they fill what is left of the heap
    await asyncio.sleep(0.2)
    growth = Growth()
    running += [asyncio.create_task(Session(plan).run()) for _ in range(count)]
    await asyncio.sleep(0.5)  # all of it is in the start's figure: nobody says here when a call is whole
    found = growth.told(count)
    for call in running:
        call.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    return found


@node("bench.line", line=True)
class Line:
    """Gives the words of `ask`, and notes when it first hears an answer."""

    call: Call = this_call()

    def __post_init__(self) -> None:
        self.words: asyncio.Queue[str | None] = asyncio.Queue()
        self.first: asyncio.Future[float] | None = None
        self._heard: dict[int, float] = {}
        self._at = 0.0

    async def listen(self) -> AsyncIterator[Audio | SpeechStarted | SpeechStopped | Transcript | EndOfTurn]:
        while (text := await self.words.get()) is not None:
            self._at += 1.0
            yield SpeechStarted(at=self._at)
            yield SpeechStopped(at=self._at + 0.5)
            yield EndOfTurn(at=self._at + 0.5)
            yield Transcript(text, start=self._at, end=self._at + 0.5)

    async def play(self, audio: TTSAudio) -> None:
        if self.first is not None and not self.first.done():
            self.first.set_result(time.perf_counter())
        self._heard[audio.turn] = self._heard.get(audio.turn, 0.0) + audio.seconds
        self.call.played(audio.turn, self._heard[audio.turn])

    def clear(self) -> None: ...

    async def drain(self) -> None: ...


@node("bench.llm")
async def llm(turn: UserTurn) -> AsyncIterator[Token]:
    for word in ("We ", "are ", "open. ", "Come ", "at ", "nine."):
        yield Token(word)


@node("bench.tts")
async def tts(sentences: AsyncIterator[Sentence]) -> AsyncIterator[TTSAudio]:
    async for sentence in sentences:
        yield TTSAudio(SOUND, 24_000, sentence.text)


def agent(style: str) -> Plan:
    import voicegraph.processors  # noqa: F401 - the aggregator and the splitter
    from benchmarks.contenders.plans import plan_of
    from voicegraph.node import lookup

    config: dict[str, Any] = {} if style == "documented" else {"end_silence": "0ms"}
    nodes = {
        "line": (Line, {}),
        "aggregator": (lookup("aggregator").target, config),
        "llm": (llm, {}),
        "sentences": (lookup("sentences").target, {}),
        "tts": (tts, {}),
    }
    return plan_of(nodes, "line -> aggregator -> llm -> sentences -> tts -> line")


async def turn(style: str, count: int) -> dict[str, Any]:
    """Milliseconds."""
    session = Session(agent(style))
    running = asyncio.create_task(session.run())
    await asyncio.sleep(0.2)
    line: Line = session.nodes["line"].instance
    taken: list[float] = []
    for number in range(count + 3):
        line.first = asyncio.get_running_loop().create_future()
        asked = time.perf_counter()
        line.words.put_nowait(f"question {number}")
        taken.append((await asyncio.wait_for(line.first, 10) - asked) * 1000)
        await asyncio.sleep(0.5)
    line.words.put_nowait(None)
    await running
    return {"ms": taken[3:]}


if __name__ == "__main__":
    main({"calls": calls, "idle": idle, "turn": turn})
