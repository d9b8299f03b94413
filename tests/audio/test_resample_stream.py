"""The streaming resampler: pitch, level, length, aliases, clipping, and indifference to how the sound is cut."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from voicegraph.audio.resample import Resampler, resample

RATES = (8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000)
PAIRS = [(source, target) for source in RATES for target in RATES if source != target]
FEW_PAIRS = [(8_000, 16_000), (16_000, 8_000), (22_050, 16_000), (24_000, 8_000), (44_100, 11_025), (11_025, 48_000)]

rates = st.sampled_from(RATES)


def tone(rate: int, hertz: float, seconds: float = 0.2, amplitude: float = 20_000) -> bytes:
    return pcm(amplitude * np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate))


def pcm(samples: NDArray[np.float64]) -> bytes:
    return np.rint(samples).astype("<i2").tobytes()


def samples_of(sound: bytes) -> NDArray[np.float64]:
    return np.frombuffer(sound, "<i2").astype(np.float64)


def middle(sound: bytes) -> NDArray[np.float64]:
    """The part in which the filter has settled."""
    samples = samples_of(sound)
    return samples[len(samples) // 4 : 3 * len(samples) // 4]


def fit(samples: NDArray[np.float64], rate: int, hertz: float) -> tuple[float, float]:
    """Amplitude of a tone of that pitch in the samples, and the amplitude of all that is left without it."""
    turns = 2 * np.pi * hertz / rate * np.arange(len(samples))
    basis = np.stack([np.cos(turns), np.sin(turns)], axis=1)
    weights = np.linalg.lstsq(basis, samples, rcond=None)[0]
    return float(np.hypot(*weights)), loudness(samples - basis @ weights)


def loudness(samples: NDArray[np.float64]) -> float:
    """Amplitude of the sine that would have this power."""
    return float(np.sqrt(2 * np.mean(samples**2)))


def decibels(ratio: float) -> float:
    return float(20 * np.log10(max(ratio, 1e-9)))


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_a_tone_in_the_pass_band_keeps_pitch_level_and_length(source: int, target: int) -> None:
    for share in (0.05, 0.25, 0.41):
        hertz = share * min(source, target)
        sound = resample(tone(source, hertz), source, target)
        amplitude, rest = fit(middle(sound), target, hertz)
        assert abs(decibels(amplitude / 20_000)) < 0.01
        assert decibels(rest / 20_000) < -80
        assert len(sound) // 2 == -(-int(source * 0.2) * target // source)


@pytest.mark.parametrize(("source", "target"), [pair for pair in PAIRS if pair[0] >= 1.25 * pair[1]])
def test_a_tone_above_the_stop_band_is_gone(source: int, target: int) -> None:
    for hertz in np.linspace(0.59 * target, 0.499 * source, 7):
        sound = resample(tone(source, float(hertz), amplitude=32_000), source, target)
        assert decibels(loudness(middle(sound)) / 32_000) < -80


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_it_holds_back_less_than_two_milliseconds(source: int, target: int) -> None:
    stream = Resampler(source, target)
    frame = tone(source, 440, seconds=0.02)
    lengths = [len(stream.feed(frame)) // 2 for _ in range(40)]
    assert 0 < stream.delay < 0.002
    fed = 40 * len(frame) / 2 / source
    assert fed - sum(lengths) / target <= stream.delay + 1 / target
    assert max(lengths[1:]) - min(lengths[1:]) <= 1


@pytest.mark.parametrize(("source", "target"), [(8_000, 16_000), (24_000, 8_000), (22_050, 16_000), (48_000, 16_000)])
def test_equal_frames_in_give_equal_frames_out(source: int, target: int) -> None:
    stream = Resampler(source, target)
    frame = bytes(2 * source // 50)
    first, *later = [len(stream.feed(frame)) for _ in range(10)]
    assert set(later) == {2 * target // 50}
    assert first + len(stream.flush()) == 2 * target // 50


def test_sound_is_not_shifted_in_time() -> None:
    click = np.zeros(4_000)
    click[2_000] = 20_000
    assert int(np.argmax(samples_of(resample(pcm(click), 8_000, 24_000)))) == 6_000


@given(st.data(), rates, rates)
def test_however_it_is_cut_the_result_is_the_same(data: st.DataObject, source: int, target: int) -> None:
    seed = data.draw(st.integers(0, 2**32 - 1))
    count = data.draw(st.integers(0, 2_000))
    sound = np.random.default_rng(seed).integers(-32_768, 32_768, count).astype("<i2").tobytes()
    cuts = sorted(data.draw(st.lists(st.integers(0, count), max_size=12)))
    stream = Resampler(source, target)
    pieces = [stream.feed(sound[2 * start : 2 * stop]) for start, stop in pairwise((0, *cuts, count))]
    assert b"".join((*pieces, stream.flush())) == resample(sound, source, target)


@given(rates, rates, st.integers(0, 3_000))
def test_length_is_that_of_the_input(source: int, target: int, count: int) -> None:
    assert len(resample(bytes(2 * count), source, target)) == 2 * -(-count * target // source)


@pytest.mark.parametrize(("source", "target"), FEW_PAIRS)
def test_a_constant_stays_exactly_constant(source: int, target: int) -> None:
    assert set(middle(resample(pcm(np.full(source // 5, -12_345.0)), source, target))) == {-12_345.0}


@pytest.mark.parametrize(("source", "target"), FEW_PAIRS)
def test_overshoot_is_clipped_and_does_not_wrap(source: int, target: int) -> None:
    square = np.where(np.arange(800) // 40 % 2, 32_767.0, -32_768.0)
    made = samples_of(resample(pcm(square), source, target))
    assert made.max() == 32_767
    assert made.min() == -32_768
    assert (
        np.count_nonzero(np.diff(np.sign(made[made != 0]))) == 800 // 40 - 1
    )  # a wrapped peak would change sign twice more


def test_equal_rates_pass_untouched() -> None:
    stream = Resampler(16_000, 16_000)
    sound = tone(16_000, 300)
    assert stream.feed(sound) is sound
    assert stream.flush() == b""
    assert stream.delay == 0


def test_after_a_flush_it_begins_anew() -> None:
    stream = Resampler(24_000, 16_000)
    sound = tone(24_000, 500, seconds=0.05)
    first = stream.feed(sound) + stream.flush()
    assert stream.feed(sound) + stream.flush() == first


def test_a_rate_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="above zero"):
        Resampler(0, 16_000)
