"""Changes the sample rate of PCM16 as it streams by, holding back under 2 ms.

A polyphase FIR filter: a windowed sinc, evaluated only at the samples that are kept (Crochiere and Rabiner,
"Multirate Digital Signal Processing", 1983; Kaiser's window). Block resamplers in streaming mode were measured to hold
back 20-150 ms, which a conversation hears.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from math import gcd

import numpy as np
from numpy.typing import NDArray

Signal = NDArray[np.float64]

LOBES = 15
"""Half the filter's length, in periods of the lower rate: 1.9 ms at 8 kHz."""
KAISER_BETA = 8.3
"""84 dB of stop band. With LOBES: flat up to 0.41 of the lower rate, and nothing is left from 0.59 of it on."""
BLOCK = 16
"""Outputs of a block, about: more of them multiply with more zeros, fewer take more time each. Rates of which a block
would be longer, such as 22,050 and 8,000 Hz, are filtered one output at a time."""
SIZE = 8
"""Bytes of a float."""
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
        return pcm if self.source == self.target else self._resample(np.frombuffer(pcm, "<i2"))

    def flush(self) -> bytes:
        """What was held back. After it the stream begins anew."""
        fir = self._filter
        due = -(-self._taken * fir.up // fir.down) - self._given
        tail = b"" if due <= 0 else self._resample(np.zeros(fir.half // fir.up + 1))[: 2 * due]
        self._reset()
        return tail

    def _reset(self) -> None:
        self._held: Signal = np.zeros(self._filter.taps - 1)
        self._at = self._filter.half
        self._taken = 0
        self._given = 0

    def _resample(self, samples: Signal | NDArray[np.int16]) -> bytes:
        """Time here is counted in ticks of the common rate, `up` to an input sample and `down` to an output sample.

        `_at` is the tick, from the start of `_held`, at which the window of the next output sample ends.
        """
        fir = self._filter
        signal: Signal = np.concatenate((self._held, samples), dtype=np.float64)
        windows = len(signal) - fir.taps + 1
        count = max(0, -((self._at - windows * fir.up) // fir.down))
        self._taken += len(samples)
        self._given += count
        made = b""
        if count:
            sound = _filtered(fir, signal, self._at, count)
            np.rint(sound, out=sound)
            np.minimum(np.maximum(sound, -32768.0, out=sound), 32767.0, out=sound)  # `clip` takes as long as all else
            made = sound.astype("<i2").tobytes()
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


def _filtered(fir: _Filter, signal: Signal, at: int, count: int) -> Signal:
    """The next outputs. Those of whole blocks are a product of two matrices, which is what takes the least time."""
    first, phase = divmod(at, fir.up)
    blocks, rest = divmod(count, fir.block) if fir.up <= BLOCK else (0, count)
    step = fir.block * fir.down // fir.up
    if not rest:
        matrix = _block(fir, phase)
        return _windows(signal, first, blocks, step, len(matrix)) @ matrix
    whole = _filtered(fir, signal, at, count - rest).ravel() if blocks else None
    rows, coefficients = _pattern(fir, phase, rest)
    windows = _windows(signal, first + blocks * step, int(rows[-1]) + 1, 1, fir.taps)
    sound: Signal = np.vecdot(windows[rows], coefficients)
    return sound if whole is None else np.concatenate((whole, sound))


def _windows(signal: Signal, first: int, count: int, step: int, width: int) -> Signal:
    """Overlapping views of a signal, one each `step` samples: `sliding_window_view` without its checks."""
    return np.ndarray((count, width), np.float64, signal, first * SIZE, (step * SIZE, SIZE))


@lru_cache(maxsize=64)
def _pattern(fir: _Filter, at: int, count: int) -> tuple[NDArray[np.int64], Signal]:
    """For each of the next outputs, its window and its filter. Frames of one length share a few patterns."""
    ticks = at + np.arange(count) * fir.down
    return ticks // fir.up, fir.bank[ticks % fir.up]


@lru_cache(maxsize=64)
def _block(fir: _Filter, at: int) -> Signal:
    """What makes the outputs of one block, in its columns, of the samples that they are made of."""
    rows, coefficients = _pattern(fir, at, fir.block)
    matrix = np.zeros((rows[-1] + fir.taps, fir.block))
    for column, row in enumerate(rows):
        matrix[row : row + fir.taps, column] = coefficients[column]
    return matrix


@dataclass(frozen=True, eq=False)
class _Filter:
    """bank: one row of coefficients for each of the `up` phases. half: half the filter's length, in ticks."""

    up: int
    down: int
    half: int
    bank: Signal

    @cached_property
    def taps(self) -> int:
        """Samples that an output is made of."""
        return len(self.bank[0])

    @cached_property
    def block(self) -> int:
        """Outputs that are made at a time: so many that the next block has the same phases."""
        return self.up * (BLOCK // self.up)


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
