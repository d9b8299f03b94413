"""A result beside an older one of the same graph: what has changed, as far as that can be told from noise.

Judged are medians by round, with `voicegraph.observe.bench.shift`. p95 and p99 are not: a round has too few turns.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path
from statistics import median
from typing import Literal, NamedTuple

from voicegraph.errors import VoicegraphError
from voicegraph.observe.bench.figures import figures
from voicegraph.observe.bench.result import Result, cpu_share
from voicegraph.observe.bench.shift import Shift, rounds_needed, shift
from voicegraph.observe.timeline import Timeline

ERROR = 0.05
"""How often a comparison of results that are alike may find a difference anywhere, in all its figures together."""
WORTH = 0.01
"""A difference of less than this share of the old figure is none that anybody cares for."""
DRIFT = 0.03
"""Nor can one be told between two runs that is less than this share, unless time is virtual: the machine has moods."""

Unit = Literal["time", "cpu", "frame"]
"""Seconds; seconds of CPU for each second of a call; seconds of CPU for each frame."""
LEAST: Mapping[Unit, float] = {"time": 1e-5, "cpu": 1e-5, "frame": 1e-8}
"""Nor is one that is less than this."""
FOLLOWS: Mapping[Unit, float] = {"time": 2.0, "cpu": 2.0, "frame": 4.0}
"""By how many times as much as the yardstick a figure may follow the machine's moods: of eight equal runs on a shared
machine that was now busy and now not, every two, or nearly, were alike to within DRIFT and so much.
"""

Verdict = Literal["more", "less", "alike", "too few rounds"]


class Figure(NamedTuple):
    """What is compared."""

    name: str
    unit: Unit = "time"


@dataclass(frozen=True)
class Compared:
    """One figure. old, new: medians over the rounds. margin: by so much it may differ for no reason of its own."""

    figure: Figure
    old: float
    new: float
    shift: Shift | None
    margin: float = 0.0

    @property
    def verdict(self) -> Verdict:
        """What can be said: of `more` and `less` the chance to be wrong is `ERROR`."""
        if self.shift is None:
            return "too few rounds"
        if self.shift.low > self.margin:
            return "more"
        return "less" if self.shift.high < -self.margin else "alike"


@dataclass(frozen=True)
class Comparison:
    """changed: lines of the graph that are others than they were, with `-` and `+` before them.

    versions: of voicegraph, then and now. slower: by which share the machine itself is, by the yardstick's CPU.
    """

    figures: tuple[Compared, ...]
    changed: tuple[str, ...] = ()
    versions: tuple[str, str] = ("", "")
    slower: float = 0.0

    @property
    def rounds_needed(self) -> int:
        """How many rounds both results must have to tell a difference in that many figures."""
        return rounds_needed(ERROR / max(1, len(self.figures)))


def compare(old: Result, new: Result) -> Comparison:
    """For results that `check` lets pass."""
    before, after = _by_round(old), _by_round(new)
    known = [each for each in after if max(after[each] + before.get(each, [])) >= LEAST[each.unit] and each in before]
    error = ERROR / max(1, len(known))  # Bonferroni: each is judged so strictly that all together keep to ERROR

    def compared(figure: Figure) -> Compared:
        then, now = before[figure], after[figure]
        margin = max(LEAST[figure.unit], abs(median(then)) * max(WORTH, _mood(old, new, figure.unit)))
        return Compared(figure, median(then), median(now), shift(then, now, error), margin)

    return Comparison(
        tuple(map(compared, known)),
        tuple(_changed(old.plan, new.plan)),
        (old.machine.voicegraph, new.machine.voicegraph),
        _drift(old, new, "cpu"),
    )


def _mood(old: Result, new: Result, unit: Unit) -> float:
    """By which share a figure may differ because the machine does."""
    if unit == "time" and new.virtual:
        return 0.0
    return DRIFT + FOLLOWS[unit] * max(abs(_drift(old, new, clock)) for clock in ("cpu", "wall"))


def _drift(old: Result, new: Result, clock: str) -> float:
    """By which share the yardstick took more than it did then; 0 where there is none."""
    then, now = ([getattr(each, clock) for each in result.yardsticks] for result in (old, new))
    return median(now) / median(then) - 1 if then and now else 0.0


def check(old: Result, new: Result, path: Path) -> None:
    """Whether they can be compared; `new` need not have its rounds yet. path: of the old one.

    Raises VoicegraphError, which tells everything that makes a comparison meaningless.
    """
    if reasons := list(_reasons(old, new)):
        raise VoicegraphError(f"cannot compare with {path}: {'; '.join(reasons)}")


def _reasons(old: Result, new: Result) -> Iterator[str]:
    if old.graph != new.graph:
        yield f"it is of `{old.graph}`, and this is `{new.graph}`"
    elif shape(old) != shape(new):
        yield f"`{new.graph}` had other nodes and wires then: {_difference(shape(old), shape(new))}"
    for name, (there, here) in old.machine.differs(new.machine).items():
        yield f"it was measured on another machine ({name} {there}, here {here})"
    if (old.mode, old.emulated) != (new.mode, new.emulated):
        yield f"it was measured {how(old)}, and this is {how(new)}"
    if old.caller.digest != new.caller.digest:
        yield f"there the caller was {old.caller.told}, and here {new.caller.told}, who does other things"


def how(result: Result) -> str:
    """In which way it was measured, in words that go on from `measured`."""
    ways = {"live": "in real time", "fast": "with a jumping clock (--fast)", "virtual": "in virtual time (--virtual)"}
    return ways[result.mode] + (", with emulated vendors (--emulate)" if result.emulated else "")


def shape(result: Result) -> frozenset[str]:
    """Its nodes and wires, in words."""
    return frozenset(result.nodes) | {f"{giver} -> {taker}" for giver, taker in result.wires}


def _difference(old: frozenset[str], new: frozenset[str]) -> str:
    parts = [f"without {', '.join(sorted(new - old))}"] if new - old else []
    return " and ".join([*parts, *([f"with {', '.join(sorted(old - new))}"] if old - new else [])])


def _changed(old: str, new: str) -> Iterator[str]:
    """Which lines of two texts differ."""
    lines = unified_diff(old.splitlines(), new.splitlines(), n=0, lineterm="")
    return (line for line in list(lines)[2:] if not line.startswith("@@"))


def _by_round(result: Result) -> Mapping[Figure, list[float]]:
    """The figures that are compared, each with its value in every round. One that a round does not have is left out."""
    found: dict[Figure, list[float]] = {}
    for calls in result.rounds:
        for figure, samples in _of_round(calls, alone=result.alone):
            if samples:
                found.setdefault(figure, []).append(median(samples))
    for cost in result.costs:
        found.setdefault(Figure("own time", "frame"), []).append(cost.own)
        found.setdefault(Figure("framework", "frame"), []).append(cost.framework)
    return {figure: values for figure, values in found.items() if len(values) == len(result.rounds)}


def _of_round(calls: Iterable[Timeline], *, alone: bool) -> Iterator[tuple[Figure, Sequence[float]]]:
    calls = tuple(calls)
    of_round = figures(calls)
    yield Figure("answer"), of_round.answers
    yield Figure("barge_in"), of_round.barge_ins
    for name, node in of_round.nodes.items():
        yield Figure(f"{name}: first output"), node.judged
        if any(node.path):
            yield Figure(f"{name}: part of the answer"), node.path
    cpu = cpu_share(calls)
    if cpu is not None and not alone:
        yield Figure("CPU", "cpu"), [cpu]
