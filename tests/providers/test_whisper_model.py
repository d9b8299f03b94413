"""Whisper on real telephone speech: the short window, its repetitions and what keeps them away, and silence."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from tests.models.fetched import fetched
from tests.recordings import FILES, HELP, OPTIONS, RATE, WEASELS, silence, speech
from voicegraph.errors import ModelError
from voicegraph.providers.whisper import Reading, Whisper, is_speech

DEFAULT = Reading()
BARE = Reading(floor=0.0, margin=1.0, silence=False, repeated="keep", beam=1)


@cache
def _whisper(folder: Path) -> Whisper:
    return Whisper(folder)


@pytest.fixture
def whisper() -> Whisper:
    return _whisper(fetched("whisper-tiny.en"))


def words(text: str) -> str:
    return re.sub(r"[^\w\s]", "", text).casefold()


def read(whisper: Whisper, pcm: bytes, reading: Reading = DEFAULT) -> str:
    said = whisper.read(pcm, reading)
    return words(said.text) if said else ""


@pytest.mark.parametrize("text", [WEASELS, HELP, OPTIONS])
def test_the_short_window_reads_what_was_said(whisper: Whisper, text: str) -> None:
    said = whisper.read(speech(text), DEFAULT)
    assert said is not None
    assert words(said.text) == words(text)
    assert said.language == "en"
    assert not said.full
    assert said.confidence > 0.5


@pytest.mark.parametrize("text", [WEASELS, OPTIONS])
def test_without_the_silence_behind_it_the_decoder_repeats_itself(whisper: Whisper, text: str) -> None:
    """This is the failure that all the rest is about; if it is gone, so can be the guard."""
    assert len(read(whisper, speech(text), BARE).split()) > 1.5 * len(text.split())


def test_the_guard_cuts_the_repetition(whisper: Whisper) -> None:
    assert read(whisper, speech(OPTIONS), replace(BARE, repeated="cut")) == words(OPTIONS)


@pytest.mark.parametrize("text", [WEASELS, OPTIONS])
def test_what_repeats_itself_is_read_again_in_the_full_window(whisper: Whisper, text: str) -> None:
    said = whisper.read(speech(text), replace(BARE, repeated="reread"))
    assert said is not None
    assert said.full
    assert words(said.text) == words(text)


def test_a_caller_who_says_a_sentence_twice_is_believed(whisper: Whisper) -> None:
    """The guard takes it for a repetition; the full window knows better."""
    twice = speech(HELP) + silence(0.3) + speech(HELP)
    said = whisper.read(twice, DEFAULT)
    assert said is not None
    assert said.full
    assert words(said.text).split() == 2 * words(HELP).split()


def test_above_a_length_the_window_is_full_at_once(whisper: Whisper) -> None:
    said = whisper.read(speech(WEASELS), replace(DEFAULT, full_above=2.0))
    assert said is not None
    assert said.full
    assert words(said.text) == words(WEASELS)


@pytest.mark.parametrize(
    ("text", "no_speech", "log_probability", "said"),
    [
        ("A table for two.", 0.1, -0.3, True),
        ("A table for two.", 0.75, -0.5, True),  # in a noisy street
        ("A table for two.", 0.75, -1.2, False),
        ("A table for two.", 0.85, -0.1, False),
        ("Mumbled", 0.5, -1.9, True),
        ("Thank you.", 0.4, -0.3, True),
        ("Thank you.", 0.55, -0.3, False),
        ("...", 0.0, -0.1, False),
        ("", 0.0, 0.0, False),
    ],
)
def test_words_are_told_from_imagined_ones(text: str, no_speech: float, log_probability: float, said: bool) -> None:
    assert is_speech(text, no_speech, log_probability) is said


def noises() -> dict[str, bytes]:
    random = np.random.default_rng(0)
    t = np.arange(2 * RATE) / RATE
    sounds = {
        "hiss": 0.05 * random.standard_normal(t.size),
        "hum": 0.1 * np.sign(np.sin(2 * np.pi * 50 * t)),
        "tone": 0.2 * np.sin(2 * np.pi * 440 * t),
        "clicks": np.where(np.arange(t.size) % 8000 == 0, 0.8, 0.0),
        "nothing": np.zeros(t.size),
    }
    return {name: (32_767 * np.clip(sound, -1, 1)).astype("<i2").tobytes() for name, sound in sounds.items()}


@pytest.mark.parametrize("name", list(noises()))
@pytest.mark.parametrize("seconds", [0.3, 2.0])
def test_noise_has_no_words(whisper: Whisper, name: str, seconds: float) -> None:
    assert whisper.read(noises()[name][: 2 * int(seconds * RATE)], DEFAULT) is None


@pytest.mark.parametrize("samples", [0, 1, 160])
def test_a_crumb_of_sound_is_nothing(whisper: Whisper, samples: int) -> None:
    assert whisper.read(bytes(2 * samples), DEFAULT) is None


def test_thirty_seconds_fit(whisper: Whisper) -> None:
    long = b"".join(speech(text) + silence(1.0) for text in 2 * list(FILES))
    heard = read(whisper, long[: 2 * 30 * RATE])
    assert heard.count("have eaten our phone system") == 2


def test_an_english_model_refuses_another_language(whisper: Whisper) -> None:
    with pytest.raises(ModelError, match=r"knows English only.*language: de"):
        whisper.read(silence(1.0), replace(DEFAULT, language="de"))


def test_a_folder_without_a_model_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"not a Whisper model for CTranslate2.*model\.bin"):
        Whisper(tmp_path)
