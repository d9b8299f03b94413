"""Recovery and budgets: policies ask for what can be done, and name what is there.

A fallback can do what it stands in for, a voice can say what is to be said, a budget is on something that is timed.
"""

from __future__ import annotations

from collections.abc import Mapping

from voicegraph.frames import Sentence, TTSAudio
from voicegraph.graph.checks.circles import circles
from voicegraph.graph.checks.wires import flowing
from voicegraph.graph.diagnostics import Report
from voicegraph.graph.model import GraphFile, Word, WrittenNode, fallbacks_of
from voicegraph.graph.plan import Edge
from voicegraph.graph.recovery import SPEECHES
from voicegraph.graph.source import Span
from voicegraph.graph.tree import is_null
from voicegraph.graph.wording import did_you_mean, frame_names, listed, quote
from voicegraph.node import NodeType

BUDGETS = ("answer", "barge_in")
"""What can have a budget besides nodes."""
DEADLINES = ("timeout", "stall", "hedge")
"""What in a `recover` waits for an output."""


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


def check_recover(file: GraphFile, kinds: Mapping[str, NodeType], line: str | None, report: Report) -> None:
    """Nobody stands in for a line, and who gives nothing cannot be late with it."""
    for name, kind in kinds.items():
        recover = file.nodes[name].recover
        if recover is None:
            continue
        if name == line:
            hint = "a call whose line fails is over: take `recover` out"
            report.error("cannot-recover", f"nothing can stand in for the line {quote(name)}", recover.tree.span, hint)
        elif not flowing(kind.gives):
            for key in DEADLINES:
                if getattr(recover.policy, key) is not None:
                    hint = f"take `{key}` out; `retries`, `fallback`, `say` and `then` are for a failure"
                    message = f"{quote(name)} gives nothing, so nothing of it can be late"
                    report.error("cannot-recover", message, recover.tree.values[key].span, hint)


def check_cache(file: GraphFile, kinds: Mapping[str, NodeType], report: Report) -> None:
    """Only what a voice says is kept."""
    for name, kind in kinds.items():
        place = file.nodes[name].cache
        if place is not None and not (Sentence in kind.takes and TTSAudio in kind.gives):
            message = f"{quote(name)} is no voice, and only the sound of a voice is kept"
            report.error("cannot-cache", message, place, "put it on the node that makes TTSAudio of each Sentence")


def check_voice(
    file: GraphFile, kinds: Mapping[str, NodeType], edges: tuple[Edge, ...], line: str | None, report: Report
) -> None:
    """Where something is to be said, somebody says it. In a graph without a line there is nobody to hear it."""
    carrying = {(edge.giver, edge.taker) for edge in edges}
    whole = not file.unclear and all((wire.giver.text, wire.taker.text) in carrying for wire in file.wires)
    if line is None or not whole or any(voice in _before(line, edges) for voice in _speakers(edges)):
        return
    told = [node.recover.tree.values.get("say") for node in file.nodes.values() if node.recover]
    if (watchdog := file.watchdog).tree is not None:
        told += [watchdog.tree.values.get(key) for key in SPEECHES]
    for words in told:
        if words is not None and not is_null(words):
            hint = f"wire a node that takes Sentence and gives TTSAudio, such as `tone.tts`, to {quote(line)}"
            report.error("no-voice", "no node can say this to the caller", words.span, hint)


def _speakers(edges: tuple[Edge, ...]) -> set[str]:
    """The nodes that are given sentences."""
    return {edge.taker for edge in edges if edge.frame is Sentence}


def _before(line: str, edges: tuple[Edge, ...]) -> set[str]:
    """The nodes whose part of a reply comes to the line, if need be by way of others."""
    found = {line}
    while more := {edge.giver for edge in edges if edge.frame.side == "reply" and edge.taker in found} - found:
        found |= more
    return found - {line}


def check_budgets(file: GraphFile, report: Report) -> None:
    """A budget is on the answer, on barging in, or on a node."""
    for budget in file.budgets:
        name = budget.name.text
        if name not in BUDGETS and name not in file.nodes:
            hint = did_you_mean(name, (*BUDGETS, *file.nodes)) or f"{listed(BUDGETS)} or the name of a node"
            report.error("unknown-budget", f"nothing is called {quote(name)}", budget.name.span, hint)
