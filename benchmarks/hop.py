"""What one hop costs: CPU time per 20 ms frame and node, in chains of pass-through nodes, saturated.

    python -m benchmarks.hop

Each contender runs in a fresh process with 10 nodes and with none; the difference, by node and frame, is the hop.
Rounds are interleaved (A B C A B C ...), and medians and spreads are given. Needs `pip install pipecat-ai==1.14.0`
beside voicegraph; without it, its rows are left out, and the result says so.
"""

from __future__ import annotations

import importlib.util
import statistics
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.machine import save

NODES = 10
ROUNDS = 7
HERE = Path(__file__).parent / "contenders"

CONTENDERS = {
    "bare call": ("hop_floor.py", "call", 50_000, "a chain of Python calls: the floor of an inline hop"),
    "bare queue": ("hop_floor.py", "queue", 20_000, "asyncio.Queue(16) and a task: the floor of an asynchronous hop"),
    "voicegraph inline": ("hop_voicegraph.py", "inline", 50_000, "`def` node that returns its frame"),
    "voicegraph async": ("hop_voicegraph.py", "async", 20_000, "`async def` node that returns its frame"),
    "pipecat": ("hop_pipecat.py", "lean", 5_000, "FrameProcessor, as documented, everything optional off"),
    "pipecat direct": ("hop_pipecat.py", "direct", 5_000, "the same with enable_direct_mode: no queues, no tasks"),
}


def cpu_seconds(script: str, style: str, nodes: int, frames: int) -> float:
    command = [sys.executable, str(HERE / script), style, str(nodes), str(frames)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    return float(done.stdout.strip().splitlines()[-1])


def main() -> None:
    console = Console()
    here = {
        name: each
        for name, each in CONTENDERS.items()
        if not name.startswith("pipecat") or importlib.util.find_spec("pipecat") is not None
    }
    hops: dict[str, list[float]] = {name: [] for name in here}
    for _ in range(ROUNDS):
        for name, (script, style, frames, _what) in here.items():
            cost = cpu_seconds(script, style, NODES, frames) - cpu_seconds(script, style, 0, frames)
            hops[name].append(cost / NODES / frames * 1e6)
    table = Table("contender", "median us", "min", "max", "what")
    results = {}
    for name, values in hops.items():
        figures = {"median_us": statistics.median(values), "min_us": min(values), "max_us": max(values)}
        results[name] = {**{k: round(v, 3) for k, v in figures.items()}, "rounds": ROUNDS, "what": here[name][3]}
        table.add_row(name, *(f"{value:.3f}" for value in figures.values()), here[name][3])
    console.print(table)
    console.print(f"written to {save('hop', results, ('voicegraph', 'pipecat-ai', 'msgspec')).name}")


if __name__ == "__main__":
    main()
