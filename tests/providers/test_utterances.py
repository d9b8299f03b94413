"""Utterances: what is read, when, and under which name. No model, no clock."""

from __future__ import annotations

import array
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicegraph.frames import Audio, SpeechStarted, SpeechStopped
from voicegraph.providers.utterances import Excerpt, Utterances

RATE = 16_000
TICK = 1600
"""Samples of a chunk: 0.1 s. All times in these tests are multiples of it."""


@cache
def numbered(position: int) -> Audio:
    """A chunk whose samples say which chunk they are of."""
    return Audio(array.array("h", [position // TICK] * TICK).tobytes(), RATE, position / RATE)


def chunks_of(excerpt: Excerpt) -> list[int]:
    """The chunks that an excerpt has in it."""
    samples = array.array("h", excerpt.pcm)
    assert len(samples) % TICK == 0
    return list(samples[::TICK])


@dataclass
class Call:
    """Speech from here to there, in tenths of a second; the VAD tells each two tenths late."""

    utterances: Utterances
    speech: tuple[tuple[int, int], ...]
    length: int
    late: int = 2

    def run(self) -> list[Excerpt]:
        read: list[Excerpt] = []
        for tick in range(self.length):
            for begin, end in self.speech:
                if tick == begin + self.late:
                    self.utterances.hear(SpeechStarted(begin / 10))
                if tick == end + self.late:
                    self.utterances.hear(SpeechStopped(end / 10, tick / 10))
            self.utterances.hear(numbered(tick * TICK))
            if excerpt := self.utterances.due():
                read.append(excerpt)
        self.utterances.end()
        while excerpt := self.utterances.due():
            read.append(excerpt)
        assert self.utterances.over
        return read


def utterances(*, pre_roll: float = 0.3, join: float = 1.0, partials: float | None = None) -> Utterances:
    return Utterances(pre_roll=pre_roll, join=join, partials=partials)


def finals(*speech: tuple[int, int], length: int = 100, join: float = 1.0) -> list[Excerpt]:
    return Call(utterances(join=join), speech, length).run()


def test_an_utterance_is_read_with_its_pre_roll_and_tail() -> None:
    (excerpt,) = finals((20, 40))
    assert (excerpt.start, excerpt.end, excerpt.final) == (2.0, 4.0, True)
    assert chunks_of(excerpt) == list(range(17, 42))  # the tail as far as it has been heard


def test_speech_that_begins_with_the_call_has_no_pre_roll() -> None:
    (excerpt,) = finals((0, 10))
    assert chunks_of(excerpt)[0] == 0


def test_silence_is_never_read() -> None:
    assert finals() == []


def test_what_goes_on_soon_is_the_same_utterance() -> None:
    first, second = finals((20, 40), (45, 60))
    assert (first.start, first.end) == (2.0, 4.0)
    assert (second.start, second.end) == (2.0, 6.0)
    assert chunks_of(second) == list(range(17, 62))


def test_what_comes_later_is_another_utterance() -> None:
    first, second = finals((20, 40), (60, 70))
    assert (first.start, second.start) == (2.0, 6.0)
    assert chunks_of(second)[0] == 57


def test_the_pause_that_joins_is_configured() -> None:
    assert {excerpt.start for excerpt in finals((20, 40), (45, 60), join=0.3)} == {2.0, 4.5}


def test_a_long_utterance_is_not_read_anew() -> None:
    """Nor is its end a part of the next one."""
    first, second = finals((0, 130), (132, 140), length=200)
    assert (first.start, second.start) == (0.0, 13.2)
    assert chunks_of(second)[0] == 130


def test_an_end_that_was_not_read_before_speech_goes_on_is_not_read_at_all() -> None:
    heard = utterances()
    heard.hear(numbered(0))
    heard.hear(SpeechStarted(0.0))
    heard.hear(SpeechStopped(0.1, 0.1))
    heard.hear(SpeechStarted(0.2))
    assert heard.due() is None
    heard.hear(SpeechStopped(0.4, 0.4))
    final = heard.due()
    assert final is not None
    assert (final.start, final.end) == (0.0, 0.4)
    assert heard.due() is None


def test_an_end_that_is_being_read_goes_on() -> None:
    heard = utterances()
    heard.hear(numbered(0))
    heard.hear(SpeechStarted(0.0))
    heard.hear(SpeechStopped(0.1, 0.1))
    final = heard.due()
    assert final is not None
    assert not heard.goes_on(final)
    heard.hear(SpeechStarted(0.2))
    assert heard.goes_on(final)


def test_partials_grow_and_come_rarer() -> None:
    read = Call(utterances(partials=0.3), ((10, 90),), 100).run()
    partials = [excerpt for excerpt in read if not excerpt.final]
    ends = [round(10 * excerpt.end) for excerpt in partials]
    gaps = [after - before for before, after in pairwise(ends)]
    assert ends[0] == 13
    assert gaps[0] == 3
    assert gaps[-1] == 8  # a tenth of 7.5 s, in whole chunks
    assert gaps == sorted(gaps)
    assert {excerpt.start for excerpt in partials} == {1.0}
    assert all(chunks_of(excerpt)[0] == 7 for excerpt in partials)
    assert [excerpt.final for excerpt in read].count(True) == 1


def test_every_utterance_is_heard_a_while_before_its_first_partial() -> None:
    read = Call(utterances(partials=0.3), ((10, 12), (60, 80)), 100, late=1).run()
    first = next(excerpt for excerpt in read if excerpt.start == 6.0)
    assert first.end == pytest.approx(6.3)


def test_there_are_no_partials_of_a_long_utterance() -> None:
    read = Call(utterances(partials=0.3), ((0, 200),), 250).run()
    assert max(excerpt.end for excerpt in read if not excerpt.final) <= 12.0


def test_an_endless_utterance_is_cut_and_nothing_of_it_lost() -> None:
    read = finals((0, 700), length=720)
    assert [(excerpt.start, excerpt.end) for excerpt in read] == [(0.0, 28.0), (28.0, 56.0), (56.0, 70.0)]
    for before, after in pairwise(read):
        assert chunks_of(after)[0] == round(10 * before.end)


def test_the_end_of_the_call_ends_the_utterance() -> None:
    (excerpt,) = finals((20, 999), length=50)
    assert (excerpt.start, excerpt.end, excerpt.final) == (2.0, 5.0, True)


def test_audio_lost_on_its_way_leaves_silence_in_its_place() -> None:
    heard = utterances()
    heard.hear(SpeechStarted(0.0))
    for tick in (1, 2, 6, 7):
        heard.hear(numbered(tick * TICK))
    heard.hear(SpeechStopped(0.8, 0.8))
    excerpt = heard.due()
    assert excerpt is not None
    assert chunks_of(excerpt) == [1, 2, 0, 0, 0, 6, 7]


def test_sound_that_jumps_far_ahead_does_not_fill_the_memory() -> None:
    heard = utterances()
    heard.hear(numbered(0))
    heard.hear(SpeechStarted(0.0))
    heard.hear(numbered(10_000 * TICK))
    heard.end()
    excerpt = heard.due()
    assert excerpt is not None
    assert len(excerpt.pcm) < 30 * 2 * RATE


def test_hours_of_silence_are_forgotten() -> None:
    heard = utterances()
    for tick in range(3000):
        heard.hear(numbered(tick * TICK))
    heard.hear(SpeechStarted(0.0))  # of long ago
    heard.end()
    excerpt = heard.due()
    assert excerpt is not None
    assert len(excerpt.pcm) <= 2 * 2 * RATE


@pytest.mark.parametrize("join", [0.0, 0.5, 1.0])
@settings(max_examples=40, deadline=None)
@given(lengths=st.lists(st.integers(1, 90), max_size=8), late=st.integers(0, 4))
def test_every_final_holds_all_of_its_speech(join: float, lengths: list[int], late: int) -> None:
    """Speech and silence by turns. Each last version of an utterance has its audio in order and whole, and together
    they have all that was said."""
    edges = [sum(lengths[:index]) for index in range(len(lengths) + 1)]
    speech = tuple(zip(edges[1::2], edges[2::2], strict=False))
    read = Call(utterances(join=join, partials=0.3), speech, edges[-1] + 10, late).run()
    last = {excerpt.start: excerpt for excerpt in read if excerpt.final}
    said = [tick for begin, end in speech for tick in range(begin, end)]
    heard = [tick for excerpt in last.values() for tick in chunks_of(excerpt)]
    assert set(said) <= set(heard)
    for excerpt in read:
        chunks = chunks_of(excerpt)
        assert chunks == list(range(chunks[0], chunks[-1] + 1))
        assert excerpt.start <= excerpt.end
        assert len(excerpt.pcm) <= 30 * 2 * RATE
    ordered = sorted(last.values(), key=lambda excerpt: excerpt.start)
    assert all(before.end <= after.start for before, after in pairwise(ordered))
