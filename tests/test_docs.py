"""What the documents show is true: their Python runs, their graphs load, their links lead somewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from voicegraph.node import NodeType

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")


def blocks(page: Path, language: str) -> list[str]:
    return [text for name, text in _BLOCK.findall(page.read_text()) if name == language]


@pytest.fixture(autouse=True)
def _own_nodes() -> Iterator[None]:
    """A page's nodes do not stay behind. (`voicegraph.node` is the decorator, so the module is asked for.)"""
    yield
    registry: dict[str, NodeType] = vars(import_module("voicegraph.node"))["_registry"]
    for name in [name for name, kind in registry.items() if kind.module == "example"]:
        del registry[name]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_python_of_a_page_runs_in_order_and_its_tests_pass(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "my_sdk", SimpleNamespace(Client=object))
    module = ModuleType("example")  # one name: pages may show the same node
    monkeypatch.setitem(__import__("sys").modules, module.__name__, module)
    for number, text in enumerate(blocks(page, "python")):
        exec(compile(text, f"{page.name}, block {number}", "exec"), module.__dict__)
    tests: list[Any] = [value for name, value in vars(module).items() if name.startswith("test_")]
    for test in tests:
        test()
    assert tests or page.name not in ("README.md", "writing-a-node.md")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    missing = [link for link in _LINK.findall(page.read_text()) if not (page.parent / link).exists()]
    assert missing == []
