"""How many telephone calls does a core carry?

    python -m benchmarks.calls                  everything, about 10 minutes
    python -m benchmarks.calls --most 40        no more than 40 calls at a time

1. Calls at a time, beside pipecat: callers (on a core of their own) speak every two seconds into a reply that never
   ends: 50 frames a second, G.711 and resampling both ways, and an interrupt in each turn. Providers take no time. Up
   to 20 of the calls are `voicegraph call`'s, and measured; the others (`calls_crowd`) are the same on the wire, and
   cost their core less. The answers' latency with many calls is compared with that of one call; and the CPU time of the
   server's process tells how many such calls its core has time for, which other load on the machine changes little.
2. On the wire with 50 calls: from a frame that is sent, and from one that is read, to the first node; and from the
   decision to interrupt to `clear` on the socket.
3. A soak: short calls in a row, and what is left of them.

The server has one core, the callers another. Needs `pip install "pipecat-ai[websocket]==1.14.0" uvicorn uvloop` beside
voicegraph with its extras `serve` and `call`; without pipecat its rows are left out.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

import uvloop
from rich.console import Console
from rich.table import Table

from benchmarks.contenders.calls_shape import HUSH
from benchmarks.machine import save
from voicegraph.caller.dialling import Number, warm
from voicegraph.caller.load import Plan, calls
from voicegraph.caller.result import Results, quantile
from voicegraph.caller.steps import Manner, Step
from voicegraph.caller.twilio import Messages
from voicegraph.caller.voices import simulated
from voicegraph.graph.source import Source
from voicegraph.testing.conversations.model import AgentAudio, Caller, HangUp

ROOT = Path(__file__).parent.parent
LADDER = (1, 10, 20, 30, 40, 50, 60, 80, 100, 120, 150, 200, 250)
MEASURED = 20
"""Calls at most; the others are there."""
ADDED = 0.050
"""Seconds that p95 of the answers may be later than with one call."""
TURNS, TALK = 5, 2.0
OWN, SERVERS = 0, 1
"""Cores."""
LATE = 0.015
"""Seconds, p95 of the caller's own lateness: above that the figures are the caller's, not the server's."""

console = Console()
place = Source("benchmarks.calls", "", Path()).start
talk: tuple[Step, ...] = (*(TURNS * (Caller(place, "Go on"), AgentAudio(place, TALK))), HangUp(place))


class Server:
    """A contender at work. told: what it says of itself, second by second."""

    def __init__(self, name: str, folder: Path, *more: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self._watch = folder / f"{name}.jsonl"
        command = [sys.executable, "-m", f"benchmarks.contenders.calls_{name}", str(self.port), str(self._watch), *more]
        self._process = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
        with suppress(OSError, AttributeError, ValueError):
            os.sched_setaffinity(self._process.pid, {SERVERS})
        self._wait()

    @property
    def number(self) -> Number:
        return Number(f"ws://127.0.0.1:{self.port}/twilio/media")

    def told(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._watch.read_text().splitlines()]

    def end(self) -> None:
        self._process.terminate()
        try:
            self._process.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            self._process.kill()

    def _wait(self) -> None:
        for _ in range(300):
            if self._process.poll() is not None:
                sys.exit((self._process.stderr and self._process.stderr.read()) or "the server ended")
            with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=1):
                time.sleep(1.5)  # until all is loaded
                return
            time.sleep(0.1)
        sys.exit("the server did not begin")


@contextmanager
def server(name: str, folder: Path, *more: str) -> Generator[Server]:
    running = Server(name, folder, *more)
    try:
        yield running
    finally:
        running.end()


def dial(to: Server, steps: tuple[Step, ...], number: int, concurrent: int, every: float = 0.0) -> Results:
    plan = Plan(to.number, steps, simulated(), Manner(patience=5.0, quiet=0.2), ear=False)
    making = calls(plan, number, concurrent=concurrent, every=every, seed=number, done=lambda result: None)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(making)


# --- 1 ---------------------------------------------------------------------------------------------------------------


