"""The tables of figures."""

from __future__ import annotations

import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.table import Table

from voicegraph import Audio, SpeechStopped, Token, TTSAudio, UserTurn, node
from voicegraph.engine.timing import NodeTiming
from voicegraph.graph.plan import Plan, PlannedNode
from voicegraph.node import node_type
from voicegraph.observe.bench import Figures, answer_figures, budget_figures, node_figures
from voicegraph.observe.tables import answer_table, milliseconds, node_table, percentile
from voicegraph.engine.milestones import Milestone, Milestones, TurnTimes


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


def plan(**budgets: float) -> Plan:
    nodes = {"brain": PlannedNode("brain", node_type(Brain)), "plain": PlannedNode("plain", node_type(plain))}
    return Plan("test", nodes, (), budgets=budgets)


def timing(*firsts: float) -> NodeTiming:
    timing = NodeTiming(items=len(firsts), given=len(firsts))
    for first in firsts:
        timing.took(0.0, first, 2 * first)
    return timing


def answered(speech_end: float, heard: float, **marks: float) -> Milestones:
    """One answer, with marks by the names of the milestones."""
    milestones = Milestones(clock=lambda: 0.0)
    reached = {Milestone[name]: at for name, at in marks.items()} | {Milestone.HEARD: heard}
    milestones.turns[1] = TurnTimes(1, speech_end, reached)
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
    assert "errors" not in shown(node_table(plan(), {"plain": NodeTiming()}))[0]
    headings, *rows = shown(node_table(plan(), {"brain": NodeTiming(), "plain": NodeTiming(errors=2)}))
    assert headings.endswith("total p50 errors")
    assert [row.split()[-1] for row in rows] == ["-", "2"]


def test_a_row_for_each_node() -> None:
    timings = {"brain": timing(0.1, 0.2, 0.3), "plain": NodeTiming(items=3, errors=2, dropped=1)}
    rows = shown(node_table(plan(), timings))
    assert rows[1:] == ["brain tables.brain 3 3 200 300 400 - -", "plain tables.plain 3 0 - - - 2 1"]


@given(st.lists(st.floats(0, 2), min_size=5, max_size=5))
def test_the_split_of_an_answer_adds_up_as_it_is_printed(times: list[float]) -> None:
    pause, text, turn, audio, heard = sorted(times)
    milestones = answered(0.0, heard, PAUSE=pause, TEXT=text, TURN=turn, AUDIO=audio)
    row = shown(answer_table(milestones.answers()))[1].replace(",", "")
    _, whole, *parts = [int(number) for number in re.findall(r"\d+", row)]
    assert whole == sum(parts)


def test_figures_are_over_all_calls() -> None:
    figures = Figures(plan())
    for number in range(1, 21):
        figures.add({"brain": timing(number / 100)}, answered(0.0, number / 10))
    data = figures.as_data()
    assert (data["runs"], data["answer"]) == (20, {"samples": 20, "p50": 1.0, "p95": 1.9})
    assert data["nodes"]["brain"]["first"] == {"samples": 20, "p50": 0.1, "p95": 0.19}
    assert shown(answer_figures(figures))[1] == "end of speech to answer 1,000 1,900 20"
    assert shown(node_figures(figures))[1] == "brain tables.brain 20 100 190 200 380"


@pytest.mark.parametrize(
    ("name", "limit", "verdict"),
    [
        ("answer", 0.9, "kept"),
        ("answer", 0.7, "over"),
        ("brain", 0.2, "kept"),
        ("brain", 0.1, "over"),
        ("barge_in", 0.1, "not measured"),
        ("plain", 0.1, "not measured"),
    ],
)
def test_a_budget_is_kept_broken_or_not_measured(name: str, limit: float, verdict: str) -> None:
    figures = Figures(plan(**{name: limit}))
    figures.add({"brain": timing(0.15), "plain": NodeTiming(items=1)}, answered(0.0, 0.8))
    (budget,) = figures.budgets()
    assert budget.broken == (verdict == "over")
    assert shown(budget_figures(figures))[1].endswith(verdict)


def test_what_is_heard_after_an_interrupt_is_the_time_to_fall_silent() -> None:
    now = 0.0
    milestones = Milestones(clock=lambda: now)
    milestones.given("line", Audio(bytes(640), born=0.0))
    milestones.given("vad", SpeechStopped(at=0.0))
    milestones.given("llm", TTSAudio(bytes(640), turn=1))
    milestones.played(1, 0.02)
    milestones.turns[1].interrupted = 1.0
    now = 1.04
    milestones.played(1, 0.5)
    figures = Figures(plan())
    figures.add({}, milestones)
    assert figures.barge_ins.p95 == pytest.approx(0.04)
