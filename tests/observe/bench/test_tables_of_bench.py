"""What people see of a result."""

from __future__ import annotations

import io
from collections import Counter

import pytest
from msgspec.structs import replace
from rich.console import Console
from rich.table import Table

from tests.observe.bench.results import cost, plausible_result, result
from tests.observe.timelines import plausible
from voicegraph.graph import loads
from voicegraph.graph.render import as_text
from voicegraph.observe.bench.budgets import broken, judge
from voicegraph.observe.bench.compare import compare
from voicegraph.observe.bench.figures import Figures, NodeFigures, figures
from voicegraph.observe.bench.tables import (
    answer_table,
    budget_table,
    comparison_table,
    cost_table,
    node_summary,
    node_table,
    summary,
)
from voicegraph.observe.timeline import Timeline, Totals, Turn

GRAPH = """\
nodes:
  line: {use: file.call, with: {input: caller.wav}}
  stt: {use: script.stt, with: {script: []}}
  aggregator: aggregator
  brain: echo.chat
  sentences: sentences
  tts: tone.tts
flow:
  - line -> stt -> aggregator -> brain -> sentences -> tts -> line
budgets:
  answer: 500ms
  barge_in: 50ms
  brain: 300ms
"""


def shown(table: Table, width: int = 240) -> list[str]:
    console = Console(file=io.StringIO(), width=width)
    console.print(table)
    assert isinstance(console.file, io.StringIO)
    return [" ".join(line.split()) for line in console.file.getvalue().splitlines()]


def test_answers_their_parts_and_barging_in() -> None:
    answers = [number / 10 for number in range(1, 101)]
    made = Figures(answers=answers, barge_ins=[0.02], steps={"first token": [0.2]})
    headings, *rows = shown(answer_table(made))
    assert headings == "in ms p50 p95 p99 count"
    assert rows == [
        "end of speech to answer 5,000 9,500 9,900 100",
        "first token 200 200 200 1",
        "interrupt to silence 20 20 20 1",
    ]


def test_a_row_for_each_node() -> None:
    nodes = [
        NodeFigures("stt", items=300, queue=[0.001], dropped=2, path=[0.2], share=0.25),
        NodeFigures("llm", items=3, first=[0.2, 0.3, 0.4], total=[1.0], path=[0.6], share=0.75),
        NodeFigures("backup", standby=True),
    ]
    made = Figures(answers=[0.8], nodes={node.node: node for node in nodes})
    headings, percentiles, *rows = shown(node_table(made))
    assert headings == "node, in ms count queue first output total of answer dropped"
    assert percentiles == " ".join(["p50/p95/p99"] * 3)
    assert rows == [
        "stt 300 1.0/1.0/1.0 - - 25.0% 2",
        "llm 3 - 300/400/400 1,000/1,000/1,000 75.0% -",
    ]


def test_what_no_node_took_has_a_row_of_its_own() -> None:
    made = Figures(answers=[0.8], nodes={"llm": NodeFigures("llm", items=1, share=0.9)}, nobody=0.1)
    assert shown(node_table(made))[-1] == "(no node) 10.0%"


def test_where_nothing_was_answered_there_are_no_shares() -> None:
    made = Figures(nodes={"llm": NodeFigures("llm", items=1)})
    assert "answer" not in shown(node_table(made))[0]


def test_on_a_narrow_terminal_no_figure_is_lost() -> None:
    made = figures(plausible(20, seed=seed) for seed in range(3))
    wide, narrow = ("".join(shown(node_table(made), width)).replace(" ", "") for width in (240, 72))
    assert Counter(wide) == Counter(narrow)


def test_the_line_above_tells_what_was_measured() -> None:
    calls = [replace(plausible(4, seed=seed), cpu=1.0, seconds=100.0) for seed in range(2)]
    made = replace(result((calls[0],), (calls[1],)), memory_bytes=123_000_000)
    told = summary(made, figures(made.calls))
    assert told == (
        "6 answers in 2 calls, 200 s in all; 2 rounds; 10 ms of CPU for each second of a call; 123 MB of memory at most"
    )
    assert "CPU" not in summary(replace(made, rounds=((replace(calls[0], cpu=None),),)), figures(made.calls))


