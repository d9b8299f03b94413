"""`--spans` and `--otel` of `voicegraph run`."""

from __future__ import annotations

import importlib.util
import json
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from tests.commands.calls import graph_file, sound_file, voicegraph

WORDS = "Are you open?"


def run(folder: Path, *options: str | Path) -> list[dict[str, object]]:
    """The spans of a call."""
    file = folder / "spans.jsonl"
    source = ("--in", sound_file(folder, 3.0), "--out", folder / "out.wav", "--fast")
    done = voicegraph("run", graph_file(folder), *source, "--spans", file, *options)
    assert done.exit_code == 0, done.output
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_a_call_s_spans(tmp_path: Path) -> None:
    lines = run(tmp_path)
    names = [line["name"] for line in lines]
    assert (names.count("call graph"), names.count("invoke_agent graph")) == (1, 1)
    assert {line["kind"] for line in lines} == {"internal"}, "nobody called a server, and no vendor was asked"
    assert WORDS not in json.dumps(lines)


def test_words_if_they_are_asked_for(tmp_path: Path) -> None:
    assert WORDS in json.dumps(run(tmp_path, "--words"))


def test_a_file_that_cannot_be_written_is_told_before_the_call(tmp_path: Path) -> None:
    source = ("--in", sound_file(tmp_path), "--out", tmp_path / "out.wav")
    done = voicegraph("run", graph_file(tmp_path), *source, "--spans", tmp_path)
    assert done.exit_code == 1
    assert "cannot write spans to" in done.stderr
    assert not (tmp_path / "out.wav").exists()


def test_opentelemetry_that_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec

    def missing(name: str, package: str | None = None) -> ModuleSpec | None:
        return None if name.startswith("opentelemetry") else find(name, package)

    monkeypatch.setattr("voicegraph.observe.exporting.find_spec", missing)
    done = voicegraph("run", graph_file(tmp_path), "--in", sound_file(tmp_path), "--otel")
    assert done.exit_code == 1
    assert 'pip install "voicegraph[otel]"' in done.stderr
