"""voicegraph with graphs/cloud.yaml: `python -m ...dead_air_voicegraph [SET...]`, such as nodes.tts.recover.stall=1s.

Its language model, its voices and its recovery, as the file has them, on a line that is simulated in real time. Both
voices and the line are at 24 kHz, and turns are asked for outright; what listens to the caller is left out.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from loguru import logger

from benchmarks.contenders.dead_air_shape import QUESTION, RATE, SETTLE, Stretches, main, over, told
from voicegraph import Frame, Recovery, UserTurn, node, phrases
from voicegraph.engine.session import Session, warm
from voicegraph.errors import CallFailed
from voicegraph.graph import compile_plan, load
from voicegraph.graph.plan import Edge, Plan, PlannedNode
from voicegraph.node import node_type
from voicegraph.testing import SimulatedCall
from voicegraph.testing.scripted import ScriptedVAD

GRAPH = Path(__file__).parent.parent.parent / "graphs" / "cloud.yaml"
LINE = {"use": node_type(SimulatedCall).name, "with.plays_at": str(RATE)}
VAD = {"use": node_type(ScriptedVAD).name}


@node("bench.asks")
class Asks:
    """The caller's one turn. asked: gets the loop time of its end."""

    asked: Any

    async def give(self) -> AsyncIterator[UserTurn]:
        await asyncio.sleep(SETTLE)
        self.asked.set_result(asyncio.get_running_loop().time())
        yield UserTurn(QUESTION)


class Steps:
    """An observer that keeps what was done about failures, with its loop time."""

    def __init__(self) -> None:
        self.taken: list[tuple[float, Recovery]] = []

    def given(self, node: str, frame: Frame) -> None:
        if isinstance(frame, Recovery):
            self.taken.append((asyncio.get_running_loop().time(), frame))

    def played(self, turn: int, seconds: float) -> None:
        """The line knows."""

    def told(self, asked: float) -> list[tuple[float, str, str, str]]:
        """When each step was taken, which node failed, what was done, and with whom."""
        return [(at - asked, step.node, step.step, step.to) for at, step in self.taken]


def cloud(*sets: str) -> Plan:
    """The plan of graphs/cloud.yaml on a simulated line."""
    changes = [f"nodes.line.{key}={value}" for key, value in LINE.items()]
    changes += [f"nodes.vad.{key}={value}" for key, value in VAD.items()]
    return compile_plan(load(GRAPH, [*changes, f"nodes.tts.with.rate={RATE}", *sets], ready=False))


def answering(plan: Plan, asked: asyncio.Future[float]) -> Plan:
    """The part of it that answers, and somebody who asks."""
    asks = PlannedNode("asks", node_type(Asks), {"asked": asked})
    parts = ("line", "llm", "sentences", "tts")
    nodes = {"asks": asks, **{name: plan.nodes[name] for name in parts}}
    edges = tuple(edge for edge in plan.edges if {edge.giver, edge.taker} <= set(parts))
    return replace(plan, nodes=nodes, edges=(Edge("asks", "llm", UserTurn), *edges))


async def run(session: Session) -> str:
    """To the call's end. Returns why it could not go on; a call that is lost is a result like any other."""
    try:
        await session.run()
    except CallFailed as failure:
        return str(failure)
    return ""


def heard(line: SimulatedCall) -> Stretches:
    return [(each.at, bytes(each.pcm)) for each in line.heard.stretches]


async def call() -> dict[str, object]:
    asked: asyncio.Future[float] = asyncio.get_running_loop().create_future()
    plan = answering(cloud(*sys.argv[1:]), asked)
    await warm(plan)
    steps = Steps()
    session = Session(plan, observers=(steps,), phrases=phrases.in_memory())
    line: SimulatedCall = session.nodes["line"].instance

    async def listen() -> dict[str, object]:
        at = await asked
        await over(lambda: heard(line), at)
        line.hang_up()
        return told(heard(line), at) | {"steps": steps.told(at)}

    listening = asyncio.create_task(listen())
    lost = await run(session)
    return await listening | {"lost": lost}


if __name__ == "__main__":
    logger.remove()
    main(call, "voicegraph")
