"""Sounds whose every sample can be told, and what is heard of a tone."""

from __future__ import annotations

from typing import Any

import numpy as np

from voicegraph.audio.g711 import decode_mulaw

RATE = 8_000


def counting(seconds: float, first: int = 0) -> bytes:
    """PCM16 whose samples are different from their neighbours, and survive mu-law."""
    codes = bytes((first + n * 7) % 127 for n in range(round(seconds * RATE)))  # -0 would come back as +0
    return decode_mulaw(codes)


def tone(hertz: float, seconds: float, level: float = 0.3, rate: int = RATE) -> bytes:
    n = np.arange(round(seconds * rate))
    return np.rint(level * 32767 * np.sin(2 * np.pi * hertz * n / rate)).astype("<i2").tobytes()


def measure(pcm: bytes, rate: int = RATE) -> tuple[float, float, float]:
    """Of a tone: its pitch in Hz, its level as a part of full scale, and its length in seconds."""
    samples: Any = np.frombuffer(pcm, "<i2") / 32767
    spectrum: Any = np.abs(np.fft.rfft(samples * np.hanning(len(samples)), 1 << 18))
    pitch = int(spectrum.argmax()) * rate / (1 << 18)
    return pitch, float((2 * (samples**2).mean()) ** 0.5), len(samples) / rate
