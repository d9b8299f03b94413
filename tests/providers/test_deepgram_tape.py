"""What is sent again after a loss, and where in the call it belongs."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from voicegraph.frames import Audio
from voicegraph.providers.deepgram_tape import JITTER, LIMIT, Reel, Tape

RATE = 8_000
MARK = "mark"


def sound(first: int, samples: int) -> Audio:
    """Samples that tell their own position, in steps that a 16-bit number holds."""
    pcm = b"".join((n % 60_000).to_bytes(2, "little") for n in range(first, first + samples))
    return Audio(pcm, RATE, first / RATE)


def played(reel: Reel) -> tuple[list[int], int]:
    """The samples that are to be sent, by their position, and how many marks."""
    samples: list[int] = []
    marks = 0
    while (message := reel.next()) is not None:
        if isinstance(message, str):
            marks += 1
        else:
            samples += [int.from_bytes(message[n : n + 2], "little") for n in range(0, len(message), 2)]
    return samples, marks


gaps = st.one_of(st.just(0), st.integers(1, 3 * RATE))
pieces = st.lists(st.tuples(gaps, st.integers(1, 800)), min_size=1, max_size=40)


@given(pieces, st.data())
def test_every_sample_is_sent_once_and_its_place_is_known(spans: list[tuple[int, int]], data: st.DataObject) -> None:
    tape = Tape(RATE)
    reel = tape.reel()
    sent: list[int] = []
    at = 0
    expected: list[int] = []
    for gap, samples in spans:
        at += gap
        tape.keep(sound(at, samples))
        expected += range(at, at + samples)
        at += samples
        if data.draw(st.booleans()):
            sent += played(reel)[0]
    sent += played(reel)[0]
    assert sent == [n % 60_000 for n in expected]
    near = round(JITTER * RATE)
    for index in data.draw(st.lists(st.integers(0, len(sent) - 1), max_size=20)):
        begins, ends = reel.position(index / RATE), reel.end_position((index + 1) / RATE)
        assert any(abs(begins - each / RATE) <= 2 * JITTER for each in expected[index : index + near + 1])
        assert any(abs(ends - (each + 1) / RATE) <= 2 * JITTER for each in expected[max(0, index - near) : index + 1])


@given(pieces, st.integers(0, 10 * RATE), st.integers(0, 40))
def test_a_new_connection_gets_what_is_not_forgotten(spans: list[tuple[int, int]], until: int, before: int) -> None:
    tape = Tape(RATE)
    old = tape.reel()
    at = 0
    expected: list[int] = []
    for index, (gap, samples) in enumerate(spans):
        at += gap
        tape.keep(sound(at, samples))
        expected += range(at, at + samples)
        at += samples
        if index == before:
            played(old)
    tape.forget(until / RATE)
    kept = [n % 60_000 for n in expected if n >= until]
    assert played(tape.reel())[0] == kept
    assert tape.done == until / RATE
    assert set(played(old)[0]) <= set(kept)


@given(st.lists(st.integers(1, 400), min_size=1, max_size=30), st.data())
def test_a_mark_stays_where_it_is_until_the_sound_before_it_is_forgotten(sizes: list[int], data: st.DataObject) -> None:
    tape = Tape(RATE)
    place = data.draw(st.integers(0, len(sizes) - 1))
    at = 0
    for index, samples in enumerate(sizes):
        tape.keep(sound(at, samples))
        at += samples
        if index == place:
            tape.mark(MARK)
    reel = tape.reel()
    before = 0
    while (message := reel.next()) != MARK:
        assert isinstance(message, bytes)
        before += len(message) // 2
    assert before == sum(sizes[: place + 1])
    tape.forget(before / RATE)
    assert played(tape.reel()) == ([n % 60_000 for n in range(before, at)], 0)


def test_the_end_is_said_once_behind_everything_on_each_connection() -> None:
    tape = Tape(RATE)
    tape.keep(sound(0, 100))
    tape.end = "end"
    for _ in range(2):
        reel = tape.reel()
        assert not reel.ended
        assert reel.next() is not None
        assert (reel.next(), reel.next(), reel.ended) == ("end", None, True)


def test_no_empty_message_goes_out() -> None:
    """It would end the stream."""
    tape = Tape(RATE)
    tape.keep(Audio(b"", RATE, 0.0))
    assert tape.reel().next() is None


def test_silence_of_our_own_shifts_no_position() -> None:
    tape = Tape(RATE)
    reel = tape.reel()
    tape.keep(sound(0, RATE))
    played(reel)
    assert len(reel.silence(0.5)) == RATE
    tape.keep(sound(5 * RATE, RATE))
    played(reel)
    assert (reel.position(0.5), reel.position(1.5), reel.position(2.0)) == (0.5, 5.0, 5.5)


def test_what_ends_at_a_gap_ends_before_it_and_what_begins_there_begins_behind_it() -> None:
    tape = Tape(RATE)
    reel = tape.reel()
    tape.keep(sound(0, RATE))
    tape.keep(sound(3 * RATE, RATE))
    played(reel)
    for rounding in (-0.001, 0.0, 0.001):
        assert reel.end_position(1.0 + rounding) == 1.0 + rounding
        assert reel.position(1.0 + rounding) == 3.0 + rounding


def test_it_is_bounded() -> None:
    tape = Tape(RATE)
    for second in range(round(LIMIT) + 10):
        tape.keep(sound(second * RATE, RATE))
    reel = tape.reel()
    samples, _ = played(reel)
    assert len(samples) == LIMIT * RATE
    assert reel.position(0.0) == 10.0
    assert tape.head == LIMIT + 10
