"""The tables of figures."""

from __future__ import annotations

import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.table import Table

from voicegraph import Token, UserTurn, node
from voicegraph.engine.milestones import Milestone, Milestones, TurnTimes
from voicegraph.engine.timing import NodeTiming
from voicegraph.graph.plan import Plan, PlannedNode
from voicegraph.node import node_type
from voicegraph.observe.tables import answer_table, milliseconds, node_table, percentile


@node("tables.brain")
class Brain:
    async def on_turn(self, turn: UserTurn) -> Token:
        return Token(turn.text)


@node("tables.plain")
def plain(turn: UserTurn) -> None: ...


def shown(table: Table) -> list[str]:
    console = Console(file=io.StringIO(), width=240)
    console.print(table)
    assert isinstance(console.file, io.StringIO)
    return [" ".join(line.split()) for line in console.file.getvalue().splitlines()]


def plan() -> Plan:
    nodes = {"brain": PlannedNode("brain", node_type(Brain)), "plain": PlannedNode("plain", node_type(plain))}
    return Plan("test", nodes, ())


def counted(*, items: int = 0, given: int = 0, errors: int = 0, dropped: int = 0) -> NodeTiming:
    timing = NodeTiming()
    timing.items, timing.given, timing.errors, timing.dropped = items, given, errors, dropped
    return timing


def timing(*firsts: float) -> NodeTiming:
    timing = counted(items=len(firsts), given=len(firsts))
    now = 0.0
    timing.clock = lambda: now
    for first in firsts:
        now = 2 * first
        timing.took(0.0, first, turn=1)
    return timing


def answered(speech_end: float, heard: float, **marks: float) -> Milestones:
    """One answer, with marks by the names of the milestones."""
    milestones = Milestones(clock=lambda: 0.0)
    reached = {Milestone[name]: at for name, at in marks.items()} | {Milestone.HEARD: heard}
    milestones.turns[1] = TurnTimes(1, speech_end=speech_end, marks=reached)
    return milestones


@given(st.lists(st.floats(0, 100), min_size=1), st.floats(0.01, 1))
def test_a_percentile_is_a_sample_that_so_many_do_not_exceed(samples: list[float], share: float) -> None:
    found = percentile(samples, share)
    assert found in samples
    assert sum(sample <= found for sample in samples) >= share * len(samples) - 1e-9


def test_there_is_no_percentile_of_nothing() -> None:
    assert percentile([], 0.5) is None


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, "-"), (0.00042, "0.42"), (0.0081, "8.1"), (0.231, "231"), (1.5, "1,500")]
)
def test_milliseconds_have_as_many_digits_as_they_are_worth(seconds: float | None, text: str) -> None:
    assert milliseconds(seconds) == text


def test_columns_for_trouble_are_there_when_there_was_some() -> None:
    assert "errors" not in shown(node_table(plan(), {"plain": counted()}))[0]
    headings, *rows = shown(node_table(plan(), {"brain": counted(), "plain": counted(errors=2)}))
    assert headings.endswith("total p50 errors")
    assert [row.split()[-1] for row in rows] == ["-", "2"]


def test_a_row_for_each_node() -> None:
    timings = {"brain": timing(0.1, 0.2, 0.3), "plain": counted(items=3, errors=2, dropped=1)}
    rows = shown(node_table(plan(), timings))
    assert rows[1:] == ["brain tables.brain 3 3 200 300 400 - -", "plain tables.plain 3 0 - - - 2 1"]


@given(st.lists(st.floats(0, 2), min_size=5, max_size=5))
def test_the_split_of_an_answer_adds_up_as_it_is_printed(times: list[float]) -> None:
    pause, text, turn, audio, heard = sorted(times)
    milestones = answered(0.0, heard, PAUSE=pause, TEXT=text, TURN=turn, AUDIO=audio)
    row = shown(answer_table(milestones.answers()))[1].replace(",", "")
    _, whole, *parts = [int(number) for number in re.findall(r"\d+", row)]
    assert whole == sum(parts)
