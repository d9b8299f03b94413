"""Recovery and budgets: a fallback can do what it stands in for, and a budget names something that is timed."""

from __future__ import annotations

from collections.abc import Mapping

from voicegraph.graph.checks.circles import circles
from voicegraph.graph.checks.wires import flowing
from voicegraph.graph.diagnostics import Report
from voicegraph.graph.model import GraphFile, Word, WrittenNode, fallbacks_of
from voicegraph.graph.plan import Edge
from voicegraph.graph.source import Span
from voicegraph.graph.wording import did_you_mean, frame_names, listed, quote
from voicegraph.node import NodeType

BUDGETS = ("answer", "barge_in")
"""What can have a budget besides nodes."""


def check_fallbacks(
    file: GraphFile, kinds: Mapping[str, NodeType], edges: tuple[Edge, ...], line: str | None, report: Report
) -> None:
    """Every fallback exists, stands outside the flow, and can do what it stands in for."""
    wired = {word.text for wire in file.wires for word in (wire.giver, wire.taker)}
    for name, node in file.nodes.items():
        for word in _fallbacks(node):
            _check_fallback(name, word, file, wired, report)
    _check_circles(file, report)
    for name in file.nodes:
        if name in wired and name in kinds:
            _check_stand_ins(file.nodes[name], file, kinds, edges, report)


def _check_fallback(name: str, word: Word, file: GraphFile, wired: set[str], report: Report) -> None:
    if word.text not in file.nodes:
        hint = did_you_mean(word.text, set(file.nodes) - {name}) or "add it under `nodes`"
        report.error("unknown-node", f"no node {quote(word.text)} to fall back on", word.span, hint)
    elif word.text in wired and word.text != name:
        hint = "give the fallback a node of its own, outside `flow`"
        report.error("fallback-in-flow", f"{quote(word.text)} has its own work in the flow", word.span, hint)


def _check_circles(file: GraphFile, report: Report) -> None:
    """Nobody stands in for themselves, not even by way of others."""
    words = {(name, word.text): word for name, node in file.nodes.items() for word in _fallbacks(node)}
    for path in circles(words):
        message = f"the fallbacks go in a circle: {' -> '.join(path)}"
        place = words[path[-2], path[-1]].span
        report.error("fallback-cycle", message, place, "the last one has nobody to fall back on")


def _check_stand_ins(
    node: WrittenNode, file: GraphFile, kinds: Mapping[str, NodeType], edges: tuple[Edge, ...], report: Report
) -> None:
    """Whoever stands in for a node takes and gives all the frames that its wires carry here."""
    name = node.name.text
    taken = frozenset(edge.frame for edge in edges if edge.taker == name)
    given = frozenset(edge.frame for edge in edges if edge.giver == name)
    for stand_in in fallbacks_of(name, file):
        if stand_in not in kinds:
            continue
        kind = kinds[stand_in]
        lacks = [
            f"does not {verb} {frame_names(missing)}"
            for verb, missing in (("take", taken - kind.takes), ("give", given - kind.gives))
            if missing
        ]
        if lacks:
            message = f"{quote(stand_in)} cannot stand in for {quote(name)}: it {' and '.join(lacks)}"
            hint = f"it takes {frame_names(flowing(kind.takes))} and gives {frame_names(flowing(kind.gives))}"
            report.error("fallback-mismatch", message, _where_named(stand_in, name, file), hint)


def _where_named(stand_in: str, name: str, file: GraphFile) -> Span:
    """Where a node is made the fallback of another, or of one of its fallbacks."""
    chain = (name, *fallbacks_of(name, file))
    words = (word for each in chain if each in file.nodes for word in _fallbacks(file.nodes[each]))
    return next(word.span for word in words if word.text == stand_in)


def _fallbacks(node: WrittenNode) -> tuple[Word, ...]:
    return node.recover.fallback if node.recover else ()


def check_budgets(file: GraphFile, report: Report) -> None:
    """A budget is on the answer, on barging in, or on a node."""
    for budget in file.budgets:
        name = budget.name.text
        if name not in BUDGETS and name not in file.nodes:
            hint = did_you_mean(name, (*BUDGETS, *file.nodes)) or f"{listed(BUDGETS)} or the name of a node"
            report.error("unknown-budget", f"nothing is called {quote(name)}", budget.name.span, hint)
