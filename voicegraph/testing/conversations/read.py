"""A conversation test file -> a `Suite`. Every mistake in it, and in its graph, is told at once, each at its place."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from os.path import normpath
from pathlib import Path
from typing import Any

from voicegraph.durations import format_duration
from voicegraph.graph import GraphError, Plan, PlannedNode, compile_plan, load
from voicegraph.graph.checks.configuration import configure_nodes
from voicegraph.graph.diagnostics import Diagnostic, Note, Report
from voicegraph.graph.model import GraphFile, Word, WrittenNode
from voicegraph.graph.source import Unreadable, read_source
from voicegraph.graph.tree import Map, Scalar, Seq, Tree, is_null, read_tree
from voicegraph.graph.wording import did_you_mean, listed, quote
from voicegraph.testing.conversations import shapes
from voicegraph.testing.conversations.expect import read_expected
from voicegraph.testing.conversations.model import Case, Fault, Suite
from voicegraph.testing.conversations.shapes import Reading
from voicegraph.testing.conversations.steps import read_steps
from voicegraph.testing.stand_ins import CannotStandIn, stand_ins

KEYS = ("version", "graph", "set", "seed", "real", "with", "tests")
TEST_KEYS = ("name", "steps", "expect", "deadline")
VERSION = "1"
DEADLINE = 30.0
"""Seconds of the call's time that a step may take to happen, unless the test says otherwise."""
BEGIN = "begin with `graph:` and `tests:`"


def read_suite(path: str | Path, sets: Sequence[str] = ()) -> Suite:
    """Reads and checks a test file. Raises GraphError, which holds every mistake in it and in its graph.

    sets: more changes to its graph, behind those in the file.
    """
    reading = Reading(Report())
    try:
        source = read_source(Path(path), str(path))
    except Unreadable as error:
        raise GraphError([Diagnostic(error.code, error.message, error.place or str(path), error.hint)]) from None
    tree = read_tree(source, reading.report)
    if tree is None or not isinstance(tree, Map) or _is_graph(tree):
        if tree is not None:
            reading.report.add(_no_test_file(tree))
        raise GraphError(reading.report.sorted)
    return _suite(tree, reading, sets)


def _is_graph(tree: Map) -> bool:
    return "tests" not in tree.keys and any(key in tree.keys for key in ("nodes", "pipeline", "flow"))


def _no_test_file(tree: Tree) -> Diagnostic:
    if is_null(tree):
        return Diagnostic("empty-test", "the file is empty", tree.span, BEGIN)
    if not isinstance(tree, Map):
        return Diagnostic("wrong-shape", "a test file is a mapping", tree.span, BEGIN)
    hint = f"its tests are in a file of their own, such as {Path(tree.span.source.name).stem}_test.yaml"
    return Diagnostic("wrong-shape", "this is a graph, not a test of one", tree.span.source.start, hint)


def _suite(tree: Map, reading: Reading, more: Sequence[str]) -> Suite:
    report = reading.report
    reading.known(tree, KEYS, "a test file has no")
    version = tree.values.get("version")
    if version is not None and not (isinstance(version, Scalar) and version.text == VERSION):
        report.error("unsupported-version", "this is not a version that I can read", version.span, "write `version: 1`")
    start = tree.span.source.start
    graph = reading.value(reading.needed(tree, "graph", "the file", start, "write `graph: FILE`"), "graph", shapes.name)
    sets = reading.values(tree.values.get("set"), "set", shapes.text)
    real = reading.values(tree.values.get("real"), "real", shapes.name)
    settings = reading.shaped(tree.values.get("with"), "with", Map)
    seed = reading.value(tree.values.get("seed"), "seed", shapes.whole)
    tests = reading.needed(tree, "tests", "the file", start, "write `tests: [{name: ..., steps: [...]}]`")
    cases = _cases(tests, reading)
    plan = _load(graph, (*sets, *more), report) if graph else None
    if graph is not None and plan is not None:
        _check_nodes([*real, *reading.nodes], plan, report)
        plan = _stand_in(plan, graph, [word for word in real if word.text in _nodes(plan)], settings, reading)
    if plan is not None:
        _check_faults(cases, plan, report)
    report.raise_errors()
    assert graph is not None
    assert plan is not None
    return Suite(tree.span.source, graph, plan, cases, real, seed)


# --- tests ----------------------------------------------------------------------------------------------------------


def _cases(tree: Tree | None, reading: Reading) -> tuple[Case, ...]:
    items = reading.items(tree, "tests")
    if isinstance(tree, Seq) and not items:
        reading.report.error("empty-test", "there is no test in it", tree.span, "write `- name: ...`, and `steps:`")
    cases: dict[str, Case] = {}
    for item in items:
        case = _case(item, reading)
        if case is not None and case.title in cases:
            first = (Note("the first one is here", cases[case.title].name.span),)
            message = f"a second test {quote(case.title)}"
            reading.report.error("duplicate-test", message, case.name.span, "call it otherwise", first)
        elif case is not None:
            cases[case.title] = case
    return tuple(cases.values())


