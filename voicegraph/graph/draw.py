"""A plan as a picture: Mermaid text (GitHub shows it) and DOT text (graphviz makes an image of it).

Each node once, the line too, which gives the caller's frames and takes the agent's; what flows stands on the wires.
Converters are drawn as hexagons, nodes that stand by, and their wires, are dashed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from voicegraph.graph.formats import CONVERTER
from voicegraph.graph.plan import Edge, Plan, PlannedNode


def mermaid(plan: Plan) -> str:
    """A Mermaid flowchart."""
    ids = _ids(plan)
    lines = ["flowchart LR"]
    for node in _nodes(plan):
        left, right = ("([", "])") if node.name == plan.line else ("{{", "}}") if _converts(node) else ("[", "]")
        label = "<br/>".join(_mermaid_text(line) for line in _label(node))
        lines.append(f'    {ids[node.name]}{left}"{label}"{right}')
    lines += [f"    {ids[giver]} -->|{frames}| {ids[taker]}" for giver, taker, frames in _wires(plan.edges)]
    lines += [f"    {ids[giver]} -.->|{frames}| {ids[taker]}" for giver, taker, frames in _standing_in(plan)]
    lines += [f"    style {ids[name]} stroke-dasharray: 5 5" for name in plan.standby]
    return "\n".join(lines) + "\n"


def dot(plan: Plan) -> str:
    """A digraph in graphviz's DOT language."""
    lines = [
        f"digraph {_dot_text(plan.name)} {{",
        "    rankdir=LR;",
        '    node [shape=box, style=rounded, fontname="sans-serif"];',
        '    edge [fontname="sans-serif", fontsize=10];',
    ]
    for node in _nodes(plan):
        shape = "oval" if node.name == plan.line else "hexagon" if _converts(node) else ""
        looks = [f"label={_dot_text(chr(10).join(_label(node)))}"]
        looks += [f"shape={shape}"] if shape else []
        looks += ['style="rounded,dashed"'] if node.name in plan.standby else []
        lines.append(f"    {_dot_text(node.name)} [{', '.join(looks)}];")
    for wires, dashed in ((_wires(plan.edges), ""), (_standing_in(plan), ", style=dashed")):
        for giver, taker, frames in wires:
            lines.append(f"    {_dot_text(giver)} -> {_dot_text(taker)} [label={_dot_text(frames)}{dashed}];")
    return "\n".join([*lines, "}"]) + "\n"


FORMATS: Mapping[str, Callable[[Plan], str]] = {"mermaid": mermaid, "dot": dot}


def _nodes(plan: Plan) -> list[PlannedNode]:
    return [*plan.nodes.values(), *plan.standby.values()]


def _ids(plan: Plan) -> dict[str, str]:
    """Mermaid takes few characters, and no word of its own such as `end`, as the id of a node."""
    return {node.name: f"n{i}" for i, node in enumerate(_nodes(plan))}


def _converts(node: PlannedNode) -> bool:
    return node.kind.name == CONVERTER


def _label(node: PlannedNode) -> list[str]:
    """A node's name and its type, or what a converter does."""
    return [node.name, f"to {node.config['rate']} Hz" if _converts(node) else node.kind.name]


def _wires(edges: Iterable[Edge]) -> list[tuple[str, str, str]]:
    """Giver, taker and the names of the frames that flow between them."""
    between: dict[tuple[str, str], list[str]] = {}
    for edge in edges:
        between.setdefault((edge.giver, edge.taker), []).append(edge.frame.__name__)
    return [(giver, taker, ", ".join(frames)) for (giver, taker), frames in between.items()]


def _standing_in(plan: Plan) -> list[tuple[str, str, str]]:
    """The wires into and out of nodes that stand by, and before them who calls on whom."""
    calls = [(node.name, name, "fallback") for node in _nodes(plan) if node.recover for name in node.recover.fallback]
    return calls + _wires(edge for edge in plan.standby_edges if edge.giver in plan.standby)


def _mermaid_text(text: str) -> str:
    return text.replace("&", "#amp;").replace('"', "#quot;").replace("<", "#lt;")


def _dot_text(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
