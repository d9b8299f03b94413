"""`${env:X}` and `${file:path}`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.graph.reading import chat, codes, marked, mistakes, only, read
from voicegraph.graph import loads


def system(written: str, **environment: str) -> object:
    """What a text setting holds that is written so."""
    return (
        read(chat(f"llm: {{use: t.llm, with: {{system: {written}}}}}"), env=environment).nodes["llm"].config["system"]
    )


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("'${env:X}'", "value"),
        ('"${env:X}"', "value"),
        ("'a ${env:X} b ${env:X}'", "a value b value"),
        ("'${env:NONE:-some default}'", "some default"),
        ("'${env:NONE:-}'", ""),
        ("'${env:X:-default}'", "value"),
        ("'$${env:X}'", "${env:X}"),
        ("'$${x} $5 {y}'", "${x} $5 {y}"),
        ("'${env:NESTED}'", "${env:X}"),
    ],
)
def test_replaced_after_parsing(written: str, expected: str) -> None:
    assert system(written, X="value", NESTED="${env:X}") == expected


def test_what_comes_from_outside_is_text_and_never_yaml() -> None:
    assert system("'${env:X}'", X="007") == "007"
    assert system("'${env:X}'", X="{a: b}\nc: [") == "{a: b}\nc: ["


def test_a_field_takes_its_type_from_the_text() -> None:
    graph = read(chat("llm: {use: t.llm, with: {temperature: '${env:T}'}}"), env={"T": "0.5"})
    assert graph.nodes["llm"].kind.configure(graph.nodes["llm"].config).temperature == 0.5


def test_anywhere_among_the_values() -> None:
    text = chat("llm: {use: '${env:KIND}', recover: {timeout: '${env:WAIT:-2s}'}}", rest="budgets: {llm: '${env:B}'}\n")
    graph = read(text, env={"KIND": "t.llm", "B": "1s"})
    assert graph.nodes["llm"].recover is not None
    assert (graph.nodes["llm"].recover.timeout, graph.file.budgets[0].seconds) == (2.0, 1.0)


def test_a_file_is_relative_to_the_graph(tmp_path: Path) -> None:
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "desk.md").write_text("You are Sam.\nBe short: ${env:X}\n")
    graph = loads(chat("llm: {use: t.llm, with: {system: '${file:prompts/desk.md}'}}"), folder=tmp_path)
    assert graph.nodes["llm"].config["system"] == "You are Sam.\nBe short: ${env:X}"


@pytest.mark.parametrize(
    ("written", "code", "under", "hint"),
    [
        ("'${env:NONE}'", "unset-variable", "${env:NONE}", "export it, or write `${env:NONE:-default}`"),
        ("'x ${env:HOEM} y'", "unset-variable", "${env:HOEM}", "did you mean `HOME`?"),
        ("'${HOME}'", "bad-reference", "${HOME}", "write `${env:HOME}`, or `$${`"),
        ("'${evn:HOME}'", "bad-reference", "${evn:HOME}", "did you mean `env`?"),
        ("'a ${env:X'", "bad-reference", "${", "close it, or write `$${` for `${`"),
        ("'${env:not a name}'", "bad-reference", "${env:not a name}", "write `${env:NAME}`"),
        ("'${file:none.md}'", "file-not-found", "${file:none.md}", ""),
        ("'${file:.}'", "not-a-file", "${file:.}", "give a file"),
        ("'${file:/dev/zero}'", "not-a-file", "${file:/dev/zero}", "name a text file"),
        ("'${file:latin1.md}'", "not-utf8", "${file:latin1.md}", "save the file as UTF-8"),
    ],
)
def test_what_cannot_be_replaced(tmp_path: Path, written: str, code: str, under: str, hint: str) -> None:
    (tmp_path / "latin1.md").write_bytes(b"caf\xe9")
    text = chat(f"llm: {{use: t.llm, with: {{system: {written}}}}}")
    found = only(mistakes(text, env={"HOME": "/root"}, folder=tmp_path))
    assert (found.code, marked(found), found.hint) == (code, under, hint)


def test_in_a_folded_text_the_whole_of_it_is_meant() -> None:
    found = only(mistakes(chat('llm: {use: t.llm, with: {system: "caf\\u00e9 ${env:NONE}"}}')))
    assert marked(found) == '"caf\\u00e9 ${env:NONE}"'


def test_a_reference_that_is_overridden_is_not_missed() -> None:
    text = chat("llm: {use: t.llm, with: {model: '${env:NONE}'}}")
    assert codes(mistakes(text)) == ["unset-variable"]
    assert mistakes(text, ["nodes.llm.with.model=small"]) == ()


def test_an_unset_variable_is_a_warning_when_the_graph_is_not_to_run() -> None:
    text = chat("llm: {use: t.llm, with: {temperature: '${env:NONE}'}}")
    found = only(mistakes(text, ready=False))
    assert (found.severity, found.code) == ("warning", "unset-variable")


def test_no_message_tells_what_came_from_the_environment() -> None:
    text = chat("llm: {use: t.fussy, with: {fail: '${env:KEY}'}}")
    found = only(mistakes(text, env={"KEY": "sk-123456"}))
    assert "sk-123456" not in found.message
    assert "${env:KEY}" in found.message


def test_a_flood_of_files_is_stopped(tmp_path: Path) -> None:
    (tmp_path / "big.md").write_text("x" * 900_000)
    flood = ", ".join("'${file:big.md}'" for _ in range(200))
    text = chat(f"llm: {{use: t.llm, with: {{extra: {{a: [{flood}]}}}}}}")
    assert "file-too-large" in codes(mistakes(text, folder=tmp_path))
