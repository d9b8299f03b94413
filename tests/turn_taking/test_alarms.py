"""Deadlines: each at most once, the first one first, none before its time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from voicegraph.turn_taking.alarms import Alarms


def test_the_first_is_taken_first_and_once() -> None:
    alarms = Alarms[str]()
    assert (alarms.next, alarms.take(9.0)) == (None, None)
    alarms.set("late", 2.0)
    alarms.set("early", 1.0)
    assert alarms.next == 1.0
    assert [alarms.take(2.0) for _ in range(3)] == ["early", "late", None]


def test_none_goes_off_before_its_time() -> None:
    alarms = Alarms[str]()
    alarms.set("it", 1.0)
    assert alarms.take(0.999) is None
    assert alarms.take(1.0) == "it"


def test_setting_again_moves_and_dropping_forgets() -> None:
    alarms = Alarms[str]()
    alarms.set("it", 1.0)
    alarms.set("it", 2.0)
    assert alarms.next == 2.0
    assert "it" in alarms
    alarms.drop("it", "another")
    assert "it" not in alarms
    assert alarms.take(9.0) is None


@given(st.dictionaries(st.integers(), st.floats(0, 100)), st.floats(0, 100))
def test_what_is_due_comes_in_order_and_the_rest_stays(deadlines: dict[int, float], now: float) -> None:
    alarms = Alarms[int]()
    for alarm, at in deadlines.items():
        alarms.set(alarm, at)
    taken: list[int] = []
    while (due := alarms.take(now)) is not None:
        taken.append(due)
    assert sorted(taken) == sorted(alarm for alarm, at in deadlines.items() if at <= now)
    assert [deadlines[alarm] for alarm in taken] == sorted(deadlines[alarm] for alarm in taken)
    assert alarms.next == min((at for at in deadlines.values() if at > now), default=None)
