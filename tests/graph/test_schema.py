"""The JSON Schema for editors, tried on right and wrong graphs with a validator."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from tests.graph.nodes import AGENT
from tests.graph.reading import chat
from voicegraph.graph.schema import json_schema

SCHEMA = json_schema()
VALIDATOR = Draft202012Validator(SCHEMA)


def complaints(text: str) -> list[str]:
    found = sorted(VALIDATOR.iter_errors(yaml.safe_load(text)), key=str)  # pyright: ignore[reportUnknownMemberType]
    return [f"{'.'.join(str(step) for step in each.absolute_path)}: {each.message}" for each in found]


def test_it_is_a_schema_and_json() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    json.dumps(SCHEMA)


@pytest.mark.parametrize(
    "text",
    [
        AGENT,
        "extends: base.yaml\nnodes: {llm: {with: {model: x}}, tts: ~}",
        "imports: [./own.py]\nnodes: {a: my.own, b: {use: my.other, with: {x: 1}}}\nflow: a -> b",
        "pipeline: [t.stt, t.shout: {}, t.aggregator: {with: {end_silence: 1s}}]",
        chat("llm: {use: t.llm, with: {temperature: '${env:T}', effort: '${env:E:-low}', system: '${file:x.md}'}}"),
        chat("llm: {use: t.llm, with: {effort: 7, extra: {any: [thing]}}}"),
        chat("llm: {use: '${env:KIND}'}"),
        chat("llm: {use: t.llm, with: ~, recover: ~}"),
        chat(rest="version: 1\nname: x\nbudgets: {llm: 300ms}\n"),
        chat("llm: {use: t.llm, recover: {hedge: 1s, fallback: [b], retries: '${env:R}', then: line.hang_up}}"),
        chat("llm: {use: t.llm, recover: {retry_primary_after: 1m, stall: ~, then: {line.transfer: {to: '1'}}}}"),
        chat("llm: {use: t.llm, cache: true, recover: {then: {line.hang_up: }}}"),
        chat(rest="watchdog: {silence: 5s, say: Hm., sorry: ~, goodbye: ~}\n"),
    ],
)
def test_right(text: str) -> None:
    assert complaints(text) == []


GRAPHS = [file for file in (Path(__file__).parents[2] / "graphs").glob("*.yaml") if not file.stem.endswith("_test")]


@pytest.mark.parametrize("path", sorted(GRAPHS), ids=lambda p: p.name)
def test_shipped_graphs_are_right(path: Path) -> None:
    assert complaints(path.read_text()) == []


@pytest.mark.parametrize(
    "text",
    [
        chat(rest="flows: []\n"),
        chat(rest="version: 2\n"),
        chat(rest="budgets: {llm: 300}\n"),
        chat("llm: t.lm"),
        chat("llm: {use: t.lm}"),
        chat("llm: {with: {model: x}}"),
        chat("llm: {use: t.llm, wth: {}}"),
        chat("llm: {use: t.llm, with: {modle: x}}"),
        chat("llm: {use: t.llm, with: {temperature: warm}}"),
        chat("llm: {use: t.llm, with: {effort: mid}}"),
        chat("llm: {use: t.llm, recover: {timeout: 5}}"),
        chat("llm: {use: t.llm, recover: {retries: 99}}"),
        chat("llm: {use: t.llm, recover: {hedge: 1}}"),
        chat("llm: {use: t.llm, recover: {then: [line.hang_up]}}"),
        chat("llm: {use: t.llm, recover: {then: {a: {}, b: {}}}}"),
        chat("llm: {use: t.llm, recover: {then: {line.transfer: '1'}}}"),
        chat("llm: {use: t.llm, cache: maybe}"),
        chat(rest="watchdog: {silense: 5s}\n"),
        chat(rest="watchdog: {silence: 5}\n"),
        AGENT.replace("500ms\n", "500\n"),
        AGENT.replace("after_speech", "after_spech"),
        "nodes: {a b: t.stt}\nflow: []",
        "nodes: []",
    ],
)
def test_wrong(text: str) -> None:
    assert complaints(text)


def test_defaults_are_written_as_the_file_writes_them() -> None:
    (setting,) = [
        each["then"]["properties"]["with"]["anyOf"][0]["properties"]["end_silence"]
        for each in node_rules()
        if each["if"]["properties"]["use"] == {"const": "t.aggregator"}
    ]
    assert setting["default"] == "500ms"


def test_types_are_described_in_their_own_words() -> None:
    known: list[dict[str, Any]] = SCHEMA["$defs"]["type"]["anyOf"]
    assert {"const": "t.line", "description": "A telephone."} in known


def node_rules() -> list[dict[str, Any]]:
    rules: list[dict[str, Any]] = SCHEMA["$defs"]["node"]["anyOf"][2]["allOf"]
    return rules
