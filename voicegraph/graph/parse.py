"""The merged tree -> a `GraphFile`. Tells of unknown keys, wrong shapes and wrong values; knows no node types."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from voicegraph.graph.diagnostics import Report
from voicegraph.graph.flow import NAME, End, read_chain, wires_of
from voicegraph.graph.model import Budget, GraphFile, Wire, Word, WrittenNode
from voicegraph.graph.recovery import read_cache, read_recover, read_watchdog
from voicegraph.graph.shapes import check_keys, duration, read_text, read_value, read_word, read_words, shaped
from voicegraph.graph.shorthand import MAX_NODES, NODE_KEYS, Chain
from voicegraph.graph.tree import Map, Scalar, Seq, Tree, is_null, items_of
from voicegraph.graph.wording import did_you_mean, quote

GRAPH_KEYS = ("version", "name", "extends", "imports", "nodes", "pipeline", "flow", "budgets", "watchdog")
VERSION = 1
MAX_WIRES = 5000


def parse(tree: Map, name: str, report: Report) -> GraphFile:
    """What a graph file says. name: what the graph is called if the file gives it no name."""
    check_keys(tree, GRAPH_KEYS, "a graph", report)
    _check_version(tree.values.get("version"), report)
    nodes = _nodes(tree, report)
    wires, unclear = _wires(_lines(tree, report), report)
    return GraphFile(
        name=read_text(tree, "name", report) or name,
        start=tree.span.source.start,
        imports=tuple(read_words(tree.values.get("imports"), "imports", report)),
        nodes=nodes,
        wires=wires,
        unclear=unclear.union(name for name in nodes if not _is_name(name)),
        budgets=tuple(_budgets(tree, report)),
        watchdog=read_watchdog(tree, report),
    )


def _check_version(version: Tree | None, report: Report) -> None:
    if version is not None and not (isinstance(version, Scalar) and version.text == str(VERSION)):
        report.error("unsupported-version", "this is not a version that I can read", version.span, "write `version: 1`")


# --- nodes ----------------------------------------------------------------------------------------------------------


def _nodes(tree: Map, report: Report) -> dict[str, WrittenNode]:
    written = shaped(tree, "nodes", Map, report)
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
    check_keys(node, NODE_KEYS, "a node", report)
    use = node.values.get("use")
    if use is None:
        hint = did_you_mean(name.text, set(nodes.values) - {name.text}) or "add `use:` with its type"
        report.error("missing-key", f"{quote(name.text)} has no `use`", name.span, hint)
        return unknown
    kind = read_word(use, "use", report) or unknown.use
    config = shaped(node, "with", Map, report)
    return WrittenNode(name, kind, config, read_recover(node, report), read_cache(node, report))


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
    budgets = shaped(tree, "budgets", Map, report)
    if budgets is None:
        return
    for name, span in budgets.keys.items():
        if (seconds := read_value(budgets, name, duration, report)) is not None:
            yield Budget(Word(name, span), seconds)
