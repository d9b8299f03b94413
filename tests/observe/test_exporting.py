"""Spans on their way out: a slow taker holds nobody up, and what is written can be put together again."""

from __future__ import annotations

import asyncio
import json
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.observe.test_spans import answered, spans
from tests.observe.timelines import plausible
from voicegraph.errors import VoicegraphError
from voicegraph.observe.exporting import Exporting, Exports, Lines, Traced
from voicegraph.observe.spans import Span

TRACE, ABOVE = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


class Slow:
    """A sink that takes nothing until it may."""

    def __init__(self) -> None:
        self.lost = 0
        self.took: list[str] = []
        self.begun = threading.Event()
        self.may = threading.Event()
        self.closed = threading.Event()

    def turn(self, call: Traced, span: Span) -> None:
        self.begun.set()
        assert self.may.wait(30)
        self.took.append(span.name)

    def call(self, call: Traced, span: Span) -> None:
        self.turn(call, span)

    def close(self) -> None:
        self.closed.set()


def lines_of(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def exported(file: Path, traced: Traced) -> list[dict[str, Any]]:
    """A call of one turn, as it is in the file."""
    call = plausible()
    exporting = Exporting([Lines(file)])
    exporting.turn(traced, answered(call))
    exporting.call(traced, traced.spans.call(call.seconds, "done", {}))
    exporting.finish()
    assert exporting.lost == 0
    return lines_of(file)


def test_lines_can_be_put_together_again(tmp_path: Path) -> None:
    lines = exported(tmp_path / "spans.jsonl", Traced(spans()))
    assert len({line["trace"] for line in lines}) == 1
    assert len({line["span"] for line in lines}) == len(lines)
    (root,) = (line for line in lines if line["parent"] is None)
    assert root["name"] == "call graph"
    (turn,) = (line for line in lines if line["parent"] == root["span"])
    assert turn["name"] == "invoke_agent graph"
    assert {line["name"] for line in lines if line["parent"] == turn["span"]} >= {"chat gpt-4.1-mini", "text_to_speech"}
    assert turn["seconds"] >= turn["attributes"]["voicegraph.turn.answer"]
    assert turn["events"][0].keys() == {"name", "at"}


def test_a_call_goes_on_a_trace_that_it_came_with(tmp_path: Path) -> None:
    lines = exported(tmp_path / "spans.jsonl", Traced(spans(), {"traceparent": f"00-{TRACE}-{ABOVE}-01"}))
    assert {line["trace"] for line in lines} == {TRACE}
    assert next(line for line in lines if line["name"] == "call graph")["parent"] == ABOVE


@pytest.mark.parametrize(
    "header",
    ["", "00-1-2-01", f"ff-{TRACE}-{ABOVE}-01", f"00-{'0' * 32}-{ABOVE}-01", f"00-{TRACE}-{'0' * 16}-01", "\n" * 55],
)
def test_a_trace_that_is_none(header: str) -> None:
    assert Traced(spans(), {"traceparent": header}).parent() is None


def test_files_are_added_to_and_private(tmp_path: Path) -> None:
    file = tmp_path / "spans.jsonl"
    first = exported(file, Traced(spans()))
    assert len(exported(file, Traced(spans()))) == 2 * len(first)
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_slow_sink_holds_nobody_up_and_what_has_no_room_is_counted() -> None:
    slow, traced = Slow(), Traced(spans())
    exporting = Exporting([slow], room=2)
    turn = answered(plausible())
    exporting.turn(traced, turn)
    assert slow.begun.wait(30)
    for _ in range(5):
        exporting.turn(traced, turn)  # returns, though nothing is taken
    assert slow.took == []
    assert exporting.lost == 3
    slow.may.set()
    exporting.finish()
    assert slow.took == ["invoke_agent graph"] * 3
    assert slow.closed.is_set()


def test_the_end_does_not_wait_for_ever() -> None:
    async def run() -> None:
        slow, traced = Slow(), Traced(spans())
        exporting = Exporting([slow])
        exporting.turn(traced, answered(plausible()))
        await exporting.close(within=0.01)
        assert slow.took == []
        slow.may.set()
        assert await asyncio.to_thread(slow.closed.wait, 30)

    asyncio.run(run())


def test_a_broken_sink_spoils_no_other(tmp_path: Path) -> None:
    class Broken(Slow):
        def turn(self, call: Traced, span: Span) -> None:
            raise RuntimeError("no")

    exporting = Exporting([Broken(), Lines(tmp_path / "spans.jsonl")])
    exporting.turn(Traced(spans()), answered(plausible()))
    exporting.finish()
    assert lines_of(tmp_path / "spans.jsonl")


def test_a_file_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(VoicegraphError, match="cannot write spans to"):
        Exports(spans=tmp_path).check()


def test_nothing_is_exported_unless_it_is_asked_for() -> None:
    assert Exports().start() is None
