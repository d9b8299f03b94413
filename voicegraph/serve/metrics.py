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
from voicegraph.observe.timeline import Turn

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
ANSWERS = (0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 1.2, 1.6, 2.0, 3.0, 5.0, 10.0)
OPEN: dict[State, float] = {"closed": 0.0, "half-open": 0.5, "open": 1.0}
FIRST = (0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.8, 1.2, 2.0, 5.0)
QUEUE = (0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
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
        self.first = Histogram(
            "voicegraph_node_first_output_seconds",
            "In a turn: from a node's first frame to its first output",
            ["node"],
            registry=own,
            buckets=FIRST,
        )
        self.queue = Histogram(
            "voicegraph_node_queue_seconds",
            "In a turn: how long a node's first frame waited for it",
            ["node"],
            registry=own,
            buckets=QUEUE,
        )
        self.share = Counter(
            "voicegraph_answer_share_seconds", "Of the answers' time, what a node took", ["node"], registry=own
        )
        self.dropped = Counter(
            "voicegraph_node_dropped", "Caller audio dropped because a node was behind", ["node"], registry=own
        )
        self.blocked = Counter(
            "voicegraph_node_blocked_seconds",
            "For how long nodes were held because whoever takes their frames was full",
            ["node"],
            registry=own,
        )
        self.turns = Gauge(
            "voicegraph_turns_active", "Replies that are not over", registry=own, multiprocess_mode="livesum"
        )
        self.spans_lost = Gauge(
            "voicegraph_spans_lost", "Spans that nobody took in time", registry=own, multiprocess_mode="sum"
        )
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

    def turn(self, turn: Turn) -> None:
        """One that is over."""
        if turn.answer is not None:
            self.answers.observe(turn.answer)
        for stage in turn.stages:
            if stage.taken is not None and stage.first is not None:
                self.first.labels(stage.node).observe(stage.first - stage.taken)
                self.queue.labels(stage.node).observe(stage.queued)
        for part in turn.path:
            if part.node:
                self.share.labels(part.node).inc(max(0.0, part.seconds))

    def trouble(self, node: str, dropped: int, blocked: float) -> None:
        """More of it. There are no series of nodes that have none."""
        if dropped > 0:
            self.dropped.labels(node).inc(dropped)
        if blocked > 0:
            self.blocked.labels(node).inc(blocked)

    def active(self, turns: int, spans_lost: int) -> None:
        """How it is now."""
        self.turns.set(turns)
        self.spans_lost.set(spans_lost)

    def text(self) -> bytes:
        return generate_latest(self.registry)


class CallMetrics:
    """An observer of one call, which counts what is out of the usual. What turns take, `Metrics.turn` is told."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def given(self, node: str, frame: Frame) -> None:
        kind = type(frame)
        if kind is Error:
            self._metrics.errors.labels(node).inc()
        elif kind is Interrupt:
            self._metrics.interrupts.inc()
        elif isinstance(frame, Recovery):
            self._metrics.recoveries.labels(frame.node, frame.step).inc()

    def played(self, turn: int, seconds: float) -> None: ...
