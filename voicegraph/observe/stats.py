"""How a server is, as plain data: what `/stats` answers and `voicegraph top` shows. Nothing of it is of a caller.

A process tells what it has `Seen`; those of all processes together are the `Stats`. Times are in seconds.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from voicegraph.observe.tables import percentile

WINDOW = 300.0
"""Seconds for which a turn's figures count."""
SAMPLES = 500
"""Of each figure and process, at most: the newest."""


class Struct(msgspec.Struct, frozen=True, kw_only=True):
    """Base of what is told."""


class Process(Struct, frozen=True):
    """cpu: share of one core over the last second. memory: bytes that are resident. lag: of the event loop.

    closed: why no call is taken, or None. spans_lost: see voicegraph.observe.exporting.
    """

    pid: int
    seconds: float
    cpu: float
    memory: int
    lag: float
    calls: int
    max_calls: int
    closed: str | None
    spans_lost: int = 0


class Call(Struct, frozen=True):
    """One that is on. state: `listening`, `thinking` or `speaking`. turn: the newest. answer: of the last answer."""

    id: str
    pid: int
    graph: str
    line: str
    state: str
    seconds: float
    turns: int
    answer: float | None = None


class NodeSeen(Struct, frozen=True):
    """One node in one process. first, queue: samples, from turns that are over. waiting: frames in its inboxes now.

    dropped, errors, blocked: since the process began; see voicegraph.observe.timeline.Totals.
    """

    name: str
    use: str
    first: tuple[float, ...] = ()
    queue: tuple[float, ...] = ()
    waiting: int = 0
    dropped: int = 0
    errors: int = 0
    blocked: float = 0.0


class Seen(Struct, frozen=True):
    """What one process knows. breakers: states by provider. answers, barge_ins: samples. interrupts: since it began."""

    graph: str
    process: Process
    calls: tuple[Call, ...] = ()
    nodes: tuple[NodeSeen, ...] = ()
    breakers: dict[str, str] = {}
    answers: tuple[float, ...] = ()
    barge_ins: tuple[float, ...] = ()
    interrupts: int = 0


class Figure(Struct, frozen=True):
    """Of so many samples; None without any."""

    p50: float | None
    p95: float | None
    samples: int

    @classmethod
    def of(cls, samples: Iterable[float]) -> Figure:
        known = sorted(samples)
        return cls(p50=percentile(known, 0.5), p95=percentile(known, 0.95), samples=len(known))


class Node(Struct, frozen=True):
    """One node over all processes. first: its time to the first output in a turn. queue: how long a turn waited."""

    name: str
    use: str
    first: Figure
    queue: Figure
    waiting: int
    dropped: int
    errors: int
    blocked: float


class Stats(Struct, frozen=True):
    """A server. Figures are of the last five minutes; counts are since its processes began."""

    graph: str
    processes: tuple[Process, ...]
    calls: tuple[Call, ...]
    nodes: tuple[Node, ...]
    breakers: dict[str, str]
    answer: Figure
    barge_in: Figure
    interrupts: int

    @classmethod
    def of(cls, seen: Iterable[Seen]) -> Stats:
        """Of what its processes have seen; the first is the one that was asked."""
        told = list(seen)
        names = dict.fromkeys(node.name for each in told for node in each.nodes)
        return cls(
            graph=told[0].graph,
            processes=tuple(sorted((each.process for each in told), key=lambda process: process.pid)),
            calls=tuple(sorted((call for each in told for call in each.calls), key=lambda call: -call.seconds)),
            nodes=tuple(_node(name, told) for name in names),
            breakers=_worst(told),
            answer=Figure.of(sample for each in told for sample in each.answers),
            barge_in=Figure.of(sample for each in told for sample in each.barge_ins),
            interrupts=sum(each.interrupts for each in told),
        )


def _node(name: str, seen: list[Seen]) -> Node:
    found = [node for each in seen for node in each.nodes if node.name == name]
    return Node(
        name=name,
        use=found[0].use,
        first=Figure.of(sample for node in found for sample in node.first),
        queue=Figure.of(sample for node in found for sample in node.queue),
        waiting=sum(node.waiting for node in found),
        dropped=sum(node.dropped for node in found),
        errors=sum(node.errors for node in found),
        blocked=sum(node.blocked for node in found),
    )


def _worst(seen: list[Seen]) -> dict[str, str]:
    """A provider's state where it is worst."""
    order = ("closed", "half-open", "open")
    states: dict[str, str] = {}
    for each in seen:
        for provider, state in each.breakers.items():
            states[provider] = max(states.get(provider, "closed"), state, key=order.index)
    return dict(sorted(states.items()))
