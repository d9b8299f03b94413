"""The figures of many calls on one graph: p50 and p95 of each node, of the answer and its parts, and of the budgets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from rich.table import Table
from rich.text import Text

from voicegraph.durations import format_duration
from voicegraph.engine.timing import NodeTiming
from voicegraph.graph.plan import Plan
from voicegraph.observe.tables import Trouble, is_timed, milliseconds, percentile, plain_table
from voicegraph.observe.turns import Milestones


class Samples(list[float]):
    """Durations in seconds."""

    @property
    def p50(self) -> float | None:
        return percentile(self, 0.5)

    @property
    def p95(self) -> float | None:
        return percentile(self, 0.95)

    def as_data(self) -> dict[str, float | int | None]:
        return {"samples": len(self), "p50": self.p50, "p95": self.p95}


@dataclass
class NodeFigures:
    """One node over all calls. first, total: as in NodeTiming."""

    first: Samples
    total: Samples
    items: int = 0
    errors: int = 0
    dropped: int = 0

    @property
    def judged(self) -> Samples:
        """What a budget for the node is about: its first output, or for one that gives nothing the whole."""
        return self.first or self.total


class Budget(NamedTuple):
    """A limit in seconds for a p95, and what was measured."""

    name: str
    limit: float
    measured: float | None

    @property
    def broken(self) -> bool:
        return self.measured is not None and self.measured > self.limit


class Figures:
    """Collects the figures of calls on one plan."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.runs = 0
        self.nodes = {name: NodeFigures(Samples(), Samples()) for name in plan.nodes}
        self.answers = Samples()
        self.barge_ins = Samples()
        self.parts: dict[str, Samples] = defaultdict(Samples)

    def add(self, timings: Mapping[str, NodeTiming], milestones: Milestones) -> None:
        """One call."""
        self.runs += 1
        for name, timing in timings.items():
            node = self.nodes[name]
            if is_timed(self.plan.nodes[name].kind):
                node.first += timing.first
                node.total += timing.total
            node.items += timing.items
            node.errors += timing.errors
            node.dropped += timing.dropped
        for times in milestones.turns.values():
            self.answers += _known(times.answer)
            self.barge_ins += _known(times.barge_in)
            for milestone, seconds in times.parts():
                self.parts[milestone.value].append(seconds)

    def budgets(self) -> Iterator[Budget]:
        """The budgets of the graph."""
        whole = {"answer": self.answers, "barge_in": self.barge_ins}
        for name, limit in self.plan.budgets.items():
            samples = whole[name] if name in whole else self.nodes[name].judged if name in self.nodes else Samples()
            yield Budget(name, limit, samples.p95)

    def as_data(self) -> dict[str, Any]:
        """For programs; in seconds."""
        return {
            "graph": self.plan.name,
            "runs": self.runs,
            "unit": "s",
            "answer": self.answers.as_data(),
            "answer_parts": {name: samples.as_data() for name, samples in self.parts.items()},
            "barge_in": self.barge_ins.as_data(),
            "nodes": {
                name: {
                    "type": self.plan.nodes[name].kind.name,
                    "items": node.items,
                    "errors": node.errors,
                    "dropped": node.dropped,
                    "first": node.first.as_data(),
                    "total": node.total.as_data(),
                }
                for name, node in self.nodes.items()
            },
            "budgets": {b.name: {"limit": b.limit, "p95": b.measured, "broken": b.broken} for b in self.budgets()},
        }


def answer_figures(figures: Figures) -> Table:
    """The time to the answer and its parts, and the time to fall silent. The parts' p50s need not add up."""
    table = plain_table("in ms", "p50", "p95", "samples")
    rows = [
        (Text("end of speech to answer", "bold"), figures.answers),
        *((Text(f"  {name}"), samples) for name, samples in figures.parts.items()),
        (Text("interrupt to silence", "bold"), figures.barge_ins),
    ]
    for name, samples in rows:
        if samples:
            table.add_row(name, milliseconds(samples.p50), milliseconds(samples.p95), str(len(samples)))
    return table


def node_figures(figures: Figures) -> Table:
    """Per node, over all calls."""
    trouble = Trouble(figures.nodes.values())
    headings = ("node, in ms", "type", "items", "first p50", "p95", "total p50", "p95")
    table = plain_table(*headings, *trouble.headings, left=2)
    for name, node in figures.nodes.items():
        kind = Text(figures.plan.nodes[name].kind.name, "dim")
        times = (node.first.p50, node.first.p95, node.total.p50, node.total.p95)
        table.add_row(name, kind, f"{node.items:,}", *map(milliseconds, times), *trouble.cells(node))
    return table


def budget_figures(figures: Figures) -> Table:
    """Each budget, and whether it was kept."""
    table = plain_table("budget", "limit", "p95 in ms", "")
    for budget in figures.budgets():
        verdict = Text("over", "bold red") if budget.broken else Text("kept", "green")
        if budget.measured is None:
            verdict = Text("not measured", "yellow")
        table.add_row(budget.name, format_duration(budget.limit), milliseconds(budget.measured), verdict)
    return table


def _known(seconds: float | None) -> Iterable[float]:
    return () if seconds is None else (seconds,)
