"""Spans on their way out of the process: in a thread of their own, so that nobody who is slow to take them is heard.

Between the calls and the thread there is a bounded queue. What it has no room for is lost, and counted.
"""

from __future__ import annotations

import asyncio
import os
import queue
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

import msgspec
from loguru import logger

from voicegraph.errors import VoicegraphError
from voicegraph.observe.spans import Span, Spans
from voicegraph.observe.timeline import Turn

ROOM = 1_000
"""Turns that may wait for the thread. For ends of calls there is room beyond that: they close what was begun."""
CLOSES_WITHIN = 5.0
"""Seconds that whoever takes spans has for the last ones."""

TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}(?:-.*)?")
"""W3C Trace Context, section 3.2: the trace, and the span in it that a request comes from."""


@dataclass(eq=False)
class Traced:
    """One call. headers: of the request that it came with, which may name the trace that it is a part of."""

    spans: Spans
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    def parent(self) -> tuple[str, str] | None:
        """Trace and span that the call came from, if it tells."""
        found = TRACEPARENT.fullmatch(self.headers.get("traceparent", ""))
        return (found[1], found[2]) if found else None


class Sink(Protocol):
    """Takes spans. It is called in one thread only, and may block."""

    @property
    def lost(self) -> int:
        """Spans that it had to drop."""
        ...

    def turn(self, call: Traced, span: Span) -> None:
        """A turn is over."""
        ...

    def call(self, call: Traced, span: Span) -> None:
        """A call is over; nothing more comes of it."""
        ...

    def close(self) -> None:
        """Nothing more comes at all."""
        ...


class Exporting:
    """Of one process. Its methods return at once, but for `close`."""

    def __init__(self, sinks: Sequence[Sink], room: int = ROOM) -> None:
        self._sinks = sinks
        self._room = room
        self._work: queue.Queue[Callable[[Sink], None] | None] = queue.Queue(2 * room)
        self._unqueued = 0
        self._thread = threading.Thread(target=self._run, name="voicegraph-spans", daemon=True)
        self._thread.start()

    @property
    def lost(self) -> int:
        """Turns and calls that there was no room for, and spans that were dropped behind that."""
        return self._unqueued + sum(sink.lost for sink in self._sinks)

    def turn(self, call: Traced, turn: Turn) -> None:
        """A turn is over."""
        if self._work.qsize() >= self._room:
            self._unqueued += 1
            return
        self._later(lambda sink: sink.turn(call, call.spans.turn(turn)))

    def call(self, call: Traced, span: Span) -> None:
        """A call is over, its turns have been told."""
        self._later(lambda sink: sink.call(call, span))

    async def close(self, within: float = CLOSES_WITHIN) -> None:
        """Waits until all is exported, but not for ever."""
        await asyncio.get_running_loop().run_in_executor(None, self.finish, within)

    def finish(self, within: float = CLOSES_WITHIN) -> None:
        """The same where there is no loop."""
        ends = time.monotonic() + within
        with suppress(queue.Full):
            self._work.put(None, timeout=within)
        self._thread.join(max(0.0, ends - time.monotonic()))
        if self._thread.is_alive():
            logger.warning("spans could not be exported within {:g} s; some are lost", within)
        elif self.lost:
            logger.warning("{} spans were lost: whoever takes them is too slow", self.lost)

    def _later(self, work: Callable[[Sink], None]) -> None:
        try:
            self._work.put_nowait(work)
        except queue.Full:
            self._unqueued += 1

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            for sink in self._sinks:
                _attempt(work, sink)
        for sink in self._sinks:
            _attempt(lambda sink: sink.close(), sink)


def _attempt(work: Callable[[Sink], None], sink: Sink) -> None:
    """A fault in here is no call's."""
    try:
        work(sink)
    except Exception as error:  # noqa: BLE001 - see above
        logger.error("spans: {}: {}", type(error).__name__, error)


class Lines:
    """A sink: spans as JSON Lines in a file that only its owner may read. Several processes may write to one.

    Raises VoicegraphError for a file that cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.lost = 0
        self._path = path
        self._roots: dict[Traced, tuple[str, str]] = {}  # trace and span of calls that are on
        try:
            self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError as error:
            raise VoicegraphError(
                f"cannot write spans to {path}: {error.strerror or error}. Choose a file that you may write to."
            ) from error

    def turn(self, call: Traced, span: Span) -> None:
        trace, root = self._root(call)
        self._write(_lines(span, trace, secrets.token_hex(8), root))

    def call(self, call: Traced, span: Span) -> None:
        trace, root = self._root(call)
        del self._roots[call]
        above = call.parent()
        self._write(_lines(span, trace, root, above[1] if above else None))

    def close(self) -> None:
        os.close(self._file)

    def _root(self, call: Traced) -> tuple[str, str]:
        if call not in self._roots:
            above = call.parent()
            self._roots[call] = (above[0] if above else secrets.token_hex(16)), secrets.token_hex(8)
        return self._roots[call]

    def _write(self, lines: Iterator[dict[str, Any]]) -> None:
        """In one piece: what several processes append does not mix."""
        encoded = [msgspec.json.encode(line) for line in lines]
        try:
            os.write(self._file, b"\n".join([*encoded, b""]))
        except OSError as error:
            if not self.lost:
                logger.error("{} cannot be written: {}", self._path, error.strerror or error)
            self.lost += len(encoded)


def _lines(span: Span, trace: str, own: str, parent: str | None) -> Iterator[dict[str, Any]]:
    """A span and those below it. Times are in seconds, `start` since 1970."""
    line: dict[str, Any] = {"trace": trace, "span": own, "parent": parent, "name": span.name, "kind": span.kind}
    line |= {"start": round(span.start, 6), "seconds": round(span.end - span.start, 6)}
    line["attributes"] = {
        name: round(value, 6) if isinstance(value, float) else value for name, value in span.attributes.items()
    }
    line["events"] = [
        {"name": each.name, "at": round(each.at, 6), **({"attributes": each.attributes} if each.attributes else {})}
        for each in span.events
    ]
    yield line | ({"error": span.error} if span.error else {})
    for child in span.children:
        yield from _lines(child, trace, secrets.token_hex(8), own)


@dataclass(frozen=True)
class Exports:
    """Where spans go. spans: a file for JSON Lines. otel: to OpenTelemetry. words: what both sides say is in them.

    words lets those who watch a call on a server see them, too.
    """

    spans: Path | None = None
    otel: bool = False
    words: bool = False

    def check(self) -> None:
        """Raises VoicegraphError for what cannot be."""
        if self.spans is not None:
            Lines(self.spans).close()
        if self.otel and (find_spec("opentelemetry") is None or find_spec("opentelemetry.exporter") is None):
            raise VoicegraphError('--otel needs OpenTelemetry: pip install "voicegraph[otel]"')

    def start(self) -> Exporting | None:
        """None if nothing is asked for. Raises VoicegraphError."""
        self.check()
        sinks: list[Sink] = [Lines(self.spans)] if self.spans is not None else []
        if self.otel:
            from voicegraph.observe.otel import telemetry

            sinks.append(telemetry())
        return Exporting(sinks) if sinks else None
