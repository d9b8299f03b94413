"""The figures of the page: they add up, and they are those of the calls."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.observe.results import plausible_result
from tests.observe.timelines import plausible, timelines
from voicegraph.observe.page.comparison import beside
from voicegraph.observe.page.contents import Contents, contents
from voicegraph.observe.page.spread import POINTS, spread
from voicegraph.observe.page.turns import TURNS, chosen
from voicegraph.observe.timeline import Node, Part, Timeline, Turn

CALL = contents([[plausible(40)]])


def node(shown: Contents, name: str) -> dict[str, float]:
    found = next(each for each in shown.nodes if each.name == name)
    return {"mean": found.mean, "share": found.share}


def test_the_parts_of_the_mean_answer_add_up_to_it() -> None:
    answers = [turn.answer for turn in CALL.turns if turn.answer is not None]
    assert sum(each.mean for each in CALL.nodes) == pytest.approx(sum(answers) / len(answers), abs=1e-4)
    assert sum(each.share for each in CALL.nodes) == pytest.approx(1.0, abs=1e-4)
    for each in CALL.nodes:
        assert sum(does.mean for does in each.does) == pytest.approx(each.mean, abs=1e-4)


def test_a_slower_node_takes_more_of_it() -> None:
    slower = contents([[plausible(40, slower={"llm": 3.0})]])
    assert node(slower, "llm")["share"] > node(CALL, "llm")["share"]
    assert node(slower, "stt")["mean"] == node(CALL, "stt")["mean"]


def test_who_hears_and_who_answers() -> None:
    hearing = [each.name for each in CALL.nodes if each.hears]
    assert hearing == ["vad", "stt", "aggregator"]


def test_the_times_of_a_turn_begin_when_its_caller_stopped() -> None:
    for turn in CALL.turns:
        if turn.answer is None:
            continue
        assert turn.path[0].start == 0.0
        assert turn.path[-1].end == pytest.approx(turn.answer, abs=1e-5)
        assert turn.marks["heard"] == pytest.approx(turn.answer, abs=1e-5)
        assert all(before.end == after.start for before, after in pairwise(turn.path))


def test_turns_are_counted() -> None:
    assert (CALL.tally.turns, CALL.tally.answers, CALL.tally.interrupted, CALL.tally.recovered) == (40, 39, 6, 4)


def test_a_turn_that_answers_nobody_begins_at_its_own_begin() -> None:
    assert (CALL.turns[0].began, CALL.turns[0].speech_end) == (0.0, None)


def test_budgets_are_about_the_answer_and_the_first_output_of_a_node() -> None:
    measured = {budget.name: budget.measured for budget in CALL.budgets}
    firsts = next(each.first for each in CALL.nodes if each.name == "tts")
    assert CALL.answer is not None
    assert firsts is not None
    assert measured == {"answer": CALL.answer.p95, "barge_in": measured["barge_in"], "tts": firsts.p95}
    assert (CALL.answer.limit, firsts.limit) == (0.9, 0.3)


def test_turns_of_many_calls_are_told_apart() -> None:
    rounds = [[plausible(2), plausible(2)], [plausible(2)]]
    assert contents(rounds).names[1::2] == (
        "round 1, call 1, turn 2",
        "round 1, call 2, turn 2",
        "round 2, call 1, turn 2",
    )
    assert contents(rounds[:1]).names[::2] == ("call 1, turn 1", "call 2, turn 1")
    assert contents([[plausible(1)], [plausible(1)]]).names == ("round 1", "round 2")
    assert contents([[plausible(2)]]).names == ("1", "2")
    assert contents([[plausible(1)]]).names == ("1",)


@given(st.lists(st.floats(0, 10), max_size=3 * TURNS // 2))
@settings(max_examples=20, deadline=None)
def test_of_too_many_turns_none_of_the_slowest_is_left_out(answers: list[float]) -> None:
    turns = [(Turn(turn=number, began=0.0, answer=answer), "") for number, answer in enumerate(answers, 1)]
    kept = [turn for turn, _ in chosen(turns)]
    assert len(kept) <= TURNS
    assert [turn.turn for turn in kept] == sorted({turn.turn for turn in kept})
    slowest = sorted(answers)[-TURNS // 2 :]
    assert sorted(turn.answer or 0.0 for turn in kept)[-len(slowest) :] == slowest


@given(st.lists(st.floats(0, 60), min_size=1, max_size=2 * POINTS))
def test_a_spread_holds_its_extremes(samples: list[float]) -> None:
    found = spread(samples)
    assert found is not None
    assert found.n == len(samples)
    assert found.p50 <= found.p95 <= found.p99 <= found.most == round(max(samples), 6)
    assert found.points[0] == round(min(samples), 6)
    assert found.points[-1] == found.most
    assert len(found.points) == min(len(samples), POINTS)


def test_there_is_no_spread_of_nothing() -> None:
    assert spread([]) is None


@given(timelines())
@settings(max_examples=60, deadline=None)
def test_any_call_can_be_shown(timeline: Timeline) -> None:
    shown = contents([[timeline]])
    assert len(shown.turns) == len(timeline.turns)
    assert {each.name for each in timeline.nodes} <= {each.name for each in shown.nodes}
    paths = [part for turn in timeline.turns for part in turn.path]
    assert sum(each.share for each in shown.nodes) == pytest.approx(
        1.0 if any(p.seconds for p in paths) else 0.0, abs=1e-3
    )


def test_time_that_is_nobodys_is_shown_as_such() -> None:
    path = (Part(node="", what="text final", start=1.0, end=2.0), Part(node="llm", what="at work", start=2.0, end=2.5))
    turn = Turn(turn=1, began=2.0, speech_end=1.0, answer=1.5, path=path)
    shown = contents([[Timeline(graph="g", nodes=(Node(name="llm", use="x"),), turns=(turn,))]])
    assert [(each.name, each.mean) for each in shown.nodes] == [("llm", 0.5), ("", 1.0)]


def test_a_comparison_tells_what_is_slower_and_what_is_as_it_was() -> None:
    older = beside(
        plausible_result(1, rounds=8), plausible_result(2, rounds=8, slower={"llm": 4.0}, plan="name: other\n")
    )
    verdicts = {change.name: change.verdict for change in older.changes}
    assert verdicts["llm: part of the answer"] == "more"
    assert verdicts["stt: part of the answer"] == "alike"
    assert older.changed == ("-name: front-desk", "+name: other")
    assert older.rounds == (8, 8)
    assert older.answer is not None
    slower = next(change for change in older.changes if change.name == "llm: part of the answer")
    assert slower.low is not None
    assert slower.high is not None
    assert 0 < slower.low <= slower.high


def test_with_too_few_rounds_it_says_so() -> None:
    older = beside(plausible_result(1, rounds=2), plausible_result(2, rounds=2))
    assert {change.verdict for change in older.changes} == {"too few rounds"}
    assert older.rounds_needed > 2
