"""What our vendor nodes add, beside the vendors' SDKs with nothing around them and pipecat's services, on one emulator.

    python -m benchmarks.providers                             everything, about 10 minutes, most of them waiting
    python -m benchmarks.providers --rounds 10 openai.chat     a rough look at one node; nothing is written

1. From the emulator's sending the first token, first sound or final transcript to the consumer's having it as a frame;
   and from the request, or the end of speech, to the emulator.
2. CPU of the process for each token, or 20 ms of sound: `paced`, one at a time as they come in a call, where most of it
   is waking up; and in a `flood`, as fast as the emulator can, where that is spread over many, as in a busy server.

The emulators run in a process of their own, and so does each contender, fresh for each node. They take turns, answer by
answer (A B C A B C ...), so that what else the machine does strikes all alike; ratios are of neighbours, too.
Needs `pip install "pipecat-ai[deepgram,openai,elevenlabs]==1.14.0" deepgram-sdk` beside voicegraph with its extras
`deepgram`, `openai`, `elevenlabs` and `emulators`; without one of them, its rows are left out, and the result says so.
"""

from __future__ import annotations

import argparse
import importlib.util
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

ROOT = Path(__file__).parent.parent
OURS, HELPER, RAW, PIPECAT = ("voicegraph", "node"), ("sdk", "helper"), ("sdk", "raw"), ("pipecat", "service")
CONTENDERS = {
    "deepgram.stt": (OURS, HELPER, RAW, PIPECAT),
    "deepgram.flux": (OURS, HELPER, RAW, PIPECAT),
    "openai.chat": (OURS, HELPER, RAW, PIPECAT),
    "openai.tts": (OURS, HELPER, RAW, PIPECAT),
    "elevenlabs.tts": (OURS, RAW, PIPECAT),
    "elevenlabs.http": (OURS, HELPER, RAW, ("voicegraph", "timestamps"), ("sdk", "timestamps"), PIPECAT),
    "pace": (("sdk", "pace"),),
}
"""By node, with the way that they go. `pace` sends frames nowhere: what waiting for them costs."""
BARE = {"node": ("helper", "raw"), "timestamps": ("timestamps",)}
"""What of the SDK is compared with a way of ours."""
IN_FLOODS = ("openai.chat", "openai.tts", "elevenlabs.tts", "elevenlabs.http")
"""Those whose answers can come faster: who speaks to Deepgram does so in real time."""
WARM_UP = 3
"""Rounds that are not counted."""

Row = dict[str, list[Any]]
Rows = dict[tuple[str, str, str], Row]
console = Console()


