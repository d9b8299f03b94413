"""`voicegraph check`, `graph`, `expand` and `schema`: graphs read and told, not run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml

from tests.commands.calls import GRAPH, graph_file, voicegraph

RIGHT = GRAPH.replace("tail: 2s", "input: caller.wav")
WRONG = RIGHT.replace("tone.tts", "tone.tss").replace("echo.chat", "echo.chit")


def test_a_right_graph_is_ok(tmp_path: Path) -> None:
    result = voicegraph("check", graph_file(tmp_path, RIGHT))
    assert (result.exit_code, result.stdout) == (0, "")
    assert "ok, 6 nodes" in result.stderr


def test_every_mistake_is_told_with_its_place(tmp_path: Path) -> None:
    graph = graph_file(tmp_path, WRONG)
    result = voicegraph("check", graph)
    assert result.exit_code == 1
    assert f"{graph}:7:16: error[unknown-node-type]: no node type `echo.chit`" in result.stdout
    assert f"{graph}:9:8: error[unknown-node-type]: no node type `tone.tss`" in result.stdout
    assert "2 errors" in result.stderr


def test_one_wrong_graph_among_several_is_enough(tmp_path: Path) -> None:
    (tmp_path / "right").mkdir()
    result = voicegraph("check", graph_file(tmp_path / "right", RIGHT), graph_file(tmp_path, WRONG))
    assert result.exit_code == 1
    assert "ok, 6 nodes" in result.stderr


def test_json_is_one_array_and_nothing_else(tmp_path: Path) -> None:
    result = voicegraph("check", graph_file(tmp_path, WRONG), tmp_path / "none.yaml", "--format", "json")
    assert result.exit_code == 1
    assert [entry["code"] for entry in json.loads(result.stdout)] == ["unknown-node-type"] * 2 + ["file-not-found"]


def test_json_of_nothing_wrong_is_an_empty_array(tmp_path: Path) -> None:
    result = voicegraph("check", graph_file(tmp_path, RIGHT), "--format", "json")
    assert (result.exit_code, json.loads(result.stdout)) == (0, [])


def test_github_reads_it(tmp_path: Path) -> None:
    result = voicegraph("check", graph_file(tmp_path, WRONG), "--format", "github")
    assert all(line.startswith("::error file=") for line in result.stdout.splitlines())


def test_set_can_mend_a_graph(tmp_path: Path) -> None:
    mends = ("--set", "nodes.tts.use=tone.tts", "--set", "nodes.brain.use=echo.chat")
    assert voicegraph("check", graph_file(tmp_path, WRONG), *mends).exit_code == 0


@pytest.mark.parametrize("make", ["directory", "missing", "not-utf8", "deep"])
def test_whatever_is_given_there_is_no_traceback(tmp_path: Path, make: str) -> None:
    graph = tmp_path / "graph.yaml"
    match make:
        case "directory":
            graph.mkdir()
        case "not-utf8":
            graph.write_bytes(b"nodes: \xff")
        case "deep":
            graph.write_text("[" * 5000)
        case _:
            pass
    result = voicegraph("check", graph)
    assert result.exit_code == 1
    assert "error[" in result.stdout


@pytest.mark.parametrize(("format", "start"), [("mermaid", "flowchart LR\n"), ("dot", "digraph ")])
def test_a_picture_as_text(tmp_path: Path, format: str, start: str) -> None:
    result = voicegraph("graph", graph_file(tmp_path, RIGHT), "--format", format)
    assert result.exit_code == 0
    assert result.stdout.startswith(start)
    assert "UserTurn" in result.stdout
    assert result.stderr == ""


def test_an_image_needs_graphviz(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    image = tmp_path / "graph.png"
    result = voicegraph("graph", graph_file(tmp_path, RIGHT), "--png", image)
    assert result.exit_code == 1
    assert "graphviz" in result.stderr
    assert not image.exists()


DOT = """\
#!/bin/sh
test "$1" = "$EXPECTED" || { echo "what is $1?" >&2; exit 3; }
printf 'image of '; exec {head} -c 7
"""


@pytest.mark.parametrize("kind", ["png", "svg"])
def test_graphviz_draws_the_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    (tmp_path / "dot").write_text(DOT.replace("{head}", shutil.which("head") or "head"))
    (tmp_path / "dot").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("EXPECTED", f"-T{kind}")
    result = voicegraph("graph", graph_file(tmp_path, RIGHT), f"--{kind}", tmp_path / "image")
    assert (result.exit_code, result.stdout) == (0, ""), result.stderr
    assert (tmp_path / "image").read_text() == "image of digraph"


def test_a_fault_of_graphviz_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "dot").write_text(DOT)
    (tmp_path / "dot").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    result = voicegraph("graph", graph_file(tmp_path, RIGHT), "--svg", tmp_path / "image")
    assert result.exit_code == 1
    assert "graphviz failed: what is -Tsvg?" in result.stderr
    assert not (tmp_path / "image").exists()


def test_the_long_form_is_a_graph_again(tmp_path: Path) -> None:
    result = voicegraph("expand", graph_file(tmp_path, RIGHT))
    assert result.exit_code == 0
    assert yaml.safe_load(result.stdout)["flow"] == [
        "line -> stt",
        "stt -> aggregator",
        "aggregator -> brain",
        "brain -> sentences",
        "sentences -> tts",
        "tts -> line",
    ]
    again = tmp_path / "long.yaml"
    again.write_text(result.stdout)
    assert voicegraph("expand", again).stdout.splitlines()[2:] == result.stdout.splitlines()[2:]


def test_the_schema_is_json() -> None:
    result = voicegraph("schema")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["title"] == "voicegraph graph file"
