"""G.711: the 8-bit codes of telephone lines, mu-law and A-law (ITU-T G.711, 1988).

Both are look-up tables. The encoding ones are built from the forms in which the standard is written, 14-bit samples
for mu-law and 13-bit ones for A-law, so that they agree with other implementations bit for bit.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.uint8]
Samples = NDArray[np.int16]

_MULAW_BIAS = 33
_MULAW_TOP = 8191
_ALAW_EVEN_BITS = 0x55
_SIGN = 0x80


def encode_mulaw(pcm: bytes) -> bytes:
    """PCM16 to mu-law, one byte a sample."""
    return _encode(pcm, _mulaw_codes())


def decode_mulaw(codes: bytes) -> bytes:
    """mu-law to PCM16."""
    return _mulaw_samples().take(np.frombuffer(codes, np.uint8)).tobytes()


def encode_alaw(pcm: bytes) -> bytes:
    """PCM16 to A-law, one byte a sample."""
    return _encode(pcm, _alaw_codes())


def decode_alaw(codes: bytes) -> bytes:
    """A-law to PCM16."""
    return _alaw_samples().take(np.frombuffer(codes, np.uint8)).tobytes()


def _encode(pcm: bytes, table: Codes) -> bytes:
    return table.take(np.frombuffer(pcm, "<u2")).tobytes()


def _every_sample() -> NDArray[np.int32]:
    """All 16-bit samples, at the index that their bits make when read without a sign."""
    return np.arange(1 << 16, dtype=np.uint16).view(np.int16).astype(np.int32)


def _segment(magnitude: NDArray[np.int32], lowest: int) -> NDArray[np.int32]:
    """Number of the segment (chord) that a magnitude is in: 0 below 2**lowest, then one per doubling, up to 7."""
    bounds = 1 << np.arange(lowest, lowest + 7)
    return np.searchsorted(bounds, magnitude, side="right").astype(np.int32)


@cache
def _mulaw_codes() -> Codes:
    sample = _every_sample() >> 2
    magnitude = np.minimum(np.abs(sample) + _MULAW_BIAS, _MULAW_TOP)
    segment = _segment(magnitude, 6)
    code = (segment << 4) | ((magnitude >> (segment + 1)) & 0x0F)
    codes: Codes = (~code & 0x7F | np.where(sample < 0, 0, _SIGN)).astype(np.uint8)
    return codes


@cache
def _mulaw_samples() -> Samples:
    code = ~np.arange(256) & 0xFF
    segment, step = (code >> 4) & 7, code & 0x0F
    magnitude = ((2 * step + _MULAW_BIAS) << segment) - _MULAW_BIAS
    return (np.where(code & _SIGN, -magnitude, magnitude) << 2).astype("<i2")


@cache
def _alaw_codes() -> Codes:
    sample = _every_sample() >> 3
    magnitude = np.where(sample < 0, -1 - sample, sample)
    segment = _segment(magnitude, 5)
    code = (segment << 4) | ((magnitude >> np.maximum(segment, 1)) & 0x0F)
    return ((code | np.where(sample < 0, 0, _SIGN)) ^ _ALAW_EVEN_BITS).astype(np.uint8)


@cache
def _alaw_samples() -> Samples:
    code = np.arange(256) ^ _ALAW_EVEN_BITS
    segment, step = (code >> 4) & 7, code & 0x0F
    magnitude = np.where(segment == 0, 2 * step + 1, (2 * step + 33) << np.maximum(segment - 1, 0))
    return (np.where(code & _SIGN, magnitude, -magnitude) << 3).astype("<i2")
