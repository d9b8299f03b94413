"""`voicegraph new`: what it writes passes as it is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands.calls import voicegraph


def pytest_in(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", "--rootdir", str(folder)]
    return subprocess.run([*command, str(folder)], cwd=folder, capture_output=True, text=True, check=False)


def files(folder: Path) -> list[str]:
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())


def test_a_graph_and_a_node_and_their_tests(tmp_path: Path) -> None:
    assert voicegraph("new", "graph", tmp_path / "front-desk").exit_code == 0
    assert voicegraph("new", "node", tmp_path / "acme.shout").exit_code == 0
    expected = ["acme_shout.py", "front-desk.yaml", "front-desk_test.yaml", "test_acme_shout.py"]
    assert files(tmp_path) == expected
    assert voicegraph("check", tmp_path / "front-desk.yaml").exit_code == 0
    tested = voicegraph("test", tmp_path / "front-desk_test.yaml")
    assert tested.exit_code == 0, tested.output
    assert tested.stdout.splitlines()[-1].startswith("2 passed")
    done = pytest_in(tmp_path)
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout


def test_what_was_written_is_named_on_stdout(tmp_path: Path) -> None:
    result = voicegraph("new", "node", tmp_path / "shout")
    assert result.stdout.splitlines() == [str(tmp_path / "shout.py"), str(tmp_path / "test_shout.py")]


@pytest.mark.parametrize(("what", "there"), [("graph", "mine_test.yaml"), ("node", "mine.py")])
def test_nothing_is_overwritten_or_half_written(tmp_path: Path, what: str, there: str) -> None:
    (tmp_path / there).write_text("precious")
    result = voicegraph("new", what, tmp_path / "mine")
    assert result.exit_code == 1
    assert there in result.stderr
    assert (tmp_path / there).read_text() == "precious"
    assert files(tmp_path) == [there]


@pytest.mark.parametrize("what", ["graph", "node"])
@pytest.mark.parametrize("name", ["1st", "a b", "naïve", "class!", ".."])
def test_a_name_that_cannot_be_is_wrong_usage(tmp_path: Path, what: str, name: str) -> None:
    assert voicegraph("new", what, tmp_path / name).exit_code == 2
    assert files(tmp_path) == []


@pytest.mark.parametrize("name", ["class", "import", "json", "numpy", "voicegraph", "test.mine"])
def test_a_node_gets_in_no_modules_way(tmp_path: Path, name: str) -> None:
    """`class.py` cannot be imported, and nobody could import `json` beside a json.py."""
    assert voicegraph("new", "node", tmp_path / name).exit_code == 2
    assert files(tmp_path) == []
