"""The short ways to write a graph, made long, so that every later phase knows one form only.

    vad: silero.vad                     ->  vad: {use: silero.vad}
    pipeline: [line, vad: silero.vad]   ->  nodes: {vad: {use: silero.vad}}  and a chain  line -> vad  in the flow

An item of a pipeline is the name of a node, a node type (the node is then called as its last part), `name: type`,
`name: {use: type, …}`, or `type: {its configuration}`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from voicegraph.graph.diagnostics import Note, Report
from voicegraph.graph.scalars import meaning
from voicegraph.graph.tree import Map, Scalar, Seq, Tree, items_of, less, put
from voicegraph.graph.wording import quote

MAX_NODES = 500
NODE_KEYS = ("use", "with", "recover", "cache")


@dataclass(frozen=True, slots=True)
class Chain(Seq):
    """A pipeline inside the flow: names, each wired to the next."""


def long_form(graph: Map, base: Map | None, report: Report) -> Map:
    """The same graph file without shorthand. What is not well formed stays, for the parser to tell.

    base: the graph that it extends, whose nodes a pipeline may name.
    """
    nodes = graph.values.get("nodes")
    if isinstance(nodes, Map):
        long = {name: _long_node(node) for name, node in nodes.values.items()}
        graph = put(graph, "nodes", replace(nodes, values=long), nodes.span)
    pipeline = graph.values.get("pipeline")
    if not isinstance(pipeline, Seq):
        return graph
    below = base.values.get("nodes") if base else None
    return _without_pipeline(graph, pipeline, set(below.values) if isinstance(below, Map) else set(), report)


def _long_node(node: Tree) -> Tree:
    if isinstance(node, Scalar) and node.value is not None:
        return Map(node.span, {"use": node.span}, {"use": node})
    return node


def _without_pipeline(graph: Map, pipeline: Seq, below: set[str], report: Report) -> Map:
    """below: names of nodes in the graph that this one extends."""
    place = graph.keys["pipeline"]
    nodes = graph.values.get("nodes", Map(pipeline.span))
    flow = graph.values.get("flow")
    chain, nodes = _unrolled(pipeline, nodes if isinstance(nodes, Map) else Map(pipeline.span), below, report)
    graph = put(graph, "nodes", nodes, place)
    graph = put(graph, "flow", Seq(place, (chain, *(items_of(flow) if flow else ()))), place)
    return less(graph, "pipeline")


def _unrolled(pipeline: Seq, nodes: Map, below: set[str], report: Report) -> tuple[Chain, Map]:
    """The names of a pipeline's items, and the nodes with those that it declares."""
    if len(pipeline.items) > MAX_NODES:
        report.error("too-large", f"more than {MAX_NODES} nodes", pipeline.span, "is it the right file?")
    chain: list[Scalar] = []
    for item in pipeline.items[:MAX_NODES]:
        made = _item(item, below.union(nodes.values))
        if made is None:
            hint = "a node's name, a node type, or `name: {use: type, with: {…}}`"
            report.error("wrong-shape", "this is no item of a pipeline", item.span, hint)
            continue
        name, node = made
        if node is not None and name.text in nodes.values:
            hint = "give it a name of its own: `name: type`"
            first = Note("first given here", nodes.keys[name.text])
            report.error("duplicate-node", f"there is a node {quote(name.text)} already", name.span, hint, (first,))
            continue
        chain.append(name)
        if node is not None:
            nodes = put(nodes, name.text, node, name.span)
    return Chain(pipeline.span, tuple(chain)), nodes


def _item(item: Tree, declared: set[str]) -> tuple[Scalar, Tree | None] | None:
    """The name of a pipeline's item, and its node unless that is declared elsewhere."""
    match item:
        case Scalar(text=text) if text in declared:
            return item, None
        case Scalar() if item.value is not None:
            return _named_by_type(item), _long_node(item)
        case Map(values=values) if len(values) == 1:
            (key, value), (span,) = next(iter(values.items())), item.keys.values()
            name = Scalar(span, key, key, plain=isinstance(meaning(key), str))
            if isinstance(value, Scalar) and value.value is not None:
                return name, _long_node(value)
            if isinstance(value, Map) and any(part in NODE_KEYS for part in value.values):
                return _long_item(name, value)
            return _named_by_type(name), Map(item.span, {"use": span, "with": value.span}, {"use": name, "with": value})
        case _:
            return None


def _long_item(name: Scalar, node: Map) -> tuple[Scalar, Tree]:
    """`name: {use: type, …}`, or `type: {with: …}`."""
    if "use" in node.values:
        return name, node
    typed = Map(node.span, node.keys | {"use": name.span}, node.values | {"use": name})
    return _named_by_type(name), typed


def _named_by_type(kind: Scalar) -> Scalar:
    last = kind.text.rpartition(".")[2]
    return replace(kind, text=last, written=last)
