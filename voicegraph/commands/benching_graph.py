"""`voicegraph bench GRAPH`: makes the calls."""

from __future__ import annotations

import asyncio
import shlex
import sys
import time
from typing import TYPE_CHECKING

from msgspec.structs import replace

from voicegraph.commands import terminal
from voicegraph.commands.benching import Asked, Calls, find_calls
from voicegraph.commands.benching_result import Old, Outcome, bar
from voicegraph.commands.opening import phrase_store, pull_models, warm_up
from voicegraph.commands.placing import Places
from voicegraph.engine.jumping import JumpingLoop
from voicegraph.errors import VoicegraphError
from voicegraph.graph import Graph, load
from voicegraph.graph.expand import long_form
from voicegraph.observe.bench import machine
from voicegraph.observe.bench.budgets import broken, judge
from voicegraph.observe.bench.calls import Planned, Rounds, make
from voicegraph.observe.bench.compare import check
from voicegraph.observe.bench.figures import figures
from voicegraph.observe.bench.result import Mode, Result, Yardstick
from voicegraph.observe.bench.yardstick import yardstick
from voicegraph.observe.timeline import Timeline
from voicegraph.testing.conversations import running
from voicegraph.testing.virtual import run_virtual

if TYPE_CHECKING:
    from collections.abc import Callable

Round = tuple[tuple[Timeline, ...], Yardstick]

BUSY = 0.5
"""Processes a core that want to run already; above it, figures tell of them as well."""


def measure(asked: Asked, turns: int, rounds: int, old: Old | None, *, fast: bool, offline: bool) -> Outcome:
    """Raises VoicegraphError for a graph that cannot be benched, or not be compared with the old result."""
    calls = find_calls(asked)
    graph = load(asked.graph, asked.sets, ready=False)
    result = _head(asked, graph, calls, "virtual" if asked.virtual else "fast" if fast else "live")
    if old is not None:
        check(old.result, result, old.path)
    tell_load(result)
    if calls.real or not asked.virtual:
        for plan in calls.plans:
            pull_models(plan, offline=offline)
    try:
        measured = _virtual if asked.virtual else _real
        made = measured(calls, turns, rounds, result)
    except VoicegraphError as error:
        raise Places(asked.graph, asked.sets).told(error) from error
    result = replace(
        result,
        rounds=tuple(tuple(replace(call, file=str(asked.graph)) for call in each) for each, _ in made),
        yardsticks=tuple(speed for _, speed in made),
        memory_bytes=machine.memory_bytes(),
    )
    budgets = judge(graph.file.budgets, figures(result.calls))
    return Outcome(replace(result, budgets=budgets), tuple(broken(graph.file.budgets, budgets)), old)


def tell_load(result: Result) -> None:
    """A machine that has other things to do is a bad scale."""
    if not result.virtual and result.load is not None and result.load > BUSY * result.machine.cores:
        busy = f"{result.load} processes want {result.machine.cores} cores already: the figures are of them as well"
        terminal.notice(busy, style="yellow")


def _head(asked: Asked, graph: Graph, calls: Calls, mode: Mode) -> Result:
    """All that is known before the first call."""
    return Result(
        command=command(),
        graph=graph.name,
        file=str(asked.graph),
        plan=long_form(graph),
        caller=calls.caller,
        machine=machine.machine(),
        load=machine.load(),
        began=time.time(),
        nodes=tuple(graph.nodes),
        wires=tuple(dict.fromkeys((edge.giver, edge.taker) for edge in graph.edges)),
        mode=mode,
        emulated=asked.emulate,
    )


def command() -> str:
    """As it was typed."""
    return shlex.join(["voicegraph", *sys.argv[1:]])


def _virtual(calls: Calls, turns: int, rounds: int, result: Result) -> list[Round]:
    if calls.real is not None:
        running.warm_up(calls.real)

    def call(planned: Planned, number: int) -> Timeline:
        return run_virtual(make(planned, name=f"call {number}", seed=number), seed=number)

    return _rounds(calls, turns, rounds, call)


def _real(calls: Calls, turns: int, rounds: int, result: Result) -> list[Round]:
    phrases = phrase_store(emulated=result.emulated)
    with asyncio.Runner(loop_factory=JumpingLoop if result.mode == "fast" else None) as runner:
        for plan in calls.plans:
            runner.run(warm_up(plan, phrases))

        def call(planned: Planned, number: int) -> Timeline:
            return runner.run(make(planned, name=f"call {number}", seed=number, phrases=phrases))

        return _rounds(calls, turns, rounds, call)


def _rounds(calls: Calls, turns: int, rounds: int, make: Callable[[Planned, int], Timeline]) -> list[Round]:
    terminal.notice(f"calling: {calls.caller.told}")
    with bar() as progress:
        task = progress.add_task("warming up", total=turns)

        def done(so_far: int, of: int) -> None:
            progress.update(task, description="measuring", completed=so_far, total=of)

        return [(made, yardstick()) for made in Rounds(calls.planned, turns, rounds, make, done).run()]
