"""`voicegraph run --trace` and `voicegraph trace`: what is written, what is shown, and what is refused."""

from __future__ import annotations

import webbrowser
from pathlib import Path

import pytest

from tests.commands.calls import graph_file, sound_file, voicegraph
from tests.observe.results import plausible_result
from voicegraph.observe.bench import result
from voicegraph.observe.timeline import Timeline
from voicegraph.observe.traces import read

MILLISECOND = 0.001


def traced(folder: Path, *arguments: str) -> Timeline:
    file = folder / "call.json"
    graph, sound = graph_file(folder), sound_file(folder)
    done = voicegraph("run", graph, "--in", sound, "--fast", "--trace", file, *arguments)
    assert done.exit_code == 0, done.output
    assert f"traced to {file}" in done.stderr
    found = read(file)
    assert isinstance(found, Timeline)
    return found


def test_a_run_writes_the_times_of_its_call(tmp_path: Path) -> None:
    call = traced(tmp_path)
    assert (call.graph, call.file, call.line) == ("graph", str(tmp_path / "graph.yaml"), "line")
    assert [node.name for node in call.nodes] == ["line", "stt", "aggregator", "brain", "sentences", "tts"]
    answers = [turn for turn in call.turns if turn.answer is not None]
    assert answers
    for turn in answers:
        assert turn.answer is not None
        assert abs(sum(part.seconds for part in turn.path) - turn.answer) < MILLISECOND


def test_what_was_said_is_in_it_only_if_it_is_asked_for(tmp_path: Path) -> None:
    traced(tmp_path)
    assert "open" not in (tmp_path / "call.json").read_text()
    traced(tmp_path, "--words")
    assert "You said: Are you" in (tmp_path / "call.json").read_text()


def test_a_trace_that_cannot_be_written_is_told_before_the_call(tmp_path: Path) -> None:
    graph, sound = graph_file(tmp_path), sound_file(tmp_path)
    done = voicegraph("run", graph, "--in", sound, "--fast", "--trace", tmp_path / "nowhere" / "a.json")
    assert done.exit_code == 1
    assert "cannot write" in done.stderr
    assert "caller" not in done.stdout


def test_a_trace_becomes_a_page_beside_it(tmp_path: Path) -> None:
    traced(tmp_path)
    done = voicegraph("trace", tmp_path / "call.json")
    assert (done.exit_code, done.stderr) == (0, f"wrote {tmp_path / 'call.html'}\n")
    page = (tmp_path / "call.html").read_text()
    assert page.startswith("<!doctype html>")
    assert "aggregator" in page


def test_the_page_goes_where_it_is_told_and_opens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []

    def open_one(address: str) -> bool:
        opened.append(address)
        return True

    monkeypatch.setattr(webbrowser, "open", open_one)
    traced(tmp_path)
    page = tmp_path / "a page.html"
    assert voicegraph("trace", tmp_path / "call.json", "--out", page, "--open").exit_code == 0
    assert opened == [page.as_uri()]


def test_without_a_browser_the_address_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webbrowser, "open", _no_browser)
    traced(tmp_path)
    done = voicegraph("trace", tmp_path / "call.json", "--open")
    assert done.exit_code == 0
    assert (tmp_path / "call.html").as_uri() in done.stderr


def test_a_result_of_a_bench_becomes_a_page_too(tmp_path: Path) -> None:
    result.write(plausible_result(rounds=2), tmp_path / "result.json")
    assert voicegraph("trace", tmp_path / "result.json").exit_code == 0
    assert "voicegraph bench graphs/front_desk.yaml" in (tmp_path / "result.html").read_text()


def test_a_recording_becomes_a_page_too(tmp_path: Path) -> None:
    graph, sound = graph_file(tmp_path), sound_file(tmp_path)
    done = voicegraph("run", graph, "--in", sound, "--fast", "--record", tmp_path / "kept")
    assert done.exit_code == 0, done.output
    (transcript,) = (tmp_path / "kept").glob("*.jsonl")
    done = voicegraph("trace", transcript, "--out", tmp_path / "page.html")
    assert done.exit_code == 0, done.output
    assert "You said: Are you" in (tmp_path / "page.html").read_text()


@pytest.mark.parametrize("text", ["", "{}", "nodes: {}"])
def test_what_is_no_trace_is_told_with_how_to_make_one(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    done = voicegraph("trace", tmp_path / "a.json")
    assert done.exit_code == 1
    assert "voicegraph run GRAPH --trace FILE" in done.stderr
    assert not (tmp_path / "a.html").exists()


def _no_browser(address: str) -> bool:
    return False
