"""Graphs that extend others, and changes from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.graph.nodes import AGENT
from tests.graph.reading import codes, marked, mistakes, only, read
from voicegraph.graph import Graph, GraphError, load


def files(folder: Path, **texts: str) -> None:
    for name, text in texts.items():
        path = folder / f"{name.replace('__', '/')}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)


def variant(folder: Path, text: str) -> Graph:
    """AGENT, extended by a text."""
    files(folder, base=AGENT, variant=f"extends: base.yaml\n{text}")
    return load(folder / "variant.yaml", environment={})


def test_mappings_merge_key_by_key(tmp_path: Path) -> None:
    graph = variant(
        tmp_path,
        "nodes:\n  aggregator: {with: {interrupt: {min_words: 3}}}\n  tts: {recover: {timeout: 1s}}\n"
        "budgets: {answer: 1s}",
    )
    assert graph.nodes["aggregator"].config == {
        "end_silence": "500ms",
        "interrupt": {"after_speech": "250ms", "ignore": ["uh-huh", "okay"], "min_words": 3},
    }
    recover = graph.nodes["tts"].recover
    assert recover is not None
    assert (recover.timeout, recover.fallback) == (1.0, ("backup",))
    assert graph.file.budgets[0].seconds == 1.0
    assert graph.edges == read(AGENT).edges


def test_null_takes_a_key_away_but_is_a_value_inside_with(tmp_path: Path) -> None:
    graph = variant(tmp_path, "nodes:\n  backup: ~\n  tts: {recover: ~}\n  llm: {with: {temperature: ~}}\nbudgets: ~")
    assert "backup" not in graph.nodes
    assert graph.nodes["tts"].recover is None
    assert graph.nodes["llm"].config == {"temperature": None}
    assert graph.file.budgets == ()


def test_lists_are_replaced(tmp_path: Path) -> None:
    graph = variant(tmp_path, "nodes: {aggregator: {with: {interrupt: {ignore: [mhm]}}}}")
    assert graph.nodes["aggregator"].config["interrupt"]["ignore"] == ["mhm"]


@pytest.mark.parametrize("text", ["flow: line -> stt -> aggregator", "pipeline: [line, stt, aggregator]"])
def test_a_flow_or_pipeline_replaces_the_whole_flow(tmp_path: Path, text: str) -> None:
    gone = ", ".join(f"{name}: ~" for name in ("vad", "llm", "sentences", "tts", "backup"))
    graph = variant(tmp_path, f"nodes: {{{gone}}}\n{text}\nbudgets: ~")
    assert [(edge.giver, edge.taker) for edge in graph.edges] == [("line", "stt"), ("stt", "aggregator")]


def test_a_node_of_another_type_starts_with_an_empty_configuration(tmp_path: Path) -> None:
    graph = variant(tmp_path, "nodes: {tts: t.tts, backup: {use: t.tts}, stt: t.stt}")
    assert graph.nodes["tts"].config == {"voice": "Rachel"}, "the same type keeps it"
    graph = variant(tmp_path, "nodes: {stt: t.stt-2}")
    assert graph.nodes["stt"].config == {}


def test_bases_of_bases_and_their_imports_add_up(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    for path in ("deep/one.py", "two.py"):
        stem = Path(path).stem
        (tmp_path / path).write_text(
            f"from voicegraph import *\n@node('layers.{stem}')\ndef {stem}(frame: Transcript) -> Transcript: ...\n"
        )
    files(
        tmp_path,
        deep__base="imports: [one.py]\nnodes: {a: layers.one, b: t.shout}\nflow: a -> b",
        middle="extends: deep/base.yaml\nname: middle",
        top="extends: middle.yaml\nimports: two.py\nnodes: {b: layers.two}",
    )
    graph = load(tmp_path / "top.yaml")
    assert graph.name == "middle"
    assert [node.kind.name for node in graph.nodes.values()] == ["layers.one", "layers.two"]


def test_mistakes_are_told_in_the_file_where_they_are(tmp_path: Path) -> None:
    with pytest.raises(GraphError) as caught:
        variant(tmp_path, "nodes: {llm: {with: {modle: x}}, tss: {with: {voice: x}}}")
    found = caught.value.diagnostics
    assert [(each.code, marked(each), each.hint) for each in found] == [
        ("unknown-key", "modle", "did you mean `model`?"),
        ("unused-node", "tss", "wire it in `flow`, name it in a `fallback`, or remove it"),
        ("missing-key", "tss", "did you mean `tts`?"),
    ] or codes(found) == ["unknown-key", "missing-key", "unused-node"]
    assert {each.file for each in found} == {str(tmp_path / "variant.yaml")}

    files(tmp_path, base=AGENT.replace("nova", "[]"))
    with pytest.raises(GraphError) as caught:
        load(tmp_path / "variant.yaml")
    assert str(tmp_path / "base.yaml") in {each.file for each in caught.value.diagnostics}


def test_a_circle_of_files(tmp_path: Path) -> None:
    files(tmp_path, a="extends: b.yaml", b="extends: c.yaml", c="extends: ./b.yaml")
    with pytest.raises(GraphError) as caught:
        load(tmp_path / "a.yaml")
    found = only(caught.value.diagnostics)
    assert (found.code, found.message) == (
        "extends-cycle",
        "the graph extends itself: `b.yaml` -> `c.yaml` -> `b.yaml`",
    )
    assert found.file == str(tmp_path / "c.yaml")


def test_a_chain_of_files_without_end(tmp_path: Path) -> None:
    files(tmp_path, **{f"f{i}": f"extends: f{i + 1}.yaml" for i in range(30)})
    with pytest.raises(GraphError) as caught:
        load(tmp_path / "f0.yaml")
    assert only(caught.value.diagnostics).code == "extends-cycle"


@pytest.mark.parametrize(
    ("extends", "code"),
    [
        ("nothing.yaml", "file-not-found"),
        (".", "not-a-file"),
        ("[a, b]", "wrong-shape"),
        ("''", "not-a-file"),
        ('"\\0"', "file-unreadable"),
        ("${env:NONE}", "unset-variable"),
    ],
)
def test_a_base_that_cannot_be_read(tmp_path: Path, extends: str, code: str) -> None:
    assert only(mistakes(f"extends: {extends}\n{AGENT}", folder=tmp_path)).code == code


def test_a_broken_base_is_told_with_the_way_to_it(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_bytes(b"name: \xff")
    found = only(mistakes("extends: base.yaml", folder=tmp_path))
    assert (found.file, found.code) == ("base.yaml", "not-utf8")
    assert [note.message for note in found.notes] == ["extended from here"]


# --- --set ----------------------------------------------------------------------------------------------------------


def test_set_changes_one_value() -> None:
    graph = read(AGENT, ["nodes.llm.with.model=gpt-4.1", "nodes.aggregator.with.interrupt.ignore=[a, b]", "name=x"])
    assert graph.nodes["llm"].config == {"model": "gpt-4.1"}
    assert graph.nodes["aggregator"].config["interrupt"]["ignore"] == ["a", "b"]
    assert graph.name == "x"


def test_set_changes_the_type_of_a_node() -> None:
    graph = read(AGENT, ["nodes.stt.use=t.stt", "nodes.llm=t.big-llm"])
    assert (graph.nodes["stt"].config, graph.nodes["llm"].kind.name) == ({"model": "nova"}, "t.big-llm")


def test_the_later_set_wins_and_nothing_takes_away() -> None:
    graph = read(AGENT, ["nodes.llm.with.model=a", "nodes.llm.with.model=b", "nodes.tts.recover=", "nodes.backup="])
    assert graph.nodes["llm"].config == {"model": "b"}
    assert graph.nodes["tts"].recover is None


def test_set_takes_references() -> None:
    assert read(AGENT, ["nodes.llm.with.model=${env:M}"], env={"M": "big"}).nodes["llm"].config == {"model": "big"}


@pytest.mark.parametrize(
    ("option", "code", "under", "hint"),
    [
        ("nodes.llm.with.modle=x", "unknown-key", "modle", "did you mean `model`?"),
        ("nodes.lm.with.model=x", "missing-key", "lm", "did you mean `llm`?"),
        ("nodes.llm.use=t.lm", "unknown-node-type", "t.lm", "did you mean `t.llm`?"),
        ("nodez.llm=x", "unknown-key", "nodez", "did you mean `nodes`?"),
        ("nodes.aggregator.with.end_silence=5", "bad-config", "5", ""),
        ("nodes.llm.with.model=[a", "yaml-syntax", "[", "close it with `]`"),
        ("nodes.llm.with.model=a\u2028b: c: d", "yaml-syntax", ":", "quote the value, or mend the indentation"),
    ],
)
def test_mistakes_in_an_option_point_at_the_option(option: str, code: str, under: str, hint: str) -> None:
    found = next(each for each in mistakes(AGENT, [option]) if each.code == code)
    assert (found.file, marked(found), found.hint) == ("--set", under, hint)


@pytest.mark.parametrize("option", ["", "x", "=", "a..b=c", ".a=b", "nodes."])
def test_an_option_that_sets_nothing(option: str) -> None:
    assert only(mistakes(AGENT, [option])).code == "bad-set"
