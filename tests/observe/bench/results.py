"""Results for tests, made of plausible calls."""

from __future__ import annotations

from msgspec.structs import replace

from tests.observe.timelines import plausible
from voicegraph.observe.bench.result import Caller, Cost, Machine, Result
from voicegraph.observe.timeline import Timeline

HERE = Machine(processor="A CPU", cores=2, python="CPython 3.11.9", system="Linux x86_64", voicegraph="0.7.0")


def result(*rounds: tuple[Timeline, ...], **changes: object) -> Result:
    """Of these rounds."""
    first = next((call for calls in rounds for call in calls), plausible(2))
    made = Result(
        command="voicegraph bench graphs/front_desk.yaml",
        graph=first.graph,
        plan="name: front-desk\nnodes:\n  llm: openai.chat\n",
        caller=Caller(told="question.wav", digest="c"),
        machine=HERE,
        load=0.1,
        nodes=tuple(node.name for node in first.nodes if not node.converter),
        wires=first.wires,
        rounds=rounds,
    )
    return replace(made, **changes)


def plausible_result(rounds: int = 10, *, seed: int = 0, slower: dict[str, float] | None = None) -> Result:
    """So many rounds of a call each. slower: factors by node."""
    return result(*((plausible(7, seed=seed + number, slower=slower),) for number in range(rounds)))


def cost(own: float, framework: float = 2e-6, frames: int = 1_000) -> Cost:
    """own, framework: seconds of CPU for each frame."""
    empty = 1.0 + framework * frames
    return Cost(frames=frames, turns=10, source=1.0, empty=empty, node=empty + own * frames)
