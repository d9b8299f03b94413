"""Results of `voicegraph bench` for tests, made of plausible calls."""

from __future__ import annotations

from tests.observe.timelines import plausible
from voicegraph.observe.bench.result import Caller, Machine, Result

MACHINE = Machine(processor="a processor", cores=2, python="CPython 3.11.9", system="Linux 6.1", voicegraph="0.3.0")


def plausible_result(
    seed: int = 0, *, rounds: int = 6, slower: dict[str, float] | None = None, plan: str = "name: front-desk\n"
) -> Result:
    """Two calls a round. slower: factors by node for the time that it takes."""
    return Result(
        command="voicegraph bench graphs/front_desk.yaml",
        graph="front-desk",
        file="graphs/front_desk.yaml",
        plan=plan,
        caller=Caller(told="eight questions", digest="0"),
        machine=MACHINE,
        load=0.25,
        began=1_795_000_000.0,
        rounds=tuple(
            tuple(plausible(9, seed=1000 * seed + 10 * each + call, slower=slower) for call in range(2))
            for each in range(rounds)
        ),
        memory_bytes=123_000_000,
    )
