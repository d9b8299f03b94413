"""From a path to a checked graph: the phases in their order."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from voicegraph.graph.builtin import register_builtin
from voicegraph.graph.check import check
from voicegraph.graph.diagnostics import Diagnostic, GraphError, Report
from voicegraph.graph.layers import read_layers
from voicegraph.graph.model import Graph
from voicegraph.graph.parse import parse
from voicegraph.graph.references import report_faults
from voicegraph.graph.source import Source, Unreadable, decode, read_source


def load(
    path: str | Path,
    sets: Sequence[str] = (),
    *,
    environment: Mapping[str, str] | None = None,
    ready: bool = True,
) -> Graph:
    """Reads and checks a graph file. Raises GraphError, which holds every mistake in it with its place.

    sets: changes such as `nodes.llm.with.model=small`. environment: where `${env:X}` and API keys are looked up, this
    process's by default. ready: the graph is to be run, so a missing key or package is an error; otherwise (to draw it,
    to expand it) it is a warning.
    """
    try:
        source = read_source(Path(path), str(path))
    except Unreadable as error:
        raise GraphError([_unreadable(error, str(path))]) from None
    return _load(source, sets, environment, ready)


def loads(
    text: str | bytes,
    sets: Sequence[str] = (),
    *,
    name: str = "graph.yaml",
    folder: str | Path = ".",
    environment: Mapping[str, str] | None = None,
    ready: bool = True,
) -> Graph:
    """The same for a text. name: what diagnostics call it. folder: what its paths are relative to."""
    try:
        data = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
        source = decode(data, name, Path(folder))
    except Unreadable as error:
        raise GraphError([_unreadable(error, name)]) from None
    return _load(source, sets, environment, ready)


def _load(source: Source, sets: Sequence[str], environment: Mapping[str, str] | None, ready: bool) -> Graph:
    register_builtin()
    environment = os.environ if environment is None else environment
    report = Report()
    tree = read_layers(source, sets, environment, report)
    if tree is None:
        raise GraphError(report.sorted)
    report_faults(tree, report, ready=ready)
    file = parse(tree, Path(source.name).stem, report)
    return check(file, tree, report, environment=environment, ready=ready)


def _unreadable(error: Unreadable, name: str) -> Diagnostic:
    return Diagnostic(error.code, error.message, error.place or name, error.hint)
