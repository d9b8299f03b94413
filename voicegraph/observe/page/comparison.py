"""A result beside an older one, as the page shows it. The verdicts are those of `voicegraph bench --compare`."""

from __future__ import annotations

from voicegraph.observe.bench.compare import Comparison, compare
from voicegraph.observe.bench.figures import figures
from voicegraph.observe.bench.result import Result
from voicegraph.observe.page.spread import Spread, spread
from voicegraph.observe.timeline import Struct


class Change(Struct, frozen=True, kw_only=True):
    """One figure. low, high: where the true difference lies; None if there are too few rounds to tell."""

    name: str
    unit: str
    old: float
    new: float
    verdict: str
    difference: float | None = None
    low: float | None = None
    high: float | None = None


class Older(Struct, frozen=True, kw_only=True):
    """changes: of all figures. changed: lines of the graph. answer, barge_in: of the older result."""

    changes: tuple[Change, ...]
    changed: tuple[str, ...]
    versions: tuple[str, str]
    rounds: tuple[int, int]
    rounds_needed: int
    answer: Spread | None
    barge_in: Spread | None


def beside(old: Result, new: Result) -> Older:
    """For results that `compare.check` lets pass."""
    found, before = compare(old, new), figures(old.calls)
    return Older(
        changes=tuple(_changes(found)),
        changed=found.changed,
        versions=found.versions,
        rounds=(len(old.rounds), len(new.rounds)),
        rounds_needed=found.rounds_needed,
        answer=spread(before.answers),
        barge_in=spread(before.barge_ins),
    )


def _changes(found: Comparison) -> list[Change]:
    return [
        Change(
            name=each.figure.name,
            unit=each.figure.unit,
            old=each.old,
            new=each.new,
            verdict=each.verdict,
            difference=each.shift.difference if each.shift else None,
            low=each.shift.low if each.shift else None,
            high=each.shift.high if each.shift else None,
        )
        for each in found.figures
    ]
