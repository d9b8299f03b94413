"""Python files that a graph imports."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.graph.reading import codes, marked, mistakes, only
from voicegraph.graph import loads

GRAPH = "imports: [{path}]\nnodes: {{a: {kind}, b: t.shout}}\nflow: a -> b\n"
NODE = """\
from __future__ import annotations
from voicegraph import Transcript, node

@node("{kind}")
class Mine:
    size: int = 1
    def on_text(self, frame: Transcript) -> Transcript: ...
"""


def test_its_node_types_can_be_used(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(NODE.format(kind="imports.own"))
    text = GRAPH.format(path="./own.py", kind="imports.own")
    graph = loads(text, ["nodes.a.with.size=2"], folder=tmp_path)
    kind = graph.nodes["a"].kind
    assert kind.configure(graph.nodes["a"].config).size == 2
    assert kind.module.startswith("_voicegraph_own_")


def test_a_file_runs_once_in_a_process(tmp_path: Path) -> None:
    (tmp_path / "once.py").write_text(
        NODE.format(kind="imports.once")
        + "from pathlib import Path\nlog = Path(__file__).with_suffix('.log')\n"
        + "log.write_text(log.read_text() + 'x' if log.exists() else 'x')\n"
    )
    for path in ("once.py", "./once.py", f"../{tmp_path.name}/once.py", str(tmp_path / "once.py")):
        loads(GRAPH.format(path=path, kind="imports.once"), folder=tmp_path)
    assert (tmp_path / "once.log").read_text() == "x"


def test_two_files_of_one_name_do_not_meet(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "same.py").write_text(NODE.format(kind=f"imports.same-{folder}"))
    text = GRAPH.format(path="a/same.py, b/same.py", kind="imports.same-b")
    assert loads(text, folder=tmp_path).nodes["a"].kind.name == "imports.same-b"


def broken(folder: Path, python: str) -> tuple[str, int, str, str, str]:
    """Code, line, marked text, message and hint for a Python file that cannot be imported."""
    (folder / "own.py").write_text(python)
    found = only(mistakes(GRAPH.format(path="own.py", kind="zzz"), folder=folder))
    assert found.file == str(folder / "own.py")
    assert found.span is not None
    assert [(note.message, note.span.text) for note in found.notes if note.span] == [("imported here", "own.py")]
    assert "Traceback" not in str(found)
    return found.code, found.span.line, marked(found), found.message, found.hint


def test_a_syntax_error(tmp_path: Path) -> None:
    code, line, under, *_ = broken(tmp_path, "x = 1\ndef f(:\n  pass\n")
    assert (code, line, under) == ("import-syntax", 2, ":")


def test_an_exception_is_told_at_the_line_of_the_users_file(tmp_path: Path) -> None:
    python = "import json\n\ndef f():\n    return json.loads('[')\n\nf()\n"
    code, line, under, message, _ = broken(tmp_path, python)
    assert (code, line, under) == ("import-failed", 4, "return json.loads('[')")
    assert message.startswith("JSONDecodeError: Expecting value")


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("assert False", "AssertionError"),
        ("raise ValueError('one\\ntwo')", "ValueError: one"),
        ("def f(): f()\nf()", "RecursionError: maximum recursion depth exceeded"),
    ],
)
def test_whatever_it_raises(tmp_path: Path, statement: str, message: str) -> None:
    assert broken(tmp_path, statement)[3] == message


def test_a_node_that_cannot_be_one(tmp_path: Path) -> None:
    python = "from voicegraph import node\n\n@node('imports.bad')\ndef bad(x: int) -> int: ...\n"
    code, line, _, message, _ = broken(tmp_path, python)
    assert (code, line) == ("import-failed", 3)
    assert message.startswith("node `imports.bad` has no handler")


def test_a_name_that_another_file_has_taken_names_both_files(tmp_path: Path) -> None:
    (tmp_path / "first.py").write_text(NODE.format(kind="imports.taken"))
    (tmp_path / "second.py").write_text(NODE.format(kind="imports.taken"))
    found = only(mistakes(GRAPH.format(path="first.py, second.py", kind="imports.taken"), folder=tmp_path))
    files = f"by {tmp_path / 'first.py'} and by {tmp_path / 'second.py'}"
    assert found.message == f"node type `imports.taken` is defined twice: {files}. Rename one."


def test_a_module_that_is_not_installed(tmp_path: Path) -> None:
    assert broken(tmp_path, "import no_such_module\n")[4] == "is it installed? pip install no_such_module"
    (tmp_path / "beside.py").touch()
    assert broken(tmp_path, "import beside\n")[4].startswith("beside.py beside it is not importable")


def test_it_runs_again_once_it_is_mended(tmp_path: Path) -> None:
    text = GRAPH.format(path="own.py", kind="imports.mended")
    (tmp_path / "own.py").write_text("1 / 0\n")
    assert codes(mistakes(text, folder=tmp_path)) == ["import-failed"]
    (tmp_path / "own.py").write_text(NODE.format(kind="imports.mended"))
    assert mistakes(text, folder=tmp_path) == ()


def test_a_failed_import_explains_missing_types_but_not_misspelt_ones(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text("1 / 0\n")
    text = "imports: own.py\nnodes: {a: zzz, b: t.shuot}\nflow: a -> b\n"
    assert sorted(codes(mistakes(text, folder=tmp_path))) == ["import-failed", "unknown-node-type"]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("none.py", "file-not-found"),
        ("folder.py", "not-a-file"),
        ("json", "not-python"),
        ("os.path", "not-python"),
        ("graph.yaml", "not-python"),
        ("latin1.py", "not-utf8"),
        ('"a\\0.py"', "file-unreadable"),
    ],
)
def test_what_is_no_python_file(tmp_path: Path, path: str, code: str) -> None:
    (tmp_path / "folder.py").mkdir()
    (tmp_path / "latin1.py").write_bytes(b"# \xe9\n")
    found = only(mistakes(GRAPH.format(path=path, kind="t.stt").replace("a -> b", "a -> b"), folder=tmp_path))
    assert found.code == code
