"""The playback clock: nothing is heard that was not queued, in another order, or after a clear."""

from __future__ import annotations

from collections import defaultdict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from voicegraph.transports.playout import Playout

TICK = 1 / 64  # times and durations are multiples of it, so that sums are exact


class Listener(RuleBasedStateMachine):
    """Plays the same to a list of ticks, one entry per tick with the turn that is heard in it."""

    def __init__(self) -> None:
        super().__init__()
        self.playout = Playout()
        self.now = 100.0
        self.queue: list[int] = []
        self.expected: defaultdict[int, float] = defaultdict(float)
        self.queued: defaultdict[int, float] = defaultdict(float)
        self.heard: dict[int, float] = {}

    @rule(turn=st.integers(1, 3), ticks=st.integers(0, 20))
    def add(self, turn: int, ticks: int) -> None:
        assert self.playout.add(turn, ticks * TICK, self.now) == self.now + len(self.queue) * TICK
        self.queue += [turn] * ticks
        self.queued[turn] += ticks * TICK

    @rule(ticks=st.integers(0, 30))
    def wait(self, ticks: int) -> None:
        self.now += ticks * TICK
        for turn in self.queue[:ticks]:
            self.expected[turn] += TICK
        del self.queue[:ticks]

    @rule()
    def ask(self) -> None:
        self.note(self.playout.advance(self.now))

    @rule()
    def clear(self) -> None:
        self.note(self.playout.clear(self.now))
        self.queue.clear()
        assert self.playout.end <= self.now

    def note(self, news: dict[int, float]) -> None:
        for turn, seconds in news.items():
            assert self.heard.get(turn, 0.0) <= seconds <= self.queued[turn]
        self.heard |= news
        assert {t: s for t, s in self.heard.items() if s} == {t: s for t, s in self.expected.items() if s}

    @invariant()
    def the_end_is_known(self) -> None:
        assert max(self.playout.end, self.now) == self.now + len(self.queue) * TICK

    @invariant()
    def room_comes_when_the_rest_is_short_enough(self) -> None:
        lead = 5 * TICK
        assert max(self.playout.room_at(lead), self.now) == self.now + max(0, len(self.queue) - 5) * TICK


Listener.TestCase.settings = settings(max_examples=60, stateful_step_count=30)
TestListener = Listener.TestCase


def test_an_interrupt_in_the_middle_of_a_chunk() -> None:
    playout = Playout()
    playout.add(1, 2.0, now=0.0)
    playout.add(2, 1.0, now=0.0)
    assert playout.advance(0.5) == {1: 0.5}
    assert playout.clear(0.75) == {1: 0.75}
    assert playout.advance(9.0) == {}
    assert playout.add(3, 1.0, now=9.0) == 9.0
    assert playout.advance(9.25) == pytest.approx({3: 0.25})


@given(st.lists(st.floats(0, 30), min_size=1, max_size=30), st.floats(0, 1e6))
def test_what_is_heard_to_its_end_adds_up_exactly(lengths: list[float], now: float) -> None:
    playout = Playout()
    for seconds in lengths:
        playout.add(1, seconds, now)
    assert playout.advance(playout.end) == {1: sum(lengths)}
