"""What hosting a service of pipecat in a node costs, beside the same service inside pipecat, on one emulator.

    python -m benchmarks.pipecat_bridge                          everything, about 8 minutes, most of them waiting
    python -m benchmarks.pipecat_bridge --rounds 10 openai.chat  a rough look at one service; nothing is written

1. First output: from the request, or the end of speech, to the consumer's having the first token, sound or final
   transcript, less what the emulator takes. Both contenders are asked in turn, answer by answer (A B B A ...), so that
   what else the machine does strikes both alike; what hosting adds is the median of the differences of neighbours.
2. Interrupts of a graph with one hosted voice: from the caller's speech to the line's `clear`. Once as the service is,
   and once with a service that takes 200 ms to let go of a reply.

The emulators and each contender are processes of their own. Needs voicegraph with its extras `pipecat` and `emulators`,
and `pip install "pipecat-ai[deepgram,openai,elevenlabs]"`.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.contenders.providers_shape import PACE
from benchmarks.machine import save
from benchmarks.providers import figures, ms, told

ROOT = Path(__file__).parent.parent
CASES = ("deepgram.stt", "deepgram.flux", "openai.chat", "openai.tts", "elevenlabs.tts", "elevenlabs.http")
CONTENDERS = {"hosted": "pipecat_bridge_hosted", "pipecat": "providers_pipecat"}
VOICES = {"elevenlabs.tts": "as it is", "bench.tts": "takes 200 ms to let go"}
WARM_UP = 3
"""Rounds that are not counted."""
INTERRUPTS = 120

console = Console()


@contextmanager
def process(module: str, *args: str, environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """One that ends with its input."""
    command = [sys.executable, "-m", f"benchmarks.contenders.{module}", *args]
    pipe, noise = subprocess.PIPE, None if module == "providers_emulators" else subprocess.DEVNULL  # pipecat greets
    with subprocess.Popen(
        command, stdin=pipe, stdout=pipe, stderr=noise, text=True, cwd=ROOT, env=environment
    ) as started:
        assert started.stdin is not None
        try:
            yield started
        finally:
            started.stdin.close()


def measure(case: str, rounds: int, environment: dict[str, str]) -> dict[str, list[float]]:
    """Seconds to the first output of each answer, by contender; what the emulator takes is not among them."""
    first: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    with ExitStack() as stack:
        started = {
            name: stack.enter_context(process(module, case, "service", environment=environment))
            for name, module in CONTENDERS.items()
        }
        for number in track(range(WARM_UP + rounds), case):
            order = list(started.items())
            for name, contender in order if number % 2 else reversed(order):
                answer = figures(contender, "answer")
                if number >= WARM_UP:
                    first[name].append(answer["asking"] + answer["first"])
    return first


def interrupt(name: str, count: int, environment: dict[str, str]) -> list[float]:
    """Seconds from the caller's speech to `clear`."""
    with process("pipecat_bridge_hosted", "interrupts", name, str(count), environment=environment) as started:
        answer = told(started)
    assert not answer["faults"], answer["faults"]
    took: list[float] = answer["took"]
    return took


def row_of(case: str, first: dict[str, list[float]]) -> dict[str, Any]:
    added = [hosted - inside for hosted, inside in zip(first["hosted"], first["pipecat"], strict=True)]
    quartiles = statistics.quantiles(added, n=4, method="inclusive")
    return {
        "service": case,
        "hosted_ms": ms(first["hosted"]),
        "pipecat_ms": ms(first["pipecat"]),
        "hosting_adds_ms": {
            name: round(1e3 * value, 3) for name, value in zip(("q1", "p50", "q3"), quartiles, strict=True)
        },
    }


def interrupts_row(name: str, took: list[float]) -> dict[str, Any]:
    ranked = sorted(took)
    shares = {"p50": 0.5, "p99": 0.99}
    found = {key: round(1e3 * ranked[-int(-len(ranked) * share // 1) - 1], 3) for key, share in shares.items()}
    return {"voice": VOICES[name], "clear_ms": {**found, "max": round(1e3 * ranked[-1], 3), "samples": len(ranked)}}


def show(rows: list[dict[str, Any]], interrupts: list[dict[str, Any]]) -> None:
    shown = Table("service", "hosted p50 ms", "p95", "in pipecat p50", "p95", "hosting adds p50", "quartiles")
    for row in rows:
        ours, theirs, added = row["hosted_ms"], row["pipecat_ms"], row["hosting_adds_ms"]
        cells = [ours["p50"], ours["p95"], theirs["p50"], theirs["p95"], added["p50"], f"{added['q1']} {added['q3']}"]
        shown.add_row(row["service"], *map(str, cells))
    console.print(shown)
    cleared = Table("hosted voice", "interrupt to clear p50 ms", "p99", "max", "interrupts")
    for row in interrupts:
        cleared.add_row(row["voice"], *(str(row["clear_ms"][key]) for key in ("p50", "p99", "max", "samples")))
    console.print(cleared)


def main() -> None:
    asked = argparse.ArgumentParser(prog="python -m benchmarks.pipecat_bridge")
    asked.add_argument("services", nargs="*", help=f"by default all: {', '.join(CASES)}, interrupts")
    asked.add_argument("--rounds", type=int, default=20, help="answers of every contender (default 20)")
    asked.add_argument("--interrupts", type=int, default=INTERRUPTS, help=f"of each voice (default {INTERRUPTS})")
    given = asked.parse_args()
    if unknown := set(given.services) - {*CASES, "interrupts"}:
        asked.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(CASES)}, interrupts")
    chosen = given.services or [*CASES, "interrupts"]
    environment = {**os.environ, PACE: "paced"}
    with process("providers_emulators", environment=environment) as server:
        environment |= told(server)
        rows = [row_of(case, measure(case, given.rounds, environment)) for case in CASES if case in chosen]
        voices = VOICES if "interrupts" in chosen else {}
        interrupts = [interrupts_row(name, interrupt(name, given.interrupts, environment)) for name in voices]
    show(rows, interrupts)
    if not given.services:
        packages = ("voicegraph", "pipecat-ai", "openai", "deepgram-sdk", "websockets", "aiohttp", "httpx2", "msgspec")
        result = {"first_output": rows, "interrupts": interrupts}
        console.print(f"written to {save('pipecat_bridge', json.loads(json.dumps(result)), packages).name}")


if __name__ == "__main__":
    main()
