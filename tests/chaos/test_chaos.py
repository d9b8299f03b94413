"""Calls in which anything may go wrong, in virtual time. `python -m benchmarks.chaos` makes ten thousand of them."""

from __future__ import annotations

import pytest

from tests.chaos.calls import call
from tests.chaos.drawing import FAULTS, Stage, recommended, single, wild
from tests.chaos.oracles import dead_air, judge, score

CALLS = 10
LONGEST = 0.75
"""Seconds of silence that a voice's fault adds in any call. How it is in most of them, the benchmark tells."""
STRICKEN = [(stage, kind) for stage in FAULTS for kind in FAULTS[stage]]


@pytest.mark.parametrize("block", range(8))
def test_whatever_goes_wrong_the_call_goes_on_or_ends_as_declared(block: int) -> None:
    seeds = range(block * CALLS, (block + 1) * CALLS)
    found = {seed: wrong for seed in seeds if (wrong := judge(call(wild(seed))))}
    assert not found, "see it with `python -m benchmarks.chaos --seed SEED`"


@pytest.mark.parametrize(("stage", "kind"), STRICKEN)
def test_one_fault_costs_no_word(stage: Stage, kind: str) -> None:
    recover = recommended()
    for seed in range(3):
        evidence = call(single(seed, stage, kind, recover, aligned=seed % 2 == 0))
        assert judge(evidence) == []
        assert score(evidence).lost == 0
        assert not score(evidence).call_lost


@pytest.mark.parametrize("kind", FAULTS["tts"])
def test_one_fault_of_a_voice_is_a_short_silence(kind: str) -> None:
    recover = recommended()
    for seed in range(10, 12):
        chaos = single(seed, "tts", kind, recover)
        assert dead_air(call(chaos)) - dead_air(call(chaos.well())) <= LONGEST


def test_a_seed_is_a_call() -> None:
    one, other = call(wild(7)), call(wild(7))
    assert one.frames == other.frames
    assert one.heard.stretches
    assert [each.pcm for each in one.heard.stretches] == [each.pcm for each in other.heard.stretches]
