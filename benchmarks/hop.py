"""What one hop costs: CPU time per 20 ms frame and node, in chains of pass-through nodes, saturated.

    python -m benchmarks.hop

Each contender runs in a fresh process with 10 nodes and with none; the difference, by node and frame, is the hop. The
chain of ten, with what begins and ends it, gives the frames that a core has time for.

Rounds are interleaved (A B C A B C ...), and medians and spreads are given. pipecat has an environment of its own:
PIPECAT_PYTHON names the interpreter of one with `pip install pipecat-ai`; without it, its rows are left out.
livekit-agents has no such hop: frames go through three methods of an agent, not along a chain that can be lengthened.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.machine import save

NODES = 10
HERE = Path(__file__).parent / "contenders"
PIPECAT = os.environ.get("PIPECAT_PYTHON")

CONTENDERS = {
    "bare call": ("hop_floor.py", "call", 50_000, "a chain of Python calls: the floor of an inline hop"),
    "bare queue": ("hop_floor.py", "queue", 20_000, "asyncio.Queue(16) and a task: the floor of an asynchronous hop"),
    "voicegraph inline": ("hop_voicegraph.py", "inline", 50_000, "`def` node that returns its frame"),
    "voicegraph async": ("hop_voicegraph.py", "async", 20_000, "`async def` node that returns its frame"),
    "pipecat documented": ("hop_pipecat.py", "documented", 5_000, "FrameProcessor, pipeline and worker as documented"),
    "pipecat": ("hop_pipecat.py", "lean", 5_000, "the same, everything optional off"),
    "pipecat direct": ("hop_pipecat.py", "direct", 5_000, "and with enable_direct_mode: no queues, no tasks"),
}


def python_of(name: str) -> str | None:
    return PIPECAT if name.startswith("pipecat") else sys.executable


def cpu_seconds(python: str, script: str, style: str, nodes: int, frames: int) -> float:
    command = [python, str(HERE / script), style, str(nodes), str(frames)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stderr[-3000:]}")
    return float(done.stdout.strip().splitlines()[-1])


def pipecat_version() -> str | None:
    code = "import importlib.metadata as m; print(m.version('pipecat-ai'))"
    return PIPECAT and subprocess.run([PIPECAT, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def main() -> None:
    asked = argparse.ArgumentParser(prog="python -m benchmarks.hop")
    asked.add_argument("--rounds", type=int, default=7, help="of every contender (default 7)")
    rounds = asked.parse_args().rounds
    console = Console()
    if not PIPECAT:
        console.print("without pipecat: PIPECAT_PYTHON is not set")
    here = {name: (python, *each) for name, each in CONTENDERS.items() if (python := python_of(name))}
    hops: dict[str, list[float]] = {name: [] for name in here}
    chains: dict[str, list[float]] = {name: [] for name in here}
    for _ in range(rounds):
        for name, (python, script, style, frames, _what) in here.items():
            chain = cpu_seconds(python, script, style, NODES, frames)
            hops[name].append((chain - cpu_seconds(python, script, style, 0, frames)) / NODES / frames * 1e6)
            chains[name].append(frames / chain)
    table = Table("contender", "median us", "min", "max", "frames per core and second", "what")
    results = {}
    for name, values in hops.items():
        figures = {"median_us": statistics.median(values), "min_us": min(values), "max_us": max(values)}
        per_core = {"median": statistics.median(chains[name]), "min": min(chains[name]), "max": max(chains[name])}
        results[name] = {
            **{k: round(v, 3) for k, v in figures.items()},
            "frames_per_core": {k: round(v) for k, v in per_core.items()},
            "rounds": rounds,
            "what": here[name][-1],
        }
        table.add_row(
            name, *(f"{value:.3f}" for value in figures.values()), f"{per_core['median']:,.0f}", here[name][-1]
        )
    console.print(table)
    written = save("hop", results, ("voicegraph", "msgspec"), rivals={"pipecat-ai": pipecat_version()})
    console.print(f"written to {written.name}")


if __name__ == "__main__":
    main()
