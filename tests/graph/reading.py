"""What the tests of graph files have in common."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import indent

from tests.graph import nodes as nodes
from voicegraph.graph import Diagnostic, Graph, GraphError, Plan, compile_plan, loads


def read(text: str, sets: Sequence[str] = (), *, env: Mapping[str, str] | None = None, ready: bool = True) -> Graph:
    """The graph of a text that has no mistake."""
    return loads(text, sets, environment=env or {}, ready=ready)


def plan(text: str, *sets: str, folder: Path | None = None) -> Plan:
    """The plan of a text that has no mistake."""
    return compile_plan(loads(text, sets, environment={}, folder=folder or Path()))


def mistakes(
    text: str | bytes,
    sets: Sequence[str] = (),
    *,
    env: Mapping[str, str] | None = None,
    folder: Path | None = None,
    ready: bool = True,
) -> tuple[Diagnostic, ...]:
    """The diagnostics of a text, or none; the warnings of one that loads."""
    try:
        return loads(text, sets, environment=env or {}, folder=folder or Path(), ready=ready).warnings
    except GraphError as error:
        return error.diagnostics


def only(diagnostics: tuple[Diagnostic, ...]) -> Diagnostic:
    """The one diagnostic that there is."""
    assert len(diagnostics) == 1, "\n".join(f"{each.code}: {each.message}" for each in diagnostics)
    return diagnostics[0]


def codes(diagnostics: Sequence[Diagnostic]) -> list[str]:
    return [each.code for each in diagnostics]


def marked(diagnostic: Diagnostic) -> str:
    """The text that the caret stands under."""
    assert diagnostic.span is not None
    return diagnostic.span.text


def part(nodes: str, flow: str, rest: str = "") -> str:
    """A graph file: the entries of `nodes`, and each line of `flow`."""
    listed = indent(nodes.strip(), "  ") + "\n"
    wires = "".join(f"  - {line.strip()}\n" for line in flow.strip().splitlines())
    return f"nodes:\n{listed}flow:\n{wires}{rest}"


def chat(llm: str = "llm: t.llm", more: str = "", rest: str = "") -> str:
    """A part of a graph around one node."""
    name = re.split("[: ]", llm.strip(), maxsplit=1)[0]
    return part(
        f"aggregator: t.aggregator\nsentences: t.sentences\n{llm}\n{more}", f"aggregator -> {name} -> sentences", rest
    )
