"""A checked graph -> a plan: nodes in order, and converters where audio formats differ."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from graphlib import TopologicalSorter

from voicegraph.graph.formats import Converters
from voicegraph.graph.model import Graph, Node
from voicegraph.graph.plan import Edge, Plan, PlannedNode, Watchdog
from voicegraph.graph.recovery import SPEECHES
from voicegraph.graph.source import Span
from voicegraph.tools.field import tool_fields


def compile_plan(graph: Graph) -> Plan:
    """The plan of a checked graph: converters where audio formats differ, everything in the order of its frames."""
    converters = Converters(graph.nodes)
    edges = converters.connect(graph.edges)
    in_flow = _planned(graph, {name for edge in graph.edges for name in (edge.giver, edge.taker)}) | converters.made
    order = _topological(in_flow, edges, graph.line)

    standing_in = Converters(graph.nodes)
    standby_edges = standing_in.connect(_standby_edges(graph))
    standby = _planned(graph, {name for names in graph.stand_ins().values() for name in names})
    watchdog = graph.file.watchdog.policy
    return Plan(
        name=graph.name,
        nodes={name: in_flow[name] for name in order},
        edges=edges,
        line=graph.line,
        standby=standby | {name: node for name, node in standing_in.made.items() if name not in in_flow},
        standby_edges=tuple(edge for edge in standby_edges if edge not in set(edges)),
        budgets={budget.name.text: budget.seconds for budget in graph.file.budgets},
        phrases=_phrases(graph.nodes.values(), watchdog),
        watchdog=watchdog,
    )


def _planned(graph: Graph, names: set[str]) -> dict[str, PlannedNode]:
    """Those nodes, in the order of the file."""
    return {
        name: PlannedNode(
            name,
            node.kind,
            node.config,
            node.recover,
            cache=node.written.cache is not None,
            place=_place(node.written.use.span),
        )
        for name, node in graph.nodes.items()
        if name in names
    }


def _place(span: Span) -> str:
    return f"{span.source.name}:{span.line}:{span.column}"


def _phrases(nodes: Collection[Node], watchdog: Watchdog) -> tuple[str, ...]:
    """What is known to be said, each once: greetings and the like, holding phrases, those of slow tools."""
    tools = [tool for node in nodes for setting in tool_fields(node.kind) for tool in node.config.get(setting, ())]
    said = [
        *(text for node in nodes for text in node.spoken),
        *(node.recover.say for node in nodes if node.recover),
        *(getattr(watchdog, key) for key in SPEECHES),
        *(tool.options.phrase for tool in tools),
    ]
    return tuple(dict.fromkeys(text for text in said if text and text.strip()))


def _topological(nodes: Mapping[str, PlannedNode], edges: tuple[Edge, ...], line: str | None) -> list[str]:
    """Givers before takers, the line first, though it also takes; else the order of the file."""
    sorter: TopologicalSorter[str] = TopologicalSorter(dict.fromkeys(nodes, ()))
    for edge in edges:
        if edge.taker != line:
            sorter.add(edge.taker, edge.giver)
    order = list(sorter.static_order())
    return order if line is None else [line, *(name for name in order if name != line)]


def _standby_edges(graph: Graph) -> list[Edge]:
    """Every edge of the flow between whoever may stand in for its two ends."""
    stand_ins = graph.stand_ins()
    return [
        Edge(giver, taker, edge.frame)
        for edge in graph.edges
        for giver in (edge.giver, *stand_ins.get(edge.giver, ()))
        for taker in (edge.taker, *stand_ins.get(edge.taker, ()))
        if (giver, taker) != (edge.giver, edge.taker)
    ]