@pytest.mark.parametrize(
    ("seconds", "told"), [(59.6, "60 s"), (1_200, "20 min"), (7_200, "120 min"), (72_000, "20.0 h")]
)
def test_how_long_the_calls_were(seconds: float, told: str) -> None:
    made = result((replace(plausible(2), seconds=seconds),))
    assert f"calls, {told} in all" in summary(made, figures(made.calls))


# --- budgets --------------------------------------------------------------------------------------------------------


def call(*answers: float, barge_in: float | None = None, first: tuple[float, ...] = ()) -> Timeline:
    turns = tuple(
        Turn(turn=number, began=0.0, speech_end=0.0, answer=answer, barge_in=barge_in)
        for number, answer in enumerate(answers, 1)
    )
    return Timeline(graph="g", turns=turns, totals=(Totals(node="brain", first=first),))


def test_a_budget_that_is_broken_is_told_at_its_place_with_node_and_figure() -> None:
    written = loads(GRAPH, ready=False, name="desk.yaml").file.budgets
    budgets = judge(written, figures([call(*[0.4] * 19, 0.9, barge_in=0.02, first=(0.2, 0.712))]))
    assert [(each.name, each.broken) for each in budgets] == [("answer", False), ("barge_in", False), ("brain", True)]
    assert (budgets[2].file, budgets[2].line, budgets[2].column, budgets[2].p95) == ("desk.yaml", 13, 3, 0.712)
    assert as_text(broken(written, budgets)) == "\n".join(
        [
            "desk.yaml:13:3: error[broken-budget]: "
            "`brain` takes 712 ms to its first output at the 95th percentile of 2",
            "   |",
            "13 |   brain: 300ms",
            "   |   ^^^^^ more than 300ms",
        ]
    )


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (call(0.5), "answer 500ms 500 1 kept"),
        (call(0.501), "answer 500ms 501 1 over"),
        (call(), "answer 500ms - 0 not measured"),
        (call(*[0.1] * 19, 9.0), "answer 500ms 100 20 kept"),
        (call(*[0.1] * 18, 9.0), "answer 500ms 9,000 19 over"),
    ],
)
def test_a_budget_is_kept_broken_or_not_measured(made: Timeline, told: str) -> None:
    written = loads(GRAPH, ready=False).file.budgets[:1]
    budgets = judge(written, figures([made]))
    assert shown(budget_table(replace(plausible_result(1), budgets=budgets)))[1] == told
    assert bool(list(broken(written, budgets))) == told.endswith("over")


def test_after_an_interrupt_too_much_is_heard() -> None:
    written = loads(GRAPH, ready=False).file.budgets
    (told,) = broken(written, judge(written, figures([call(0.1, barge_in=0.06)])))
    assert told.message == "after an interrupt the caller still hears the agent for 60 ms at the 95th percentile of 1"


# --- comparisons and nodes alone ------------------------------------------------------------------------------------


def test_a_comparison_says_what_is_slower_and_by_how_much() -> None:
    rows = shown(comparison_table(compare(plausible_result(20), plausible_result(20, seed=99, slower={"llm": 2.0}))))
    assert rows[0] == "medians of the rounds then now difference surely between"
    by_name = {row.partition(" ms")[0].rsplit(" ", 1)[0]: row for row in rows[1:]}
    assert " slower by " in by_name["llm: first output"]
    assert by_name["tts: first output"].endswith("no difference")
    assert " and +" in by_name["answer"]


def test_too_few_rounds_are_told_in_the_table() -> None:
    rows = shown(comparison_table(compare(plausible_result(2), plausible_result(2, seed=9))))
    assert all(row.endswith("- too few rounds") for row in rows[1:])


def test_of_a_node_alone_its_own_time_stands_apart_from_the_framework() -> None:
    costs = tuple(cost(own=own, framework=2e-6) for own in (1e-5, 1.2e-5, 3e-5))
    _, framework, own = shown(cost_table(costs))
    assert framework.startswith("framework 2.00 2.00 2.00 ")
    assert own.startswith("its own 12.00 10.00 30.00 ")
    told = node_summary(replace(plausible_result(3), costs=costs, graph="sentences"))
    assert told == "sentences alone, fed with question.wav; 3 rounds of 10 turns"
