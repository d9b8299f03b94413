"""Spans to OpenTelemetry: through its SDK, which its own environment variables configure.

`OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_EXPORTER_OTLP_HEADERS`, `OTEL_SERVICE_NAME`, `OTEL_TRACES_SAMPLER`, `OTEL_BSP_…`:
see https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables. A program that has set up a tracer
provider of its own gets the spans there.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from loguru import logger
from opentelemetry import propagate, trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from voicegraph.observe.exporting import Traced
from voicegraph.observe.spans import Span

if TYPE_CHECKING:
    from opentelemetry.context import Context

KINDS = {
    "server": trace.SpanKind.SERVER,
    "client": trace.SpanKind.CLIENT,
    "internal": trace.SpanKind.INTERNAL,
}
SAYS_EVERY = 60.0
"""Seconds from one message of its log to the next."""
QUEUE = "OTEL_BSP_MAX_QUEUE_SIZE"
QUEUED = 2_048
"""Spans that wait for the exporter, unless that variable says otherwise; its default too."""


def telemetry() -> Telemetry:
    """To the tracer provider that the program has set up, if it has; else by OTLP over HTTP."""
    own = trace.get_tracer_provider()
    return Telemetry(provider=None if isinstance(own, trace.ProxyTracerProvider) else own)


class Telemetry:
    """A sink. exporter: in place of OTLP's. provider: a program's own, to which spans go instead."""

    def __init__(self, exporter: SpanExporter | None = None, provider: trace.TracerProvider | None = None) -> None:
        self._batches = None if provider else _Batches(exporter or _otlp())
        self._provider = provider or _provider(self._batches)
        self._tracer = self._provider.get_tracer("voicegraph", _version())
        self._roots: dict[Traced, trace.Span] = {}  # of calls that are on

    @property
    def lost(self) -> int:
        return self._batches.lost if self._batches else 0

    def turn(self, call: Traced, span: Span) -> None:
        root = self._root(call)
        if root.is_recording():
            self._give(span, trace.set_span_in_context(root))

    def call(self, call: Traced, span: Span) -> None:
        root = self._root(call)
        del self._roots[call]
        _finish(root, span)

    def close(self) -> None:
        if isinstance(self._provider, TracerProvider) and self._batches:
            self._provider.shutdown()

    def _root(self, call: Traced) -> trace.Span:
        """The call's span, which stays open while the call is on: the others are below it."""
        if call not in self._roots:
            above = propagate.extract(dict(call.headers))
            self._roots[call] = self._tracer.start_span(
                call.spans.name, above, KINDS[call.spans.kind], start_time=_nanoseconds(call.spans.began)
            )
        return self._roots[call]

    def _give(self, span: Span, above: Context) -> None:
        given = self._tracer.start_span(span.name, above, KINDS[span.kind], start_time=_nanoseconds(span.start))
        below = trace.set_span_in_context(given)
        for child in span.children:
            self._give(child, below)
        _finish(given, span)


class _Batches(SpanProcessor):
    """OpenTelemetry's batch processor, with a count of what it has no room for. Of that, the newest is dropped."""

    def __init__(self, exporter: SpanExporter) -> None:
        self.lost = 0
        self._room = int(os.environ.get(QUEUE, "") or QUEUED)
        self._given = 0
        self._exporter = _Counted(exporter)
        self._processor = BatchSpanProcessor(self._exporter, max_queue_size=self._room)

    def on_end(self, span: ReadableSpan) -> None:
        if self._given - self._exporter.taken >= self._room:
            self.lost += 1
            return
        self._given += 1
        self._processor.on_end(span)

    def shutdown(self) -> None:
        self._processor.shutdown()  # type: ignore[no-untyped-call]
        self.lost += self._given - self._exporter.taken + self._exporter.refused


class _Counted(SpanExporter):
    """taken: spans that were given to the exporter. refused: of those, the ones that did not arrive."""

    def __init__(self, exporter: SpanExporter) -> None:
        self.taken = self.refused = 0
        self._exporter = exporter

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.taken += len(spans)
        result = self._exporter.export(spans)
        if result is not SpanExportResult.SUCCESS:
            self.refused += len(spans)
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)


class _Log(logging.Handler):
    """What OpenTelemetry says, in our log, and not too often: that a collector is gone it says again and again."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._next = 0.0

    def emit(self, record: logging.LogRecord) -> None:
        if record.created >= self._next:
            self._next = record.created + SAYS_EVERY
            logger.log(record.levelname, "OpenTelemetry: {:.200}", record.getMessage())


def _otlp() -> SpanExporter:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    said = logging.getLogger("opentelemetry")
    if not any(isinstance(handler, _Log) for handler in said.handlers):
        said.addHandler(_Log())
    return OTLPSpanExporter()


def _provider(batches: _Batches | None) -> TracerProvider:
    named = "OTEL_SERVICE_NAME" in os.environ or "service.name=" in os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    resource = Resource.create({} if named else {"service.name": "voicegraph"})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)  # a dead collector must not hold the process
    if batches is not None:
        provider.add_span_processor(batches)
    return provider


def _finish(given: trace.Span, span: Span) -> None:
    given.set_attributes(dict[str, Any](span.attributes))
    for event in span.events:
        given.add_event(event.name, dict[str, Any](event.attributes), _nanoseconds(event.at))
    if span.error is not None:
        given.set_attribute("error.type", span.error)
        given.set_status(trace.Status(trace.StatusCode.ERROR))
    given.end(_nanoseconds(span.end))


def _nanoseconds(seconds: float) -> int:
    return round(seconds * 1e9)


def _version() -> str:
    from voicegraph import __version__

    return __version__
