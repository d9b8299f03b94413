"""docs/errors.md explains every code, and what it shows is true."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import get_args

import pytest

from tests.graph.nodes import AGENT
from tests.graph.reading import codes, mistakes
from voicegraph.graph import Diagnostic, GraphError
from voicegraph.graph.codes import Code
from voicegraph.testing.conversations import read_suite, run_case

PAGE = (Path(__file__).parents[2] / "docs" / "errors.md").read_text()
SECTIONS: dict[str, str] = dict(re.findall(r"^### (\S+)\n(.*?)(?=^##|\Z)", PAGE, re.MULTILINE | re.DOTALL))
BLOCK = re.compile(r"^```(?:yaml|py)\n(?:# (\S+\.(?:yaml|py))\n)?(.*?)^```", re.MULTILINE | re.DOTALL)

DESK, BRAIN = (dict(BLOCK.findall(PAGE))[name] for name in ("desk.yaml", "brain.py"))
"""The graph that is under test in the examples of conversation tests; the language model in those of tools."""

UNSHOWN = {
    "file-unreadable": mistakes('extends: "a\\0b"'),
    "file-too-large": mistakes("#" * 1_000_001),
    "not-utf8": mistakes(b"\xff"),
    "control-character": mistakes("\0"),
    "bad-set": mistakes(AGENT, ["x"]),
    "too-large": mistakes(f"flow: {'a' * 5000}"),
    "too-many": mistakes("\n".join(f"x{i}: 1" for i in range(200))),
}
"""Codes whose mistake cannot be written down in the page, and a graph that has it."""


def test_every_code_has_its_section_and_its_entry() -> None:
    assert sorted(SECTIONS) == sorted(get_args(Code))
    assert sorted(re.findall(r"\[(\S+?)\]\(#\1\)", PAGE)) == sorted(get_args(Code))


@pytest.mark.parametrize("code", [code for code in SECTIONS if "```yaml" in SECTIONS[code]])
def test_an_example_has_its_mistake_and_its_fix_has_none(code: str, tmp_path: Path) -> None:
    wrong, fix, right = SECTIONS[code].partition("\nFix: ")
    assert fix
    told = told_of(wrong, tmp_path / "wrong")
    assert code in codes(told)
    assert set(codes(told)) == {code}
    assert told_of(right, tmp_path / "right") == ()


@pytest.mark.parametrize("code", UNSHOWN)
def test_the_others_happen_too(code: str) -> None:
    assert "```yaml" not in SECTIONS[code]
    assert code in codes(UNSHOWN[code])


def test_a_package_that_cannot_be_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "brittle-1.dist-info").mkdir()
    (tmp_path / "brittle-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: brittle\nVersion: 1\n")
    (tmp_path / "brittle-1.dist-info" / "entry_points.txt").write_text("[voicegraph.nodes]\nbrittle.stt = brittle\n")
    (tmp_path / "brittle.py").write_text("raise OSError('no such device')\n")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    (found,) = mistakes("nodes: {a: brittle.stt, b: t.shout}\nflow: a -> b")
    assert found.code == "broken-node-type"
    assert (
        found.message
        == "the package brittle 1, which offers `brittle.stt`, cannot be imported: OSError: no such device"
    )


def told_of(section: str, folder: Path) -> tuple[Diagnostic, ...]:
    """The diagnostics of the graph in a section of the page, whose node types get names of their own."""
    folder.mkdir()

    def own(text: str) -> str:
        return re.sub(r"\bclinic\.(?!py\b)", f"{folder.parent.name}-{folder.name}.", text)

    (folder / "desk.yaml").write_text(DESK)
    (folder / "brain.py").write_text(own(BRAIN))
    section = own(section)
    graph = ""
    for name, text in BLOCK.findall(section):
        (folder / (name or "graph.yaml")).write_text(text)
        graph = graph if name else text
    assert graph
    if re.search("^tests:", graph, re.MULTILINE):
        (folder / "desk_test.yaml").write_text(graph)
        return told_of_tests(folder / "desk_test.yaml")
    return mistakes(graph, folder=folder)


def told_of_tests(file: Path) -> tuple[Diagnostic, ...]:
    """The diagnostics of a file of conversation tests, or of its conversations."""
    try:
        suite = read_suite(file)
    except GraphError as error:
        return error.diagnostics
    return tuple(found for case in suite.cases for found in run_case(suite, case).found)
