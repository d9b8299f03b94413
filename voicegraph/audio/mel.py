"""Log-mel spectrograms as Whisper takes them.

25 ms Hann windows every 10 ms, Slaney's mel scale (M. Slaney, "Auditory Toolbox", 1998), and 80 dB of range below the
loudest (A. Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision", 2022).
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Floats = NDArray[np.float32]

RATE = 16_000
SPAN = 400
"""Samples that a frame looks at: 25 ms."""
HOP = 160
"""Samples from frame to frame: 10 ms."""
ROWS = 8
"""Frames that are multiplied at a time: so few that the linear algebra library does not start threads for them, which
on a busy machine takes ten times as long as the work."""
BLOCK = 4 * ROWS
"""Frames that are worked on at a time: what is computed on the way stays under 128 kB. Larger pieces of memory are had
from the system each time, and given back, which can take longer than the work."""

_LINEAR_HZ = 200 / 3
"""Width of a mel below the break of Slaney's scale, which is linear up to there and logarithmic above."""
_BREAK_HZ, _BREAK_MEL = 1000.0, 15.0
_LOG_STEP = math.log(6.4) / 27


def log_mel(sound: Floats | NDArray[np.float64], frames: int, bands: int = 80) -> Floats:
    """The spectrogram of so many frames, (bands, frames), scaled as Whisper was trained; sound in -1 to 1, at 16 kHz.

    Shorter sound is followed by digital silence, longer sound is cut. It is computed in the precision of the sound.
    """
    half, end, rows, precision = SPAN // 2, SPAN // 2 + frames * HOP, -(-frames // ROWS) * ROWS, sound.dtype
    padded = np.zeros(rows * HOP + SPAN, precision)
    padded[half:end][: len(sound)] = sound[: frames * HOP]
    padded[:half] = padded[SPAN:half:-1]  # mirrored at the start,
    padded[end : end + half] = padded[end - 2 : end - half - 2 : -1]  # and at the end
    windows, window, filters = sliding_window_view(padded, SPAN)[::HOP], _hann(precision), _filters(bands, precision).T
    energy = np.empty((rows, bands), precision)
    for at in range(0, rows, BLOCK):
        block = slice(at, min(at + BLOCK, rows))
        power = np.square(np.abs(np.fft.rfft(windows[block] * window, axis=1)))
        np.matmul(power.reshape(-1, ROWS, half + 1), filters, out=energy[block].reshape(-1, ROWS, bands))
    levels = np.log10(np.maximum(energy[:frames].T, precision.type(1e-10)))
    return np.ascontiguousarray((np.maximum(levels, levels.max() - 8) + 4) / 4, np.float32)


@cache
def _hann(precision: np.dtype[Any]) -> NDArray[Any]:
    return np.hanning(SPAN + 1)[:-1].astype(precision)


@cache
def _filters(bands: int, precision: np.dtype[Any]) -> NDArray[Any]:
    """Overlapping triangles of equal area, evenly spread on the mel scale from 0 Hz to the Nyquist frequency."""
    edges = _hertz(np.linspace(0.0, _mel(RATE / 2), bands + 2))
    bins = np.linspace(0.0, RATE / 2, SPAN // 2 + 1)
    rising = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    triangles = np.maximum(0.0, np.minimum(rising, falling))
    return (triangles * 2.0 / (edges[2:] - edges[:-2])[:, None]).astype(precision)


def _mel(hertz: float) -> float:
    return _BREAK_MEL + math.log(hertz / _BREAK_HZ) / _LOG_STEP  # only asked above the break


def _hertz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(mel < _BREAK_MEL, mel * _LINEAR_HZ, _BREAK_HZ * np.exp(_LOG_STEP * (mel - _BREAK_MEL)))
