"""A Piper voice: sound in pieces, the same as in one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.models.fetched import fetched
from voicegraph.errors import ModelError
from voicegraph.models import vits
from voicegraph.providers.piper import LEAD, SILENCE, Manner, Voice, trimmed

Sound = npt.NDArray[np.float32]

NAME = "piper-en_US-joe-medium"
STILL = Manner(noise_scale=0.0, noise_w=0.0)
"""Without chance, so that two voices say the same."""
PADLESS = '{"audio": {"sample_rate": 16000}, "phoneme_id_map": {"^": [1], "$": [2]}}'
TEXT = "You can park behind the building, and the receptionist will help you find the room."


@pytest.fixture(scope="module")
def voice() -> Voice:
    return Voice(fetched(NAME), "dictionary", threads=1)


def pcm(voice: Voice, text: str, manner: Manner = STILL) -> npt.NDArray[np.int16]:
    return np.frombuffer(b"".join(voice.speak(text, manner)), "<i2")


def test_pieces_are_the_whole(voice: Voice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vits, "split", lambda model: None)  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType]
    whole = Voice(fetched(NAME), "dictionary", threads=1)
    pieces, one = pcm(voice, TEXT), pcm(whole, TEXT)
    assert len(list(voice.speak(TEXT, STILL))) > 3
    assert pieces.size == one.size
    assert np.abs(pieces.astype(int) - one).max() <= 1


def test_the_first_piece_is_small_and_begins_at_once(voice: Voice) -> None:
    first = np.frombuffer(next(voice.speak(TEXT, STILL)), "<i2")
    assert first.size < 0.2 * voice.rate
    loud = np.flatnonzero(np.abs(first) > 32_767 * SILENCE)
    assert loud[0] <= LEAD * voice.rate


@pytest.mark.parametrize("text", ["", "...", "😀"])
def test_nothing_to_say_is_no_sound(voice: Voice, text: str) -> None:
    assert list(voice.speak(text, STILL)) == []


@pytest.mark.parametrize("text", ["A", "No.", "Hm", "x" * 40])
def test_odd_texts_are_spoken(voice: Voice, text: str) -> None:
    assert pcm(voice, text).size > 0.05 * voice.rate


def test_speed(voice: Voice) -> None:
    slow, fast = (pcm(voice, TEXT, Manner(speed, 0.0, 0.0)).size for speed in (0.8, 1.6))
    assert slow > 1.4 * fast  # not twice: the model rounds the length of each phoneme up


def test_a_voice_without_its_description(tmp_path: Path) -> None:
    voice = tmp_path / "v.onnx"
    voice.touch()
    with pytest.raises(ModelError, match=r"needs its v\.onnx\.json beside it"):
        Voice(voice, "dictionary", threads=1)


@pytest.mark.parametrize(
    "text", ["{", "[]", "{}", '{"audio": {}}', '{"audio": 3, "phoneme_id_map": {}}', PADLESS, "\xff"]
)
def test_a_description_that_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "v.onnx.json").write_text(text, "latin-1")
    with pytest.raises(ModelError, match="not the description of a Piper voice"):
        Voice(tmp_path / "v.onnx", "dictionary", threads=1)


@pytest.mark.parametrize("content", [b"", b"garbage", bytes(1000)])
def test_a_voice_that_is_no_voice(tmp_path: Path, content: bytes) -> None:
    voice = tmp_path / "v.onnx"
    voice.write_bytes(content)
    description = {"audio": {"sample_rate": 16000}, "phoneme_id_map": {"_": [0], "^": [1], "$": [2]}}
    voice.with_name("v.onnx.json").write_text(json.dumps(description))
    with pytest.raises(ModelError, match="not a Piper voice that onnxruntime can load"):
        Voice(voice, "dictionary", threads=1)


sounds = st.lists(st.sampled_from([0.0, 0.001, 0.5, -0.5]), max_size=30)


@settings(deadline=None)
@given(sounds, st.lists(st.integers(0, 30)), st.integers(0, 5), st.integers(0, 5))
def test_trimming_does_not_depend_on_the_pieces(samples: list[float], cuts: list[int], lead: int, pause: int) -> None:
    sound = np.array(samples, np.float32)
    got = list(trimmed(np.split(sound, sorted(min(cut, sound.size) for cut in cuts)), lead, pause))
    assert all(piece.size for piece in got)
    assert np.array_equal(_joined(got), _expected(sound, lead, pause))


def _joined(pieces: list[Sound]) -> Sound:
    return np.concatenate([np.empty(0, np.float32), *pieces])


def _expected(sound: Sound, lead: int, pause: int) -> Sound:
    loud = np.flatnonzero(np.abs(sound) > SILENCE)
    return sound[max(0, loud[0] - lead) : loud[-1] + 1 + pause] if loud.size else sound[:0]
