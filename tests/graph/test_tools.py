"""Functions of imported modules that a graph names as tools."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.graph.nodes import CallsTools, Line
from tests.graph.reading import codes, marked, mistakes, only, part
from voicegraph.graph import compile_plan, loads
from voicegraph.node import node_type
from voicegraph.tools import Tool
from voicegraph.tools.field import tool_fields

CLINIC = '''\
from voicegraph import tool

HOURS = "nine to five"

class Doctor: ...

def book(day: str) -> str:
    """Books an appointment."""

@tool(name="find")
async def find_times(day: str) -> list[str]:
    """Finds times."""

@tool(name="book")
def other(day: str) -> str:
    """Has the name of another."""

def untold(day, time: str): ...

def _secret() -> None:
    """Of nobody's business."""
'''


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "clinic.py").write_text(CLINIC)
    return tmp_path


def graph(tools: str, imports: str = "[./clinic.py]", *, line: str = "") -> str:
    llm = f"llm: {{use: t.caller-of-tools, with: {{tools: {tools}}}}}"
    if line:
        nodes = f"{llm}\nline: {line}\naggregator: t.aggregator\nsentences: t.sentences\n"
        nodes += "tts: {use: t.tts, with: {voice: x}}"
        wires = "line.dtmf -> aggregator -> llm -> sentences -> tts -> line"
    else:
        nodes, wires = f"{llm}\nsentences: t.sentences", "llm -> sentences"
    return part(nodes, wires, f"imports: {imports}\n")


def told(folder: Path, tools: str, imports: str = "[./clinic.py]", **options: Any) -> tuple[str, str, str, str]:
    """Code, marked text, message and hint of the only mistake."""
    found = only(mistakes(graph(tools, imports, **options), folder=folder))
    return found.code, marked(found), found.message, found.hint


def test_names_become_functions(folder: Path) -> None:
    plan = compile_plan(loads(graph("[clinic.book, clinic.find_times, line.hang_up]"), folder=folder))
    instance = plan.nodes["llm"].make()
    assert [each.name for each in instance.tools] == ["book", "find", "hang_up"]
    assert all(isinstance(each, Tool) for each in instance.tools)
    assert plan.nodes["llm"].make().tools[0] is instance.tools[0]  # read once, not in each call


def test_a_file_cannot_have_what_every_graph_has(folder: Path) -> None:
    (folder / "line.py").write_text(CLINIC + "\nhang_up = book\n")
    imports = "[./line.py]"
    plan = compile_plan(loads(graph("[line.book]", imports), folder=folder))
    assert [each.name for each in plan.nodes["llm"].config["tools"]] == ["book"]
    message = "every graph has `line.hang_up`, so that of `line.py` cannot be named"
    assert told(folder, "[line.hang_up]", imports) == ("unknown-tool", "line.hang_up", message, "rename the file")


def test_they_can_be_set_from_the_command_line(folder: Path) -> None:
    made = loads(graph("[]"), ["nodes.llm.with.tools=[clinic.book]"], folder=folder)
    assert [each.name for each in made.nodes["llm"].config["tools"]] == ["book"]


def test_other_settings_stay_as_they_are(folder: Path) -> None:
    made = loads(graph("[clinic.book], model: 4.10"), folder=folder)
    assert made.nodes["llm"].config["model"] == "4.10"
    assert len(made.nodes["llm"].config["tools"]) == 1


def test_a_module_may_give_what_it_imports_itself(folder: Path) -> None:
    (folder / "desk.py").write_text("from voicegraph.tools.line import hang_up as finish\n")
    made = loads(graph("[desk.finish]", "[./desk.py]"), folder=folder)
    assert made.nodes["llm"].config["tools"][0].name == "hang_up"


# --- names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "message", "hint"),
    [
        ("clinic.bok", "`clinic.py` has no `bok`", "did you mean `clinic.book`?"),
        ("clinc.book", "no imported file is called `clinc.py`", "did you mean `clinic.book`?"),
        ("book", "`book` does not say which file it is in", "did you mean `clinic.book`?"),
        ("diary.xyz", "no imported file is called `diary.py`", "there are `clinic.book`, `clinic.find_times`, "),
        ("line.hangup", "there is no `line.hangup`", "did you mean `line.hang_up`?"),
    ],
)
def test_an_unknown_name(folder: Path, name: str, message: str, hint: str) -> None:
    code, under, said, advice = told(folder, f"[clinic.find_times, {name}]")
    assert (code, under, said) == ("unknown-tool", name, message)
    assert advice.startswith(hint)


def test_private_functions_are_not_suggested(folder: Path) -> None:
    assert "_secret" not in told(folder, "[clinic.secret]")[3]
    assert mistakes(graph("[clinic._secret]"), folder=folder) == ()


def test_without_imports_the_hint_says_how(folder: Path) -> None:
    assert told(folder, "[clinic.book]", "[]")[3] == "write FILE.FUNCTION, with the file under `imports`: [./clinic.py]"


def test_all_of_them_are_told_at_once(folder: Path) -> None:
    found = mistakes(graph("[clinic.a, clinic.book, clinic.untold, clinic.other]"), folder=folder)
    assert codes(found) == ["unknown-tool", "bad-tool", "duplicate-tool"]


def test_a_failed_import_explains_what_is_missing(folder: Path) -> None:
    (folder / "clinic.py").write_text("1 / 0\n")
    assert codes(mistakes(graph("[clinic.book]"), folder=folder)) == ["import-failed"]
    (folder / "clinic.py").unlink()
    assert codes(mistakes(graph("[clinic.book]"), folder=folder)) == ["file-not-found"]


def test_two_files_of_one_name(folder: Path) -> None:
    (folder / "old").mkdir()
    (folder / "old" / "clinic.py").write_text(CLINIC + "\ndef cancel() -> None:\n    'Cancels.'\n")
    both = "[./clinic.py, old/clinic.py]"
    assert told(folder, "[clinic.book]", both)[:3] == (
        "unknown-tool", "clinic.book", "several imported files are called `clinic.py`, and have `book`",
    )  # fmt: skip
    assert mistakes(graph("[clinic.cancel]", both), folder=folder) == ()
    assert mistakes(graph("[clinic.book]", "[./clinic.py, clinic.py]"), folder=folder) == ()


def test_a_reference_that_fails_is_told_once(folder: Path) -> None:
    assert codes(mistakes(graph('["${env:NO_SUCH_TOOL}"]'), folder=folder)) == ["unset-variable"]


# --- what cannot be a tool --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("HOURS", "it is no function but `str`"),
        ("Doctor", "it is no function but a class"),
        ("untold", "it has no docstring, which tells the model what it does and when to call it; "
                   "its parameter `day` has no type hint"),
    ],
)  # fmt: skip
def test_what_cannot_be_one(folder: Path, name: str, words: str) -> None:
    code, under, message, _ = told(folder, f"[clinic.{name}]")
    assert (code, under, message) == ("bad-tool", f"clinic.{name}", f"`clinic.{name}` cannot be a tool: {words}")


def test_it_says_where_the_function_is(folder: Path) -> None:
    found = only(mistakes(graph("[clinic.untold]"), folder=folder))
    assert [note.message for note in found.notes] == [f"it is defined at {folder / 'clinic.py'}:18"]


def test_two_of_one_name_show_both_places(folder: Path) -> None:
    found = only(mistakes(graph("[clinic.book, clinic.other]"), folder=folder))
    assert (found.code, marked(found)) == ("duplicate-tool", "clinic.other")
    assert [note.span.text for note in found.notes if note.span] == ["clinic.book"]
    assert codes(mistakes(graph("[clinic.book, clinic.book]"), folder=folder)) == ["duplicate-tool"]


def test_two_nodes_may_have_the_same_tool(folder: Path) -> None:
    one = "{use: t.caller-of-tools, with: {tools: [clinic.book]}}"
    text = part(f"a: {one}\nb: {one}\nsentences: t.sentences", "[a, b] -> sentences", "imports: ./clinic.py\n")
    assert mistakes(text.replace("- [a", "- '[a").replace("-> sentences", "-> sentences'"), folder=folder) == ()


@pytest.mark.parametrize("tools", ["clinic.book", "{a: b}", "[[clinic.book]]", "[1]", "true"])
def test_what_is_no_list_of_names(folder: Path, tools: str) -> None:
    code, _, message, _ = told(folder, tools)
    assert code == "bad-config"
    assert message.startswith("`tools")


# --- the line ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["transfer", "send_dtmf"])
def test_a_line_that_cannot(folder: Path, name: str) -> None:
    found = only(mistakes(graph(f"[line.{name}]", line="t.line"), folder=folder))
    assert (found.code, marked(found)) == ("line-cannot", f"line.{name}")
    assert found.message == f"the line `t.line` cannot do `line.{name}`"
    assert [(note.message, note.span.text) for note in found.notes if note.span] == [("the line is here", "t.line")]


def test_a_line_that_can(folder: Path) -> None:
    every = "[line.transfer, line.send_dtmf, line.hang_up]"
    assert mistakes(graph(every, line="t.phone"), folder=folder) == ()
    assert mistakes(graph(every), folder=folder) == ()  # a part, for tests
    assert mistakes(graph("[line.hang_up]", line="t.line"), folder=folder) == ()


# --- the field --------------------------------------------------------------------------------------------------------


def test_a_field_is_known_by_its_type() -> None:
    assert tool_fields(node_type(CallsTools)) == ["tools"]
    assert tool_fields(node_type(Line)) == []


def test_in_python_it_takes_functions() -> None:
    def look() -> None:
        """Looks."""

    kind = node_type(CallsTools)
    (tool,) = kind.configure({"tools": [look]}).tools
    assert tool.name == "look"
    with pytest.raises(ValueError, match="only a graph file can look up"):
        kind.configure({"tools": ["clinic.book"]})
    with pytest.raises(ValueError, match="it is no function but `int`"):
        kind.configure({"tools": [1]})


def test_editors_are_told_of_a_list_of_names() -> None:
    settings = node_type(CallsTools).adapter.json_schema()["properties"]
    assert settings["tools"]["type"] == "array"
    assert settings["tools"]["items"]["type"] == "string"
