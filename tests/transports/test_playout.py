"""The playback clock: every sample is heard once, in order, when it should be, and none that was dropped."""

from __future__ import annotations

from array import array
from math import inf

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from voicegraph.frames import TTSAudio
from voicegraph.transports.playout import Playout

RATES = st.sampled_from([7, 8_000, 22_050, 44_100])
TIMES = st.floats(0, 1e6)
WAITS = st.floats(0, 60) | st.integers(0, 60).map(float)
"""In samples."""


class Tape:
    """What a playout tells of what is heard: the sample of each moment, and how much of each turn."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.samples: dict[int, int] = {}
        self.turns: dict[int, int] = {}

    def hear(self, at: float, turn: int, pcm: bytes) -> None:
        assert pcm
        sound = array("h", pcm)
        first = round(at * self.rate)
        assert first > max(self.samples, default=-1), "two samples at one time, or one before another"
        self.samples.update(enumerate(sound, first))
        self.turns[turn] = self.turns.get(turn, 0) + len(sound)


class Listener(RuleBasedStateMachine):
    """Plays the same sample by sample. Every sample that is added is another number, so none can stand for another."""

    @initialize(rate=RATES, now=TIMES)
    def begin(self, rate: int, now: float) -> None:
        self.rate, self.now = rate, now
        self.tape = Tape(rate)
        self.playout = Playout(rate, self.tape.hear)
        self.added = 0
        self.queue: list[tuple[int, bool]] = []  # (sample, whether it may be dropped)
        self.must: list[int] = []
        self.expected: dict[int, int] = {}
        self.paused = False
        self.told: dict[int, float] = {}

    @property
    def tick(self) -> int:
        return round(self.now * self.rate)

    @rule(turn=st.integers(1, 3), samples=st.integers(0, 40), interruptible=st.booleans())
    def add(self, turn: int, samples: int, interruptible: bool) -> None:
        sound = range(self.added, self.added + samples)
        self.added += samples
        pcm = array("h", sound).tobytes()
        self.playout.add(TTSAudio(pcm, rate=self.rate, turn=turn, interruptible=interruptible), self.now)
        self.queue += [(sample, interruptible) for sample in sound]
        self.must += [] if interruptible else sound

    @rule(samples=WAITS)
    def wait(self, samples: float) -> None:
        before = self.tick
        self.now += samples / self.rate
        if not self.paused:
            heard = self.queue[: self.tick - before]
            self.expected.update(zip(range(before, self.tick), (sample for sample, _ in heard), strict=False))
            del self.queue[: len(heard)]

    @rule()
    def ask(self) -> None:
        self.note(self.playout.advance(self.now))

    @rule()
    def clear(self) -> None:
        self.note(self.playout.clear(self.now))
        self.queue = [(sample, may) for sample, may in self.queue if not may]

    @rule()
    def pause(self) -> None:
        self.note(self.playout.pause(self.now))
        self.paused = True

    @rule()
    def resume(self) -> None:
        self.playout.resume(self.now)
        self.paused = False

    @precondition(lambda self: self.queue and not self.paused)
    @rule()
    def hear_all(self) -> None:
        assert round(self.playout.end * self.rate) == self.tick + len(self.queue)
        self.wait((self.playout.end - self.now) * self.rate)
        assert not self.queue
        self.ask()

    def note(self, news: dict[int, float]) -> None:
        """All news is of what was heard since the last, and it is what was recorded."""
        assert self.tape.samples == self.expected
        heard = {turn: samples / self.rate for turn, samples in self.tape.turns.items()}
        assert news == {turn: seconds for turn, seconds in heard.items() if seconds != self.told.get(turn)}
        self.told = heard

    @invariant()
    def room_comes_when_the_rest_is_short_enough(self) -> None:
        for lead in (0, 5):
            room, excess = self.playout.room_at(lead / self.rate), len(self.queue) - lead
            if excess <= 0:
                assert room == -inf or round(room * self.rate) <= self.tick
            else:
                assert room == inf if self.paused else round(room * self.rate) == self.tick + excess

    def teardown(self) -> None:
        if hasattr(self, "playout"):
            self.resume()
            self.wait(len(self.queue) + 1)
            self.ask()
            heard = list(self.tape.samples.values())
            assert heard == sorted(heard)
            assert set(heard) >= set(self.must)


Listener.TestCase.settings = settings(max_examples=100, stateful_step_count=30)
TestListener = Listener.TestCase


def sound(first: int, samples: int, turn: int = 1, *, must: bool = False) -> TTSAudio:
    """At 8 Hz: samples that count up."""
    pcm = array("h", range(first, first + samples)).tobytes()
    return TTSAudio(pcm, rate=8, turn=turn, interruptible=not must)


def heard(tape: Tape) -> list[tuple[int, int]]:
    return sorted(tape.samples.items())


def test_a_pause_is_a_gap_and_nothing_else() -> None:
    playout = Playout(8, (tape := Tape(8)).hear)
    playout.add(sound(0, 8), now=0.0)
    assert playout.pause(0.5) == {1: 0.5}
    assert playout.pause(1.0) == {}
    assert (playout.end, playout.room_at(0.25), playout.room_at(0.5)) == (inf, inf, -inf)
    assert playout.advance(9.0) == {}
    playout.resume(10.0)
    playout.resume(10.125)
    assert playout.end == 10.5
    assert playout.advance(20.0) == {1: 1.0}
    assert heard(tape) == [(0, 0), (1, 1), (2, 2), (3, 3), (80, 4), (81, 5), (82, 6), (83, 7)]


def test_an_interrupt_cuts_at_the_sample_and_what_must_be_said_moves_up() -> None:
    playout = Playout(8, (tape := Tape(8)).hear)
    for piece in (sound(0, 8), sound(10, 8), sound(20, 2, must=True), sound(30, 8, turn=2), sound(40, 1, 2, must=True)):
        playout.add(piece, now=0.0)
    assert playout.clear(0.25) == {1: 0.25}
    assert playout.end == 0.625
    assert playout.advance(9.0) == {1: 0.5, 2: 0.125}
    assert heard(tape) == [(0, 0), (1, 1), (2, 20), (3, 21), (4, 40)]


def test_what_must_be_said_goes_on_through_an_interrupt_without_a_gap() -> None:
    playout = Playout(8, (tape := Tape(8)).hear)
    playout.add(sound(0, 4, must=True), now=0.0)
    playout.add(sound(10, 4), now=0.0)
    playout.add(sound(20, 1, must=True), now=0.0)
    assert playout.clear(0.25) == {1: 0.25}
    assert playout.advance(9.0) == {1: 0.625}
    assert heard(tape) == [(0, 0), (1, 1), (2, 2), (3, 3), (4, 20)]


def test_a_clear_does_not_end_a_pause() -> None:
    playout = Playout(8, (tape := Tape(8)).hear)
    playout.add(sound(0, 8), now=0.0)
    playout.add(sound(10, 1, must=True), now=0.0)
    playout.pause(0.25)
    assert playout.clear(0.5) == {}
    assert playout.end == inf
    playout.resume(1.0)
    playout.advance(2.0)
    assert heard(tape) == [(0, 0), (1, 1), (8, 10)]


@given(RATES, st.lists(st.integers(0, 3_000), min_size=1, max_size=30), TIMES, st.lists(st.floats(0, 1), max_size=9))
def test_what_is_heard_to_its_end_adds_up_exactly(
    rate: int, lengths: list[int], now: float, waits: list[float]
) -> None:
    playout = Playout(rate)
    for samples in lengths:
        playout.add(TTSAudio(bytes(2 * samples), rate=rate, turn=1), now)
    told = [0.0]
    for wait in waits:
        now += wait
        told += playout.advance(now).values()
    told += playout.advance(max(now, playout.end)).values()
    assert told == sorted(set(told))
    assert told[-1] == sum(lengths) / rate
