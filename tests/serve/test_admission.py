"""Who gets a place, and how late the loop is."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicegraph.serve.admission import COMES_WITHIN, Admission, LoopLag
from voicegraph.serve.limits import Limits
from voicegraph.testing.virtual import run_virtual


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


def test_who_was_told_to_come_may_come_while_the_server_drains() -> None:
    desk = Desk()
    desk.admission.expect()
    desk.admission.closed = "draining"
    assert desk.admission.refusal() == "draining"
    assert desk.admission.enter() is None
    assert desk.admission.enter() == "draining"
    desk.admission.expect()
    desk.admission.shut()
    assert desk.admission.enter() == "draining"


def test_draining_waits_for_who_is_on_and_for_who_is_expected() -> None:
    async def drain() -> list[float]:
        now = asyncio.get_running_loop().time
        admission, empty = Admission(Limits(), lambda: 0.0, now), list[float]()
        admission.closed = None

        async def wait() -> None:
            await admission.empty()
            empty.append(now())

        await wait()
        admission.expect()  # and never comes
        waiting = asyncio.create_task(wait())
        await asyncio.sleep(1)
        admission.enter()
        await asyncio.sleep(30)
        admission.leave()
        await waiting
        admission.expect()
        await wait()
        return empty

    assert run_virtual(drain()) == [pytest.approx(at, abs=0.01) for at in (0.0, 31.0, 31.0 + COMES_WITHIN)]


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
