"""Two results side by side: what is called a difference, what is not, and what cannot be compared at all."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.observe.bench.results import HERE, cost, plausible_result, result
from tests.observe.timelines import plausible
from voicegraph.errors import VoicegraphError
from voicegraph.observe.bench.compare import Comparison, Verdict, check, compare
from voicegraph.observe.bench.result import Caller, Result, Yardstick

OLD = Path("old.json")


def verdicts(comparison: Comparison) -> dict[str, Verdict]:
    return {each.figure.name: each.verdict for each in comparison.figures}


def refusal(**changes: object) -> str:
    old = plausible_result(2)
    with pytest.raises(VoicegraphError) as raised:
        check(replace(old, **changes), old, OLD)
    return str(raised.value)


def test_a_node_that_is_half_slower_is_found_and_so_is_the_answer_and_nothing_else() -> None:
    found = verdicts(compare(plausible_result(20), plausible_result(20, seed=100, slower={"llm": 1.5})))
    told = {name for name, verdict in found.items() if verdict != "alike"}
    assert told == {"answer", "llm: first output", "llm: part of the answer"}
    assert {found[name] for name in told} == {"more"}


def test_the_other_way_round_it_is_faster() -> None:
    found = verdicts(compare(plausible_result(20, slower={"llm": 2.0}), plausible_result(20, seed=100)))
    assert found["answer"] == "less"


def test_the_same_twice_is_alike() -> None:
    """Calls that differ by chance alone. One comparison in twenty may be wrong about one of its figures."""
    wrong = 0
    for seed in range(0, 4_000, 100):
        comparison = compare(plausible_result(6, seed=seed), plausible_result(6, seed=seed + 50))
        wrong += any(each.verdict != "alike" for each in comparison.figures)
    assert wrong <= 5


@settings(max_examples=20)
@given(st.integers(0, 1_000))
def test_a_result_is_like_itself(seed: int) -> None:
    made = plausible_result(6, seed=seed)
    assert set(verdicts(compare(made, made)).values()) == {"alike"}


def test_with_too_few_rounds_nothing_is_called() -> None:
    comparison = compare(plausible_result(3), plausible_result(3, seed=9, slower={"llm": 9.0}))
    assert set(verdicts(comparison).values()) == {"too few rounds"}
    needed = comparison.rounds_needed
    again = compare(plausible_result(needed), plausible_result(needed, seed=9, slower={"llm": 9.0}))
    assert verdicts(again)["answer"] == "more"


def test_where_there_is_no_noise_a_difference_that_nobody_cares_for_is_none() -> None:
    """As in virtual time, where each round is like the others."""
    then = result(*[(plausible(7),)] * 10)
    for factor, verdict in ((1.001, "alike"), (1.05, "more"), (0.95, "less")):
        now = result(*[(plausible(7, slower={"llm": factor}),)] * 10)
        assert verdicts(compare(then, now))["llm: part of the answer"] == verdict


def test_a_figure_that_one_of_them_has_not_in_every_round_is_not_compared() -> None:
    """Turn 6 is the first that is interrupted."""
    long, short = plausible(7), plausible(4)
    assert "barge_in" in verdicts(compare(result(*[(long,)] * 6), result(*[(long,)] * 6)))
    assert "barge_in" not in verdicts(compare(result(*[(long,)] * 6), result(*[(long,)] * 5, (short,))))


def test_cpu_is_compared_where_it_is_known() -> None:
    def of(factor: float, *, known: bool = True) -> dict[str, Verdict]:
        random = Random(5)
        calls = [plausible(4, seed=number) for number in range(8)]
        made = [
            (replace(call, cpu=call.seconds * 0.01 * factor * random.uniform(0.97, 1.03) if known else None),)
            for call in calls
        ]
        return verdicts(compare(result(*((call,) for call in calls)), result(*made)))

    assert of(1.0)["CPU"] in ("alike", "less")  # the calls of `plausible` take 0.011
    assert of(1.5)["CPU"] == "more"
    assert "CPU" not in of(1.0, known=False)


def cpu_of(factor: float, *, speed: float = 1.0) -> Result:
    """Ten rounds that take so much CPU, on a machine of which the yardstick says that it is so much slower."""
    random = Random(round(100 * factor))
    calls = [plausible(4, seed=number) for number in range(10)]
    taken = [(replace(call, cpu=call.seconds * 0.01 * factor * random.uniform(0.99, 1.01)),) for call in calls]
    return replace(result(*taken), yardsticks=(Yardstick(cpu=0.0015 * speed, wall=0.0015 * speed),) * 10)


@pytest.mark.parametrize(
    ("factor", "speed", "verdict"),
    [
        (1.02, 1.0, "alike"),  # less than any two runs differ
        (1.08, 1.0, "more"),
        (1.08, 1.05, "alike"),  # the machine was slower, too
        (1.08, 0.95, "alike"),
        (1.3, 1.05, "more"),
        (0.8, 1.05, "less"),
        (0.92, 0.96, "alike"),
    ],
)
def test_what_the_machine_itself_may_have_changed_is_no_difference(
    factor: float, speed: float, verdict: Verdict
) -> None:
    comparison = compare(cpu_of(1.0), cpu_of(factor, speed=speed))
    assert verdicts(comparison)["CPU"] == verdict
    assert comparison.slower == pytest.approx(speed - 1)


def test_virtual_time_knows_no_mood() -> None:
    slow = (Yardstick(cpu=0.003, wall=0.003),) * 10
    then, now = (
        replace(result(*[(plausible(7, slower={"llm": factor}),)] * 10), mode="virtual") for factor in (1.0, 1.05)
    )
    then = replace(then, yardsticks=(Yardstick(cpu=0.0015, wall=0.0015),) * 10)
    assert verdicts(compare(then, replace(now, yardsticks=slow)))["llm: part of the answer"] == "more"
    live = replace(then, mode="live"), replace(now, yardsticks=slow, mode="live")
    assert verdicts(compare(*live))["llm: part of the answer"] == "alike"


def test_a_node_alone_is_compared_by_what_it_takes_of_a_frame() -> None:
    def of(own: float) -> dict[str, Verdict]:
        random = Random(2)
        costs = tuple(cost(own * random.uniform(0.98, 1.02)) for _ in range(8))
        return dict(
            verdicts(
                compare(
                    replace(plausible_result(8), costs=tuple(cost(1e-5 * random.uniform(0.98, 1.02)) for _ in costs)),
                    replace(plausible_result(8), costs=costs),
                )
            )
        )

    assert of(1.2e-5)["own time"] == "more"
    assert of(1e-5)["own time"] == "alike"
    assert of(1.2e-5)["framework"] == "alike"
    assert "CPU" not in of(1e-5)


def test_what_has_changed_in_the_graph_is_told() -> None:
    then, now = plausible_result(2), plausible_result(2)
    assert compare(then, now).changed == ()
    changed = compare(then, replace(now, plan=then.plan.replace("openai.chat", "llama.chat"))).changed
    assert changed == ("-  llm: openai.chat", "+  llm: llama.chat")


def test_versions_of_voicegraph_may_differ() -> None:
    then = replace(plausible_result(2), machine=replace(HERE, voicegraph="0.6.0"))
    check(then, plausible_result(2), OLD)
    assert compare(then, plausible_result(2)).versions == ("0.6.0", "0.7.0")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"graph": "back-desk"}, "it is of `back-desk`, and this is `front-desk`"),
        ({"nodes": ("line", "stt")}, "had other nodes and wires then: without aggregator, llm"),
        ({"wires": (("line", "tts"),)}, "and with line -> tts"),
        ({"machine": replace(HERE, processor="B CPU")}, "another machine (processor B CPU, here A CPU)"),
        ({"machine": replace(HERE, cores=64)}, "another machine (cores 64, here 2)"),
        ({"machine": replace(HERE, python="CPython 3.13.0")}, "another machine (python"),
        ({"mode": "virtual"}, "measured in virtual time (--virtual), and this is in real time"),
        ({"emulated": True}, "with emulated vendors (--emulate), and this is in real time"),
        ({"caller": Caller(told="other.wav", digest="x")}, "there the caller was other.wav, and here question.wav"),
    ],
)
def test_results_that_have_nothing_to_do_with_each_other_are_refused(changes: dict[str, object], words: str) -> None:
    told = refusal(**changes)
    assert told.startswith("cannot compare with old.json: ")
    assert words in told


def test_every_reason_is_told_at_once() -> None:
    told = refusal(graph="other", mode="fast", machine=replace(HERE, cores=1))
    assert told.count(";") == 2
