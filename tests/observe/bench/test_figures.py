"""Figures are functions of timelines: what they add up to, and what they leave out."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.observe.timelines import plausible, timelines
from voicegraph.observe.bench.figures import figures, spread
from voicegraph.observe.timeline import Node, Part, Timeline, Totals, Turn

few = st.lists(timelines(), max_size=3)


def turn(number: int, **parts: float) -> Turn:
    """An answer to somebody who stopped at 10 s, with the parts of its path by node."""
    path, at = list[Part](), 10.0
    for node, seconds in parts.items():
        path.append(Part(node=node, what="work", start=at, end=at + seconds))
        at += seconds
    return Turn(turn=number, began=10.0, speech_end=10.0, answer=at - 10.0, path=tuple(path), steps=tuple(path))


def call(*turns: Turn, **totals: Totals) -> Timeline:
    nodes = tuple(Node(name=name, use=f"t.{name}") for name in ("stt", "llm", "tts"))
    return Timeline(graph="g", seconds=20.0, nodes=nodes, turns=turns, totals=tuple(totals.values()))


@settings(max_examples=25)
@given(few)
def test_nothing_is_lost_and_nothing_invented(calls: list[Timeline]) -> None:
    found = figures(calls)
    turns = [turn for each in calls for turn in each.turns]
    assert found.answers == [turn.answer for turn in turns if turn.answer is not None]
    assert found.barge_ins == [turn.barge_in for turn in turns if turn.barge_in is not None]
    assert found.calls == len(calls)
    for name, node in found.nodes.items():
        totals = [each for one in calls for each in one.totals if each.node == name]
        assert node.items == sum(each.items for each in totals)
        assert node.queue == [sample for each in totals for sample in each.queue]
        assert len(node.path) == len(found.answers)


@settings(max_examples=25)
@given(few)
def test_the_shares_of_the_answer_add_up(calls: list[Timeline]) -> None:
    found = figures(calls)
    shares = [node.share for node in found.nodes.values() if node.share is not None]
    if any(part.seconds for each in calls for turn in each.turns if turn.answer is not None for part in turn.path):
        assert sum(shares) + found.nobody == pytest.approx(1.0)
    else:
        assert not any(shares)


def test_a_share_is_of_all_answers_together() -> None:
    found = figures([call(turn(1, stt=0.1, llm=0.3)), call(turn(1, stt=0.5, llm=0.1))])
    assert found.answers == pytest.approx([0.4, 0.6])
    assert found.nodes["stt"].path == pytest.approx([0.1, 0.5])
    assert found.nodes["stt"].share == pytest.approx(0.6)
    assert found.nodes["llm"].share == pytest.approx(0.4)
    assert found.nodes["tts"].share == 0.0


def test_what_no_node_took_is_told() -> None:
    found = figures([call(turn(1, stt=0.3, elsewhere=0.1))])
    assert found.nodes["stt"].share == pytest.approx(0.75)
    assert found.nobody == pytest.approx(0.25)


def test_a_greeting_is_no_answer() -> None:
    found = figures([call(Turn(turn=1, began=0.0, barge_in=0.02), turn(2, llm=0.5))])
    assert (found.answers, found.barge_ins) == ([0.5], [0.02])


def test_steps_stand_in_the_order_in_which_they_usually_happen() -> None:
    found = figures(plausible(20, seed=seed) for seed in range(3))
    assert list(found.steps) == [
        "pause noticed",
        "text final",
        "turn given",
        "first token",
        "first sentence",
        "first audio",
        "heard",
    ]


def test_a_step_that_is_not_ours_comes_last() -> None:
    steps = tuple(Part(node="", what=what, start=0.0, end=0.1) for what in ("thought", "heard", "text final"))
    found = figures([call(Turn(turn=1, began=0.0, speech_end=0.0, answer=0.3, steps=steps))])
    assert list(found.steps) == ["text final", "heard", "thought"]


def test_a_node_is_judged_by_its_first_output_or_if_it_gives_nothing_by_the_whole() -> None:
    totals = {
        "llm": Totals(node="llm", first=(0.2, 0.3), total=(1.0, 2.0)),
        "tts": Totals(node="tts", total=(0.7,)),
    }
    found = figures([call(**totals)])
    assert found.judged("llm") == [0.2, 0.3]
    assert found.judged("tts") == [0.7]
    assert found.judged("nobody") == []


@given(st.lists(st.floats(0, 100), min_size=1))
def test_a_spread_is_in_order(samples: list[float]) -> None:
    found = spread(samples)
    assert found is not None
    assert min(samples) <= found.p50 <= found.p95 <= found.p99 <= max(samples)
    assert found.count == len(samples)


def test_there_is_no_spread_of_nothing() -> None:
    assert spread([]) is None
