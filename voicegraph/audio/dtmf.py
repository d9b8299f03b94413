"""The sound of a phone's keys: two tones at once (ITU-T Q.23). For lines that carry keys as sound alone."""

from __future__ import annotations

from array import array
from functools import cache
from math import pi, sin
from sys import byteorder

LOW = (697, 770, 852, 941)
HIGH = (1209, 1336, 1477, 1633)
KEYPAD = ("123A", "456B", "789C", "*0#D")
TONE = 0.1
"""Seconds. Receivers need 40 ms at least (ITU-T Q.24); networks shorten it."""
GAP = 0.1
LEVEL = 0.22
"""Of each tone, as a part of full scale: -13 dB, and with its twin below what clips."""

FREQUENCIES = {
    digit: (low, high) for low, row in zip(LOW, KEYPAD, strict=True) for high, digit in zip(HIGH, row, strict=True)
}
"""In Hz, by key."""


def keys(digits: str, rate: int) -> bytes:
    """PCM16 of these keys, pressed one after the other, with a gap behind each. Raises KeyError for what is no key."""
    return b"".join(_key(digit, rate) for digit in digits)


@cache
def _key(digit: str, rate: int) -> bytes:
    low, high = (2 * pi * hertz / rate for hertz in FREQUENCIES[digit])
    peak = LEVEL * 32767
    samples = array("h", (round(peak * (sin(low * n) + sin(high * n))) for n in range(round(TONE * rate))))
    if byteorder == "big":
        samples.byteswap()
    return samples.tobytes() + bytes(2 * round(GAP * rate))
