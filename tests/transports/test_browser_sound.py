"""The stream of sound to a page: to the sample, whatever comes when."""

from __future__ import annotations

from collections import Counter, deque
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.transports.page import Loudspeaker
from voicegraph.frames import TTSAudio
from voicegraph.transports.browser_sound import HEADER, PIECE, Stream

RATE = 16_000
SIZE = round(PIECE * RATE)


def sound(samples: int, turn: int = 1, *, must: bool = False) -> TTSAudio:
    return TTSAudio(turn.to_bytes(2, "little") * samples, rate=RATE, turn=turn, interruptible=not must)


def sent(stream: Stream) -> list[bytes]:
    messages: list[bytes] = []
    while (message := stream.next()) is not None:
        messages.append(message)
    return messages


def test_sound_goes_out_in_pieces_that_say_where_they_begin() -> None:
    stream = Stream(RATE, lead=1.0)
    stream.add(sound(2 * SIZE + 100))
    stream.add(sound(50, must=True))
    heads = [(*HEADER.unpack_from(message), (len(message) - HEADER.size) // 2) for message in sent(stream)]
    assert heads == [(0, 0, SIZE), (SIZE, 0, SIZE), (2 * SIZE, 0, 100), (2 * SIZE + 100, 1, 50)]


def test_no_more_is_sent_ahead_than_the_lead_until_some_is_played() -> None:
    stream = Stream(RATE, lead=2 * PIECE)
    stream.add(sound(5 * SIZE))
    assert len(sent(stream)) == 2
    assert stream.played(1, 0) == {1: 1 / RATE}
    assert len(sent(stream)) == 1
    assert sent(stream) == []
    assert stream.left == (5 * SIZE - 1) / RATE


def test_what_was_cleared_makes_room_at_once() -> None:
    stream = Stream(RATE, lead=2 * PIECE)
    stream.add(sound(5 * SIZE))
    sent(stream)
    stream.clear()
    assert stream.left == 0
    stream.add(sound(SIZE, turn=2))
    assert len(sent(stream)) == 1
    assert stream.played(2 * SIZE + 10, 1) == {2: 10 / RATE}  # the page has skipped the rest of the first turn


def test_what_the_page_plays_before_it_learns_of_a_clear_is_told() -> None:
    stream = Stream(RATE, lead=1.0)
    stream.add(sound(SIZE))
    sent(stream)
    assert stream.played(100, 0) == {1: 100 / RATE}
    stream.clear()
    assert stream.played(160, 0) == {1: 160 / RATE}
    assert stream.played(160, 1) == {}


def test_what_must_be_said_is_counted_behind_what_was_heard_when_it_was_cleared() -> None:
    stream = Stream(RATE, lead=1.0)
    stream.add(sound(SIZE))
    stream.add(sound(SIZE, must=True))
    sent(stream)
    stream.played(100, 0)
    stream.clear()
    assert stream.left == SIZE / RATE
    assert stream.played(160, 0) == {}  # heard, but the part that must be said moves up to where the clear was
    assert stream.played(SIZE + 10, 1) == {1: 110 / RATE}
    assert stream.played(2 * SIZE, 1) == {1: (100 + SIZE) / RATE}
    assert stream.left == 0


def test_a_page_that_goes_back_is_not_believed() -> None:
    stream = Stream(RATE, lead=1.0)
    stream.add(sound(SIZE))
    sent(stream)
    stream.played(200, 0)
    assert stream.played(100, 0) == {}
    assert stream.played(200, 0) == {}
    assert stream.left == (SIZE - 200) / RATE


@pytest.mark.parametrize(("position", "clears"), [(SIZE + 1, 0), (0, 1)])
def test_a_page_that_is_ahead_of_what_was_sent_is_told_so(position: int, clears: int) -> None:
    stream = Stream(RATE, lead=1.0)
    stream.add(sound(SIZE))
    sent(stream)
    with pytest.raises(ValueError, match=r"at .* of 640 samples"):
        stream.played(position, clears)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(1, 3 * SIZE), st.booleans()),
        st.tuples(st.just("deliver"), st.integers(1, 4), st.just(False)),
        st.tuples(st.just("play"), st.integers(1, 2 * SIZE), st.just(False)),
        st.tuples(st.just("report"), st.just(0), st.just(False)),
        st.tuples(st.just("clear"), st.just(0), st.just(False)),
    ),
    max_size=60,
)


@settings(max_examples=300, deadline=None)
@given(STEPS)
def test_at_the_end_it_is_known_what_was_heard_of_every_turn(steps: list[tuple[str, int, bool]]) -> None:
    """A wire with any delay both ways, each chunk a turn of its own: what is told is what the loudspeaker played."""
    stream, page, turns = Stream(RATE, lead=3 * PIECE), Loudspeaker(), count(1)
    wire: deque[bytes | None] = deque()  # None: a clear
    told: dict[int, float] = {}

    def deliver(messages: int) -> None:
        wire.extend(sent(stream))
        for _ in range(min(messages, len(wire))):
            message = wire.popleft()
            if message is None:
                report()  # what is played between the last report and a clear is not told
                page.clear()
            else:
                page.take(message)

    def report() -> None:
        told.update(stream.played(page.position, page.clears))

    for step, number, must in steps:
        if step == "add":
            stream.add(sound(number, turn=next(turns), must=must))
        elif step == "deliver":
            deliver(number)
        elif step == "play":
            page.play(number)
        elif step == "report":
            report()
        else:
            report()
            wire.extend(sent(stream))
            stream.clear()
            wire.append(None)
    while stream.left:
        before = stream.left
        deliver(len(wire) + 3)
        page.play(SIZE)
        report()
        assert stream.left < before or wire, "it hangs"
    deliver(len(wire))
    report()
    assert {turn: round(seconds * RATE) for turn, seconds in told.items()} == Counter(page.heard)
