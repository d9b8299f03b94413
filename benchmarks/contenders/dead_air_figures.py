"""From what contenders told to figures, and the figures as tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median
from typing import Any

from rich.table import Table

from benchmarks.contenders.dead_air_calls import HEARS, THINKS, VOICES, Told
from benchmarks.contenders.dead_air_heard import first_sound, judge
from benchmarks.contenders.dead_air_shape import CAP, SAYS

SPEAKING = ("late",)
"""Faults that strike while the caller hears the beginning of the answer: a phrase comes behind that."""
SILENT = ("down",)
"""Faults with which there is no answer."""
Runs = dict[str, list[Told]]
"""What was told of the calls with each fault."""


def spread(values: Iterable[float], digits: int = 3) -> dict[str, float]:
    """Half, and 95 in a hundred, lie at or below these, and all at or below the last."""
    ranked = sorted(values)
    at = {name: ranked[-int(-len(ranked) * share // 1) - 1] for name, share in (("p50", 0.5), ("p95", 0.95))}
    return {name: round(value, digits) for name, value in {**at, "max": ranked[-1]}.items()}


def voicing(contender: str, way: str, runs: Runs) -> list[dict[str, Any]]:
    """Of one contender, by fault. Dead air is what is beyond the median of its own calls in which all was well."""
    usual = median(judge(told["heard"]).silence for told in runs["none"])
    rows: list[dict[str, Any]] = []
    for fault, told in runs.items():
        heard = [judge(each["heard"]) for each in told]
        dead = [each.silence - usual if each.whole else CAP for each in heard]
        rows.append(
            {
                "contender": contender,
                "way": way,
                "fault": fault,
                "what": VOICES[fault].what,
                "calls": len(heard),
                "fault_struck_in": sum(each["struck"] for each in told),
                "calls_lost": sum(bool(each.get("lost")) for each in told),
                "silent_for_30_s": sum(not each.whole for each in heard),
                "silence_of_a_healthy_call_s": round(usual, 3),
                "added_dead_air_s": spread(dead),
                "words_lost": spread((each.lost for each in heard), 0),
                "words_twice": spread((each.twice for each in heard), 0),
                "seconds_lost": spread((each.seconds_lost for each in heard), 2),
            }
        )
    return rows


def thinking(runs: Runs) -> list[dict[str, Any]]:
    """When something was heard, and how long behind what ought to have come, and behind the decision to say it."""
    rows: list[dict[str, Any]] = []
    for fault, told in runs.items():
        heard = [judge(each["heard"]) for each in told]
        due = [first_sound(each["heard"]) - _last_sign(each) for each in told]
        decided = [1e3 * (first_sound(each["heard"]) - at) for each in told if (at := _decided(each)) is not None]
        rows.append(
            {
                "fault": fault,
                "what": THINKS[fault].what,
                "calls": len(told),
                "fault_struck_in": sum(each["struck"] for each in told),
                "calls_lost": sum(bool(each.get("lost")) for each in told),
                "from_last_sign_to_phrase_s": spread(due) if fault not in SPEAKING else None,
                "from_decision_to_sound_ms": spread(decided, 2) if decided and fault not in SPEAKING else None,
                "words_lost": spread((each.lost for each in heard), 0) if fault not in SILENT else None,
                "words_twice": spread((each.twice for each in heard), 0) if fault not in SILENT else None,
                "longest_silence_s": spread(each.longest for each in heard) if fault not in SILENT else None,
            }
        )
    return rows


def hearing(runs: Runs) -> list[dict[str, Any]]:
    said = SAYS.split()
    rows: list[dict[str, Any]] = []
    for fault, told in runs.items():
        understood = [" ".join(each["transcripts"]).split() for each in told]
        rows.append(
            {
                "gone_for": fault,
                "what": HEARS[fault].what,
                "calls": len(told),
                "fault_struck_in": sum(each["struck"] for each in told),
                "calls_lost": sum(bool(each.get("lost")) for each in told),
                "words_said": len(said),
                "words_lost": spread((sum(word not in words for word in said) for words in understood), 0),
                "words_twice": spread((max(0, len(words) - len(said)) for words in understood), 0),
            }
        )
    return rows


def _last_sign(told: Told) -> float:
    """When the model last gave something before the first failure, or the turn that it had to answer."""
    failed = next((at for at, *_ in told["steps"]), CAP)
    return max((at for at in told["tokens"] if at < failed), default=0.0)


def _decided(told: Told) -> float | None:
    return next((at for at, _, step, _ in told["steps"] if step == "say"), None)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Table:
    shown = Table(*columns, title=title)
    for row in rows:
        shown.add_row(*(" / ".join(map(str, each.values())) if isinstance(each, dict) else str(each) for each in row))
    return shown


def tables(results: dict[str, Any]) -> Iterable[Table]:
    """p50 / p95 / max."""
    for part, rows in results.items():
        if part in ("voices", "thinks", "hears") and rows:
            columns = [name for name in rows[0] if name != "what"]
            yield table(part, columns, ([row[name] for name in columns] for row in rows))
