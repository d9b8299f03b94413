"""What is counted, in Prometheus' text format. With several processes, the figures are those of all of them.

The processes share figures through files, as prometheus_client does when PROMETHEUS_MULTIPROC_DIR names a folder.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from voicegraph.engine.recovery.breakers import State
from voicegraph.frames import Error, Frame, Interrupt, Recovery
from voicegraph.observe.turns import Milestones

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
ANSWERS = (0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 1.2, 1.6, 2.0, 3.0, 5.0, 10.0)
OPEN: dict[State, float] = {"closed": 0.0, "half-open": 0.5, "open": 1.0}
CALLS = (1, 5, 15, 30, 60, 120, 300, 600, 1800, 3600)


class Metrics:
    """Of one server."""

    def __init__(self) -> None:
        own = CollectorRegistry()
        shared = FOLDER in os.environ
        self.registry = own
        if shared:
            self.registry = CollectorRegistry()
            MultiProcessCollector(self.registry)  # type: ignore[no-untyped-call]
        self.calls = Gauge("voicegraph_calls", "Calls that are on", registry=own, multiprocess_mode="livesum")
        self.ended = Counter("voicegraph_calls_ended", "Calls that are over, by why", ["why"], registry=own)
        self.refused = Counter("voicegraph_refused", "Calls and requests refused, by why", ["why"], registry=own)
        self.seconds = Histogram("voicegraph_call_seconds", "How long calls were", registry=own, buckets=CALLS)
        self.answers = Histogram(
            "voicegraph_answer_seconds",
            "From the end of the caller's speech to the answer heard",
            registry=own,
            buckets=ANSWERS,
        )
        self.interrupts = Counter("voicegraph_interrupts", "Replies given up because the caller spoke", registry=own)
        self.errors = Counter("voicegraph_node_errors", "Faults of nodes", ["node"], registry=own)
        self.recoveries = Counter("voicegraph_recoveries", "What was done about faults", ["node", "step"], registry=own)
        self.breakers = Gauge(
            "voicegraph_breaker",
            "Whether a node is left alone since it keeps failing: 0 closed, 0.5 half-open, 1 open",
            ["provider"],
            registry=own,
            multiprocess_mode="livemax",
        )
        self.lag = Gauge(
            "voicegraph_loop_lag_seconds",
            "How late the event loop is, on average over a second",
            registry=own,
            multiprocess_mode="livemax",
        )
        self.ready = Gauge("voicegraph_ready", "Processes that take calls", registry=own, multiprocess_mode="livesum")

    def note(self, breakers: Mapping[str, State]) -> None:
        """How the providers are, as the process knows it now."""
        for provider, state in breakers.items():
            self.breakers.labels(provider).set(OPEN[state])

    def text(self) -> bytes:
        return generate_latest(self.registry)


class CallMetrics:
    """An observer of one call, which counts what it sees."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._milestones = Milestones()
        self._answered: set[int] = set()

    def given(self, node: str, frame: Frame) -> None:
        self._milestones.given(node, frame)
        if isinstance(frame, Error):
            self._metrics.errors.labels(node).inc()
        elif isinstance(frame, Recovery):
            self._metrics.recoveries.labels(frame.node, frame.step).inc()
        elif isinstance(frame, Interrupt):
            self._metrics.interrupts.inc()

    def played(self, turn: int, seconds: float) -> None:
        self._milestones.played(turn, seconds)
        if turn not in self._answered and (answer := self._milestones.answer(turn)) is not None:
            self._answered.add(turn)
            self._metrics.answers.observe(answer)
