"""What does a framework itself cost, with models and lines that take no time?

    python -m benchmarks.framework                          everything, about 12 minutes
    python -m benchmarks.framework idle import --rounds 1   some questions, a rough look; nothing is written

calls: calls per core, of ten nodes and 50 frames of 20 ms a second each. Every contender is first asked how many it
has time for; it is then measured with four fifths of that many, as a loop that is busy wakes up less often for each.
idle: memory, tasks and CPU of starting, of each call in which nothing is said.
turn: from a final transcript to the first sound at the line, by a model and a voice that answer at once.
import: of a fresh process, less that of an empty one.
virtual: how long a minute's conversation with three interruptions takes under virtual time. Nobody else has that.

Each contender runs in a fresh process, in rounds (A B C A B C ...). The rivals have environments of their own:
PIPECAT_PYTHON and LIVEKIT_PYTHON name the interpreters of two with `pip install pipecat-ai uvloop` and
`pip install livekit-agents uvloop`; `make bench` makes them. One whose variable is not set is left out.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

from benchmarks.machine import save

ROOT = Path(__file__).parent.parent
PYTHONS = {
    "floor": sys.executable,
    "voicegraph": sys.executable,
    "pipecat": os.environ.get("PIPECAT_PYTHON"),
    "livekit": os.environ.get("LIVEKIT_PYTHON"),
}
PACKAGES = {"pipecat": "pipecat-ai", "livekit": "livekit-agents"}
LOOPS = ("asyncio", "uvloop")
IDLE_CALLS = 100
TURNS = 6
FEW, SHARE = 25, 0.8
"""Calls with which the estimate begins, and the share of a core that is then to be in use."""


class Way(NamedTuple):
    """One way of setting a contender up. waits: milliseconds of silence that are set to end a turn."""

    contender: str
    style: str
    what: str
    waits: int = 0


CALLS = (
    Way("floor", "call", "ten functions that call one another, and what paces them"),
    Way("floor", "queue", "ten tasks with a queue before each"),
    Way("voicegraph", "def", "ten `def` nodes"),
    Way("voicegraph", "mixed", "six `def` nodes, four `async def`: as agents are"),
    Way("voicegraph", "async", "ten `async def` nodes"),
    Way("pipecat", "documented", "as documented"),
    Way("pipecat", "lean", "everything optional off"),
    Way("pipecat", "direct", "that, and direct mode: no queues, no tasks"),
)
IDLE = (
    *CALLS,
    Way("voicegraph", "agent", "an agent: line, aggregator, model, splitter, voice"),
    Way("pipecat", "agent", "an agent: line, aggregators, model, voice"),
    Way("livekit", "tuned", "an agent: an AgentSession without room or VAD"),
)
TURN = (
    Way("voicegraph", "documented", "as documented", 500),
    Way("voicegraph", "words", "a final transcript ends the turn"),
    Way("pipecat", "documented", "its silence strategy", 600),
    Way("pipecat", "tuned", "that, with no silence"),
    Way("pipecat", "lean", "no aggregators"),
    Way("livekit", "documented", "as documented", 500),
    Way("livekit", "tuned", "no endpointing delay"),
)
IMPORTS = (
    ("voicegraph", "import voicegraph"),
    ("voicegraph", "import voicegraph.engine.session, voicegraph.graph"),
    ("pipecat", "import pipecat.pipeline.pipeline, pipecat.pipeline.worker, pipecat.workers.runner"),
    ("livekit", "import livekit.agents"),
)
"""What an agent of each needs before its nodes; ours also without the engine, as those import it who write nodes."""

console = Console()


def here(ways: Sequence[Way]) -> list[Way]:
    return [way for way in ways if PYTHONS[way.contender]]


def told(way: Way, what: str, count: int, loop: str = "asyncio") -> Any:
    """What a contender says of itself."""
    python, module = PYTHONS[way.contender], f"benchmarks.contenders.framework_{way.contender}"
    command = [str(python), "-m", module, what, way.style, str(count), loop]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=300)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def spread(values: Sequence[float]) -> dict[str, float]:
    """Over rounds."""
    figures = {"median": statistics.median(values), "min": min(values), "max": max(values)}
    return {name: round(value, 3) for name, value in figures.items()}


def described(way: Way, loop: str = "asyncio") -> dict[str, Any]:
    return {"contender": way.contender, "way": way.style, "what": way.what, "loop": loop}


def calls(rounds: int) -> list[dict[str, Any]]:
    asked = [(way, loop) for loop in LOOPS for way in here(CALLS)]
    counts: dict[tuple[Way, str], int] = {}
    few: dict[tuple[Way, str], float] = {}
    for key in asked:
        few[key] = cost = told(key[0], "calls", FEW, key[1])["cpu_ms_per_call_second"]
        cost = told(key[0], "calls", max(1, round(SHARE * 1000 / cost)), key[1])["cpu_ms_per_call_second"]
        counts[key] = max(1, round(SHARE * 1000 / cost))
        console.print(f"calls, {key[0].contender}, {key[0].style}, {key[1]}: {counts[key]} calls at a time")
    found: dict[tuple[Way, str], list[Any]] = {key: [] for key in asked}
    for _ in range(rounds):
        for key in asked:
            found[key].append(told(key[0], "calls", counts[key], key[1]))
    return [
        {
            **described(*key),
            "calls_at_a_time": counts[key],
            "calls_per_core": spread([1000 / each["cpu_ms_per_call_second"] for each in each_round]),
            "cpu_ms_per_call_second": spread([each["cpu_ms_per_call_second"] for each in each_round]),
            "cpu_ms_per_call_second_of_few": round(few[key], 3),
            "behind_ms": spread([each["behind_ms"] for each in each_round]),
        }
        for key, each_round in found.items()
    ]


def idle(rounds: int) -> list[dict[str, Any]]:
    found: dict[Way, list[Any]] = {way: [] for way in here(IDLE)}
    for _ in range(rounds):
        for way, each_round in found.items():
            each_round.append(told(way, "idle", IDLE_CALLS))
    return [
        {**described(way), **{name: spread([each[name] for each in each_round]) for name in each_round[0]}}
        for way, each_round in found.items()
    ]


def turn(rounds: int) -> list[dict[str, Any]]:
    found: dict[tuple[Way, str], list[float]] = {(way, loop): [] for loop in LOOPS for way in here(TURN)}
    for _ in range(rounds):
        for (way, loop), taken in found.items():
            if loop == "asyncio" or not way.waits:
                taken += told(way, "turn", TURNS, loop)["ms"]
    return [
        {**described(way, loop), "waits_ms": way.waits, "ms": percentiles(taken)}
        for (way, loop), taken in found.items()
        if taken
    ]


def percentiles(values: Sequence[float]) -> dict[str, float]:
    ranked = sorted(values)
    at = {name: ranked[-int(-len(ranked) * share // 1) - 1] for name, share in (("p50", 0.5), ("p95", 0.95))}
    return {**{name: round(value, 3) for name, value in {**at, "max": ranked[-1]}.items()}, "samples": len(ranked)}


def wall_ms(python: str, code: str) -> float:
    began = time.perf_counter()
    subprocess.run([python, "-I", "-c", code], check=True, capture_output=True)
    return (time.perf_counter() - began) * 1000


def imports(rounds: int) -> list[dict[str, Any]]:
    found: dict[tuple[str, str], list[float]] = {each: [] for each in IMPORTS if PYTHONS[each[0]]}
    for number in range(1 + 3 * rounds):
        for (name, code), taken in found.items():
            python = str(PYTHONS[name])
            net = wall_ms(python, code) - wall_ms(python, "pass")
            if number:  # the first finds nothing in the file system's cache
                taken.append(net)
    return [
        {"contender": name, "what": code, "ms": spread(taken), "processes": len(taken)}
        for (name, code), taken in found.items()
    ]


def virtual(rounds: int) -> dict[str, Any]:
    """CPU of whole rounds: what is loaded in the first of a process is in it, once in five."""
    command = [sys.executable, "-m", "benchmarks.contenders.interrupts_conversation", "5"]
    told_of = [
        json.loads(subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout)
        for _ in range(rounds)
    ]
    cpu = [each for one in told_of for each in one["cpu_seconds"]]
    seconds = told_of[0]["seconds"]
    return {"seconds": seconds, "cpu_seconds": spread(cpu), "times_real_time": round(seconds / statistics.median(cpu))}


QUESTIONS = {"calls": calls, "idle": idle, "turn": turn, "import": imports, "virtual": virtual}


def rivals() -> dict[str, str]:
    """Versions of those that are measured."""
    code = "import importlib.metadata, sys; print(importlib.metadata.version(sys.argv[1]))"
    return {
        package: subprocess.run(
            [python, "-c", code, package], capture_output=True, text=True, check=True
        ).stdout.strip()
        for name, package in PACKAGES.items()
        if (python := PYTHONS[name])
    }


def show(question: str, found: Any) -> None:
    if isinstance(found, dict):
        console.print(found)
        return
    heads = [name for name in found[0] if name != "what"]
    table = Table(*heads, title=question)
    for row in found:
        cells = (row[name] for name in heads)
        table.add_row(*(" ".join(map(str, cell.values())) if isinstance(cell, dict) else str(cell) for cell in cells))
    console.print(table)


def main() -> None:
    asked = argparse.ArgumentParser(prog="python -m benchmarks.framework")
    asked.add_argument("questions", nargs="*", metavar="QUESTION", help=f"by default all: {', '.join(QUESTIONS)}")
    asked.add_argument("--rounds", type=int, default=3, help="of every contender (default 3)")
    given = asked.parse_args()
    if unknown := set(given.questions) - set(QUESTIONS):
        asked.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(QUESTIONS)}")
    left_out = [name for name, python in PYTHONS.items() if not python]
    for name in left_out:
        console.print(f"without {name}: {name.upper()}_PYTHON is not set")
    results: dict[str, Any] = {"rounds": given.rounds, "left_out": left_out}
    for question in given.questions or QUESTIONS:
        results[question] = QUESTIONS[question](given.rounds)
        show(question, results[question])
    if not given.questions:
        console.print(f"written to {save('framework', results, ('voicegraph', 'msgspec', 'uvloop'), rivals()).name}")


if __name__ == "__main__":
    main()
