"""Whether rounds differ: a difference that is there is found, and one that is not there as rarely as it is said."""

from __future__ import annotations

from itertools import combinations
from math import comb
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicegraph.observe.bench.shift import rounds_needed, shift

rounds = st.lists(st.floats(0.001, 10), min_size=4, max_size=9)


@pytest.mark.parametrize("sizes", [(4, 4), (5, 4), (5, 5), (6, 6)])
def test_of_all_ways_to_deal_out_the_same_rounds_no_more_seem_to_differ_than_it_says(sizes: tuple[int, int]) -> None:
    """Exact, for whatever distribution: under no difference, all these ways are equally likely."""
    old, new = sizes
    pooled = [1.0 + number * 0.01 for number in range(old + new)]
    for error in (0.3, 0.1, 0.05, 0.03):
        called = 0
        for chosen in combinations(range(old + new), old):
            then = [pooled[index] for index in chosen]
            now = [value for index, value in enumerate(pooled) if index not in chosen]
            found = shift(then, now, error)
            called += found is not None and found.certain
        assert called / comb(old + new, old) <= error
        assert called or rounds_needed(error) > min(sizes)


@pytest.mark.parametrize(("size", "critical"), [(4, 0), (5, 2), (6, 5), (7, 8), (8, 13), (10, 23)])
def test_it_is_the_test_of_mann_and_whitney(size: int, critical: int) -> None:
    """The table of its critical values, two-sided at 5 %: the interval leaves out so many differences at either end."""
    old = [0.0] * size
    new = [float(number) for number in range(size)]
    found = shift(old, new, 0.05)
    assert found is not None
    assert found.low == sorted(new * size)[critical]


def test_too_few_rounds_can_show_nothing() -> None:
    assert shift([1.0] * 3, [9.0] * 3, 0.05) is None
    assert shift([1.0], [9.0] * 50, 0.03) is None
    assert shift([], [1.0], 0.05) is None


def test_how_many_rounds_are_enough() -> None:
    assert [rounds_needed(error) for error in (0.05, 0.01, 0.001)] == [4, 5, 7]
    for error in (0.05, 0.01, 0.001):
        needed = rounds_needed(error)
        assert shift([1.0] * needed, [2.0] * needed, error) == (1.0, 1.0, 1.0)
        assert shift([1.0] * (needed - 1), [2.0] * (needed - 1), error) is None


@given(rounds, rounds)
def test_the_interval_holds_the_estimate_and_turns_around_with_its_sides(old: list[float], new: list[float]) -> None:
    there, back = shift(old, new, 0.1), shift(new, old, 0.1)
    assert (there is None) == (back is None)
    if there is not None and back is not None:
        assert there.low <= there.difference <= there.high
        assert (-back.high, -back.low) == (there.low, there.high)
        assert back.difference == pytest.approx(-there.difference)


@given(rounds)
def test_a_set_does_not_differ_from_itself(values: list[float]) -> None:
    found = shift(values, values, 0.2)
    assert found is not None
    assert not found.certain
    assert found.difference == pytest.approx(0.0)


@given(rounds, st.floats(-3, 3))
def test_a_constant_that_is_added_is_what_is_found(values: list[float], constant: float) -> None:
    found = shift(values, [value + constant for value in values], 0.2)
    assert found is not None
    assert found.difference == pytest.approx(constant, abs=1e-9)


def measured(random: Random, count: int, factor: float = 1.0) -> list[float]:
    """Medians of rounds on a machine with other things to do: mostly within some percent, now and then far above."""
    return [
        0.6 * factor * random.lognormvariate(0, 0.04) * (1.5 if random.random() < 0.05 else 1.0) for _ in range(count)
    ]


def test_in_noise_nothing_is_found_more_often_than_it_says() -> None:
    random = Random(7)
    found = [shift(measured(random, 7), measured(random, 7), 0.05) for _ in range(2_000)]
    called = sum(each is not None and each.certain for each in found)
    assert 0.02 < called / 2_000 < 0.06


@pytest.mark.parametrize("factor", [1.2, 1 / 1.2])
def test_a_fifth_slower_or_faster_is_found(factor: float) -> None:
    """At the strictness of a comparison of ten figures, though one round in twenty was disturbed."""
    random = Random(3)
    found = [shift(measured(random, 10), measured(random, 10, factor), 0.05 / 10) for _ in range(300)]
    right = sum(each is not None and (each.low > 0 if factor > 1 else each.high < 0) for each in found)
    assert right / 300 > 0.9
