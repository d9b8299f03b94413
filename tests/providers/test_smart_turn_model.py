"""Smart Turn beside the implementation of its authors, and on what is hardly a turn.

All reference figures are those of pipecat-ai 1.14.0 with onnxruntime 1.31.1, on the same PCM, as
`LocalSmartTurnAnalyzerV3()._predict_endpoint(sound)["probability"]` with `sound = pcm / 32768` in single precision. The
cuts are such that rounding the sound to other integers moves them by less than 0.005: near the middle of its range the
quantised network doubts more than that.
"""

from __future__ import annotations

import threading
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.models.fetched import fetched
from tests.recordings import HELP, OPTIONS, PASSWORD, RATE, WEASELS, silence, speech
from voicegraph.audio.wav import read_wav
from voicegraph.errors import ModelError
from voicegraph.providers.smart_turn import WINDOW, SmartTurn, features

EXAMPLE = Path(__file__).parents[2] / "examples" / "question.wav"
PLANET = "What is the largest planet in the solar system?"


@cache
def _loaded(file: Path) -> SmartTurn:
    return SmartTurn(file)


@pytest.fixture
def model() -> SmartTurn:
    return _loaded(fetched("smart-turn-v3.2"))


def recording(words: str, seconds: float | None = None) -> bytes:
    """Or the beginning of one."""
    pcm = read_wav(EXAMPLE, RATE) if words == PLANET else speech(words)
    return pcm if seconds is None else pcm[: 2 * round(seconds * RATE)]


# --- as the reference ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "seconds", "probability"),
    [
        (PLANET, None, 0.98652),
        (PLANET, 2.4, 0.00987),  # What is the largest planet in the sol-
        (PLANET, 2.2, 0.00812),
        (WEASELS, None, 0.97937),
        (WEASELS, 2.2, 0.00812),  # Weasels have eaten our phone
        (WEASELS, 1.2, 0.01109),
        (HELP, None, 0.98232),
        (HELP, 2.0, 0.01296),
    ],
)
def test_agrees_with_the_reference(model: SmartTurn, words: str, seconds: float | None, probability: float) -> None:
    assert model.judge(recording(words, seconds)) == pytest.approx(probability, abs=0.01)


@pytest.mark.parametrize(("texts", "probability"), [((PASSWORD, PLANET), 0.97855), ((PLANET, PLANET, PLANET), 0.98543)])
def test_agrees_with_the_reference_beyond_its_window(
    model: SmartTurn, texts: tuple[str, ...], probability: float
) -> None:
    pcm = b"".join(recording(words) for words in texts)
    assert len(pcm) > 2 * WINDOW
    assert model.judge(pcm) == pytest.approx(probability, abs=0.01)


def test_takes_the_spectrogram_of_the_reference() -> None:
    """Some points of compute_whisper_log_mel_features: of the padding, the speech, and the end that is mirrored."""
    points = {(0, 0): 0.0214, (5, 660): 0.0214, (20, 700): 1.3028, (40, 720): 0.7001, (10, 799): 0.9028}
    made = features(recording(WEASELS, 1.4))
    assert made.dtype == np.float32
    assert {point: float(made[point]) for point in points} == pytest.approx(points, abs=1e-4)
    assert float(made.mean()) == pytest.approx(0.11075, abs=1e-5)
    assert float(made.max()) == pytest.approx(2.02137, abs=1e-5)


# --- what it is for --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [PLANET, WEASELS, HELP, OPTIONS, PASSWORD])
@pytest.mark.parametrize("pause", [0.0, 0.1, 0.3])
def test_a_whole_sentence_is_complete_whatever_silence_follows(model: SmartTurn, words: str, pause: float) -> None:
    assert model.judge(recording(words) + silence(pause)) > 0.8


@pytest.mark.parametrize(("words", "seconds"), [(PLANET, 2.3), (WEASELS, 2.2), (HELP, 2.0), (OPTIONS, 2.3)])
def test_one_that_stops_in_the_middle_is_not(model: SmartTurn, words: str, seconds: float) -> None:
    assert model.judge(recording(words, seconds) + silence(0.1)) < 0.3 < model.judge(recording(words))


# --- what is hardly a turn -------------------------------------------------------------------------------------------


def test_only_the_last_eight_seconds_count() -> None:
    long = b"".join(recording(words) for words in (OPTIONS, PASSWORD, PLANET))
    assert np.array_equal(features(long), features(long[-2 * WINDOW :]))


def test_a_short_turn_stands_at_the_end_of_the_window() -> None:
    assert np.array_equal(features(recording(HELP)), features(bytes(2 * WINDOW) + recording(HELP)))


def test_loudness_and_an_offset_are_nothing_to_it() -> None:
    sound = np.frombuffer(recording(WEASELS), "<i2")
    as_it_was = features(bytes(2 * WINDOW) + sound.tobytes())
    for changed in (sound // 4, sound // 4 + 200):
        padded = np.pad(changed, (WINDOW - len(sound), 0), mode="edge").astype("<i2")
        assert float(np.abs(features(padded.tobytes()) - as_it_was).mean()) < 0.01


@given(st.lists(st.integers(-32_768, 32_767), max_size=9), st.integers(0, WINDOW + 9))
@settings(max_examples=25, deadline=None)
def test_any_sound_of_any_length_has_a_spectrogram(samples: list[int], silent: int) -> None:
    made = features(bytes(2 * silent) + np.array(samples, "<i2").tobytes())
    assert made.shape == (80, 800)
    assert np.isfinite(made).all()


def test_silence_and_nothing_are_judged_alike(model: SmartTurn) -> None:
    """As the reference judges 2 s of silence. Nobody asks: without speech there is no pause."""
    assert model.judge(b"") == model.judge(silence(9.0)) == pytest.approx(0.98704, abs=0.01)


# --- the model -------------------------------------------------------------------------------------------------------


def test_calls_share_it(model: SmartTurn) -> None:
    """Two at once, in threads, are judged as each would be alone."""
    alone = {words: model.judge(recording(words, 2.2)) for words in (PLANET, WEASELS)}
    together: dict[str, list[float]] = {words: [] for words in alone}

    def ask(words: str) -> None:
        together[words] = [model.judge(recording(words, 2.2)) for _ in range(3)]

    threads = [threading.Thread(target=ask, args=(words,)) for words in alone]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert together == {words: [probability] * 3 for words, probability in alone.items()}


def test_a_file_that_is_no_model_is_told(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"not a network")
    with pytest.raises(ModelError, match="not a model that onnxruntime can load"):
        SmartTurn(path)


def test_another_model_is_told() -> None:
    with pytest.raises(ModelError, match=r"not a Smart Turn v3, which takes input_features of 80 x 800: it takes"):
        SmartTurn(fetched("silero-vad"))
