"""docs/graph-file.md: its graphs load."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from voicegraph.graph import compile_plan, load
from voicegraph.graph.parse import GRAPH_KEYS

PAGE = (Path(__file__).parents[2] / "docs" / "graph-file.md").read_text()
FRONT_DESK, _, _, PIPELINE, NIGHT = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "prompts").mkdir()
    for name, text in (
        ("clinic.py", ""),
        ("prompts/front_desk.md", "You are Sam."),
        ("prompts/night.md", "We are closed."),
        ("front_desk.yaml", FRONT_DESK),
        ("night.yaml", NIGHT),
        ("pipeline.yaml", PIPELINE),
    ):
        (tmp_path / name).write_text(text)
    return tmp_path


def test_the_first_example(folder: Path) -> None:
    graph = load(folder / "front_desk.yaml", ready=False)
    assert graph.stand_ins() == {"tts": ("beep",)}
    assert graph.nodes["llm"].config == {"system": "You are Sam."}


def test_the_pipeline(folder: Path) -> None:
    plan = compile_plan(load(folder / "pipeline.yaml"))
    assert list(plan.nodes) == ["line", "stt", "aggregator", "brain", "sentences", "tts"]


def test_the_variant(folder: Path) -> None:
    graph = load(folder / "night.yaml", ["nodes.llm.with.temperature=0"], ready=False)
    assert graph.nodes["llm"].config == {"system": "We are closed.", "temperature": 0}
    assert graph.nodes["tts"].kind.name == "tone.tts"
    assert "beep" not in graph.nodes
    assert {budget.name.text: budget.seconds for budget in graph.file.budgets}["answer"] == 2.0


def test_every_key_is_explained() -> None:
    assert sorted(re.findall(r"^\| `(\w+)` \| ", PAGE.split("## Nodes")[0], re.MULTILINE)) == sorted(GRAPH_KEYS)
