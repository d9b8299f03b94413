"""From bytes to a tree: what is refused, and where the caret stands."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.graph.nodes import AGENT
from tests.graph.reading import codes, marked, mistakes, only, read
from voicegraph.graph import GraphError, load


def at(text: str | bytes) -> tuple[str, int, int]:
    """Code, line and column of the only mistake."""
    found = only(mistakes(text))
    assert found.span is not None
    return found.code, found.span.line, found.span.column


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: b: c", ("yaml-syntax", 1, 5)),
        ("a: [1, 2\nb: 3", ("yaml-syntax", 1, 4)),
        ("a: {x: 1\nb: 3", ("yaml-syntax", 1, 4)),
        ('a: 1\nb: "x', ("yaml-syntax", 2, 4)),
        ("a:\n\t- b", ("yaml-syntax", 2, 1)),
        ("a: @x", ("yaml-syntax", 1, 4)),
        ("flow:\n  - [a, b] -> c", ("yaml-syntax", 2, 12)),
        ("a: {x: ${env:X}}", ("yaml-syntax", 1, 9)),
        ("a: 1\n  b: 2", ("yaml-syntax", 2, 4)),
        ("a: \x07", ("control-character", 1, 4)),
        ("a: 1\nb: \x00", ("control-character", 2, 4)),
        ("name: x\n---\nname: y", ("second-document", 2, 1)),
        ("name: &n x", ("alias", 1, 7)),
        ("name: *n", ("alias", 1, 7)),
        ("name: !!python/name:os.system x", ("tag", 1, 7)),
        ("{[a]: b}", ("key-not-text", 1, 2)),
        ("", ("empty-graph", 1, 1)),
        ("# nothing\n", ("empty-graph", 1, 1)),
        ("~", ("empty-graph", 1, 1)),
        ("[a, b]", ("wrong-shape", 1, 1)),
        ("just words", ("wrong-shape", 1, 1)),
        (b"name: caf\xe9", ("not-utf8", 1, 10)),
        (b"name: \xc3\xa9\r\n# \xff", ("not-utf8", 2, 3)),
    ],
)
def test_located(text: str | bytes, expected: tuple[str, int, int]) -> None:
    assert at(text) == expected


def test_utf16_is_named() -> None:
    assert "UTF-16" in only(mistakes(AGENT.encode("utf-16"))).message


def test_a_byte_order_mark_and_dos_line_ends_do_not_matter() -> None:
    plain = read(AGENT)
    dos = read("\ufeff" + AGENT.replace("\n", "\r\n"))
    assert dos.edges == plain.edges
    assert dos.nodes["llm"].written.use.span.line == plain.nodes["llm"].written.use.span.line


def test_both_places_of_a_duplicate_key() -> None:
    found = mistakes(AGENT.replace("flow:", "  vad: t.stt\nflow:"))
    duplicate = only(tuple(each for each in found if each.code == "duplicate-key"))
    assert marked(duplicate) == "vad"
    assert [note.span.line for note in duplicate.notes if note.span] == [3]


def test_nesting_is_limited() -> None:
    assert at("a: " + "[" * 100_000)[0] == "too-deep"
    assert at("a: " + "{b: " * 100_000)[0] == "too-deep"
    assert at("- " * 100_000)[0] == "too-deep"


def test_aliases_that_explode_are_refused_at_the_first() -> None:
    bomb = "a: &a [x, x, x, x, x, x, x, x]\n" + "".join(
        f"{c}: &{c} [{', '.join([f'*{chr(ord(c) - 1)}'] * 8)}]\n" for c in "bcdefghij"
    )
    assert at(bomb) == ("alias", 1, 4)


def test_too_large() -> None:
    assert only(mistakes("# " + "x" * 1_000_000)).code == "file-too-large"


def test_a_hundred_mistakes_are_enough() -> None:
    found = mistakes("\n".join(f"key{i}: 1" for i in range(1000)))
    assert len(found) == 101
    assert codes(found[-1:]) == ["too-many"]


@pytest.mark.parametrize("separator", ["\n", "\r\n", "\r", "\x85", "\u2028"])
def test_lines_are_counted_as_yaml_counts_them(separator: str) -> None:
    found = only(mistakes(separator.join(["# comment", "nodes: {a: t.llm, b: t.sentences}", "flow: [a => b]"])))
    assert found.span is not None
    assert (found.span.line, marked(found)) == (3, "=>")


# --- files ----------------------------------------------------------------------------------------------------------


def refused(path: Path | str) -> tuple[str, str]:
    with pytest.raises(GraphError) as caught:
        load(path)
    found = only(caught.value.diagnostics)
    return found.code, found.hint


def test_a_file_is_loaded_and_named_as_it_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "agent.yaml").write_text(AGENT)
    monkeypatch.chdir(tmp_path)
    graph = load("agent.yaml")
    assert (graph.name, graph.file.start.source.name) == ("agent", "agent.yaml")


def test_a_missing_file(tmp_path: Path) -> None:
    (tmp_path / "agent.yaml").touch()
    assert refused(tmp_path / "agnet.yaml") == ("file-not-found", "did you mean `agent.yaml`?")
    assert refused(tmp_path / "no" / "agent.yaml")[0] == "file-not-found"


def test_a_directory(tmp_path: Path) -> None:
    (tmp_path / "agent.yaml").touch()
    code, hint = refused(tmp_path)
    assert code == "not-a-file"
    assert "agent.yaml" in hint


def test_what_is_no_file() -> None:
    assert refused("/dev/null")[0] == "not-a-file"
    assert refused("graph\0.yaml")[0] == "file-unreadable"
    assert refused("x" * 10_000)[0] == "file-unreadable"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    path = tmp_path / "secret.yaml"
    path.write_text(AGENT)
    path.chmod(0)
    assert refused(path)[0] == "file-unreadable"


def test_fifty_megabytes_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.yaml"
    with path.open("wb") as file:
        file.truncate(50_000_000)
    assert refused(path)[0] == "file-too-large"
