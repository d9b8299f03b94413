"""The machine's own speed, measured beside everything else: the same work that is none of ours, timed in every round.

Rounds tell what varies within minutes. That the machine was busier, or warmer, when an older result was made is not
seen by them, for all rounds of one result saw the same. It is seen by the yardstick.
"""

from __future__ import annotations

from statistics import median
from time import perf_counter, process_time

from voicegraph.observe.bench.result import Yardstick

TIMES = 15
SOURCE = "def sums(count, by):\n    return [each + 1 for each in range(count) if each % by]\n" * 60


def yardstick() -> Yardstick:
    """Python compiles a text: as an engine in Python does, it calls, branches, and makes and frees small objects.

    The median of several times, each of some 3 ms. A tight loop would not do: it stays in the processor's caches, and
    hardly notices that others use them.
    """
    cpu, wall = list[float](), list[float]()
    for _ in range(TIMES):
        used, began = process_time(), perf_counter()
        compile(SOURCE, "yardstick", "exec")
        cpu.append(process_time() - used)
        wall.append(perf_counter() - began)
    return Yardstick(cpu=median(cpu), wall=median(wall))
