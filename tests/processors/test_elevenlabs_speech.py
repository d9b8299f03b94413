"""Sound is cut where words begin: the words as they were sent, the times as ElevenLabs tells them."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicegraph.errors import ProviderError
from voicegraph.providers.elevenlabs_errors import Asked
from voicegraph.providers.elevenlabs_speech import LONGEST, Chunk, Letters, Speech

RATE = 16_000
ASKED = Asked("voice", "model", "here")


def speech(*texts: str, restarting: bool = True) -> Speech:
    made = Speech(RATE, ASKED, restarting=restarting)
    for text in texts:
        made.sent(text)
    return made


def sound(seconds: float) -> bytes:
    return bytes(2 * round(seconds * RATE))


def evenly(text: str, seconds: float) -> Letters:
    """Each character lasts as long as the others."""
    each = seconds / len(text)
    return Letters(list(text), [number * each for number in range(len(text))], seconds)


def places(chunks: list[Chunk]) -> list[tuple[float, str]]:
    """Of the words: second and text."""
    told: list[tuple[float, str]] = []
    samples = 0
    for chunk in chunks:
        if chunk.text:
            told.append((round(samples / RATE, 3), chunk.text))
        samples += len(chunk.pcm) // 2
    return told


@given(
    st.lists(st.text("abcé日.", min_size=1, max_size=6), min_size=1, max_size=12),
    st.data(),
)
def test_every_word_is_told_once_where_it_begins_however_it_comes(words: list[str], data: st.DataObject) -> None:
    """The letters of a text, 50 ms each, in messages that may cut words."""
    text = " ".join(words)
    cuts = sorted(data.draw(st.sets(st.integers(1, len(text) - 1), max_size=6))) if len(text) > 1 else []
    made = speech(text)
    chunks: list[Chunk] = []
    for begin, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
        seconds = 0.05 * (end - begin)
        chunks += made.cut(sound(seconds), evenly(text[begin:end], seconds))
    assert made.rest() == ""
    begins = [0, *(i + 1 for i, char in enumerate(text) if char == " ")]
    assert [word for _, word in places(chunks)] == words
    assert [at for at, _ in places(chunks)] == pytest.approx([0.05 * begin for begin in begins])
    assert b"".join(chunk.pcm for chunk in chunks) == sound(0.05 * len(text))
    assert all(0 < len(chunk.pcm) <= len(sound(LONGEST)) for chunk in chunks)


@given(st.binary(max_size=200).map(lambda pcm: bytes(8) + pcm), st.lists(st.integers(0, 208), max_size=8))
def test_no_byte_is_lost_wherever_it_is_cut(pcm: bytes, cuts: list[int]) -> None:
    made = speech("word")
    edges = [0, *sorted(min(cut, len(pcm)) for cut in cuts), len(pcm)]
    pieces = [pcm[begin:end] for begin, end in pairwise(edges)]
    got = [chunk.pcm for piece in pieces for chunk in made.cut(piece)]
    assert all(len(each) % 2 == 0 for each in got)
    assert b"".join(got) == pcm[: len(pcm) & ~1]


def test_times_may_count_from_the_beginning_of_all() -> None:
    made = speech("one two three", restarting=False)
    chunks = [*made.cut(sound(0.3), Letters("one two", [0, 0.1, 0.2, 0.3, 0.4, 0.45, 0.48], 0.5))]
    chunks += made.cut(sound(0.7), Letters(" three", [0.5, 0.6, 0.7, 0.8, 0.9, 0.95], 1.0))
    assert places(chunks) == [(0.0, "one"), (0.4, "two"), (0.6, "three")]


def test_letters_may_come_long_before_their_sound() -> None:
    made = speech("one two three four")
    chunks = [*made.cut(sound(0.1), evenly("one two ", 1.6)), *made.cut(sound(0.1), evenly("three four", 2.0))]
    chunks += [*made.cut(sound(1.4)), *made.cut(sound(2.0))]
    assert places(chunks) == [(0.0, "one"), (0.8, "two"), (1.6, "three"), (2.8, "four")]


def test_letters_that_last_a_little_too_long_do_not_add_up() -> None:
    made = speech("a b c d e f")
    chunks: list[Chunk] = []
    for word in "abcdef":
        chunks += made.cut(sound(0.5), Letters([word, " "], [0.0, 0.3], 0.6))
    assert places(chunks) == [(0.5 * number, word) for number, word in enumerate("abcdef")]


def test_sound_without_letters_lies_between() -> None:
    made = speech("one two")
    chunks = [
        *made.cut(sound(0.5), evenly("one", 0.5)),
        *made.cut(sound(0.3)),
        *made.cut(sound(0.5), evenly("two", 0.5)),
    ]
    assert places(chunks) == [(0.0, "one"), (0.8, "two")]


def test_a_voice_that_tells_no_times_begins_with_all_that_was_sent() -> None:
    made = speech("Hello there.")
    chunks = [*made.cut(sound(0.5)), *made.cut(sound(0.5))]
    assert places(chunks) == [(0.0, "Hello there.")]


def test_the_words_are_those_that_were_sent() -> None:
    made = speech("It costs $23 today, thank you.")
    spoken = "It costs twenty three dollars today, thank you."
    chunks = [*made.cut(sound(4.7), evenly(spoken, 4.7))]
    told = places(chunks)
    assert " ".join(text for _, text in told) == "It costs $23 today, thank you."
    assert {text: at for at, text in told}["thank"] == pytest.approx(0.1 * spoken.index("thank"))


def test_what_was_rewritten_beyond_recognition_does_not_lead_astray() -> None:
    made = speech("$23. Thank you very much.")
    chunks = [*made.cut(sound(2.2), evenly("twenty three dollars. ", 2.2))]
    chunks += made.cut(sound(2.0), evenly("Thank you very much.", 2.0))
    assert places(chunks) == [(2.2, "$23. Thank"), (2.8, "you"), (3.2, "very"), (3.7, "much.")]


def test_other_spaces_make_no_other_words() -> None:
    made = speech("a first-time  customer")
    chunks = [*made.cut(sound(2.2), evenly(" a first- time customer", 2.3))]
    assert [text for _, text in places(chunks)] == ["a", "first-time", "customer"]


def test_what_nobody_placed_comes_at_the_end() -> None:
    made = speech("one two three")
    assert places([*made.cut(sound(0.5), evenly("one", 0.5))]) == [(0.0, "one")]
    assert made.rest() == "two three"


@pytest.mark.parametrize("file", [b"ID3\4", b"\xff\xfb\x90\x64", b"RIFF"])
def test_a_file_is_no_pcm(file: bytes) -> None:
    with pytest.raises(ProviderError, match="sent a file, not the PCM that was asked for"):
        list(speech("one").cut(file + bytes(99)))
