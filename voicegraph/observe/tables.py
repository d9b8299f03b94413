"""What a call cost, for people: how long each node took, and where the time to each answer went."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from rich.table import Table
from rich.text import Text

from voicegraph.frames import Audio, Frame, TTSAudio
from voicegraph.ports import Form

if TYPE_CHECKING:  # so that commands which only want a table do not load the engine
    from voicegraph.engine.milestones import TurnTimes
    from voicegraph.engine.timing import NodeTiming
    from voicegraph.graph.plan import Plan
    from voicegraph.node import NodeType

NOTHING = "-"
"""Stands where there is no figure."""


def percentile(samples: Iterable[float], share: float) -> float | None:
    """The smallest sample that at least this share of them (0.95) does not exceed; None without samples."""
    ordered = sorted(samples)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None


def milliseconds(seconds: float | None) -> str:
    """For a table: `0.42`, `8.1`, `231`."""
    if seconds is None:
        return NOTHING
    ms = seconds * 1000
    return f"{ms:.2f}" if ms < 1 else f"{ms:.1f}" if ms < 10 else f"{ms:,.0f}"


def is_timed(kind: NodeType) -> bool:
    """Whether its times mean anything: a source, a line and a stream of caller frames live as long as the call."""
    whole_call = [
        handler.form is Form.SOURCE or (handler.form is Form.STREAM and any(t.side == "caller" for t in handler.takes))
        for handler in kind.handlers
    ]
    return not kind.line and not kind.inline and not any(whole_call)


def plain_table(*headings: str, left: int = 1) -> Table:
    """A table with as few lines as can be: the first `left` columns are words, the others figures."""
    table = Table(box=None, header_style="dim", pad_edge=False, padding=(0, 2, 0, 0))
    for index, heading in enumerate(headings):
        table.add_column(heading, justify="left" if index < left else "right", no_wrap=True)
    return table


def node_table(plan: Plan, timings: Mapping[str, NodeTiming]) -> Table:
    """Per node: what it handled, and how long that took, in milliseconds."""
    trouble = Trouble(timings.values())
    headings = ("node", "type", "items", "given", "first p50", "first p95", "total p50")
    table = plain_table(*headings, *trouble.headings, left=2)
    for name, timing in timings.items():
        kind = plan.nodes[name].kind
        first, total = (timing.first, timing.total) if is_timed(kind) else ((), ())
        times = (percentile(first, 0.5), percentile(first, 0.95), percentile(total, 0.5))
        counts = (_count(timing.items, kind.takes), _count(timing.given, kind.gives))
        table.add_row(name, Text(kind.name, "dim"), *counts, *map(milliseconds, times), *trouble.cells(timing))
    return table


def _count(frames: int, types: Collection[type[Frame]]) -> str:
    """How many frames of these types; `~` before it where sound is among them, which is counted in samples."""
    sampled = Audio in types or TTSAudio in types
    return f"~{frames:,}" if frames and sampled else f"{frames:,}"


class Counts(Protocol):
    """What can go wrong at a node, counted."""

    errors: int
    dropped: int


class Trouble:
    """Columns for what went wrong; there are none if nothing did."""

    def __init__(self, nodes: Iterable[Counts]) -> None:
        nodes = list(nodes)
        words = {"errors": [node.errors for node in nodes], "dropped": [node.dropped for node in nodes]}
        self.headings = tuple(word for word, counts in words.items() if any(counts))

    def cells(self, node: Counts) -> Iterator[Text]:
        for heading in self.headings:
            count: int = getattr(node, heading)
            yield Text(f"{count:,}", "bold red") if count else Text(NOTHING, "dim")


def answer_table(answers: Sequence[TurnTimes]) -> Table:
    """Per answer: the milliseconds from the end of the caller's speech to its first sound, and what they went to."""
    table = plain_table("turn", "answered in", "which is, in ms", left=0)
    table.columns[2].justify = "left"
    table.columns[2].no_wrap = False
    for times in answers:
        table.add_row(str(times.turn), Text(f"{round((times.answer or 0) * 1000):,} ms", "bold"), _split(times))
    return table


def _split(times: TurnTimes) -> Text:
    """`94 pause noticed + 185 text final + ...`, in the order in which the time passed; what took no time is left out.

    Rounded where one part ends and the next begins, so that the parts add up to the rounded whole.
    """
    shares: list[Text] = []
    passed, shown = 0.0, 0
    for milestone, seconds in times.parts():
        passed += seconds
        share = round(passed * 1000) - shown
        shown += share
        if share:
            shares.append(Text.assemble(f"{share:,} ", (milestone.value, "dim")))
    return Text(" + ", "dim").join(shares)
