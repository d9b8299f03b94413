"""The merged tree -> a `GraphFile`. Tells of unknown keys, wrong shapes and wrong values; knows no node types."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from voicegraph.durations import parse_duration
from voicegraph.graph.diagnostics import Report
from voicegraph.graph.flow import NAME, End, read_chain, wires_of
from voicegraph.graph.model import Budget, GraphFile, Wire, Word, WrittenNode, WrittenRecover
from voicegraph.graph.plan import Recover
from voicegraph.graph.shorthand import MAX_NODES, NODE_KEYS, Chain
from voicegraph.graph.tree import Map, Scalar, Seq, Tree, is_null, items_of
from voicegraph.graph.wording import did_you_mean, one_of, quote

GRAPH_KEYS = ("version", "name", "extends", "imports", "nodes", "pipeline", "flow", "budgets")
VERSION = 1
MAX_WIRES = 5000
_LONGEST = 24 * 3600.0

Shape = TypeVar("Shape", Scalar, Seq, Map)
_SHAPES: dict[type[Tree], str] = {Scalar: "a single value", Seq: "a list", Map: "a mapping"}


def parse(tree: Map, name: str, report: Report) -> GraphFile:
    """What a graph file says. name: what the graph is called if the file gives it no name."""
    _check_keys(tree, GRAPH_KEYS, "a graph", report)
    _check_version(tree.values.get("version"), report)
    nodes = _nodes(tree, report)
    wires, unclear = _wires(_lines(tree, report), report)
    return GraphFile(
        name=_text(tree, "name", report) or name,
        start=tree.span.source.start,
        imports=tuple(_words(tree.values.get("imports"), "imports", report)),
        nodes=nodes,
        wires=wires,
        unclear=unclear.union(name for name in nodes if not _is_name(name)),
        budgets=tuple(_budgets(tree, report)),
    )


def _check_version(version: Tree | None, report: Report) -> None:
    if version is not None and not (isinstance(version, Scalar) and version.text == str(VERSION)):
        report.error("unsupported-version", "this is not a version that I can read", version.span, "write `version: 1`")


# --- nodes ----------------------------------------------------------------------------------------------------------


def _nodes(tree: Map, report: Report) -> dict[str, WrittenNode]:
    written = _shaped(tree, "nodes", Map, report)
    if written is None or not written.values:
        nodes = tree.values.get("nodes")
        if nodes is None or is_null(nodes) or isinstance(nodes, Map):
            place = nodes.span if nodes else tree.span.source.start
            report.error("missing-key", "the graph has no nodes", place, "add `nodes: {name: type}`")
        return {}
    if len(written.values) > MAX_NODES:
        report.error("too-large", f"more than {MAX_NODES} nodes", written.span, "is it the right file?")
        return {}
    return {name: _node(Word(name, written.keys[name]), node, written, report) for name, node in written.values.items()}


def _is_name(text: str) -> bool:
    return re.fullmatch(NAME, text) is not None


def _node(name: Word, node: Tree, nodes: Map, report: Report) -> WrittenNode:
    if not _is_name(name.text):
        hint = "letters, digits, `_` and `-`, beginning with a letter"
        report.error("bad-name", f"{quote(name.text)} cannot be a node's name", name.span, hint)
    unknown = WrittenNode(name, Word("", node.span))
    if not isinstance(node, Map):
        message = f"{quote(name.text)} is neither a node type nor a mapping"
        report.error("wrong-shape", message, node.span, f"write `{name.text}: type`, or `{{use: type, with: {{…}}}}`")
        return unknown
    _check_keys(node, NODE_KEYS, "a node", report)
    use = node.values.get("use")
    if use is None:
        hint = did_you_mean(name.text, set(nodes.values) - {name.text}) or "add `use:` with its type"
        report.error("missing-key", f"{quote(name.text)} has no `use`", name.span, hint)
        return unknown
    kind = _word(use, "use", report) or unknown.use
    return WrittenNode(name, kind, _shaped(node, "with", Map, report), _recover(node, report))


# --- recover --------------------------------------------------------------------------------------------------------


def _duration(tree: Scalar) -> float:
    seconds = parse_duration(tree.value)
    if not 0 < seconds <= _LONGEST:
        raise ValueError("more than 0ms and at most 24h")
    return seconds


def _retries(tree: Scalar) -> int:
    if not re.fullmatch(r"[0-9]|10", tree.text):
        raise ValueError("a whole number from 0 to 10")
    return int(tree.text)


def _say(tree: Scalar) -> str:
    if not isinstance(tree.value, str) or not tree.text.strip():
        raise ValueError("the words to say")
    return tree.text


def _then(tree: Scalar) -> str:
    if not re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", tree.text, re.ASCII):
        raise ValueError("an action such as `line.transfer`, `line.hang_up`, `continue` or a tool's name")
    return tree.text


_RECOVER: dict[str, Callable[[Scalar], Any]] = {
    "timeout": _duration,
    "stall": _duration,
    "retries": _retries,
    "say": _say,
    "then": _then,
}
"""How each part of `recover` is read; `fallback` apart, which may be a list."""


def _recover(node: Map, report: Report) -> WrittenRecover | None:
    recover = _shaped(node, "recover", Map, report)
    if recover is None:
        return None
    _check_keys(recover, ("timeout", "stall", "retries", "fallback", "say", "then"), "`recover`", report)
    read = {key: _read(recover, key, reader, report) for key, reader in _RECOVER.items()}
    given = {key: value for key, value in read.items() if value is not None}
    fallback = tuple(_words(recover.values.get("fallback"), "fallback", report))
    return WrittenRecover(Recover(**given, fallback=tuple(word.text for word in fallback)), recover, fallback)


def _read(tree: Map, key: str, reader: Callable[[Scalar], Any], report: Report) -> Any:
    """The value under a key; None if there is none, or a wrong one."""
    scalar = _shaped(tree, key, Scalar, report)
    if scalar is None or scalar.fault:
        return None
    try:
        return reader(scalar)
    except ValueError as error:
        report.error("bad-value", f"{quote(key)} cannot be {quote(scalar.written)}", scalar.span, str(error))
        return None


# --- flow -----------------------------------------------------------------------------------------------------------


def _wires(lines: Sequence[Tree], report: Report) -> tuple[tuple[Wire, ...], frozenset[str]]:
    """The wires, and the names in lines that could not be read."""
    wires: list[Wire] = []
    unclear: set[str] = set()
    for line in lines:
        groups = _groups(line, report)
        if not groups:
            unclear.update(re.findall(NAME, line.text) if isinstance(line, Scalar) else ())
        for wire in wires_of(groups):
            wires.append(wire)
            if len(wires) > MAX_WIRES:
                report.error("too-large", f"more than {MAX_WIRES} wires", wire.span, "is it the right file?")
                return (), frozenset()
    return tuple(wires), frozenset(unclear)


def _lines(tree: Map, report: Report) -> Sequence[Tree]:
    flow = tree.values.get("flow")
    if flow is None or is_null(flow) or (isinstance(flow, Seq) and not flow.items):
        place = flow.span if flow else tree.span.source.start
        report.error("missing-key", "the graph has no flow", place, "add `flow: [a -> b]`")
        return []
    return items_of(flow)


def _groups(line: Tree, report: Report) -> list[list[End]]:
    match line:
        case Chain():
            return _pipeline(line, report)
        case Scalar():
            return [] if line.fault else read_chain(line, report)
        case Seq() | Map():
            report.error("wrong-shape", "a flow is a list of lines", line.span, "write `- a -> b`")
            return []


def _pipeline(chain: Chain, report: Report) -> list[list[End]]:
    names = [name for name in chain.items if isinstance(name, Scalar)]
    if len(names) < 2:
        report.error("missing-key", "a pipeline wires two nodes at least", chain.span, "write `pipeline: [a, b]`")
    return [] if len(names) < 2 or any(name.fault for name in names) else [[End(Word(n.text, n.span))] for n in names]


# --- budgets --------------------------------------------------------------------------------------------------------


def _budgets(tree: Map, report: Report) -> Iterator[Budget]:
    budgets = _shaped(tree, "budgets", Map, report)
    if budgets is None:
        return
    for name, span in budgets.keys.items():
        if (seconds := _read(budgets, name, _duration, report)) is not None:
            yield Budget(Word(name, span), seconds)


# --- shapes ---------------------------------------------------------------------------------------------------------


def _check_keys(tree: Map, known: tuple[str, ...], what: str, report: Report) -> None:
    for key, span in tree.keys.items():
        if key not in known:
            hint = did_you_mean(key, known) or one_of(known)
            report.error("unknown-key", f"{what} has no {quote(key)}", span, hint)


def _shaped(tree: Map, key: str, shape: type[Shape], report: Report) -> Shape | None:
    """The value under a key if it has this shape; None also for null."""
    value = tree.values.get(key)
    if isinstance(value, shape):
        return None if is_null(value) else value
    if value is not None and not is_null(value):
        report.error("wrong-shape", f"{quote(key)} is {_SHAPES[shape]}", value.span, f"not {_shape_of(value)}")
    return None


def _shape_of(tree: Tree) -> str:
    return _SHAPES[type(tree)]


def _word(tree: Tree, key: str, report: Report) -> Word | None:
    if isinstance(tree, Scalar) and tree.fault:
        report.add(tree.fault)  # an error even where an unset variable is only a warning: nothing goes on without it
        return None
    if isinstance(tree, Scalar) and isinstance(tree.value, str) and tree.text:
        return Word(tree.text, tree.span, tree.written)
    found = "" if is_null(tree) else f", not {_shape_of(tree)}"
    report.error("wrong-shape", f"{quote(key)} is a name{found}", tree.span, "if it is meant as text, quote it")
    return None


def _words(tree: Tree | None, key: str, report: Report) -> Iterator[Word]:
    """One name, or a list of them."""
    if tree is None or is_null(tree):
        return
    for item in items_of(tree):
        if word := _word(item, key, report):
            yield word


def _text(tree: Map, key: str, report: Report) -> str | None:
    scalar = _shaped(tree, key, Scalar, report)
    return scalar.text if scalar else None
