"""The graphs that are shipped: right, and those that need no models run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.commands.calls import seconds_of, voicegraph

ROOT = Path(__file__).parents[2]
TESTS = sorted([*(ROOT / "graphs").glob("*_test.yaml"), *(ROOT / "benchmarks").glob("*_test.yaml")])
GRAPHS = sorted({*(ROOT / "graphs").glob("*.yaml")} - {*TESTS})


@pytest.mark.parametrize("graph", GRAPHS, ids=lambda path: path.stem)
def test_it_is_right(graph: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for key in ("DEEPGRAM_API_KEY", "OPENAI_API_KEY", "ELEVENLABS_API_KEY", "TWILIO_AUTH_TOKEN"):
        monkeypatch.setenv(key, "any")
    plays = "file.call" in graph.read_text()
    inputs = ("--set", "nodes.line.with.input=examples/question.wav") if plays else ()
    result = voicegraph("check", graph, *inputs)
    assert result.exit_code == 0, result.output


def test_hello_is_a_conversation_with_an_interruption(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    result = voicegraph("run", "graphs/hello.yaml", "--out", tmp_path / "reply.wav", "--fast")
    assert result.exit_code == 0, result.output
    said = [line[8:].split("  (")[0] for line in result.stdout.partition("\n\n")[0].splitlines()]
    assert said[0] == " agent  Oak Dental, good morning."
    assert said[1] == "caller  When do you open on Saturdays?"
    assert said[2].startswith(" agent  On Saturdays we are open")
    assert "[interrupted; not heard: " in said[2]
    assert said[3:] == ["caller  Sorry, I meant Sundays.", " agent  On Sundays we are closed."]
    assert seconds_of(tmp_path / "reply.wav") > 12


def test_hello_keeps_its_budgets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    result = voicegraph("bench", "graphs/hello.yaml", "--fast", "--turns", "4")
    assert result.exit_code == 0, result.output
    assert result.stdout.count("kept") == 2


@pytest.mark.parametrize("file", TESTS, ids=lambda path: path.stem)
def test_its_conversations_go_as_they_should(file: Path) -> None:
    result = voicegraph("test", file)
    assert result.exit_code == 0, result.output
