"""A script of what the caller does: YAML, with the steps of a conversation test (docs/testing.md)."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from voicegraph.caller.steps import DEADLINE, Step
from voicegraph.graph import GraphError
from voicegraph.graph.diagnostics import Diagnostic, Report
from voicegraph.graph.source import Unreadable, read_source
from voicegraph.graph.tree import Map, Tree, read_tree
from voicegraph.testing.conversations import shapes
from voicegraph.testing.conversations.model import Fault, Given
from voicegraph.testing.conversations.shapes import Reading
from voicegraph.testing.conversations.steps import read_steps

KEYS = ("steps", "deadline")
_INSIDE: dict[type[object], str] = {
    Fault: "a `fault` is of a node in this process, and the agent is elsewhere",
    Given: "a `frame` is given inside the agent, where a caller cannot look",
}


def read_script(path: Path) -> tuple[tuple[Step, ...], float]:
    """Its steps, and for how many seconds each may take to happen. Raises GraphError, which holds every mistake."""
    reading = Reading(Report())
    try:
        source = read_source(path, str(path))
    except Unreadable as error:
        raise GraphError([Diagnostic(error.code, error.message, error.place or str(path), error.hint)]) from None
    tree = read_tree(source, reading.report)
    if tree is None:
        raise GraphError(reading.report.sorted)
    steps, deadline = _read(tree, reading)
    reading.report.raise_errors()
    return steps, deadline


def _read(tree: Tree, reading: Reading) -> tuple[tuple[Step, ...], float]:
    report = reading.report
    if not isinstance(tree, Map):
        report.error("wrong-shape", "a script is a mapping", tree.span, 'write `steps:`, then `- caller: "Hello?"`')
        return (), DEADLINE
    reading.known(tree, KEYS, "a script has no")
    steps = read_steps(reading.needed(tree, "steps", "the script", tree.span.source.start, "write `steps:`"), reading)
    for step in steps:
        if why := _INSIDE.get(type(step)):
            report.error("unknown-step", "this step is for `voicegraph test`", step.place, why)
    deadline = reading.value(tree.values.get("deadline"), "deadline", shapes.duration)
    if not steps and not report.failed:
        report.error("empty-test", "nothing happens in this script", tree.span, 'add `- caller: "Hello?"`')
    return tuple(cast("Step", step) for step in steps), deadline or DEADLINE
