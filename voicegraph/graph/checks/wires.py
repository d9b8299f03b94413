"""Which frames flow: for each wire the types that its left gives and its right takes."""

from __future__ import annotations

from collections.abc import Mapping

from voicegraph.frames import FRAME_TYPES, Frame
from voicegraph.graph.diagnostics import Report
from voicegraph.graph.model import GraphFile, Wire, Word
from voicegraph.graph.plan import Edge
from voicegraph.graph.wording import did_you_mean, frame_names, listed, quote
from voicegraph.node import NodeType


def find_edges(file: GraphFile, kinds: Mapping[str, NodeType], report: Report) -> tuple[Edge, ...]:
    """One edge per wire and frame type, in the order of the file. Wires of nodes without a type are skipped."""
    edges: dict[Edge, None] = {}
    if not file.nodes:  # then every name would be unknown
        return ()
    for wire in file.wires:
        if _ends_exist(wire, file, report) and wire.giver.text in kinds and wire.taker.text in kinds:
            giver, taker = kinds[wire.giver.text], kinds[wire.taker.text]
            for frame in _carried(wire, giver, taker, report):
                edges[Edge(wire.giver.text, wire.taker.text, frame)] = None
    return tuple(edges)


def flowing(frame_types: frozenset[type[Frame]]) -> frozenset[type[Frame]]:
    """Those that wires carry; the engine moves the others."""
    return frozenset(frame for frame in frame_types if frame.side != "control")


def output_names(frame: type[Frame]) -> tuple[str, str]:
    """How a wire may name a frame type: `user_turn` or `userturn`."""
    name = frame.__name__
    starts = [
        i > 0 and c.isupper() and (name[i - 1].islower() or name[i + 1 : i + 2].islower()) for i, c in enumerate(name)
    ]
    snake = "".join(f"_{c}" if start else c for c, start in zip(name, starts, strict=True)).lower()
    return snake, name.lower()


_BY_OUTPUT = {name: frame for frame in FRAME_TYPES.values() for name in output_names(frame)}


def _ends_exist(wire: Wire, file: GraphFile, report: Report) -> bool:
    unknown = [word for word in (wire.giver, wire.taker) if word.text not in file.nodes]
    for word in unknown:
        hint = did_you_mean(word.text, file.nodes) or f"add it under `nodes`; there are {listed(list(file.nodes)[:12])}"
        report.error("unknown-node", f"no node {quote(word.text)}", word.span, hint)
    return not unknown


def _carried(wire: Wire, giver: NodeType, taker: NodeType, report: Report) -> list[type[Frame]]:
    """The frame types of a wire, in the order of frames.py."""
    gives, takes = flowing(giver.gives), flowing(taker.takes)
    if wire.output is not None:
        if (narrowed := _output(wire.giver, wire.output, gives, report)) is None:
            return []
        gives = frozenset({narrowed})
    carried = [frame for frame in FRAME_TYPES.values() if frame in gives & takes]
    if not carried:
        left, right = quote(wire.giver.text), quote(wire.taker.text)
        hint = f"{left} gives {frame_names(gives)}; {right} takes {frame_names(takes)}"
        report.error("type-mismatch", f"{left} gives nothing that {right} takes", wire.span, hint)
    return carried


def _output(node: Word, output: Word, gives: frozenset[type[Frame]], report: Report) -> type[Frame] | None:
    frame = _BY_OUTPUT.get(output.text)
    if frame in gives:
        return frame
    names = [output_names(each)[0] for each in FRAME_TYPES.values() if each in gives]
    message = f"{quote(node.text)} gives no {quote(output.text)}"
    if frame is not None and frame.side == "control":
        message = f"{quote(output.text)} is moved by the engine, not by wires"
    hint = did_you_mean(output.text, names) or (f"it gives {listed(names)}" if names else "it gives nothing")
    report.error("unknown-output", message, output.span, hint)
    return None
