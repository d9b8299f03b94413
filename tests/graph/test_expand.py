"""The long form of a graph."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.graph.nodes import AGENT
from tests.graph.reading import chat, read
from voicegraph.graph import Graph, compile_plan, load, loads
from voicegraph.graph.expand import long_form


def same(one: Graph, other: Graph) -> bool:
    return compile_plan(one) == compile_plan(other)


def test_it_loads_to_the_same_plan() -> None:
    graph = read(AGENT, ["nodes.line.with.rate=8000"])
    assert same(read(long_form(graph)), graph)


def test_shorthand_is_gone_and_converters_are_shown() -> None:
    assert long_form(read("name: x\npipeline: [t.stt: {model: '4'}, t.shout]")) == (
        "version: 1\nname: x\n\n"
        'nodes:\n  stt:\n    use: t.stt\n    with:\n      model: "4"\n  shout:\n    use: t.shout\n\n'
        "flow:\n  - stt -> shout  # Transcript\n"
    )
    assert "- tts -> line         # TTSAudio (resampled by tts~16000)\n" in long_form(read(AGENT))


def test_narrowed_wires_stay_narrow() -> None:
    text = AGENT.replace("- line -> [vad, stt] ->", "- line -> [vad.speech_started, stt] ->")
    graph = read(text)
    assert "- vad.speech_started -> aggregator  # SpeechStarted\n" in long_form(graph)
    assert same(read(long_form(graph)), graph)


def test_what_the_environment_holds_is_not_printed() -> None:
    text = chat("llm: {use: t.llm, with: {model: '${env:KEY}', system: 'x ${env:KEY} $${env:KEY}'}}")
    graph = loads(text, ["nodes.llm.with.extra.a=${env:KEY}"], environment={"KEY": "sk-123456"})
    expanded = long_form(graph)
    assert "sk-123456" not in expanded
    assert same(read(expanded, env={"KEY": "sk-123456"}), graph)


def test_paths_are_relative_to_the_graph_that_was_given(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "own.py").write_text(
        "from voicegraph import *\n@node('expand.own')\ndef own(frame: Transcript) -> Transcript: ...\n"
    )
    (tmp_path / "deep" / "prompt.md").write_text("Be nice.")
    (tmp_path / "deep" / "base.yaml").write_text(
        "imports: own.py\n"
        "nodes: {a: expand.own, b: {use: t.aggregator}, c: {use: t.llm, with: {system: '${file:prompt.md}'}}}\n"
        "flow: a -> b -> c\n"
    )
    (tmp_path / "top.yaml").write_text("extends: deep/base.yaml\n")
    graph = load(tmp_path / "top.yaml")
    expanded = long_form(graph)
    assert "deep/own.py" in expanded
    assert "${file:deep/prompt.md}" in expanded
    (tmp_path / "top.yaml").write_text(expanded)
    assert same(load(tmp_path / "top.yaml"), graph)


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(st.characters(codec="utf-8"))
)


@given(
    st.recursive(
        VALUES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    )
)
def test_every_setting_survives(value: object) -> None:
    written = json.dumps(value, ensure_ascii=True).replace("${", "$${").replace("\\ud", "\\\\ud")
    graph = read(chat(f"llm: {{use: t.llm, with: {{extra: {{a: {written}}}}}}}"))
    assert read(long_form(graph)).nodes["llm"].config == graph.nodes["llm"].config


@pytest.mark.parametrize(
    "written", ["on", "012", "0o12", "1.50", "~", "''", "'~'", "'0o12'", "'12'", '"a\\nb"', "'# x'", "'[a'", "2s"]
)
def test_scalars_keep_their_meaning(written: str) -> None:
    graph = read(chat(f"llm:\n  use: t.llm\n  with:\n    extra:\n      a: {written}"))
    assert read(long_form(graph)).nodes["llm"].config == graph.nodes["llm"].config