@contextmanager
def process(module: str, *args: str, environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """One that ends with its input."""
    command = [sys.executable, "-m", f"benchmarks.contenders.providers_{module}", *args]
    pipe = subprocess.PIPE
    noise = subprocess.DEVNULL if module == "pipecat" else None  # it greets
    with subprocess.Popen(
        command, stdin=pipe, stdout=pipe, stderr=noise, text=True, cwd=ROOT, env=environment
    ) as started:
        assert started.stdin is not None
        try:
            yield started
        finally:
            started.stdin.close()


def told(by: subprocess.Popen[str]) -> dict[str, Any]:
    """Its next line."""
    assert by.stdout is not None
    line = by.stdout.readline()
    if not line:
        sys.exit(f"{by.args} failed")
    answer: dict[str, Any] = json.loads(line)
    return answer


def figures(of: subprocess.Popen[str], command: str) -> dict[str, Any]:
    """Those of one answer, or of idling."""
    assert of.stdin is not None
    of.stdin.write(f"{command}\n")
    of.stdin.flush()
    return told(of)


def here(case: str, name: str) -> bool:
    """Whether what a contender needs is installed."""
    vendor = case.partition(".")[0]
    needed = {"deepgram": "websockets"}.get(vendor, vendor) if name == "voicegraph" else vendor
    modules = {needed, *(["pipecat"] if name == "pipecat" else [])} - {"pace"}
    return all(importlib.util.find_spec(module) is not None for module in modules)


def measure(case: str, rounds: int, environment: dict[str, str]) -> Rows:
    """All figures of one node's contenders."""
    rows: Rows = {}
    with ExitStack() as stack:
        contenders = {
            (name, way): stack.enter_context(process(name, case, way, environment=environment))
            for name, way in CONTENDERS[case]
            if here(case, name)
        }
        for number in track(range(WARM_UP + rounds), f"{case}, {environment[PACE]}"):
            for (name, way), contender in contenders.items():
                row = rows.setdefault((case, name, way), {})
                if number == WARM_UP:
                    row["idle"] = [figures(contender, "idle")["idle"]]
                for figure, value in figures(contender, "answer").items():
                    if number >= WARM_UP:
                        row.setdefault(figure, []).extend(value if isinstance(value, list) else [value])
    return rows


def ms(seconds: list[float]) -> dict[str, float]:
    """Half, and 95 in a hundred, lie at or below these."""
    ranked = sorted(seconds)
    figures = {name: ranked[-int(-len(ranked) * share // 1) - 1] for name, share in (("p50", 0.5), ("p95", 0.95))}
    return {**{name: round(1e3 * value, 3) for name, value in figures.items()}, "samples": len(ranked)}


def us(seconds: list[float]) -> dict[str, float]:
    """The median, and between which half of them lie."""
    low, median, high = statistics.quantiles(seconds, n=4, method="inclusive")
    return {name: round(1e6 * value, 2) for name, value in (("median", median), ("q1", low), ("q3", high))}


def of_bare(rows: Rows, case: str, name: str, way: str) -> dict[str, float]:
    """CPU of ours, as a share of each way of the SDK: the median over rounds, in which they are neighbours."""
    ours, ways = rows[case, name, way]["cpu"], BARE.get(way, ()) if name == "voicegraph" else ()
    bare = {each: rows[case, "sdk", each]["cpu"] for each in ways if (case, "sdk", each) in rows}
    return {
        each: round(statistics.median(a / b for a, b in zip(ours, theirs, strict=True)), 3)
        for each, theirs in bare.items()
    }


def result(paced: Rows, flood: Rows) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    for key, row in paced.items():
        one: dict[str, Any] = dict(zip(("node", "contender", "way"), key, strict=True))
        one |= {f"{figure}_ms": ms(row[figure]) for figure in ("asking", "first", "each") if row.get(figure)}
        for pace, rows in (("paced", paced), ("flood", flood)):
            if key in rows:
                one[f"{pace}_cpu_us"] = us(rows[key]["cpu"])
                if shares := of_bare(rows, *key):
                    one[f"{pace}_cpu_of_sdk"] = shares
        one |= {"request_cpu_us": us(row["request"])} if "request" in row else {}
        one["idle_cpu_us_per_s"] = round(1e6 * row["idle"][0], 1)
        made.append(one)
    return made


def table(rows: list[dict[str, Any]]) -> Table:
    shown = Table("node", "contender", "asking p50", "first p50 ms", "p95", "paced us", "of SDK", "flood us", "of SDK")
    for row in rows:
        first, asking = row.get("first_ms", {}), row.get("asking_ms", {})
        cells = [row["node"], f"{row['contender']} {row['way']}", asking.get("p50"), first.get("p50"), first.get("p95")]
        for pace in ("paced", "flood"):
            cpu = row.get(f"{pace}_cpu_us")
            cells.append(f"{cpu['median']} ({cpu['q1']}-{cpu['q3']})" if cpu else "")
            cells.append(" ".join(f"{way} {share}" for way, share in row.get(f"{pace}_cpu_of_sdk", {}).items()))
        shown.add_row(*("" if cell is None else str(cell) for cell in cells))
    return shown


def compare(cases: list[str], rounds: int) -> list[dict[str, Any]]:
    found: dict[str, Rows] = {}
    for pace in ("paced", "flood"):
        environment = {**os.environ, PACE: pace}
        with process("emulators", environment=environment) as server:
            environment |= told(server)
            found[pace] = {}
            for case in cases if pace == "paced" else [case for case in cases if case in IN_FLOODS]:
                found[pace] |= measure(case, rounds, environment)
    return result(found["paced"], found["flood"])


def main() -> None:
    asked = argparse.ArgumentParser(prog="python -m benchmarks.providers")
    asked.add_argument("nodes", nargs="*", help=f"by default all: {', '.join(CONTENDERS)}")
    asked.add_argument("--rounds", type=int, default=20, help="answers of every contender (default 20)")
    given = asked.parse_args()
    if unknown := set(given.nodes) - CONTENDERS.keys():
        asked.error(f"there is no {', '.join(sorted(unknown))}; there are {', '.join(CONTENDERS)}")
    rows = compare(given.nodes or list(CONTENDERS), given.rounds)
    console.print(table(rows))
    if not given.nodes:
        packages = ("voicegraph", "pipecat-ai", "openai", "deepgram-sdk", "elevenlabs", "websockets", "httpx", "httpx2")
        console.print(f"written to {save('providers', rows, (*packages, 'aiohttp', 'msgspec')).name}")


if __name__ == "__main__":
    main()
