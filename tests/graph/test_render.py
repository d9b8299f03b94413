"""How diagnostics look."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from tests.graph.nodes import AGENT
from tests.graph.reading import chat, mistakes
from voicegraph.graph import FORMATS

BROKEN = AGENT.replace("t.tts\n", "t.tsts\n", 1)


def test_text_is_as_in_the_design() -> None:
    assert FORMATS["text"](mistakes(BROKEN)) == (
        "graph.yaml:13:10: error[unknown-node-type]: no node type `t.tsts`\n"
        "   |\n"
        "13 |     use: t.tsts\n"
        "   |          ^^^^^^ did you mean `t.tts`?"
    )


def test_a_second_place_is_shown_below() -> None:
    text = FORMATS["text"](mistakes(chat(rest="name: a\nname: b\n")))
    assert text.endswith("note: graph.yaml:7:1: first given here\n  |\n7 | name: a\n  | ^^^^")


def test_the_caret_stands_under_wide_characters_and_tabs() -> None:
    found = mistakes(chat("llm: {use: t.llm, with: {model: 音声,\tmodle: x}}"))
    *_, source, caret = FORMATS["text"](found).splitlines()
    assert source.startswith("4 |   llm: {use: t.llm, with: {model: 音声,    modle")
    assert caret.index("^") == source.index("modle") + 2  # two characters are twice as wide


def test_a_long_line_is_cut_around_the_mistake() -> None:
    found = mistakes(
        chat(f"llm: {{use: t.llm, with: {{system: {'very ' * 200}, modle: x, extra: {{a: {'b' * 500}}}}}}}")
    )
    *_, source, caret = FORMATS["text"](found).splitlines()
    assert len(source) < 120
    assert source[caret.index("^") :].startswith("modle")


def test_control_characters_are_shown_as_escapes() -> None:
    text = FORMATS["text"](mistakes("a: \x1b[31mred"))
    assert "\x1b" not in text
    assert "\\x1b[31mred" in text


def test_json() -> None:
    (found,) = json.loads(FORMATS["json"](mistakes(BROKEN)))
    assert found == {
        "code": "unknown-node-type",
        "severity": "error",
        "message": "no node type `t.tsts`",
        "hint": "did you mean `t.tts`?",
        "file": "graph.yaml",
        "line": 13,
        "column": 10,
        "end_line": 13,
        "end_column": 16,
        "notes": [],
    }


def test_github() -> None:
    assert FORMATS["github"](mistakes(BROKEN)) == (
        "::error file=graph.yaml,line=13,endLine=13,col=10,endColumn=16,title=unknown-node-type"
        "::no node type `t.tsts` (did you mean `t.tts`?)"
    )


def test_github_properties_are_escaped() -> None:
    from voicegraph.graph import Diagnostic

    line = FORMATS["github"]([Diagnostic("cycle", "100 %\nbad", "a,b:c.yaml", severity="warning")])
    assert line == "::warning file=a%2Cb%3Ac.yaml,title=cycle::100 %25%0Abad"


def test_all_of_them_sorted_by_place() -> None:
    found = mistakes(AGENT.replace("500ms\n", "500\n").replace("nova", "[]").replace("answer:", "anwser:"))
    lines = [each.span.line for each in found if each.span]
    assert len(found) == 3
    assert lines == sorted(lines)


@given(st.text())
def test_every_diagnostic_can_be_printed(text: str) -> None:
    found = mistakes(f"{text}\nnodes: {{{text}: {text}}}")
    for form in FORMATS.values():
        form(found).encode("utf-8")
