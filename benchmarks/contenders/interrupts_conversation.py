"""A minute's conversation under virtual time: `minute_test.yaml`, as `voicegraph test` runs it, models replaced.

    python -m benchmarks.contenders.interrupts_conversation ROUNDS     prints its results as JSON

timeline: a hash of all that happened, with its times; the same in each round, and in each process.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from pathlib import Path

from loguru import logger

from voicegraph.testing.conversations.read import read_suite
from voicegraph.testing.conversations.running import run_case

logger.remove()
FILE = Path(__file__).parent.parent / "minute_test.yaml"


def main(rounds: int) -> None:
    suite = read_suite(FILE)
    cpu: list[float] = []
    timelines: set[str] = set()
    seconds = 0.0
    for _ in range(rounds):
        began = time.process_time()
        outcome = run_case(suite, suite.cases[0])
        cpu.append(round(time.process_time() - began, 3))
        assert outcome.passed, outcome.found
        seconds = outcome.seconds
        timelines.add(hashlib.sha256(repr(outcome.timeline).encode()).hexdigest()[:16])
    print(json.dumps({"seconds": seconds, "cpu_seconds": cpu, "timelines": sorted(timelines)}))


if __name__ == "__main__":
    main(int(sys.argv[1]))
