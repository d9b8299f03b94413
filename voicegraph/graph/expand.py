"""The long form of a graph, as YAML that loads to the same plan.

`pipeline`, `extends` and `--set` are resolved, every wire stands on a line of its own with its frame types and the
converter that it needs. References to the environment stay references: what they hold is not printed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from io import StringIO
from pathlib import Path

import yaml
from yaml.events import (
    DocumentEndEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
    StreamStartEvent,
)

from voicegraph.graph.checks.wires import flowing, output_names
from voicegraph.graph.formats import conversion
from voicegraph.graph.model import Graph
from voicegraph.graph.plan import Edge
from voicegraph.graph.scalars import meaning
from voicegraph.graph.tree import Map, Scalar, Seq, Tree, is_null

_PLAIN_KEY = re.compile(r"[A-Za-z0-9_.-]+")
_FILE = re.compile(r"(?<!\$)\$\{file:([^{}]*)\}")


def long_form(graph: Graph) -> str:
    """A checked graph as YAML in its long form. Its paths are relative to the folder of the graph file."""
    folder = graph.file.start.source.folder
    name = Scalar(graph.file.start, graph.name, graph.name, plain=isinstance(meaning(graph.name), str))
    parts = ["version: 1\n" + _yaml({"name": name}, folder)]
    if graph.file.imports:
        paths = [f"  - {_quoted(_moved(w.text, w.span.source.folder, folder))}\n" for w in graph.file.imports]
        parts.append("".join(["imports:\n", *paths]))
    parts.append(_yaml({"nodes": graph.tree.values["nodes"]}, folder))
    parts.append(_flow(graph))
    policies = {key: graph.tree.values[key] for key in ("budgets", "watchdog") if key in graph.tree.values}
    parts += [_yaml({key: policy}, folder) for key, policy in policies.items() if not is_null(policy)]
    return "\n".join(parts)


# --- the flow -------------------------------------------------------------------------------------------------------


def _flow(graph: Graph) -> str:
    lines = list(_wires(graph))
    width = max(len(wire) for wire, _ in lines)
    return "".join(["flow:\n", *(f"  - {wire:<{width}}  # {comment}\n" for wire, comment in lines)])


def _wires(graph: Graph) -> Iterator[tuple[str, str]]:
    """Each wire, and what flows on it."""
    between: dict[tuple[str, str], list[Edge]] = {}
    for edge in graph.edges:
        between.setdefault((edge.giver, edge.taker), []).append(edge)
    for (giver, taker), edges in between.items():
        possible = flowing(graph.nodes[giver].kind.gives & graph.nodes[taker].kind.takes)
        if len(edges) == len(possible):
            yield f"{giver} -> {taker}", ", ".join(_carries(edge, graph) for edge in edges)
        else:
            for edge in edges:
                yield f"{giver}.{output_names(edge.frame)[0]} -> {taker}", _carries(edge, graph)


def _carries(edge: Edge, graph: Graph) -> str:
    rate = conversion(edge, graph.nodes)
    return edge.frame.__name__ + (f" (resampled by {edge.giver}~{rate})" if rate else "")


# --- YAML -----------------------------------------------------------------------------------------------------------


def _yaml(entries: dict[str, Tree], folder: Path) -> str:
    """Written by events, as it was read, so that numbers and text stay what they are."""
    return _emit(_mapping(entries, folder))


def _quoted(text: str) -> str:
    return _emit([ScalarEvent(None, None, (False, True), text, style='"')]).strip()


def _emit(events: Iterable[Event]) -> str:
    start = (StreamStartEvent(), DocumentStartEvent(explicit=False))
    document = (*start, *events, DocumentEndEvent(explicit=False), StreamEndEvent())
    into = StringIO()
    yaml.emit(document, into, width=2**31 - 1, allow_unicode=True)  # pyright: ignore[reportUnknownMemberType]
    return into.getvalue()


def _mapping(entries: dict[str, Tree], folder: Path) -> Iterator[Event]:
    yield MappingStartEvent(None, None, True, flow_style=not entries)
    for key, value in entries.items():
        plain = isinstance(meaning(key), str) and _PLAIN_KEY.fullmatch(key)
        yield ScalarEvent(None, None, (True, True), key, style=None if plain else '"')
        yield from _events(value, folder)
    yield MappingEndEvent()


def _events(tree: Tree, folder: Path) -> Iterator[Event]:
    match tree:
        case Scalar():
            yield _scalar(tree, folder)
        case Seq():
            yield SequenceStartEvent(None, None, True, flow_style=all(isinstance(item, Scalar) for item in tree.items))
            for item in tree.items:
                yield from _events(item, folder)
            yield SequenceEndEvent()
        case Map():
            yield from _mapping(tree.values, folder)


def _scalar(scalar: Scalar, folder: Path) -> ScalarEvent:
    if is_null(scalar):
        return ScalarEvent(None, None, (True, True), "null")
    if scalar.plain:
        return ScalarEvent(None, None, (True, True), scalar.text)
    here = scalar.span.source.folder
    text = _FILE.sub(lambda found: f"${{file:{_moved(found[1], here, folder)}}}", scalar.written)
    lines = text.split("\n")
    style = "|" if len(lines) > 1 and all(line.isprintable() for line in lines) else '"'
    return ScalarEvent(None, None, (False, True), text, style=style)


def _moved(path: str, here: Path, there: Path) -> str:
    """A path that was relative to one folder, relative to another."""
    return path if here == there or Path(path).is_absolute() else os.path.relpath(here / path, there)
