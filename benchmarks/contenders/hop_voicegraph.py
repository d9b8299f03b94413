"""A chain of pass-through nodes in voicegraph: `python hop_voicegraph.py inline|async NODES FRAMES`, CPU seconds."""

from __future__ import annotations

import asyncio
import itertools
import sys
import time
from collections.abc import AsyncIterator

from voicegraph import Audio, node
from voicegraph.engine.session import Session
from voicegraph.graph.plan import Edge, Plan, PlannedNode
from voicegraph.node import node_type

PCM = bytes(640)  # 20 ms at 16 kHz


@node("bench.inline")
def inline(frame: Audio) -> Audio:
    return frame


@node("bench.async")
async def task(frame: Audio) -> Audio:
    return frame


@node("bench.source")
class Source:
    frames: int

    async def give(self) -> AsyncIterator[Audio]:
        for _ in range(self.frames):
            yield Audio(PCM)


@node("bench.sink")
class Sink:
    def __post_init__(self) -> None:
        self.count = 0

    def on_audio(self, frame: Audio) -> None:
        self.count += 1


def chain(kind: object, length: int, frames: int) -> Plan:
    names = ["source", *(f"hop{index}" for index in range(length)), "sink"]
    kinds = [Source, *([kind] * length), Sink]
    nodes = {name: PlannedNode(name, node_type(each)) for name, each in zip(names, kinds, strict=True)}
    nodes["source"] = PlannedNode("source", node_type(Source), {"frames": frames})
    return Plan("hops", nodes, tuple(Edge(a, b, Audio) for a, b in itertools.pairwise(names)))


async def cpu_seconds(plan: Plan, frames: int) -> float:
    session = Session(plan)
    began = time.process_time()
    await session.run()
    took = time.process_time() - began
    assert session.nodes["sink"].instance.count == frames
    return took


if __name__ == "__main__":
    style, length, frames = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    plan = chain({"inline": inline, "async": task}[style], length, frames)
    asyncio.run(cpu_seconds(chain(task, length, 100), 100))  # warm-up
    print(asyncio.run(cpu_seconds(plan, frames)))
