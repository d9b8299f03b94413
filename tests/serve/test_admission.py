"""Who gets a place, and how late the loop is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicegraph.serve.admission import COMES_WITHIN, Admission, LoopLag
from voicegraph.serve.limits import Limits


class Desk:
    """An admission whose clock and lag are a test's."""

    def __init__(self, max_calls: int = 2) -> None:
        self.time = 0.0
        self.lag = 0.0
        self.admission = Admission(Limits(max_calls=max_calls), lambda: self.lag, lambda: self.time)
        self.admission.closed = None


def test_nobody_before_the_start_and_nobody_new_at_the_end() -> None:
    admission = Admission(Limits(), lambda: 0.0, lambda: 0.0)
    assert (admission.refusal(), admission.enter()) == ("starting", "starting")
    admission.closed = "draining"
    assert (admission.refusal(), admission.enter()) == ("draining", "draining")
    assert admission.on == 0


def test_a_late_loop_takes_nobody_who_was_not_told_to_come() -> None:
    desk = Desk()
    desk.admission.expect()
    desk.lag = 0.051
    assert desk.admission.refusal() == "overloaded"
    assert desk.admission.enter() is None
    assert desk.admission.enter() == "overloaded"


def test_a_place_is_kept_for_who_was_told_to_come() -> None:
    desk = Desk(max_calls=1)
    desk.admission.expect()
    assert desk.admission.refusal() == "busy"
    assert desk.admission.enter() is None
    desk.admission.leave()
    desk.admission.expect()
    desk.time = COMES_WITHIN + 0.001
    assert desk.admission.refusal() is None, "they did not come"
    desk.admission.expect()
    desk.admission.expect_no_more()
    assert desk.admission.refusal() is None


@given(st.lists(st.sampled_from(["ask", "come", "leave", "wait"]), max_size=60), st.integers(1, 4))
def test_never_more_calls_than_places_and_whoever_was_told_to_come_may(steps: list[str], places: int) -> None:
    desk = Desk(places)
    invited = 0
    for step in steps:
        if step == "ask" and desk.admission.refusal() is None:
            desk.admission.expect()
            invited += 1
        elif step == "come":
            refused = desk.admission.enter()
            assert refused is None or not invited
            invited = max(0, invited - 1)
        elif step == "leave" and desk.admission.on:
            desk.admission.leave()
        elif step == "wait":
            desk.time += COMES_WITHIN + 1
            invited = 0
        assert desk.admission.on <= places


@pytest.mark.parametrize(
    ("lates", "refused"),
    [
        ([0.0] * 100, False),
        ([0.1], False),
        ([0.1] * 20, True),
        ([0.06] * 100, True),
        ([0.4], False),
        ([1.0], True),
        ([1.0] + [0.0] * 150, False),
    ],
    ids=[
        "in time",
        "one pause",
        "pauses",
        "always a bit late",
        "calls that begin together",
        "a long pause",
        "long over",
    ],
)
def test_when_a_loop_is_too_late(lates: list[float], refused: bool) -> None:
    lag = LoopLag()
    for late in lates:
        lag.note(late)
    assert (lag.seconds > Limits().max_lag) is refused
