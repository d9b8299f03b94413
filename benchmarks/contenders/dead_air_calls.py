"""What goes wrong in the calls of `benchmarks.dead_air`, and the processes that make them."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.contenders import dead_air_shape as shape
from benchmarks.contenders.dead_air_heard import SECONDS, TEXT
from voicegraph.emulators.faults import (
    After,
    AnyFault,
    Close,
    Drop,
    Faults,
    Refuse,
    SlowFirstByte,
    Stall,
    Status,
)
from voicegraph.emulators.scripted import Latencies, Script, scripted
from voicegraph.emulators.server import Emulators, in_thread

ROOT = Path(__file__).parent.parent.parent
PACE = Latencies(first_token=0.2, token=0.015, first_sound=0.1, sound=0.06)
"""How fast emulators are. A piece of sound is 80 ms long on the average: they speak a third faster than it is heard."""
PATIENCE = 150.0
"""Seconds for a call, its end included."""
PLACES = (4, 6, 8, 10, 12)
"""Words that have been sent when a voice fails in mid-reply, call by call: 1.3 to 4.4 seconds of sound."""
SPOKEN = 1.5
"""Seconds of the caller's speech that have been heard when the connection to the transcriber is lost."""

Told = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """what: for people. faults: of the call with this number, from 0. lasts: seconds from the first one's striking on
    until all is well again; None: to the call's end.
    """

    what: str
    faults: Callable[[int], Sequence[AnyFault]] = lambda number: ()
    lasts: float | None = None


def _place(number: int) -> After:
    return After(words=PLACES[number % len(PLACES)])


def _voice(fault: type[Any], count: int | None = None, **more: Any) -> tuple[AnyFault, ...]:
    """Over its WebSocket, and the same over HTTP: some connect by the one, and speak by the other."""
    paths = ("*/multi-stream-input", "*/stream*")
    return tuple(fault(vendor="elevenlabs", path=path, count=count, **more) for path in paths)


def _model(fault: type[Any], **more: Any) -> AnyFault:
    made: AnyFault = fault(vendor="openai", path="*/chat/completions", **more)
    return made


def _lost(seconds: float) -> Case:
    received = round((shape.SETTLE + SPOKEN) * 2 * 16_000)
    drop = Drop(vendor="deepgram", after=After(received=received))
    gone = Refuse(vendor="deepgram", count=None)
    return Case(
        f"reset {SPOKEN:g} s into the caller's speech, refused for {seconds:g} s", lambda _: (drop, gone), seconds
    )


_CLOSED, _ = _voice(Close, after=After(received=1))
_, _REFUSED = _voice(Status, status=503)
VOICES = {
    "none": Case("all is well"),
    "error": Case("closed with 1011 at the first message; 503 over HTTP", lambda _: (_CLOSED, _REFUSED)),
    "hang": Case("accepted, and never a byte", lambda _: _voice(Stall)),
    "death": Case("reset in mid-reply, once", lambda number: _voice(Drop, 1, after=_place(number))),
    "freeze": Case("not a byte more in mid-reply", lambda number: _voice(Stall, after=_place(number))),
}
THINKS = {
    "error": Case("503, once", lambda _: (_model(Status, status=503),)),
    "hang": Case("never a byte, once", lambda _: (_model(SlowFirstByte, time=None),)),
    "stall": Case("nothing more after two words, once", lambda _: (_model(Stall, after=After(words=2)),)),
    "drop": Case("reset after two words, once", lambda _: (_model(Drop, after=After(words=2)),)),
    "late": Case("reset after 30 words, once", lambda _: (_model(Drop, after=After(words=30)),)),
    "down": Case("every connection to every provider is refused", lambda _: (Refuse(count=None),)),
}
HEARS = {f"{seconds:g} s": _lost(seconds) for seconds in (0.5, 2.0, 5.0)}


class Contender:
    """A process, and its emulators. versions: of what it runs."""

    def __init__(self, python: str, module: str, arguments: Sequence[str], emulators: Emulators) -> None:
        self._emulators = emulators
        self._noise = tempfile.TemporaryFile()  # noqa: SIM115 - `end` closes it
        self._process = subprocess.Popen(
            [python, "-m", f"benchmarks.contenders.dead_air_{module}", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._noise,
            text=True,
            cwd=ROOT,
            env={**os.environ, **emulators.environment, shape.SECONDS: str(SECONDS)},
        )
        self.versions: dict[str, str] = self._next()

    def call(self, case: Case, number: int) -> Told:
        """A call in which this goes wrong. number: of those before it. `struck` tells whether it did."""
        assert self._process.stdin is not None
        before = len(self._emulators.exchanges)
        self._emulators.faults.clear()
        self._emulators.faults.plan(*case.faults(number))

        def struck() -> bool:
            return any(each.struck for each in islice(tuple(self._emulators.exchanges), before, None))

        over = threading.Event()
        lifting = threading.Thread(target=self._lift, args=(case.lasts, struck, over))
        lifting.start()
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        told: Told = self._next()
        over.set()
        lifting.join()
        return told | {"struck": struck()}

    def end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._noise.close()

    def _lift(self, lasts: float | None, struck: Callable[[], bool], over: threading.Event) -> None:
        """Lets all be well again in time."""
        if lasts is None:
            return
        while not struck() and not over.wait(0.01):
            pass
        if not over.wait(lasts):
            self._emulators.faults.clear()

    def _next(self) -> Any:
        assert self._process.stdout is not None
        guard = threading.Timer(PATIENCE, self._process.kill)
        guard.start()
        line = self._process.stdout.readline()
        guard.cancel()
        if not line:
            status = self._process.wait(10)
            self._noise.seek(0)
            noise = self._noise.read().decode(errors="replace")[-2000:]
            raise RuntimeError(f"{self._process.args!r} ended with {status}: {noise}")
        return json.loads(line)


@contextmanager
def contender(python: str, module: str, *arguments: str) -> Iterator[Contender]:
    backend = scripted(Script(voice="words", otherwise=TEXT, latency=PACE))
    with in_thread(backend=backend, faults=Faults()) as emulators:
        started = Contender(python, module, arguments, emulators)
        try:
            yield started
        finally:
            started.end()
