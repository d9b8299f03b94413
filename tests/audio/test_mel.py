"""The log-mel spectrogram: as the reference makes it, whatever the length."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from voicegraph.audio.mel import HOP, RATE, log_mel


def sweep() -> NDArray[np.float32]:
    """A second of sound with something in every band."""
    n = np.arange(RATE)
    t = n / RATE
    sound = 0.5 * np.sin(2 * np.pi * (200 * t + 1900 * t * t)) + 0.02 * np.sin(0.37 * n * n)
    return np.asarray(sound, np.float32)


@pytest.mark.parametrize(
    ("bands", "mean", "points"),
    [
        (80, -0.16964, {(0, 0): 1.1682, (10, 20): -0.3141, (30, 50): 0.2302, (79, 99): 0.1853, (40, 120): -0.5697}),
        (128, -0.14887, {(0, 0): 1.0924, (10, 20): 0.0465, (30, 50): 0.2428, (127, 60): 0.2162, (40, 120): -0.5063}),
    ],
)
def test_agrees_with_the_reference(bands: int, mean: float, points: dict[tuple[int, int], float]) -> None:
    """The figures are those of faster-whisper 1.2.1's feature extractor, which OpenAI's agrees with."""
    made = log_mel(sweep(), 200, bands)
    assert made.shape == (bands, 200)
    assert made.dtype == np.float32
    assert {point: float(made[point]) for point in points} == pytest.approx(points, abs=1e-3)
    assert float(made.mean()) == pytest.approx(mean, abs=1e-4)


def test_nothing_gives_the_floor() -> None:
    assert np.allclose(log_mel(np.zeros(0, np.float32), 300), -1.5)


@pytest.mark.parametrize("frames", [2, 50, 99, 101])
def test_a_shorter_spectrogram_is_the_beginning_of_a_longer_one(frames: int) -> None:
    sound = sweep()
    whole = log_mel(sound, 101)
    inner = frames - 2  # the last two look beyond the cut
    assert np.allclose(log_mel(sound, frames)[:, :inner], whole[:, :inner], atol=1e-5)


def test_sound_is_mirrored_at_a_cut() -> None:
    cut = sweep()[: 50 * HOP]
    mirrored = np.concatenate((cut, cut[-2::-1]))
    assert np.allclose(log_mel(cut, 50), log_mel(mirrored, 60)[:, :50], atol=1e-5)


def test_double_precision_gives_the_same() -> None:
    assert np.allclose(log_mel(sweep().astype(np.float64), 101), log_mel(sweep(), 101), atol=1e-4)


def test_the_quietest_is_80_dB_below_the_loudest() -> None:  # noqa: N802 - dB is written so
    made = log_mel(np.concatenate((sweep(), np.zeros(RATE, np.float32))), 200)
    assert float(made.max() - made.min()) == pytest.approx(2.0)
