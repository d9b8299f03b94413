"""Spans to OpenTelemetry: to its exporters in memory, and to a collector on a socket."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Generator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from loguru import logger
from opentelemetry import trace
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.observe.test_exporting import ABOVE, TRACE
from tests.observe.test_spans import BEGAN, answered, spans
from tests.observe.timelines import plausible
from voicegraph.observe.exporting import Exporting, Exports, Traced
from voicegraph.observe.otel import Telemetry

CALL = plausible()


def give(telemetry: Telemetry, traced: Traced) -> None:
    """A call of one turn."""
    telemetry.turn(traced, traced.spans.turn(answered(CALL)))
    telemetry.call(traced, traced.spans.call(CALL.seconds, "done", {}))


def exported(traced: Traced) -> dict[str, ReadableSpan]:
    memory = InMemorySpanExporter()
    telemetry = Telemetry(memory)
    give(telemetry, traced)
    telemetry.close()
    return {span.name: span for span in memory.get_finished_spans()}


def test_a_call_is_one_trace() -> None:
    found = exported(Traced(spans()))
    call, turn, llm = found["call graph"], found["invoke_agent graph"], found["chat gpt-4.1-mini"]
    assert call.parent is None
    assert turn.parent is not None
    assert call.context is not None
    assert turn.context is not None
    assert llm.parent is not None
    assert turn.parent.span_id == call.context.span_id
    assert llm.parent.span_id == turn.context.span_id
    assert len({span.context.trace_id for span in found.values() if span.context}) == 1
    assert (call.kind, llm.kind) == (trace.SpanKind.SERVER, trace.SpanKind.CLIENT)
    assert call.start_time == round(BEGAN * 1e9)
    assert call.end_time == round((BEGAN + CALL.seconds) * 1e9)
    assert llm.attributes is not None
    assert llm.attributes["gen_ai.provider.name"] == "openai"
    assert [event.name for event in llm.events] == ["voicegraph.first_output"]
    assert call.resource.attributes["service.name"] == "voicegraph"


def test_a_call_goes_on_a_trace_that_it_came_with() -> None:
    call = exported(Traced(spans(), {"traceparent": f"00-{TRACE}-{ABOVE}-01"}))["call graph"]
    assert call.parent is not None
    assert (f"{call.parent.trace_id:032x}", f"{call.parent.span_id:016x}") == (TRACE, ABOVE)


def test_a_call_that_failed_is_an_error() -> None:
    memory, traced = InMemorySpanExporter(), Traced(spans())
    telemetry = Telemetry(memory)
    telemetry.call(traced, traced.spans.call(CALL.seconds, "failed", {}, failed=True))
    telemetry.close()
    (call,) = memory.get_finished_spans()
    assert call.status.status_code is trace.StatusCode.ERROR
    assert call.attributes is not None
    assert call.attributes["error.type"] == "failed"


def test_the_sampler_of_the_environment_is_heeded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    assert exported(Traced(spans())) == {}


def test_a_program_with_a_provider_of_its_own() -> None:
    memory, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    telemetry = Telemetry(provider=provider)
    give(telemetry, Traced(spans()))
    telemetry.close()
    assert len(memory.get_finished_spans()) == 2 + len(spans().turn(answered(CALL)).children)


def test_the_provider_that_a_program_has_set_up_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    memory, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
    exporting = Exports(otel=True).start()
    assert exporting is not None
    exporting.turn(Traced(spans()), answered(CALL))
    exporting.finish()
    assert "chat gpt-4.1-mini" in [span.name for span in memory.get_finished_spans()]


class Stuck(SpanExporter):
    """Takes a batch, and does not come back until it may."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.may = threading.Event()
        self.got = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.begun.set()
        assert self.may.wait(30)
        self.got += len(spans)
        return SpanExportResult.SUCCESS


def test_a_collector_that_hangs_costs_spans_that_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "20")
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "10")
    stuck, traced = Stuck(), Traced(spans())
    telemetry = Telemetry(stuck)
    turn = traced.spans.turn(answered(CALL))
    each = 1 + len(turn.children)
    telemetry.turn(traced, turn)
    telemetry.turn(traced, turn)
    assert stuck.begun.wait(30)
    for _ in range(8):
        telemetry.turn(traced, turn)  # returns, though nothing is sent
    assert telemetry.lost > 0
    stuck.may.set()
    telemetry.call(traced, traced.spans.call(CALL.seconds, "done", {}))
    telemetry.close()
    assert stuck.got + telemetry.lost == 10 * each + 1


class Collector(ThreadingHTTPServer):
    """Speaks OTLP over HTTP. status: what it answers with."""

    def __init__(self) -> None:
        self.status = 200
        self.paths: list[str] = []
        self.names: list[str] = []
        self.services: set[str] = set()
        self.authorization: str | None = None
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        server = self.server
        assert isinstance(server, Collector)
        asked = ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["content-length"])))
        server.paths.append(self.path)
        server.authorization = self.headers["authorization"]
        for resource in asked.resource_spans:
            server.services |= {a.value.string_value for a in resource.resource.attributes if a.key == "service.name"}
            server.names += [span.name for scope in resource.scope_spans for span in scope.spans]
        self.send_response(server.status)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Generator[Collector]:
    with Collector() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_address[1]}")
        yield server
        server.shutdown()
        thread.join()


def test_a_collector_gets_them(collector: Collector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20s3cret")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "front-desk")

    async def run() -> None:
        exporting = Exports(otel=True).start()
        assert exporting is not None
        traced = Traced(spans())
        exporting.turn(traced, answered(CALL))
        exporting.call(traced, traced.spans.call(CALL.seconds, "done", {}))
        await exporting.close()
        assert exporting.lost == 0

    asyncio.run(run())
    assert set(collector.paths) == {"/v1/traces"}
    assert sorted(collector.names)[:2] == ["aggregator", "call graph"]
    assert collector.services == {"front-desk"}
    assert collector.authorization == "Bearer s3cret"


def test_a_collector_that_refuses(collector: Collector) -> None:
    collector.status = 400
    telemetry = Telemetry()
    exporting = Exporting([telemetry])
    traced = Traced(spans())
    exporting.call(traced, traced.spans.call(CALL.seconds, "done", {}))
    exporting.finish()
    assert collector.names == ["call graph"]
    assert telemetry.lost == 1


def test_that_a_collector_is_gone_is_said_once(collector: Collector) -> None:
    collector.status = 400
    told: list[str] = []
    handler = logger.add(told.append, format="{message}")
    for _ in range(3):
        exporting = Exports(otel=True).start()
        assert exporting is not None
        traced = Traced(spans())
        exporting.call(traced, traced.spans.call(CALL.seconds, "done", {}))
        exporting.finish()
    logger.remove(handler)
    assert len(collector.names) == 3
    assert len([line for line in told if line.startswith("OpenTelemetry: ")]) <= 1
