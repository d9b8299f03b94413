"""What it costs that every node is timed: chains of pass-through nodes, as they are and with the timing cut out.

    python -m benchmarks.timing_cost

The package is copied without the statements that time and count on the way of a frame of sound (the table below: if
the engine has changed so that one of them is not found, this says so). Each chain runs in a fresh process, with the
package and with the copy in turn, which of them first by turns too; the cost is the median of what the pairs differ by.
Saturated chains are the worst case: the sound of one call comes at 50 frames a second. Memory is by tracemalloc.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import tracemalloc
from collections.abc import AsyncIterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

import voicegraph
from benchmarks.contenders.hop_voicegraph import Sink, inline, task
from benchmarks.machine import save
from voicegraph import Audio, node
from voicegraph.engine.session import Session
from voicegraph.graph.plan import Edge, Plan, PlannedNode
from voicegraph.node import node_type

NODES = 10
ROUNDS = 25
FRAMES = {"inline": 60_000, "async": 30_000}
CALLS = 100
MOST = 3.0
"""Per cent of throughput that timing may take."""
HOP = Path(__file__).parent / "contenders" / "hop_voicegraph.py"

CUTS: tuple[tuple[str, str, str], ...] = (
    (
        "outlet.py",
        """            if turn != route.turn:
                route.turn = turn
                self.timing.gave(frame, cause)
                self._around.turn_times.given(self.node, frame)
                if route.measured:
                    return self.send_measured(frame, cause, 1)
""",
        "",
    ),
    (
        "outlet.py",
        """        began = self.timing.clock()
        try:
            await wait
        finally:
            self.timing.spend(turn, blocked=self.timing.clock() - began)
""",
        "        await wait\n",
    ),
    ("outlet.py", "        if end.turn:\n            self.timing.ended(end.turn)\n", ""),
    (
        "joining.py",
        "outlet.routes[given] = Route(measured)",
        "outlet.routes[given] = Route(tuple(i.push for i in inlets))",
    ),
    ("handlers.py", "        if self._plain and not stands_for:", "        if self._plain:"),
    (
        "handlers.py",
        """                left -= 1
                if left:
                    wait = outlet.send(given, cause)
                else:
                    wait = outlet.send_measured(given, cause, every.next())
                    left = every.left
                if now >= noted and type(given) is Audio:
                    noted = now + NOTED
                    self._came(given, now)
""",
        "                wait = outlet.send(given, cause)\n",
    ),
    (
        "lanes.py",
        """        if (
            inbox.measured
            and (inbox.timed is frame or inbox.timed is None or inbox.measured > 1)
            and (stands_for := inbox.taken(frame))
        ):
            return self._measured(stands_for, frame, cause)
""",
        "",
    ),
    (
        "inbox.py",
        "            if frame is self.timed:\n                self.timed = None\n            self.pop()",
        "            self.pop()",
    ),
    ("inbox.py", "        self.measured, self.timed = 0, None\n", ""),
    (
        "stream.py",
        """        if inbox.measured and (inbox.timed is frame or inbox.timed is None or inbox.measured > 1):
            inbox.taken(frame)
""",
        "",
    ),
    ("stream.py", "            self._timing.alone = False\n", ""),
)


def cut(folder: Path) -> None:
    """Puts a copy of the package there that times nothing on the way of a frame of sound."""
    package = folder / "voicegraph"
    shutil.copytree(Path(voicegraph.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    for name, statement, instead in CUTS:
        path = package / "engine" / name
        source = path.read_text()
        if source.count(statement) != 1:
            raise SystemExit(f"benchmarks/timing_cost.py: engine/{name} no longer has once, so mend CUTS:\n{statement}")
        path.write_text(source.replace(statement, instead))


def cpu_seconds(style: str, where: Path | None) -> float:
    path = {"PYTHONPATH": str(where)} if where else {}
    command = [sys.executable, str(HOP), style, str(NODES), str(FRAMES[style])]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300, env={**os.environ, **path})
    return float(done.stdout.split()[-1])


def compare(style: str, where: Path) -> dict[str, float]:
    """Microseconds of CPU for a frame and a node, and what timing adds, in per cent."""
    timed, bare = list[float](), list[float]()
    for number in range(ROUNDS):
        for each, copy in ((timed, None), (bare, where))[:: 1 if number % 2 else -1]:
            each.append(cpu_seconds(style, copy) / NODES / FRAMES[style] * 1e6)
    added = sorted((one / other - 1) * 100 for one, other in zip(timed, bare, strict=True))
    low, middle, high = statistics.quantiles(added, n=4)
    return {
        "timed_us": round(statistics.median(timed), 3),
        "bare_us": round(statistics.median(bare), 3),
        "added_percent": round(middle, 2),
        "added_percent_quarter": round(low, 2),
        "added_percent_three_quarters": round(high, 2),
        "least_added_percent": round((min(timed) / min(bare) - 1) * 100, 2),
        "rounds": ROUNDS,
    }


@node("bench.idle")
class Silent:
    """A caller who says nothing."""

    async def give(self) -> AsyncIterator[Audio]:
        await asyncio.Event().wait()
        yield Audio(b"")


async def idle() -> dict[str, float]:
    """What a call takes that has begun and in which nothing happens: of ten nodes, of which half own a task."""
    kinds = [Silent, *[inline, task] * 4, Sink]
    nodes = {f"node{number}": PlannedNode(f"node{number}", node_type(each)) for number, each in enumerate(kinds)}
    plan = Plan("idle", nodes, tuple(Edge(a, b, Audio) for a, b in itertools.pairwise(nodes)))
    running = [await begin(plan)]  # what is made once per process
    gc.collect()
    tracemalloc.start()
    before, tasks = tracemalloc.get_traced_memory()[0], len(asyncio.all_tasks())
    running += [await begin(plan) for _ in range(CALLS)]
    gc.collect()
    kept, more = tracemalloc.get_traced_memory()[0] - before, len(asyncio.all_tasks()) - tasks
    tracemalloc.stop()
    for each in running:
        each.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    return {"kilobytes": round(kept / CALLS / 1000, 1), "tasks": round(more / CALLS, 2), "calls": CALLS}


async def begin(plan: Plan) -> asyncio.Task[None]:
    running = asyncio.create_task(Session(plan).run())
    for _ in range(3):
        await asyncio.sleep(0)
    return running


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        cut(Path(folder))
        results: dict[str, dict[str, float]] = {style: compare(style, Path(folder)) for style in FRAMES}
    console = Console()
    table = Table("chain", "timed us", "bare us", "added %", "quartiles", "of the least %")
    for style, each in results.items():
        quartiles = f"{each['added_percent_quarter']} to {each['added_percent_three_quarters']}"
        figures = (each["timed_us"], each["bare_us"], each["added_percent"], quartiles, each["least_added_percent"])
        table.add_row(style, *map(str, figures))
    console.print(table)
    results["idle"] = asyncio.run(idle())
    console.print(results["idle"])
    console.print(f"written to {save('timing_cost', results, ('voicegraph', 'msgspec')).name}")
    if any(results[style]["added_percent"] > MOST for style in FRAMES):
        console.print(f"timing takes more than {MOST:g} %")


if __name__ == "__main__":
    main()
