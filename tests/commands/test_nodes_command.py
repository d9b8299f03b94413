"""`voicegraph nodes`: the list, and a page made from annotations, fields and docstring."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
import yaml
from annotated_types import Ge, Interval
from pydantic import ValidationError

from tests.commands.calls import voicegraph
from voicegraph import Audio, Duration, Rate, Transcript, node
from voicegraph.commands.nodes import example, settings_of
from voicegraph.graph.builtin import register_builtin
from voicegraph.node import NodeType, node_type, node_types


@dataclass(kw_only=True)
class Limits:
    most: int = 5


@dataclass(kw_only=True)
class Policy:
    """tries: how often. words: these."""

    tries: int = 2
    words: tuple[str, ...] = ("a", "b")
    limits: Limits = field(default_factory=Limits)


@node("commands.listener", extra="ears", packages=("json", "no_such_package"), env=("COMMANDS_KEY",))
class Listener:
    """Listens.

    model: which one; `file: x.bin` is one too. pace, rest: how long each takes. mode: how.
    policy: when to give up.

    A closing word, not about settings.
    """

    model: str
    pace: Duration = 0.25
    rest: Annotated[Duration, Ge(0.1)] | None = 2.0
    mode: Literal["quick", "slow"] = "quick"
    share: Annotated[float, Interval(gt=0, le=1)] = 0.5
    count: Annotated[int, Ge(1)] = 3
    loud: bool = False
    file: Path = Path("a/b.txt")
    policy: Policy = field(default_factory=Policy)

    async def on_audio(self, audio: Annotated[Audio, Rate(16_000)]) -> Transcript:
        return Transcript(self.model)


def test_the_list_has_every_type_with_its_first_words() -> None:
    result = voicegraph("nodes")
    assert result.exit_code == 0
    rows = {line.split()[0]: line for line in result.stdout.splitlines()}
    assert "Answers each turn with the caller's own words" in rows["echo.chat"]
    assert "ears (not installed)" in rows["commands.listener"]


def test_the_page_tells_all_about_a_type() -> None:
    result = voicegraph("nodes", "commands.listener")
    assert result.exit_code == 0
    said = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert said[:4] == ["commands.listener", "Listens.", "", "A closing word, not about settings."]
    assert "takes Audio at 16000 Hz" in said
    assert "gives Transcript" in said
    assert 'needs pip install "voicegraph[ears]"; not installed: no_such_package' in said
    assert "environment COMMANDS_KEY" in said
    assert "model text required which one; `file: x.bin` is one too" in said


def test_settings_are_told_in_a_graphs_words() -> None:
    told = {setting.name: setting[1:] for setting in settings_of(node_type(Listener))}
    assert told == {
        "model": ("text", None, "which one; `file: x.bin` is one too"),
        "pace": ("duration", "250ms", "how long each takes"),
        "rest": ("duration >= 100ms | null", "2s", "how long each takes"),
        "mode": ("quick | slow", "quick", "how"),
        "share": ("float > 0 <= 1", "0.5", ""),
        "count": ("int >= 1", "3", ""),
        "loud": ("true | false", "false", ""),
        "file": ("path", "a/b.txt", ""),
        "policy.tries": ("int", "2", "how often"),
        "policy.words": ("list of text", '["a", "b"]', "these"),
        "policy.limits.most": ("int", "5", ""),
    }


def test_an_unknown_type_is_told_with_its_neighbour() -> None:
    result = voicegraph("nodes", "echo.chatt")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "did you mean `echo.chat`?" in result.stderr


def shipped() -> list[NodeType]:
    register_builtin()
    return [kind for kind in node_types().values() if kind.module.startswith("voicegraph.")]


@pytest.mark.parametrize("kind", [*shipped(), node_type(Listener)], ids=lambda kind: kind.name)
def test_the_example_of_every_type_is_a_right_configuration(kind: NodeType) -> None:
    """What is marked as required is for the reader to fill in, and the only thing that may be wrong."""
    (entry,) = yaml.safe_load(example(kind))["nodes"].values()
    config: dict[str, Any] = {} if isinstance(entry, str) else entry["with"]
    to_be_filled_in = {setting.name for setting in settings_of(kind) if setting.default in (None, "", '""')}
    assert wrong_settings(kind, config) <= to_be_filled_in


def wrong_settings(kind: NodeType, config: Mapping[str, Any]) -> set[str]:
    try:
        kind.configure(config)
    except ValidationError as error:
        return {str(each["loc"][0]) if each["loc"] else needed(each["msg"]) for each in error.errors()}
    return set()


def needed(message: str) -> str:
    """The first setting that a node type's own words ask for, where one of several has to be given."""
    return message.split("needs `", 1)[-1].split("`", 1)[0]


def test_settings_of_a_part_that_may_be_left_out() -> None:
    result = voicegraph("nodes", "aggregator")
    assert re.search(r"^idle +mapping \| null +null ", result.stdout, re.MULTILINE)
    assert re.search(r"^idle\.after +duration > 0ms +8s ", result.stdout, re.MULTILINE)
    assert "\n      idle: null\n      history: 20\n" in result.stdout