def _case(tree: Tree, reading: Reading) -> Case | None:
    test = reading.shaped(tree, "a test", Map)
    if test is None:
        return None
    reading.known(test, TEST_KEYS, "a test has no")
    name = reading.value(reading.needed(test, "name", "the test", test.span, "give it one"), "name", shapes.name)
    written = test.values.get("steps")
    if written is None or is_null(written) or written == Seq(written.span):
        place = name.span if name else test.span
        reading.report.error("empty-test", "nothing happens in this test", place, 'add `steps: [caller: "Hello?"]`')
    steps = read_steps(written, reading)
    expected = read_expected(test.values.get("expect"), reading)
    deadline = reading.value(test.values.get("deadline"), "deadline", shapes.duration)
    return Case(name, steps, expected, deadline or DEADLINE) if name else None


# --- the graph ------------------------------------------------------------------------------------------------------


def _load(graph: Word, sets: tuple[str, ...], report: Report) -> Plan | None:
    source = graph.span.source
    path, shown = source.folder / graph.text, normpath(Path(source.name).parent / graph.text)
    try:
        read_source(path, shown)
        plan = compile_plan(load(shown, sets, ready=False))
    except Unreadable as error:
        note = (Note("tested from here", graph.span),) if error.place else ()
        report.error(error.code, error.message, error.place or graph.span, error.hint, note)
        return None
    except GraphError as error:
        for diagnostic in error.diagnostics:
            report.add(diagnostic)
        number = sum(diagnostic.severity == "error" for diagnostic in error.diagnostics)
        message = f"this graph has {number} mistake{'s' if number > 1 else ''}"
        report.error("wrong-graph", message, graph.span, f"voicegraph check {shown}")
        return None
    if plan.line is None:
        message, hint = "this graph has no line, so nobody can call it", "add one to it, such as file.call"
        report.error("wrong-graph", message, graph.span, hint)
        return None
    return plan


def _stand_in(plan: Plan, graph: Word, real: Sequence[Word], settings: Map | None, reading: Reading) -> Plan | None:
    """The plan with scripted nodes in it; None if one has no stand-in, which the report then explains."""
    for word in real:
        _check_ready(word, _nodes(plan)[word.text], reading.report)
    names = {word.text for word in real}
    try:
        standing_in = stand_ins(plan, real=names)
        configured = _settings(settings, plan, standing_in, reading) if settings else {}
        return stand_ins(plan, real=names, settings=configured)
    except CannotStandIn as error:
        for mistake in error.mistakes:
            reading.report.error("no-stand-in", f"{quote(mistake.node)}: {mistake.message}", graph.span)
        return None


def _settings(settings: Map, plan: Plan, standing_in: Plan, reading: Reading) -> dict[str, Any]:
    """Those of scripted nodes, as their types want them."""
    report, before, now = reading.report, _nodes(plan), _nodes(standing_in)
    _check_nodes([Word(name, place) for name, place in settings.keys.items()], plan, report)
    written: dict[str, WrittenNode] = {}
    for name, place in settings.keys.items():
        if name not in now:
            continue
        if before[name].kind is now[name].kind:
            report.error("not-scripted", _itself(now[name]), place, f"write `set: [nodes.{name}.with.KEY=VALUE]`")
        elif config := reading.shaped(settings.values[name], name, Map):
            written[name] = WrittenNode(Word(name, place), Word(now[name].kind.name, place), config)
    file = GraphFile("", settings.span, nodes=written)
    nodes = configure_nodes(file, {name: now[name].kind for name in written}, report)
    return {} if report.failed else {name: node.config for name, node in nodes.items()}


def _check_ready(word: Word, node: PlannedNode, report: Report) -> None:
    """What is to be itself has what it needs."""
    kind = node.kind
    if missing := kind.missing_packages():
        hint = f'pip install "voicegraph[{kind.extra}]"' if kind.extra else f"pip install {' '.join(missing)}"
        report.error("missing-package", f"`{kind.name}` needs {listed(missing)}", word.span, hint)
    for variable in kind.variables(node.config):
        if not os.environ.get(variable):
            message = f"`{kind.name}` needs the environment variable `{variable}`"
            report.error("missing-variable", message, word.span, f"export {variable}=...")


def _check_nodes(words: Iterable[Word], plan: Plan, report: Report) -> None:
    """Every node that is named is there."""
    known = _nodes(plan)
    for word in words:
        if word.text not in known:
            hint = did_you_mean(word.text, known) or f"the graph has {listed([*known][:12])}"
            report.error("unknown-node", f"no node {quote(word.text)}", word.span, hint)


def _check_faults(cases: Iterable[Case], plan: Plan, report: Report) -> None:
    """Every fault is one that its node can have."""
    from pydantic import ValidationError

    for step in (step for case in cases for step in case.steps if isinstance(step, Fault)):
        node = plan.nodes.get(step.node.text)
        if node is None:
            continue
        if not hasattr(node.kind.target, "fail"):
            report.error("not-scripted", _itself(node), step.node.span, "only a scripted node fails on demand")
            continue
        try:
            node.kind.configure({**node.config, "faults": [_written(step)]})
        except ValidationError as error:
            message = error.errors()[0]["msg"].removeprefix("Value error, ")
            report.error("bad-value", message, step.place)


def _written(fault: Fault) -> dict[str, Any]:
    """As a setting of a scripted node says it."""
    after = fault.settings.get("after")
    duration = {"after": format_duration(after)} if isinstance(after, float) else {}
    return {"kind": fault.kind, **fault.settings, **duration}


def _nodes(plan: Plan) -> dict[str, PlannedNode]:
    return {**plan.nodes, **plan.standby}


def _itself(node: PlannedNode) -> str:
    return f"{quote(node.name)} is no scripted node: it is {quote(node.kind.name)}, itself"
