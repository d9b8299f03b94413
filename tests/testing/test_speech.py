"""Simulated speech: what is in the sound is heard, whole or in pieces, and nothing else is."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voicegraph.testing.blocks import block_size
from voicegraph.testing.recoder import Recoder
from voicegraph.testing.speech import Block, Ear, hear, murmur, utter, utter_words

RATES = [8_000, 11_025, 16_000, 22_050, 24_000, 44_100, 48_000]
TEXT = "Good morning, this is Oak Dental. How can I help you?"

texts = st.text(max_size=120)
rates = st.sampled_from(RATES)
origins = st.integers(0, 65_535)


def words(pcm: bytes, rate: int) -> list[str]:
    return [word.text for word in hear(pcm, rate)]


def blocks(pcm: bytes, rate: int) -> list[Block]:
    ear = Ear(rate)
    return [*ear.feed(pcm, 0.0), *ear.flush()]


@given(text=texts, rate=rates, origin=origins)
def test_any_text_is_heard_as_it_was_said(text: str, rate: int, origin: int) -> None:
    heard = hear(utter(text, rate=rate, origin=origin), rate)
    assert [word.text for word in heard] == text.split()
    assert {word.origin for word in heard} <= {origin}
    assert all(before.end - 1e-6 <= word.start < word.end for before, word in pairwise(heard))


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("word", ["x" * 2_000, "語" * 700, "\0\0nul\0", "\ud800", "👩‍👩‍👧‍👧" * 90])
def test_a_word_of_any_length_comes_back_whole(word: str, rate: int) -> None:
    assert words(utter(f"a {word} b", rate=rate, origin=1), rate) == ["a", word, "b"]


@given(text=texts, rate=rates, data=st.data())
def test_pieces_of_any_size_are_the_same_as_the_whole(text: str, rate: int, data: st.DataObject) -> None:
    pcm = utter(text, rate=rate, origin=3)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(pcm) // 2), max_size=8)))
    ear = Ear(rate)
    found: list[str] = []
    for start, end in zip([0, *cuts], [*cuts, len(pcm) // 2], strict=True):
        found += [b.word.text for b in ear.feed(pcm[2 * start : 2 * end], start / rate) if b.word]
    assert [*found, *(b.word.text for b in ear.flush() if b.word)] == words(pcm, rate)


@given(text=texts, rate=rates, data=st.data())
def test_silence_put_in_anywhere_does_no_harm(text: str, rate: int, data: st.DataObject) -> None:
    """As when playback is paused in the middle of a word."""
    pcm = utter(text, rate=rate, origin=3)
    places = sorted(data.draw(st.lists(st.integers(0, len(pcm) // 2), max_size=5)), reverse=True)
    paused = pcm
    for place in places:
        paused = paused[: 2 * place] + bytes(2 * rate) + paused[2 * place :]
    assert words(paused, rate) == text.split()
    assert all(block.whole for block in blocks(paused, rate))


@given(
    parts=st.lists(st.tuples(st.text(max_size=30), st.floats(0, 1), st.floats(0, 1), st.integers(0, 500)), max_size=5),
    rate=rates,
)
def test_from_cuts_joined_only_whole_words_are_heard(parts: list[tuple[str, float, float, int]], rate: int) -> None:
    """Each word whose last 20 ms are whole is heard, none is made up, and their order is kept."""
    joined = b""
    expected: list[tuple[str, int]] = []
    for number, (text, start, end, silence) in enumerate(parts):
        pcm = utter(text, rate=rate, origin=number)
        first, last = sorted(int(cut * len(pcm) / 2) * 2 for cut in (start, end))
        joined += pcm[first:last] + bytes(2 * silence)
        expected += [
            (word.text, number)
            for word in hear(pcm, rate)
            if first <= round(word.end * rate) * 2 - block_size(rate) and round(word.end * rate) * 2 <= last
        ]
    heard = [(word.text, word.origin) for word in hear(joined, rate)]
    short = [(text, number) for text, number in expected if len(text.encode("utf-8", "surrogatepass")) < 200]
    assert [word for word in heard if len(word[0].encode("utf-8", "surrogatepass")) < 200] == short


@given(noise=st.binary(max_size=3_000), rate=rates)
def test_noise_is_no_speech(noise: bytes, rate: int) -> None:
    assert words(noise, rate) == []
    assert words(b"VGsp" + noise + b"VGsp0001000000+005" + noise, rate) == []


def test_a_word_begins_and_ends_where_it_is_heard() -> None:
    pcm = bytes(16_000) + utter("One, two", rate=16_000, origin=9)
    one, two = hear(pcm, 16_000)
    assert one.start == pytest.approx(0.5)
    assert two.start == pytest.approx(one.end + 0.12)
    assert two.end == pytest.approx(len(pcm) / 32_000)


def test_a_word_whose_end_is_cut_off_is_not_heard_and_one_whose_start_is_cut_off_is() -> None:
    pcm = utter("Wednesday", rate=16_000, origin=1)
    assert words(pcm[:-2], 16_000) == []
    assert words(pcm[100:], 16_000) == ["Wednesday"]


def test_of_a_word_without_its_end_nothing_is_left_in_the_next() -> None:
    long, next_word = utter("x" * 900, rate=8_000, origin=1), utter("Wednesday", rate=8_000, origin=1)
    assert words(long[: -block_size(8_000)] + next_word, 8_000) == ["Wednesday"]
    assert words(long[: -block_size(8_000) - 20] + next_word, 8_000) == ["Wednesday"]


def test_a_cut_spoils_no_other_block() -> None:
    pcm = utter("Wednesday", rate=16_000, origin=1)
    for sound in (pcm[100:], pcm[:180] + pcm[640:], pcm[90:270] + pcm[640:]):
        cut, *others = blocks(sound, 16_000)
        assert not cut.whole
        assert [block.number for block in others if block.whole] == list(range(1, len(pcm) // 640))


def test_nothing_that_comes_behind_a_cut_passes_for_the_missing_end() -> None:
    pcm = utter("0000", rate=8_000, origin=0)
    for at in range(0, 60, 2):
        assert words(pcm[:-2] + pcm[at : at + 2], 8_000) == []


def test_what_is_left_of_a_block_tells_where_it_came_from() -> None:
    size = block_size(16_000)
    pcm = utter("Wednesday", rate=16_000, origin=7)
    first, second = blocks(pcm[: size + 100], 16_000)
    assert (first.origin, first.whole) == (7, True)
    assert (second.origin, second.number, second.whole) == (7, 1, False)
    assert 0.0 < second.end - second.start <= 50 / 16_000


def test_a_block_lost_or_played_twice_shows_in_the_numbers() -> None:
    size = block_size(8_000)
    pcm = murmur(0.1, rate=8_000, origin=1)
    lost = pcm[:size] + pcm[2 * size :]
    twice = pcm[: 2 * size] + pcm[size:]
    assert [block.number for block in blocks(lost, 8_000)] == [0, 2, 3, 4]
    assert [block.number for block in blocks(twice, 8_000)] == [0, 1, 1, 2, 3, 4]


def test_a_cough_is_sound_without_words() -> None:
    pcm = murmur(0.3, rate=16_000, origin=2)
    assert len(pcm) == 0.3 * 32_000
    assert b"\0" not in pcm
    assert words(pcm, 16_000) == []
    assert {block.origin for block in blocks(pcm, 16_000)} == {2}


def test_people_say_two_and_a_half_to_three_words_a_second_some_longer_than_others() -> None:
    heard = hear(utter(" ".join([TEXT] * 20), rate=8_000, origin=0), 8_000)
    assert 2.0 < len(heard) / heard[-1].end < 3.0
    speaking = sum(word.end - word.start for word in heard)
    assert 2.3 < len(heard) / speaking < 3.2
    lengths = {word.text: word.end - word.start for word in heard}
    assert max(lengths.values()) > 2.5 * min(lengths.values())


def test_the_same_text_takes_the_same_time_at_every_rate_unless_chance_is_asked_for() -> None:
    seconds = {len(utter(TEXT, rate=rate, origin=1)) / rate for rate in (8_000, 16_000, 24_000)}
    assert len(seconds) == 1
    lively = [len(utter(TEXT, rate=8_000, origin=1, random=random.Random(seed))) for seed in range(3)]
    assert len(set(lively)) == 3
    assert len(utter(TEXT, rate=8_000, origin=1, pace=5.6)) < 0.6 * len(utter(TEXT, rate=8_000, origin=1))


def test_word_by_word_is_the_same_sound() -> None:
    pieces = list(utter_words(TEXT, rate=8_000, origin=1, number=5))
    assert [word for word, _ in pieces] == TEXT.split()
    assert b"".join(pcm for _, pcm in pieces) == utter(TEXT, rate=8_000, origin=1, number=5)


def test_a_rate_too_low_for_words_is_refused() -> None:
    with pytest.raises(ValueError, match="4000 Hz at least, not 2000"):
        utter("Hello", rate=2_000, origin=0)


# --- at another rate ------------------------------------------------------------------------------------------------


@settings(deadline=None)
@given(text=st.text(max_size=40), source=rates, target=rates, size=st.integers(1, 2_000), gap=st.integers(0, 2_000))
def test_speech_survives_resampling_in_pieces_of_any_size(
    text: str, source: int, target: int, size: int, gap: int
) -> None:
    pcm = bytes(2 * gap) + utter(text, rate=source, origin=5)
    recoder = Recoder(source, target)
    made = b"".join(recoder.feed(pcm[at : at + 2 * size]) for at in range(0, len(pcm), 2 * size)) + recoder.flush()
    assert words(made, target) == text.split()
    assert len(made) / 2 / target == pytest.approx(len(pcm) / 2 / source, rel=0.004, abs=0.001)


def test_resampled_speech_is_the_same_speech() -> None:
    recoder = Recoder(8_000, 24_000)
    assert recoder.feed(utter(TEXT, rate=8_000, origin=5)) == utter(TEXT, rate=24_000, origin=5)


@given(noise=st.binary(max_size=4_000).map(lambda noise: noise + b"x" * (len(noise) % 2)), source=rates, target=rates)
def test_other_sound_keeps_its_length(noise: bytes, source: int, target: int) -> None:
    recoder = Recoder(source, target)
    made = recoder.feed(noise) + recoder.flush()
    assert len(made) == len(noise) // 2 * target // source * 2


@given(sizes=st.lists(st.integers(0, 400), max_size=12))
def test_no_more_than_a_block_is_held_back(sizes: list[int]) -> None:
    pcm = utter(TEXT, rate=16_000, origin=1)
    recoder = Recoder(16_000, 8_000)
    came = went = 0
    for size in sizes:
        went += len(recoder.feed(pcm[came : came + 2 * size]))
        came += 2 * size
        assert came / 2 - went <= block_size(8_000)
