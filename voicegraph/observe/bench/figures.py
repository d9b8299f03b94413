"""The figures of calls: how long answers took, and each node. Nothing but functions of timelines."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from voicegraph.engine.milestones import Milestone
from voicegraph.observe.tables import percentile
from voicegraph.observe.timeline import Timeline

Samples = list[float]
"""Durations in seconds."""
_ORDER = [milestone.value for milestone in Milestone]


def _place(what: str) -> int:
    """Of a milestone, in their usual order."""
    return _ORDER.index(what) if what in _ORDER else len(_ORDER)


@dataclass(frozen=True)
class Spread:
    """Samples in short. p50, p95, p99: in seconds."""

    count: int
    p50: float
    p95: float
    p99: float


def spread(samples: Samples) -> Spread | None:
    """None where there are none."""
    found = [percentile(samples, share) for share in (0.5, 0.95, 0.99)]
    p50, p95, p99 = found
    if p50 is None or p95 is None or p99 is None:
        return None
    return Spread(len(samples), p50, p95, p99)


@dataclass
class NodeFigures:
    """One node over all calls. items: frames taken. queue, first, total: as in `Totals`.

    path: what it took of each answer, in seconds of the critical path. share: of all answers together; None if none was
    heard. standby: it only does what another one could not.
    """

    node: str
    use: str = ""
    standby: bool = False
    items: int = 0
    dropped: int = 0
    errors: int = 0
    queue: Samples = field(default_factory=Samples)
    first: Samples = field(default_factory=Samples)
    total: Samples = field(default_factory=Samples)
    path: Samples = field(default_factory=Samples)
    share: float | None = None

    @property
    def judged(self) -> Samples:
        """What a budget for the node is about: its first output, or for one that gives nothing the whole."""
        return self.first or self.total


@dataclass
class Figures:
    """answers: of the turns that answered the caller and were heard. steps: their parts, by milestone. nobody: the
    share of the critical path that no node took.
    """

    calls: int = 0
    seconds: float = 0.0
    answers: Samples = field(default_factory=Samples)
    barge_ins: Samples = field(default_factory=Samples)
    steps: dict[str, Samples] = field(default_factory=dict[str, Samples])
    nodes: dict[str, NodeFigures] = field(default_factory=dict[str, NodeFigures])
    nobody: float = 0.0

    def judged(self, name: str) -> Samples:
        """What a budget of this name is about."""
        whole = {"answer": self.answers, "barge_in": self.barge_ins}
        if name in whole:
            return whole[name]
        return self.nodes[name].judged if name in self.nodes else Samples()


def figures(calls: Iterable[Timeline]) -> Figures:
    """Of all these calls together, nodes in the order of their graph."""
    found = Figures()
    paths: list[dict[str, float]] = []
    for call in calls:
        found.calls += 1
        found.seconds += call.seconds
        _add_nodes(found.nodes, call)
        for turn in call.turns:
            if turn.barge_in is not None:
                found.barge_ins.append(turn.barge_in)
            if turn.answer is None:
                continue
            found.answers.append(turn.answer)
            for step in turn.steps:
                found.steps.setdefault(step.what, Samples()).append(step.seconds)
            path: defaultdict[str, float] = defaultdict(float)
            for part in turn.path:
                path[part.node] += part.seconds
            paths.append(path)
    found.steps = {what: found.steps[what] for what in sorted(found.steps, key=_place)}
    _share_out(found, paths)
    return found


def _add_nodes(nodes: dict[str, NodeFigures], call: Timeline) -> None:
    for node in call.nodes:
        nodes.setdefault(node.name, NodeFigures(node.name, node.use, node.standby))
    for totals in call.totals:
        found = nodes.setdefault(totals.node, NodeFigures(totals.node))
        found.items += totals.items
        found.dropped += totals.dropped
        found.errors += totals.errors
        found.queue += totals.queue
        found.first += totals.first
        found.total += totals.total


def _share_out(found: Figures, paths: list[dict[str, float]]) -> None:
    """What each node took of the answers."""
    whole = sum(sum(path.values()) for path in paths)
    for name, node in found.nodes.items():
        node.path = [path.get(name, 0.0) for path in paths]
        node.share = sum(node.path) / whole if whole else None
    known = sum(node.share or 0.0 for node in found.nodes.values())
    found.nobody = max(0.0, 1.0 - known) if whole else 0.0
