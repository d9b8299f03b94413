"""What is lost when anything may go wrong? Thousands of calls in virtual time.

    python -m benchmarks.chaos                          10,000 calls, and 200 with each single fault: about half an hour
    python -m benchmarks.chaos --calls 500 --each 20    a rough look; nothing is written
    python -m benchmarks.chaos --calls 0 --set nodes.tts.recover.hedge=null        other settings; nothing is written
    python -m benchmarks.chaos --seed 17                what went wrong in one call

1. One fault in a call, at a random moment, with the recovery settings of graphs/cloud.yaml. Dead air is what the caller
   does not hear beyond the same call without the fault.
2. Any settings, any number of faults of every kind in any node, handlers that do not let go, and a caller who
   interrupts, coughs, presses keys and hangs up. Each call is judged by the oracles of tests/chaos/oracles.py: by the
   sound that the caller heard, and by the words that they said.
3. Mistakes planted in the engine, which the oracles have to find.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import chain
from typing import Any, NamedTuple

from loguru import logger
from rich.console import Console
from rich.table import Table

from benchmarks.machine import save
from tests.chaos.calls import Evidence, call
from tests.chaos.drawing import FAULTS, STAGES, Stage, recommended, single, wild
from tests.chaos.oracles import first_sound, judge, passed_over, score, spread, turns
from tests.chaos.planted import MISTAKES, calls
from voicegraph.frames import Recovery, UserTurn

BLOCK = 25
"""Calls that a process makes at a time."""
SELF_CHECK = 50
"""Calls in which a planted mistake has to be found."""
FIRST = 20_000
"""The first seed of the random calls: on those below it, the engine and the oracles were mended."""
FULL = (10_000, 200)
"""Random calls, and calls with each fault, of the results that are kept."""

console = Console()


class Row(NamedTuple):
    """Calls with one fault. aligned: the voices tell their words."""

    stage: Stage
    fault: str
    aligned: bool


ROWS = [
    Row(stage, fault, aligned)
    for stage in reversed(STAGES)
    for aligned in ((True, False) if stage == "tts" else (True,))
    for fault in FAULTS[stage]
]


# --- 1: one fault ----------------------------------------------------------------------------------------------------


def stricken(row: Row, sets: Sequence[str], seeds: Sequence[int]) -> list[dict[str, Any]]:
    """What was lost in each call in which the fault came about."""
    logger.remove()
    recover = recommended(*sets)
    told: list[dict[str, Any]] = []
    for seed in seeds:
        chaos = single(seed, row.stage, row.fault, recover, aligned=row.aligned)
        evidence = call(chaos)
        if evidence.strikes:
            ill, well = score(evidence), score(call(chaos.well()))
            told.append({**ill._asdict(), "dead_air": max(0.0, ill.dead_air - well.dead_air)})
            told[-1] |= {"first": _first(evidence), "wrong": judge(evidence)}
    return told


def _first(evidence: Evidence) -> float:
    """Seconds from the agent's turn to the first sound of it."""
    turn = turns(evidence)[0]
    first = first_sound(evidence, turn.number)
    return float("inf") if first is None else first - turn.at


def row_of(row: Row, told: Sequence[dict[str, Any]]) -> dict[str, Any]:
    spreads = {name: spread([each[name] for each in told]) for name in ("dead_air", "first")}
    return {
        **row._asdict(),
        "calls": len(told),
        "added_dead_air_s": {name: round(value, 3) for name, value in spreads["dead_air"].items()},
        "first_sound_s": {name: round(value, 3) for name, value in spreads["first"].items()},
        "words_lost": sum(each["lost"] for each in told),
        "words_twice": sum(each["twice"] for each in told),
        "most_words_twice": max(each["twice"] for each in told),
        "calls_lost": sum(each["call_lost"] for each in told),
        "wrong": sum(bool(each["wrong"]) for each in told),
    }


def faults_table(rows: Sequence[dict[str, Any]]) -> Table:
    table = Table(
        "node", "fault", "calls", "dead air p50, s", "p95", "max", "lost", "twice", "most", "calls lost", "wrong"
    )
    for row in rows:
        times = (f"{value:.2f}" for value in row["added_dead_air_s"].values())
        counts = (str(row[name]) for name in ("words_lost", "words_twice", "most_words_twice", "calls_lost", "wrong"))
        node = row["stage"] if row["aligned"] else f"{row['stage']}, no word times"
        table.add_row(node, row["fault"], str(row["calls"]), *times, *counts)
    return table


# --- 2: anything -----------------------------------------------------------------------------------------------------


def anything(seeds: Sequence[int]) -> list[dict[str, Any]]:
    logger.remove()
    return [_told(call(wild(seed))) for seed in seeds]


