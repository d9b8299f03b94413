"""Plans made by hand, a line that plays at once, and what happened on them. For the tests of the engine."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Mapping
from typing import Any

from voicegraph import Audio, Call, Frame, SpeechStarted, SpeechStopped, Transcript, TTSAudio, node, this_call
from voicegraph.engine.jumping import JumpingLoop
from voicegraph.engine.session import Session
from voicegraph.frames import FRAME_TYPES
from voicegraph.graph.plan import Edge, Plan, PlannedNode
from voicegraph.node import node_type


def plan(nodes: Mapping[str, Any], *flow: str, config: Mapping[str, dict[str, Any]] | None = None) -> Plan:
    """A plan of these node classes and functions. flow: chains such as "line -> stt -> llm"."""
    planned = {name: PlannedNode(name, node_type(each), (config or {}).get(name, {})) for name, each in nodes.items()}
    line = next((name for name, each in planned.items() if each.kind.line), None)
    edges: list[Edge] = []
    for chain in flow:
        names = chain.split(" -> ")
        for giver, taker in itertools.pairwise(names):
            both = planned[giver].kind.gives & planned[taker].kind.takes
            assert both, f"{giver} gives nothing that {taker} takes"
            edges += [Edge(giver, taker, frame_type) for frame_type in FRAME_TYPES.values() if frame_type in both]
    return Plan("test", planned, tuple(edges), line=line)


class Log:
    """An observer that keeps what every node gave, and when."""

    def __init__(self) -> None:
        self.frames: list[tuple[str, Frame]] = []
        self.times: list[float] = []

    def given(self, node: str, frame: Frame) -> None:
        self.frames.append((node, frame))
        self.times.append(asyncio.get_running_loop().time())

    def played(self, turn: int, seconds: float) -> None:
        """The tests ask the ledger."""

    def of(self, frame_type: type[Frame]) -> list[Any]:
        return [frame for _, frame in self.frames if type(frame) is frame_type]


def run(made: Plan, **options: Any) -> tuple[Session, Log]:
    """Runs one call to its end on a loop of its own."""

    async def call() -> tuple[Session, Log]:
        log = Log()
        session = Session(made, seed=1, observers=(log,), **options)
        async with asyncio.timeout(10):
            await session.run()
        return session, log

    return asyncio.run(call())


@node("test.line", line=True, live=False)
class TestLine:
    """A caller who says nothing but `frames` frames of silence, and hears everything at once."""

    __test__ = False
    frames: int = 3
    call: Call = this_call()

    def __post_init__(self) -> None:
        self.heard: list[TTSAudio] = []
        self.times: list[float] = []
        self.events: list[str] = []
        self.seconds: dict[int, float] = {}

    async def listen(self) -> AsyncIterator[Audio | SpeechStarted | SpeechStopped | Transcript]:
        for index in range(self.frames):
            yield Audio(bytes(640), at=index * 0.02)

    async def play(self, audio: TTSAudio) -> None:
        self.heard.append(audio)
        self.seconds[audio.turn] = self.seconds.get(audio.turn, 0.0) + audio.seconds
        self.call.played(audio.turn, self.seconds[audio.turn])

    def clear(self) -> None:
        self.events.append("clear")

    async def drain(self) -> None:
        self.events.append("drain")


@node("test.script", line=True, live=False)
class ScriptedLine(TestLine):
    """Gives the frames of `script` with pauses between, in seconds; plays in real time."""

    script: list[Any]

    async def listen(self) -> AsyncIterator[Audio | SpeechStarted | SpeechStopped | Transcript]:
        for step in self.script:
            if isinstance(step, float):
                await asyncio.sleep(step)
            else:
                yield step

    async def play(self, audio: TTSAudio) -> None:
        self.heard.append(audio)
        self.times.append(self.call.now())
        await asyncio.sleep(audio.seconds)
        self.seconds[audio.turn] = self.seconds.get(audio.turn, 0.0) + audio.seconds
        self.call.played(audio.turn, self.seconds[audio.turn])


def jumping(made: Plan) -> tuple[Session, Log]:
    """Runs one call on a loop whose clock jumps over the pauses."""

    async def go() -> tuple[Session, Log]:
        log = Log()
        session = Session(made, observers=(log,))
        async with asyncio.timeout(60):
            await session.run()
        return session, log

    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        return runner.run(go())
