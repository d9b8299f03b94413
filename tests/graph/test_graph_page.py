"""docs/graph-file.md: its graphs load."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from voicegraph.graph import compile_plan, load
from voicegraph.graph.parse import GRAPH_KEYS
from voicegraph.graph.plan import Recover, Watchdog
from voicegraph.graph.recovery import RECOVER_KEYS, WATCHDOG_KEYS

PAGE = (Path(__file__).parents[2] / "docs" / "graph-file.md").read_text()
FRONT_DESK, _, _, PIPELINE, RECOVERY, NIGHT = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "prompts").mkdir()
    for name, text in (
        ("clinic.py", "async def call_back(about: str) -> None:\n    'Has the caller called back.'\n"),
        ("prompts/front_desk.md", "You are Sam."),
        ("prompts/night.md", "We are closed."),
        ("front_desk.yaml", FRONT_DESK),
        ("night.yaml", NIGHT),
        ("pipeline.yaml", PIPELINE),
        ("recovery.yaml", RECOVERY),
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


def test_recovery(folder: Path) -> None:
    plan = compile_plan(load(folder / "recovery.yaml", ready=False))
    recover = [node.recover for node in plan.nodes.values() if node.recover]
    shown = {key for each in recover for key, value in vars(each).items() if value != getattr(Recover(), key)}
    assert shown == set(RECOVER_KEYS)
    assert [node.name for node in plan.nodes.values() if node.cache] == ["tts"]
    assert {key for key, value in vars(plan.watchdog).items() if value != getattr(Watchdog(), key)} == {*WATCHDOG_KEYS}


def test_the_variant(folder: Path) -> None:
    graph = load(folder / "night.yaml", ["nodes.llm.with.temperature=0"], ready=False)
    assert graph.nodes["llm"].config == {"system": "We are closed.", "temperature": 0}
    assert graph.nodes["tts"].kind.name == "tone.tts"
    assert "beep" not in graph.nodes
    assert {budget.name.text: budget.seconds for budget in graph.file.budgets}["answer"] == 2.0


@pytest.mark.parametrize(
    ("heading", "keys"),
    [("| key |", GRAPH_KEYS), ("| under `recover` |", RECOVER_KEYS), ("| under `watchdog` |", WATCHDOG_KEYS)],
)
def test_every_key_is_explained(heading: str, keys: tuple[str, ...]) -> None:
    table = PAGE.split(heading)[1].split("\n\n")[0]
    assert sorted(re.findall(r"^\| `(\w+)` \| ", table, re.MULTILINE)) == sorted(keys)
