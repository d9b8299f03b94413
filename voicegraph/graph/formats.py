"""Audio formats: at which rates a node's ports take and give sound, and where a converter has to stand between two."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from voicegraph.graph.model import Rates
from voicegraph.graph.plan import Edge, PlannedNode
from voicegraph.node import NodeType, lookup
from voicegraph.ports import SOUND, Rate

CONVERTER = "resample"
"""The node type of converters: its field `rate` says in Hz what it gives."""


class Ports(Protocol):
    """What negotiation needs to know of a node."""

    @property
    def takes_rates(self) -> Rates: ...
    @property
    def gives_rates(self) -> Rates: ...


def taken_rates(kind: NodeType, instance: Any) -> Rates:
    """In Hz, for each kind of sound that the node takes. None: any. See `_hertz` for what it raises."""
    return {
        sound: _hertz(handler.takes_rate, instance)
        for sound in SOUND
        for handler in kind.handlers
        if sound in handler.takes
    }


def given_rates(kind: NodeType, instance: Any) -> Rates:
    """In Hz, for each kind of sound that the node gives. None: not known, or different from handler to handler."""
    rates: dict[Any, set[int | None]] = {}
    for handler in kind.handlers:
        for sound in set(SOUND).intersection(handler.gives):
            rates.setdefault(sound, set()).add(_hertz(handler.gives_rate, instance))
    return {sound: found.pop() if len(found) == 1 else None for sound, found in rates.items()}


def _hertz(rate: Rate | None, instance: Any) -> int | None:
    """Raises ValueError if the node's author names a field that is not there or holds no rate.

    instance: None if it could not be made; then what its fields hold is not known.
    """
    if rate is None:
        return None
    if isinstance(rate.hz, int):
        return rate.hz
    if instance is None:
        return None
    if not hasattr(instance, rate.hz):
        raise ValueError(f'Rate("{rate.hz}") names no field or property of it')
    hertz = getattr(instance, rate.hz)
    if hertz is not None and (not isinstance(hertz, int) or hertz <= 0):
        raise ValueError(f'Rate("{rate.hz}") should hold a sample rate in Hz, not {hertz!r}')
    return hertz


def conversion(edge: Edge, nodes: Mapping[str, Ports]) -> int | None:
    """The rate to which sound on this edge has to be brought, or None if it can flow as it is."""
    wanted = nodes[edge.taker].takes_rates.get(edge.frame)
    return wanted if wanted != nodes[edge.giver].gives_rates.get(edge.frame) else None


class Converters:
    """Puts converters where edges need them: one per giver and rate, shared by all takers of that rate."""

    def __init__(self, nodes: Mapping[str, Ports]) -> None:
        self._nodes = nodes
        self.made: dict[str, PlannedNode] = {}

    def connect(self, edges: Iterable[Edge]) -> tuple[Edge, ...]:
        """The same edges, some of them led through a converter, in the same order."""
        led: dict[Edge, None] = {}
        for edge in edges:
            rate = conversion(edge, self._nodes)
            if rate is None:
                led[edge] = None
                continue
            name = f"{edge.giver}~{rate}"
            if name not in self.made:
                self.made[name] = PlannedNode(name, lookup(CONVERTER), {"rate": rate})
            led[Edge(edge.giver, name, edge.frame)] = None
            led[Edge(name, edge.taker, edge.frame)] = None
        return tuple(led)
