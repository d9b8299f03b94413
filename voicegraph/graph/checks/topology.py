"""The shape of the graph: every node is used and gets frames, and nothing flows in circles but through the line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from voicegraph.graph.checks.circles import circles
from voicegraph.graph.checks.wires import flowing
from voicegraph.graph.diagnostics import Report
from voicegraph.graph.model import GraphFile, fallbacks_of
from voicegraph.graph.plan import Edge
from voicegraph.graph.wording import frame_names, near, quote
from voicegraph.node import NodeType
from voicegraph.ports import Form, Handler


def check_used(file: GraphFile, report: Report) -> None:
    """Every node is in the flow, or stands by for one that is."""
    if not file.wires:  # then the flow itself is missing or wrong
        return
    wired = _meant([word.text for wire in file.wires for word in (wire.giver, wire.taker)], file)
    used = wired | {name for node in wired for name in fallbacks_of(node, file)}
    for name, node in file.nodes.items():
        if name not in used:
            hint = "wire it in `flow`, name it in a `fallback`, or remove it"
            report.error("unused-node", f"{quote(name)} is not used", node.name.span, hint)


def _meant(names: Iterable[str], file: GraphFile) -> frozenset[str]:
    """The nodes that are likely meant: a misspelt name is one mistake, and no reason to call its node unused."""
    found = (name if name in file.nodes else near(name, file.nodes) for name in set(names))
    return file.unclear.union(name for name in found if name)


def check_cycles(file: GraphFile, edges: tuple[Edge, ...], line: str | None, report: Report) -> None:
    """Nothing flows in a circle, unless through the line (that is the conversation). Tells one circle after another."""
    pairs = [(edge.giver, edge.taker) for edge in edges if line not in (edge.giver, edge.taker)]
    for path in circles(pairs):
        place = next(w.span for w in file.wires if [w.giver.text, w.taker.text] == path[-2:])
        hint = "take this wire out: only a line may close a circle"
        report.error("cycle", f"frames go in a circle: {' -> '.join(path)}", place, hint)


def check_reached(
    file: GraphFile, kinds: Mapping[str, NodeType], edges: tuple[Edge, ...], line: str | None, report: Report
) -> None:
    """Every node in the flow gets frames from somewhere. A graph without a line is a part, fed by a test."""
    if line is None:
        return
    givers = {wire.giver.text for wire in file.wires}
    takers = _meant([wire.taker.text for wire in file.wires], file)
    carrying = {(edge.giver, edge.taker) for edge in edges}
    sound = not file.unclear and all((wire.giver.text, wire.taker.text) in carrying for wire in file.wires)
    reached = {name for name, _ in _alive(kinds, edges)}
    for name, kind in kinds.items():
        given = {edge.giver for edge in edges if edge.taker == name}
        if name in reached or name not in givers | takers or not given <= reached:
            continue
        if name not in takers or sound:  # where a wire is wrong, what comes behind it may be told already
            why = "no frame that it takes comes" if name in takers else "no wire leads to it"
            hint = f"it takes {frame_names(flowing(kind.takes))}"
            report.error("unreachable-node", f"nothing reaches {quote(name)}: {why}", file.nodes[name].name.span, hint)


def _alive(kinds: Mapping[str, NodeType], edges: tuple[Edge, ...]) -> set[tuple[str, Handler]]:
    """The handlers that can ever run: the sources, and whatever takes a frame that one of these gives."""
    alive: set[tuple[str, Handler]] = set()
    waiting = [
        (name, handler) for name, kind in kinds.items() for handler in kind.handlers if handler.form is Form.SOURCE
    ]
    while waiting:
        name, handler = waiting.pop()
        if (name, handler) in alive:
            continue
        alive.add((name, handler))
        waiting += [
            (edge.taker, taking)
            for edge in edges
            if edge.giver == name and edge.frame in handler.gives
            for taking in kinds[edge.taker].handlers
            if edge.frame in taking.takes
        ]
    return alive


def check_silence(file: GraphFile, line: str | None, report: Report) -> None:
    """A line that is told nothing is likely a slip, but may listen only."""
    if line is None or file.unclear or any(wire.taker.text == line for wire in file.wires):
        return
    message = f"nothing speaks on {quote(line)}: no wire leads to it"
    report.warning("silent-line", message, file.nodes[line].name.span, f"end the flow with `-> {line}`")
