"""The turns as the page shows them: on the clock of each one's caller, and not more than can be looked at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from voicegraph.observe.page.spread import evenly, rounded
from voicegraph.observe.timeline import Struct, Timeline, Turn

TURNS = 1_000
"""Turns that are drawn."""
SPANS = ("answer", "barge_in", "seconds", "heard_seconds")
"""Figures of a turn that are durations, and stay what they are."""
MOMENTS = ("began", "interrupted")
STAGE_MOMENTS = ("came", "taken", "first", "last")
STAGE_SPANS = ("queued", "blocked", "starved", "own", "waited")

Some = TypeVar("Some", bound=Struct)


def named(rounds: Sequence[Sequence[Timeline]]) -> list[tuple[Turn, str]]:
    """All turns in their order, each with its name: as much of round, call and turn as tells it from the others."""
    calls = [call for each in rounds for call in each]
    parts = {
        "round": len(rounds) > 1,
        "call": any(len(each) > 1 for each in rounds),
        "turn": len(calls) == 1 or any(len(call.turns) > 1 for call in calls),
    }
    return [
        (turn, _name(parts, {"round": round, "call": call, "turn": turn.turn}))
        for round, each in enumerate(rounds, 1)
        for call, timeline in enumerate(each, 1)
        for turn in timeline.turns
    ]


def _name(parts: Mapping[str, bool], numbers: Mapping[str, int]) -> str:
    told = [f"{part} {numbers[part]}" for part, needed in parts.items() if needed]
    return ", ".join(told) if told != [f"turn {numbers['turn']}"] else str(numbers["turn"])


def chosen(turns: Sequence[tuple[Turn, str]]) -> Sequence[tuple[Turn, str]]:
    """Of too many turns half of those that are shown are the slowest, and half evenly chosen; in their order."""
    if len(turns) <= TURNS:
        return turns
    slowest = sorted(range(len(turns)), key=lambda index: -(turns[index][0].answer or 0.0))
    indices = {*slowest[: TURNS // 2], *evenly(range(len(turns)), TURNS // 2)}
    return [turns[index] for index in sorted(indices)]


def on_its_clock(turn: Turn) -> Turn:
    """Its times in seconds since its caller stopped speaking; of a turn that answers nobody, since it began."""
    zero = turn.began if turn.speech_end is None else turn.speech_end
    return msgspec.structs.replace(
        _moved(turn, zero, MOMENTS, SPANS),
        speech_end=None if turn.speech_end is None else 0.0,
        marks={name: rounded(at - zero) for name, at in turn.marks.items()},
        steps=(),
        path=_all_moved(turn.path, zero, ("start", "end")),
        stages=_all_moved(turn.stages, zero, STAGE_MOMENTS, STAGE_SPANS),
        happened=_all_moved(turn.happened, zero, ("at",)),
    )


def _all_moved(
    structs: Iterable[Some], zero: float, moments: Sequence[str], spans: Sequence[str] = ()
) -> tuple[Some, ...]:
    return tuple(_moved(each, zero, moments, spans) for each in structs)


def _moved(struct: Some, zero: float, moments: Sequence[str], spans: Sequence[str]) -> Some:
    """With these moments counted from `zero`, as far as they are known."""
    changed: dict[str, Any] = {name: rounded(at) for name in spans if (at := getattr(struct, name)) is not None}
    changed |= {name: rounded(at - zero) for name in moments if (at := getattr(struct, name)) is not None}
    return msgspec.structs.replace(struct, **changed)