def _told(evidence: Evidence) -> dict[str, Any]:
    steps = [frame.step for _, frame in evidence.of(Recovery)]
    return {
        "seed": evidence.chaos.seed,
        "seconds": evidence.ended or 0.0,
        "questions": len(evidence.of(UserTurn)),
        "interrupted": sum(turn.reply.interrupted for turn in turns(evidence)),
        "faults": len(evidence.strikes),
        "steps": steps,
        "goodbye": evidence.failure is not None,
        "escalated": evidence.failure is None and "then" in steps,
        "passed_over": passed_over(evidence),
        "wrong": judge(evidence),
    }


def summary(told: Sequence[dict[str, Any]]) -> dict[str, Any]:
    wrong = {each["seed"]: each["wrong"] for each in told if each["wrong"]}
    return {
        "calls": len(told),
        "hours": round(sum(each["seconds"] for each in told) / 3600, 1),
        **{
            name: sum(each[name] for each in told)
            for name in ("questions", "interrupted", "faults", "goodbye", "escalated")
        },
        "calls_with_a_fault": sum(each["faults"] > 0 for each in told),
        "steps": dict(Counter[str](step for each in told for step in each["steps"])),
        "passed_over": {name: sum(each["passed_over"][name] for each in told) for name in told[0]["passed_over"]},
        "calls_gone_wrong": len(wrong),
        "by_oracle": dict(Counter(found.partition(":")[0] for found in wrong.values() for found in found)),
        "wrong": dict(list(wrong.items())[:50]),
    }


# --- 3: are they blind? ----------------------------------------------------------------------------------------------


def self_check(mistakes: Sequence[str]) -> list[dict[str, Any]]:
    """Of how many calls each mistake was found in which."""
    logger.remove()
    found: list[dict[str, Any]] = []
    for mistake in mistakes:
        with MISTAKES[mistake]():
            wrong = [judge(call(chaos)) for chaos in calls(mistake, SELF_CHECK)]
        if not any(wrong):
            sys.exit(f"the planted mistake `{mistake}` was not found: this benchmark is blind")
        oracles = Counter(each.partition(":")[0] for each in chain(*wrong))
        found.append({"mistake": mistake, "calls": len(wrong), "found_in": sum(map(bool, wrong)), "by": dict(oracles)})
    return found


# --- all of it -------------------------------------------------------------------------------------------------------


def measure(pool: ProcessPoolExecutor, count: int, each: int, sets: Sequence[str]) -> dict[str, Any]:
    began = time.monotonic()
    checks = pool.map(self_check, [[mistake] for mistake in MISTAKES])
    rows = [[*pool.map(partial(stricken, row, sets), _blocks(each))] for row in ROWS] if each else []
    told = pool.map(anything, _blocks(count, FIRST))
    results: dict[str, Any] = {
        "recover": {name: str(policy) for name, policy in recommended(*sets).items()},
        "faults": [row_of(row, [*chain(*blocks)]) for row, blocks in zip(ROWS, rows, strict=False)],
        "random": summary([*chain(*told)]) if count else {},
        "self_check": [*chain(*checks)],
    }
    return {**results, "minutes": round((time.monotonic() - began) / 60, 1)}


def _blocks(count: int, first: int = 0) -> list[range]:
    return [range(first + start, first + min(count, start + BLOCK)) for start in range(0, count, BLOCK)]


def show(seed: int) -> None:
    """One call, in the order of what happened."""
    evidence = call(wild(seed))
    console.print(evidence.chaos)
    happened: list[tuple[float, object]] = [(at, (node, frame)) for at, node, frame in evidence.frames]
    happened += [(strike.at, strike) for strike in evidence.strikes]
    happened += [(began, text) for text, began, _ in evidence.said]
    happened += [(each.at, each) for each in evidence.heard.stretches]
    for at, what in sorted(happened, key=lambda each: each[0]):
        console.print(f"{at:8.3f} {what}")
    console.print([turn._asdict() for turn in turns(evidence)], judge(evidence) or "nothing went wrong")


def main() -> None:
    asked = argparse.ArgumentParser(prog="python -m benchmarks.chaos")
    asked.add_argument("--calls", type=int, default=FULL[0], help=f"random calls (default {FULL[0]})")
    asked.add_argument("--each", type=int, default=FULL[1], help=f"calls with each single fault (default {FULL[1]})")
    asked.add_argument("--set", action="append", default=[], help="change graphs/cloud.yaml; repeatable")
    asked.add_argument("--seed", type=int, help="tell of one random call")
    given = asked.parse_args()
    if given.seed is not None:
        show(given.seed)
        return
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        results = measure(pool, given.calls, given.each, given.set)
    console.print(faults_table(results["faults"]), results["random"], results["self_check"])
    if (given.calls, given.each) == FULL and not given.set:
        console.print(f"written to {save('chaos', results, ('voicegraph', 'msgspec')).name}")


if __name__ == "__main__":
    main()
