"""The budgets of a graph beside what was measured, and how a broken one is told: at its place in the file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from voicegraph.durations import format_duration
from voicegraph.graph import Diagnostic
from voicegraph.graph.model import Budget as Written
from voicegraph.graph.wording import quote
from voicegraph.observe.bench.figures import Figures, spread
from voicegraph.observe.bench.result import Budget
from voicegraph.observe.tables import milliseconds

SUBJECTS = {
    "answer": "the answer to the caller takes",
    "barge_in": "after an interrupt the caller still hears the agent for",
}


def judge(written: Iterable[Written], figures: Figures) -> tuple[Budget, ...]:
    """Each entry of the graph's `budgets`, with the p95 that it is about."""
    found: list[Budget] = []
    for entry in written:
        name, place = entry.name.text, entry.name.span
        measured = spread(figures.judged(name))
        p95 = measured.p95 if measured else None
        found.append(
            Budget(
                name=name,
                limit=entry.seconds,
                p95=p95,
                count=measured.count if measured else 0,
                broken=p95 is not None and p95 > entry.seconds,
                file=place.source.name,
                line=place.line,
                column=place.column,
            )
        )
    return tuple(found)


def broken(written: Iterable[Written], budgets: Iterable[Budget]) -> Iterator[Diagnostic]:
    """What to tell of those that were not kept. written: the entries that `budgets` were made of, in their order."""
    for entry, budget in zip(written, budgets, strict=True):
        if budget.p95 is None or not budget.broken:
            continue
        subject = SUBJECTS.get(budget.name, f"{quote(budget.name)} takes")
        what = "" if budget.name in SUBJECTS else " to its first output"
        message = f"{subject} {milliseconds(budget.p95)} ms{what} at the 95th percentile of {budget.count:,}"
        hint = f"more than {format_duration(budget.limit)}"
        yield Diagnostic("broken-budget", message, entry.name.span, hint)
