"""What the contenders of `benchmarks.framework` have in common. Needs nothing but Python: each has its own packages."""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

SECONDS = 3.0
"""How long the calls of `calls` are."""


def rss() -> float:
    """Kilobytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1000


class Growth:
    """What this process gets beyond what it has now."""

    def __init__(self) -> None:
        gc.collect()
        self._kilobytes, self._tasks, self._began = rss(), len(asyncio.all_tasks()), time.process_time()
        self._started: float | None = None

    def started(self) -> None:
        """The calls are up: what comes now is not the cost of starting them."""
        self._started = time.process_time() - self._began

    def told(self, calls: int) -> dict[str, float]:
        """For each of so many calls."""
        if self._started is None:
            self.started()
        assert self._started is not None
        gc.collect()
        return {
            "kilobytes": (rss() - self._kilobytes) / calls,
            "tasks": (len(asyncio.all_tasks()) - self._tasks) / calls,
            "start_ms": self._started / calls * 1000,
        }


def main(questions: Mapping[str, Callable[[str, int], Coroutine[Any, Any, dict[str, Any]]]]) -> None:
    """`WHAT STYLE COUNT [uvloop]`: prints what the question told as one JSON object."""
    what, style, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    run: Callable[[Coroutine[Any, Any, dict[str, Any]]], dict[str, Any]] = asyncio.run
    if sys.argv[4:] == ["uvloop"]:
        from uvloop import run
    print(json.dumps(run(questions[what](style, count))))
