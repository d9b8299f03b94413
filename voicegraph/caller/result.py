"""What came of a call, in figures: measured at the caller's ear, from sound alone."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from voicegraph.caller.phone import Phone
from voicegraph.caller.twilio import RATE
from voicegraph.caller.voiced import Run

Outcome = Literal["caller hung up", "agent hung up", "lost", "not connected"]
_OUTCOMES: dict[str, Outcome] = {"caller": "caller hung up", "agent": "agent hung up", "lost": "lost"}


@dataclass
class Result:
    """One call. Times in seconds.

    connecting: from dialling to the WebSocket. greeting: from there to the agent's first sound. answers: from the end
    of what the caller said to the agent's first sound. unanswered: how often there was none. stops: from the caller's
    first sound over the agent's voice to silence, where the agent cleared what it had sent. talked_over: how often it
    spoke on. dead_air: the longest time in which nobody made a sound, from the start of the stream on. gaps: how often
    the agent's sound came too late. faults: how often Twilio would have complained, by its code. late: the caller's own
    lateness, the worst of the call. why: what went wrong, in words. None for what a call did not come to.
    """

    outcome: Outcome
    why: str = ""
    seconds: float = 0.0
    connecting: float | None = None
    greeting: float | None = None
    answers: list[float] = field(default_factory=list[float])
    unanswered: int = 0
    stops: list[float] = field(default_factory=list[float])
    talked_over: int = 0
    dead_air: float | None = None
    gaps: int = 0
    faults: dict[int, int] = field(default_factory=dict[int, int])
    marks: int = 0
    flushed_marks: int = 0
    late: float | None = None
    heard: str = ""

    @property
    def failed(self) -> bool:
        """Not as a call should go: it was lost or never was, Twilio complains, an answer or a step is missing."""
        return bool(self.outcome in ("lost", "not connected") or self.why or self.faults or self.unanswered)

    @property
    def reason(self) -> str:
        """Why it failed, short."""
        if self.why:
            return self.why
        if self.faults:
            return "Twilio's " + ", ".join(map(str, sorted(self.faults)))
        return "no answer" if self.unanswered else self.outcome

    def as_data(self) -> dict[str, Any]:
        """For JSON."""
        rounded = {key: _rounded(value) for key, value in asdict(self).items()}
        return rounded | {"failed": self.failed}


def result_of(phone: Phone, connecting: float, why: str = "") -> Result:
    """Of a call that is over."""
    leg, ended = phone.leg, phone.ended
    assert ended is not None
    caller, agent = leg.caller.runs, leg.agent.runs
    answers = list(_answers(caller, agent))
    stops = list(_stops(caller, agent))
    return Result(
        outcome=_OUTCOMES[ended.by],
        why=why,
        seconds=ended.at,
        connecting=connecting,
        greeting=_greeting(caller, agent),
        answers=[each for each in answers if each is not None],
        unanswered=sum(each is None for each in answers) if ended.by == "caller" else 0,
        stops=[each for each in stops if each is not None],
        talked_over=sum(each is None for each in stops),
        dead_air=_dead_air([*caller, *agent], ended.at if None in answers or not (caller or agent) else None),
        gaps=sum(event.kind == "gap" for event in leg.events),
        faults=dict(sorted(leg.faults.items())),
        marks=leg.marks,
        flushed_marks=leg.flushed_marks,
        late=max(phone.late.all, default=0.0),
        heard=" ".join(word.text for word in leg.heard.words),
    )


def _greeting(caller: Sequence[Run], agent: Sequence[Run]) -> float | None:
    """None if the caller spoke first."""
    if not agent or (caller and caller[0].start < agent[0].start):
        return None
    return agent[0].start / RATE


def _answers(caller: Sequence[Run], agent: Sequence[Run]) -> Iterable[float | None]:
    """To each thing that the caller said. Nothing for what the agent talked over; None if it said nothing more."""
    for number, said in enumerate(caller):
        until = caller[number + 1].start if number + 1 < len(caller) else None
        if any(run.start <= said.end < run.end for run in agent):
            continue
        starts = [run.start for run in agent if run.start > said.end and (until is None or run.start < until)]
        if starts:
            yield (starts[0] - said.end) / RATE
        elif until is None:
            yield None


def _stops(caller: Sequence[Run], agent: Sequence[Run]) -> Iterable[float | None]:
    """For each time that the caller began to speak while the agent spoke; None if that went on."""
    for run in agent:
        over = [said.start for said in caller if run.start < said.start < (run.cut or run.end)]
        for number, start in enumerate(over, 1):
            yield (run.cut - start) / RATE if run.cut and number == len(over) else None


def _dead_air(runs: Iterable[Run], waited_until: float | None) -> float:
    """waited_until: the call's end, if the caller still waited for an answer."""
    longest, end = 0.0, 0
    for run in sorted(runs, key=lambda each: each.start):
        longest = max(longest, (run.start - end) / RATE)
        end = max(end, run.end)
    return longest if waited_until is None else max(longest, waited_until - end / RATE)


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 6)
    return list(map(_rounded, value)) if isinstance(value, list) else value  # pyright: ignore[reportUnknownArgumentType]


# --- of many calls --------------------------------------------------------------------------------------------------


@dataclass
class Results:
    """Of many calls."""

    calls: list[Result] = field(default_factory=list[Result])

    @property
    def failed(self) -> list[Result]:
        return [call for call in self.calls if call.failed]

    def spread(self, name: str) -> dict[str, float] | None:
        """p50, p95, p99 and the worst of a figure; None if nobody has it."""
        values: list[float] = []
        for call in self.calls:
            value = getattr(call, name)
            values += value if isinstance(value, list) else [] if value is None else [value]
        if not values:
            return None
        found: dict[str, float] = {f"p{part}": quantile(values, part / 100) for part in (50, 95, 99)}
        return found | {"worst": max(values), "count": len(values)}

    def as_data(self) -> dict[str, Any]:
        """For JSON."""
        reasons: dict[str, int] = {}
        for call in self.failed:
            reasons[call.reason] = reasons.get(call.reason, 0) + 1
        spreads = {name: self.spread(name) for name in FIGURES}
        return {
            "calls": len(self.calls),
            "failed": len(self.failed),
            "reasons": reasons,
            "seconds": {k: v and {n: round(x, 6) for n, x in v.items()} for k, v in spreads.items()},
            "each": [call.as_data() for call in self.calls],
        }


FIGURES = {
    "connecting": "connecting",
    "greeting": "greeting",
    "answers": "answer",
    "stops": "barge-in stop",
    "dead_air": "dead air",
    "late": "this caller's own lateness",
}
"""What is told of many calls, with its name for people."""


def quantile(values: Sequence[float], part: float) -> float:
    """The value below which this part of them lies: the nearest that there is."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(part * len(ordered)) - 1)]
