"""Where the nodes of a graph are drawn: in columns, from the line where the caller speaks to where they hear."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import takewhile

from voicegraph.observe.timeline import Node, Struct

Place = tuple[int, int]
"""Column and row. The rows are numbered from the middle one, and may be negative."""

END = "\0end"
"""Stands for the line where it takes the reply: it is drawn twice."""


class Box(Struct, frozen=True, kw_only=True):
    """A node as it is drawn. end: the line, where the reply is heard."""

    node: str
    at: Place
    end: bool = False


class Wire(Struct, frozen=True, kw_only=True):
    """From one box to another through places where no box is."""

    giver: str
    taker: str
    through: tuple[Place, ...]


class Layout(Struct, frozen=True, kw_only=True):
    boxes: tuple[Box, ...]
    wires: tuple[Wire, ...]


def lay_out(nodes: Sequence[Node], wires: Iterable[tuple[str, str]], line: str, weights: Mapping[str, float]) -> Layout:
    """nodes: in topological order. weights: of the nodes of a column, the heaviest is drawn in the middle row."""
    order = [node.name for node in nodes]
    ends = list(dict.fromkeys((giver, END if line and taker == line else taker) for giver, taker in wires))
    if any(taker == END for _, taker in ends):
        order.append(END)
    rank = {name: index for index, name in enumerate(order)}
    forward = [(a, b) for a, b in ends if a in rank and b in rank and rank[a] < rank[b]]
    wired = {name for wire in forward for name in wire}
    columns = _columns([name for name in order if name in wired], forward)
    places, routes = _rows(columns, forward, weights)
    below = 1 + max((row for route in routes.values() for _, row in route), default=-1)
    _put_below(places, [name for name in order if name not in wired], below)
    boxes = [Box(node=line if name == END else name, at=places[name], end=name == END) for name in order]
    drawn = [Wire(giver=a, taker=line if b == END else b, through=routes[a, b]) for a, b in forward]
    return Layout(boxes=tuple(boxes), wires=tuple(drawn))


def _columns(order: Sequence[str], wires: Iterable[tuple[str, str]]) -> dict[str, int]:
    """Each node right of all that give to it; the line where the reply is heard right of all."""
    columns = dict.fromkeys(order, 0)
    givers: dict[str, list[str]] = {}
    for giver, taker in wires:
        givers.setdefault(taker, []).append(giver)
    for name in order:
        columns[name] = 1 + max((columns[giver] for giver in givers.get(name, ())), default=-1)
    if END in columns:
        columns[END] = max(columns.values())
    return columns


def _rows(
    columns: Mapping[str, int], wires: Sequence[tuple[str, str]], weights: Mapping[str, float]
) -> tuple[dict[str, Place], dict[tuple[str, str], tuple[Place, ...]]]:
    """A row for each node, and for each wire in each column that it passes: the free one nearest to its giver."""
    places: dict[str, Place] = {}
    taken: set[Place] = set()
    routes: dict[tuple[str, str], tuple[Place, ...]] = {}

    def put(column: int, near: int) -> Place:
        row = next(row for row in _outwards(near) if (column, row) not in taken)
        taken.add((column, row))
        return column, row

    for name in sorted(columns, key=lambda name: (columns[name], -weights.get(name, 0.0))):
        places[name] = put(columns[name], 0)
    for giver, taker in sorted(wires, key=lambda wire: columns[wire[0]] - columns[wire[1]]):
        passed: list[Place] = [places[giver]]
        for column in range(columns[giver] + 1, columns[taker]):
            passed.append(put(column, passed[-1][1]))
        routes[giver, taker] = (*passed, places[taker])
    return places, routes


def _outwards(near: int) -> Iterable[int]:
    """Rows by their distance from one; of two that are as far, first that which is lower on the page."""
    yield near
    distance = 0
    while True:
        distance += 1
        yield near + distance
        yield near - distance


def _put_below(places: dict[str, Place], unwired: Iterable[str], below: int) -> None:
    """Nodes without wires, such as those that stand by: under the one that they are called after, or side by side."""
    taken = set(places.values())
    for name in unwired:
        alike = max(places, key=lambda other: _shared(name, other), default="")
        column = places[alike][0] if alike and _shared(name, alike) > 1 else 0
        while (column, below) in taken:
            column += 1
        places[name] = column, below
        taken.add((column, below))


def _shared(one: str, other: str) -> int:
    """How many characters two names begin with together."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def span(layout: Layout) -> tuple[int, int, int]:
    """Columns, and the first and the last row that anything is in."""
    places = [box.at for box in layout.boxes] + [place for wire in layout.wires for place in wire.through]
    rows = [row for _, row in places] or [0]
    return 1 + max((column for column, _ in places), default=0), min(rows), max(rows)
