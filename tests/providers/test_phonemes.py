"""Text to phoneme ids."""

from __future__ import annotations

import importlib.util
import sys
from difflib import SequenceMatcher

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from voicegraph.errors import ModelError
from voicegraph.providers.phonemes import Phonemizer, as_spoken, phonemizer

SYMBOLS = ["_", "^", "$", *" !'(),-.:;?abcdefhijklmnopqrstuvwxyz", *"æðŋɐɑɔəɚɛɜɡɪɹɾʃʊʌʒˈˌːθ"]
IDS = {symbol: [n] for n, symbol in enumerate(SYMBOLS)}
PAD, BEGIN, END = 0, 1, 2

spoken = phonemizer("dictionary", "en-us", IDS)


def letters(ids: list[int]) -> str:
    """What the ids say, without their frame."""
    return "".join(SYMBOLS[n] for n in ids[2:-1:2])


def test_ids_are_framed_as_the_voice_was_trained() -> None:
    ids = spoken("We are open.")
    assert (ids[0], ids[-1]) == (BEGIN, END)
    assert set(ids[1::2]) == {PAD}
    assert letters(ids) == "wˌiː ɑːɹ ˈoʊpən."  # noqa: RUF001 - IPA


@pytest.mark.parametrize("text", ["", " ", "...", "!?", "😀", "—", "\x00", "“”", "👍🏽 🎉"])
def test_nothing_to_say(text: str) -> None:
    assert spoken(text) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("at 7:30 pm", "at 7 30 pm"),
        ("at 07:05", "at 7 oh 5"),
        ("from 8:00 to 6:00 p.m.", "from 8 o'clock to 6 p.m."),
        ("8:00am", "8am"),
        ("call 555-1234", "call 5 5 5, 1 2 3 4"),
        ("call 212 555-1234.", "call 2 1 2, 5 5 5, 1 2 3 4."),
        ("call +44 20 7946 0958", "call 4 4, 2 0, 7 9 4 6, 0 9 5 8"),
        ("card 4000123412341234", "card 4 0 0 0 1 2 3 4 1 2 3 4 1 2 3 4"),
        ("2024, 10-12, 3:2, 24:00, 1,000", "2024, 10-12, 3:2, 24:00, 1,000"),
    ],
)
def test_times_and_telephone_numbers_are_said_as_people_say_them(text: str, said: str) -> None:
    assert as_spoken(text) == said


@settings(deadline=None)
@given(st.text(max_size=30))
@example("1000000000000000000")
@example("1,000,000,000,000,000,000.5")
def test_any_text_gives_ids_or_nothing(text: str) -> None:
    ids = spoken(text)
    assert not ids or (ids[0], ids[-1]) == (BEGIN, END)


def test_another_language_names_the_way_out() -> None:
    with pytest.raises(ModelError, match=r"speaks `de`.*voicegraph\[piper-gpl\].*phonemizer: espeak"):
        phonemizer("dictionary", "de", IDS)


def test_espeak_that_is_not_installed_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "piper.phonemize_espeak", None)
    with pytest.raises(ModelError, match=r"pip install voicegraph\[piper-gpl\]"):
        phonemizer("espeak", "en-us", IDS)


@pytest.mark.skipif(not importlib.util.find_spec("piper"), reason="needs the extra piper-gpl")
def test_espeak_writes_much_the_same() -> None:
    kinds: tuple[Phonemizer, ...] = ("dictionary", "espeak")
    first, second = (letters(phonemizer(kind, "en-us", IDS)("We have parking behind the building.")) for kind in kinds)
    assert SequenceMatcher(None, first, second).ratio() > 0.85
