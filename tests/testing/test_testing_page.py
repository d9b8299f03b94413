"""What docs/testing.md shows is true."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path
from typing import get_args

import pytest

from tests.commands.calls import voicegraph
from voicegraph.testing.conversations.expect import EXPECTATIONS
from voicegraph.testing.conversations.happened import By
from voicegraph.testing.conversations.read import KEYS, TEST_KEYS
from voicegraph.testing.conversations.steps import AFTER, STEPS
from voicegraph.testing.faults import Kind

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "testing.md").read_text()
EXAMPLE, FAILING = re.findall(r"^```(?:yaml)?\n(?:# )?(hello_test\.yaml\n.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def example(folder: Path, text: str) -> Path:
    (folder / "hello.yaml").write_text((ROOT / "graphs" / "hello.yaml").read_text())
    file = folder / "hello_test.yaml"
    file.write_text(text)
    return file


def test_the_example_passes(tmp_path: Path) -> None:
    result = voicegraph("test", example(tmp_path, f"# {EXAMPLE}"))
    assert result.exit_code == 0, result.output


def test_the_example_fails_as_it_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    example(tmp_path, f"# {EXAMPLE}".replace('"close at noon"', '"open from nine"'))
    shown, real = (
        re.sub(r"in \d+ ms,|in \d\.\d\d s", "", t) for t in (FAILING, voicegraph("test", "hello_test.yaml").stdout)
    )
    assert real.splitlines() == shown.splitlines()


@pytest.mark.parametrize(
    ("heading", "known"),
    [
        ("key", {*KEYS} - {"version"}),
        ("step", STEPS),
        ("`after`", AFTER),
        ("expectation", EXPECTATIONS),
    ],
)
def test_a_table_has_everything(heading: str, known: Collection[str]) -> None:
    (table,) = re.findall(rf"^\| {heading} \|.*\n\|[-|]+\n((?:\|.*\n)+)", PAGE, re.MULTILINE)
    assert sorted(re.split(r"[`:]", row)[1] for row in table.splitlines()) == sorted(known)


def test_the_rest_is_named_too() -> None:
    for name in (*TEST_KEYS, *get_args(Kind), *get_args(By)):
        assert f"`{name}`" in PAGE or f"`{name}:" in PAGE or f": {name}`" in PAGE, name
