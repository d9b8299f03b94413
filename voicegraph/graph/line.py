"""Which node is the line of a graph, told from the file alone, before anything else about it is checked."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from voicegraph.graph.builtin import register_builtin
from voicegraph.graph.checks.types import check_one_line, find_types
from voicegraph.graph.diagnostics import GraphError, Report
from voicegraph.graph.imports import run_imports
from voicegraph.graph.layers import read_layers
from voicegraph.graph.parse import parse
from voicegraph.graph.source import Unreadable, read_source


class WrittenLine(NamedTuple):
    """A line as it is written. use: its node type. settings: the keys under its `with`."""

    name: str
    use: str
    settings: frozenset[str]


def find_line(path: str | Path, sets: Sequence[str] = ()) -> WrittenLine | None:
    """The line of a graph file that may be incomplete or wrong; None if it cannot be told, which `load` explains."""
    register_builtin()
    report = Report()
    try:
        tree = read_layers(read_source(Path(path), str(path)), sets, os.environ, report)
        if tree is None:
            return None
        file = parse(tree, Path(path).stem, report)
        name = check_one_line(file, find_types(file, report, imported=run_imports(file, report)), report)
    except (GraphError, Unreadable):
        return None
    if name is None:
        return None
    node = file.nodes[name]
    return WrittenLine(name, node.use.text, frozenset(node.config.values if node.config else ()))