@contextmanager
def crowd(to: Server, number: int) -> Generator[None]:
    """So many callers who are only there."""
    if not number:
        yield
        return
    command = [sys.executable, "-m", "benchmarks.contenders.calls_crowd", str(to.port), str(number)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as callers:
        assert callers.stdout is not None
        try:
            callers.stdout.readline()
            yield
            if callers.poll() is not None:
                console.print(f"the crowd of {number} broke up")
        finally:
            callers.terminate()
    time.sleep(1.0)  # until their calls are over


def ladder(name: str, most: int, folder: Path) -> list[dict[str, Any]]:
    """More and more calls, until answers are far too late."""
    rows: list[dict[str, Any]] = []
    with server(name, folder) as running:
        dial(running, talk[:2] + talk[-1:], 3, 3)  # warm
        for number in (each for each in LADDER if each <= most):
            measured = min(number, MEASURED)
            with crowd(running, number - measured):
                began = time.monotonic()
                results = dial(running, talk, measured, measured, every=1.0 / measured)
                ended = time.monotonic()
            all_on = [told for told in running.told() if began + 1.0 <= told["at"] <= ended - 1.0]
            core = (all_on[-1]["cpu"] - all_on[0]["cpu"]) / (all_on[-1]["at"] - all_on[0]["at"])
            rows.append(row(name, number, results, rows[0]["p50"] if rows else None))
            rows[-1] |= {
                "server_core": round(core, 3),
                "ms_a_call": round(1000 * core / number, 2),
                "calls_a_core": round(number / core),
                "server_mb": all_on[-1]["rss"],
            }
            console.print(rows[-1])
            if rows[-1]["added_p95"] > 10 * ADDED * 1000 and rows[-1]["own_lateness_p95"] < LATE * 1000:
                break
    return rows


def row(name: str, number: int, results: Results, base: float | None) -> dict[str, Any]:
    """Milliseconds, but for counts."""
    answers = [1000 * answer for call in results.calls for answer in call.answers]
    p50, p95, p99 = (round(quantile(answers, part), 1) for part in (0.5, 0.95, 0.99)) if answers else (0.0, 1e9, 1e9)
    stops = [1000 * stop for call in results.calls for stop in call.stops]
    return {
        "contender": name,
        "calls": number,
        "answers": len(answers),
        "p50": p50,
        "p95": p95,
        "p99": p99,
        "beyond_hush_p50": round(p50 - HUSH * 1000, 1),
        "added_p95": round(p95 - (p50 if base is None else base), 1),
        "stop_p95": round(quantile(stops, 0.95), 1) if stops else None,
        "late_sound": sum(call.gaps for call in results.calls),
        "failed": len(results.failed),
        "own_lateness_p95": round(1000 * quantile([call.late or 0.0 for call in results.calls], 0.95), 1),
    }


def carried(rows: list[dict[str, Any]]) -> int:
    """The most calls with which, and with fewer than which, answers were in time.

    Where the caller itself was late, nothing is known of the server: that is the end, too, and the rows show it.
    """
    most = 0
    for each in rows:
        if each["added_p95"] > ADDED * 1000 or each["failed"] or each["own_lateness_p95"] > LATE * 1000:
            break
        most = each["calls"]
    return most


# --- 2, 3 ------------------------------------------------------------------------------------------------------------


def on_the_wire(number: int, folder: Path) -> dict[str, Any]:
    """In ms."""
    file, measured = folder / "wire.json", min(number, MEASURED)
    with noting_frames() as sent, server("voicegraph", folder, str(file)) as running:
        dial(running, talk[:2] + talk[-1:], 3, 3)  # warm
        with crowd(running, number - measured):
            dial(running, talk, measured, measured, every=1.0 / measured)
    found = json.loads(file.read_text())
    came = [
        1000 * (at - left)
        for stream, lefts in sent.items()
        for left, at in zip(lefts, found["nodes"].get(stream, ()), strict=False)
    ]
    figures = {"sent to first node": came, "read to first node": found["read"], "interrupt to clear": found["clear"]}
    return {
        what: {f"p{part}": round(quantile(values, part / 100), 3) for part in (50, 95, 99)} | {"count": len(values)}
        for what, values in figures.items()
    }


@contextmanager
def noting_frames() -> Generator[dict[str, list[float]]]:
    """When each frame of each stream is about to be sent, by the clock that all processes share."""
    sent: dict[str, list[float]] = defaultdict(list)
    media = Messages.media

    def noting(self: Messages, codes: bytes, at: int) -> str:
        message = media(self, codes, at)
        sent[self.identity.stream].append(time.perf_counter())
        return message

    with patch.object(Messages, "media", noting):
        yield sent


def soak(number: int, folder: Path) -> dict[str, Any]:
    """What the server has after a tenth of the calls, and after all."""
    short = (Caller(place, "Go"), AgentAudio(place, 0.2), HangUp(place))
    found: dict[str, Any] = {"calls": number}
    with server("voicegraph", folder) as running:
        done = 0
        for name, until in (("after a tenth", number // 10), ("after half", number // 2), ("after all", number)):
            results = dial(running, short, until - done, 20)
            done = until
            time.sleep(2.5)
            found[name] = running.told()[-1] | {"failed": len(results.failed)}
            console.print(name, found[name])
    return found


def table(rows: list[dict[str, Any]]) -> Table:
    figures = ("p50", "p95", "p99", "added_p95", "stop_p95", "late_sound", "failed", "own_lateness_p95")
    columns = ("contender", "calls", *figures, "server_core", "ms_a_call", "calls_a_core")
    shown = Table(*columns)
    for each in rows:
        shown.add_row(*(str(each[column]) for column in columns))
    return shown


def main() -> None:
    asked = argparse.ArgumentParser(prog="python -m benchmarks.calls")
    asked.add_argument("--most", type=int, default=LADDER[-1], help="calls at a time")
    asked.add_argument("--wire", type=int, default=50, help="calls, for figures on the wire")
    asked.add_argument("--soak", type=int, default=2_000, help="short calls")
    chosen = asked.parse_args()
    with suppress(OSError, AttributeError):
        os.sched_setaffinity(0, {OWN})
    warm()
    contenders = [name for name in ("voicegraph", "pipecat") if importlib.util.find_spec(name)]
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        rows = [each for name in contenders for each in ladder(name, chosen.most, folder)] if chosen.most else []
        results: dict[str, Any] = {
            "ladder": rows,
            "carried": {name: carried([each for each in rows if each["contender"] == name]) for name in contenders},
            "wire": on_the_wire(chosen.wire, folder) if chosen.wire else None,
            "soak": soak(chosen.soak, folder) if chosen.soak else None,
        }
    console.print(table(rows), results["carried"], results["wire"], results["soak"])
    packages = ("voicegraph", "pipecat-ai", "uvicorn", "uvloop", "websockets", "numpy", "soxr")
    console.print(f"written to {save('calls', results, packages).name}")


if __name__ == "__main__":
    main()
