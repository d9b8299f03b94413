"""Changes the sample rate of PCM16 as it streams by, holding back under 2 ms.

A polyphase FIR filter: a windowed sinc, evaluated only at the samples that are kept (Crochiere and Rabiner,
"Multirate Digital Signal Processing", 1983; Kaiser's window). Block resamplers in streaming mode were measured to hold
back 20-150 ms, which a conversation hears.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import gcd

import numpy as np
from numpy.typing import NDArray

Signal = NDArray[np.float64]

LOBES = 15
"""Half the filter's length, in periods of the lower rate: 1.9 ms at 8 kHz."""
KAISER_BETA = 8.3
"""84 dB of stop band. With LOBES: flat up to 0.41 of the lower rate, and nothing is left from 0.59 of it on."""
ONE_SHOT_BLOCK = 0.1
"""Seconds that `resample` works on at a time: bounds memory, and fits the processor's cache."""


class Resampler:
    """One stream of mono PCM16, from `source` to `target` samples per second.

    What comes out is aligned with what went in: sample n is the sound at n / target seconds. The newest `delay` seconds
    of input are held back until more comes, so the first output is that much shorter than its input; after that,
    equal frames in give equal frames out wherever the ratio of the rates allows.
    """

    def __init__(self, source: int, target: int) -> None:
        if source <= 0 or target <= 0:
            raise ValueError(f"a sample rate is above zero: cannot go from {source} to {target}")
        self.source = source
        self.target = target
        common = gcd(source, target)
        self._filter = _design(target // common, source // common)
        self._reset()

    @property
    def delay(self) -> float:
        """Seconds of the newest input that are held back."""
        return 0.0 if self.source == self.target else self._filter.half / (self._filter.up * self.source)

    def feed(self, pcm: bytes) -> bytes:
        """The next samples, for the next samples in; any number of them."""
        return pcm if self.source == self.target else self._resample(np.frombuffer(pcm, "<i2").astype(np.float64))

    def flush(self) -> bytes:
        """What was held back. After it the stream begins anew."""
        fir = self._filter
        due = -(-self._taken * fir.up // fir.down) - self._given
        tail = b"" if due <= 0 else self._resample(np.zeros(fir.half // fir.up + 1))[: 2 * due]
        self._reset()
        return tail

    def _reset(self) -> None:
        self._held: Signal = np.zeros(self._filter.bank.shape[1] - 1)
        self._at = self._filter.half
        self._taken = 0
        self._given = 0

    def _resample(self, samples: Signal) -> bytes:
        """Time here is counted in ticks of the common rate, `up` to an input sample and `down` to an output sample.

        `_at` is the tick, from the start of `_held`, at which the window of the next output sample ends.
        """
        fir = self._filter
        signal = np.concatenate((self._held, samples))
        windows = len(signal) - fir.bank.shape[1] + 1
        count = max(0, -((self._at - windows * fir.up) // fir.down))
        self._taken += len(samples)
        self._given += count
        made = b""
        if count:
            rows, coefficients = _pattern(fir, self._at, count)
            sound = np.vecdot(_windows(signal, windows, fir.bank.shape[1])[rows], coefficients)
            np.rint(sound, out=sound)
            made = sound.clip(-32768, 32767, out=sound).astype("<i2").tobytes()
        self._at += count * fir.down
        passed = self._at // fir.up
        self._at -= passed * fir.up
        self._held = signal[passed:]
        return made


def resample(pcm: bytes, source: int, target: int) -> bytes:
    """A whole sound at another rate: ceil(samples * target / source) samples, none of them shifted in time."""
    stream = Resampler(source, target)
    step = 2 * max(1, int(source * ONE_SHOT_BLOCK))
    blocks = [stream.feed(pcm[start : start + step]) for start in range(0, len(pcm), step)]
    return b"".join((*blocks, stream.flush()))


def _windows(signal: Signal, count: int, width: int) -> Signal:
    """Overlapping views of a signal, one for each of its samples: `sliding_window_view` without its checks."""
    (step,) = signal.strides
    return np.ndarray((count, width), signal.dtype, signal, 0, (step, step))


@lru_cache(maxsize=16)
def _pattern(fir: _Filter, at: int, count: int) -> tuple[NDArray[np.int64], Signal]:
    """For each of the next outputs, its window and its filter. Frames of one length share a few patterns."""
    ticks = at + np.arange(count) * fir.down
    return ticks // fir.up, fir.bank[ticks % fir.up]


@dataclass(frozen=True, eq=False)
class _Filter:
    """bank: one row of coefficients for each of the `up` phases. half: half the filter's length, in ticks."""

    up: int
    down: int
    half: int
    bank: Signal


@lru_cache(maxsize=32)
def _design(up: int, down: int) -> _Filter:
    period = max(up, down)
    half = LOBES * period
    taps = -(-(2 * half + 1) // up)
    prototype = np.zeros(taps * up)
    prototype[: 2 * half + 1] = np.sinc(np.arange(-half, half + 1) / period) * np.kaiser(2 * half + 1, KAISER_BETA)
    bank = prototype.reshape(taps, up).T[:, ::-1]
    bank = np.ascontiguousarray(bank / bank.sum(axis=1, keepdims=True))  # every phase passes a constant unchanged
    return _Filter(up, down, half, bank)
