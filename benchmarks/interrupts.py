"""What an interrupt costs, and what gets through it.

    python -m benchmarks.interrupts                      everything, about 35 minutes, most of them waiting
    python -m benchmarks.interrupts --interrupts 100     a rough look: 4 minutes

1. From the decision to the line's `clear`, in real time, with frames waiting at every step, beside pipecat.
2. Stale frames in random graphs of hostile nodes, under virtual time.
3. Pause first, decide later: how soon it is silent, and what is lost, under virtual time.
4. What a minute's conversation with three interruptions costs, under virtual time.

Each contender runs in a fresh process. Needs voicegraph's extra `audio`, and `pip install "pipecat-ai[websocket]"
uvloop` beside it or beside another voicegraph, whose interpreter PIPECAT_PYTHON names; without, rows are left out.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.contenders.interrupts_shape import CASES
from benchmarks.machine import save

ROOT = Path(__file__).parent.parent
PIPECAT = os.environ.get("PIPECAT_PYTHON")
"""An interpreter that has pipecat, if this one has not."""
IN_FULL = {
    ("voicegraph", "asyncio", "tts"),
    ("voicegraph", "uvloop", "tts"),
    ("pipecat", "asyncio", "none"),
    ("pipecat", "asyncio", "tts"),
}
"""Contenders, loops and cases with as many interrupts as were asked for; the others have a fifth."""
SELF_CHECK = 2_000
"""Random interrupts with which each planted mistake has to be found."""
HOSTILE_BUGS = ("nothing is void", "relabels")
PAUSE_BUGS = {"late": "heard_after", "forgets": "lost_or_repeated"}
"""Planted mistakes, and the figure that has to find them."""

console = Console()


def contender(name: str, *args: object) -> Any:
    """What a contender prints. What it writes to stderr is the noise of hostile nodes, unless it fails."""
    python = PIPECAT if name == "pipecat" and PIPECAT else sys.executable
    command = [python, "-m", f"benchmarks.contenders.interrupts_{name}", *map(str, args)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def spread(values: list[float]) -> dict[str, float]:
    """Of milliseconds: half, 95 and 99 in a hundred lie at or below these, and all at or below the last."""
    ranked = sorted(values)
    at = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
    figures = {name: ranked[max(0, -int(-len(ranked) * share // 1) - 1)] for name, share in at.items()}
    return {name: round(value, 3) for name, value in {**figures, "max": ranked[-1]}.items()}


def stale(chunks: list[int]) -> dict[str, int]:
    return {"interrupts": sum(map(bool, chunks)), "chunks": sum(chunks)}


# --- 1: decision to clear --------------------------------------------------------------------------------------------


def clear(interrupts: int) -> list[dict[str, Any]]:
    """Every case with every contender on every loop."""
    here = {name for name in ("asyncio", "uvloop", "voicegraph", "pipecat") if importlib.util.find_spec(name)}
    here |= {"pipecat"} if PIPECAT else set()
    rows: list[dict[str, Any]] = []
    for case, what in CASES.items():
        for name in ["pipecat"] if case == "moved" else ["voicegraph", "pipecat"]:
            for loop in ["asyncio", "uvloop"] if case in ("none", "tts") else ["asyncio"]:
                if not {name, loop} <= here:
                    continue
                count = interrupts if (name, loop, case) in IN_FULL else max(20, interrupts // 5)
                console.print(f"{name} on {loop}, {case}: {count} interrupts")
                rows.append({"contender": name, "loop": loop, "case": case, "what": what, "count": count})
                rows[-1] |= clear_figures(contender(name, case, count, loop))
    return rows


def clear_figures(measured: Any) -> dict[str, Any]:
    times = ("decided_to_cleared", "decided_to_sent", "asked_to_cleared")
    return {
        **{f"{name}_ms": spread(measured[name]) for name in times},
        "late": stale(measured["late"]),
        "heard": stale(measured["heard"]),
        "waiting": measured["waiting"],
    }


def clear_table(rows: list[dict[str, Any]]) -> Table:
    """From the decision to the line's clear; and in how many interrupts stale sound came late, or was even heard."""
    table = Table("contender", "loop", "case", "interrupts", "p50 ms", "p95", "p99", "max", "late", "heard")
    for row in rows:
        times = (f"{value:.3f}" for value in row["decided_to_cleared_ms"].values())
        counts = (str(row[name]["interrupts"]) for name in ("late", "heard"))
        table.add_row(row["contender"], row["loop"], row["case"], str(row["count"]), *times, *counts)
    return table


# --- 2, 3, 4: under virtual time -------------------------------------------------------------------------------------


def hostile(interrupts: int) -> dict[str, Any]:
    """Random interrupts; before that, whether mistakes in the engine would be found."""
    checks = {bug: contender("hostile", SELF_CHECK, 1, bug) for bug in HOSTILE_BUGS}
    for bug, found in checks.items():
        if not found["line"]:
            sys.exit(f"the planted mistake `{bug}` was not found: this benchmark is blind")
    figures = contender("hostile", interrupts, 1)
    figures["interrupts_per_cpu_second"] = round(figures["interrupts"] / figures["cpu_seconds"])
    return {**figures, "self_check": checks}


def pauses(count: int) -> dict[str, Any]:
    """Coughs; before that, whether mistakes of the line would be found."""
    for bug, figure in PAUSE_BUGS.items():
        if not contender("pauses", 100, 1, bug)[figure]:
            sys.exit(f"the planted mistake `{bug}` was not found: this benchmark is blind")
    figures = contender("pauses", count, 1)
    return {**figures, "computing_ms": spread(figures["computing_ms"])}


def conversation(processes: int = 3, rounds: int = 5) -> dict[str, Any]:
    """A minute's conversation; the first round of each process also loads what the later ones find."""
    measured = [contender("conversation", rounds) for _ in range(processes)]
    cpu = sorted(each for one in measured for each in one["cpu_seconds"])
    same = len({timeline for one in measured for timeline in one["timelines"]}) == 1
    return {
        "seconds": measured[0]["seconds"],
        "cpu_seconds": {"median": statistics.median(cpu), "min": cpu[0], "max": cpu[-1]},
        "all_timelines_the_same": same,
    }


def main() -> None:
    asked = argparse.ArgumentParser(prog="python -m benchmarks.interrupts")
    asked.add_argument("--interrupts", type=int, default=1_000, help="in real time, per contender (default 1000)")
    asked.add_argument("--random", type=int, default=100_000, help="under virtual time (default 100000)")
    asked.add_argument("--pauses", type=int, default=1_000, help="under virtual time (default 1000)")
    counts = asked.parse_args()
    results: dict[str, Any] = {
        "random": hostile(counts.random),
        "pause_first": pauses(counts.pauses),
        "conversation": conversation(),
    }
    console.print(results)
    results["clear"] = clear(counts.interrupts)
    console.print(clear_table(results["clear"]))
    packages = ("voicegraph", "pipecat-ai", "uvloop", "msgspec")
    console.print(f"written to {save('interrupts', results, packages).name}")


if __name__ == "__main__":
    main()
