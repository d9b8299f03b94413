"""A frame as a line of JSON, for somebody who watches a call. Sound is summed up, and words are counted."""

from __future__ import annotations

import math
from array import array
from functools import cache
from typing import Any

import msgspec

from voicegraph.frames import UNSTAMPED, Audio, Frame, TTSAudio

HEADER = frozenset(Frame.__struct_fields__)
SOUND = frozenset({"pcm", "rate", "at"})
SHOWN = frozenset({"id", "name", "node", "step", "why", "language"})
"""Fields of text that hold no words of anybody. All others are shown only to who may see words."""
LOUDEST = 32_768
SILENT = -100.0
"""dBFS of digital silence, and of all that is quieter."""
ENOUGH = 1_000
"""Samples from which a level is taken."""


def described(frame: Frame, now: float, *, words: bool) -> dict[str, Any]:
    """now: loop time. words: what is said and pressed is in it; else only how many characters that is.

    age: seconds since the thing that caused the frame entered the graph.
    """
    told: dict[str, Any] = {"type": type(frame).__name__}
    if frame.turn:
        told["turn"] = frame.turn
    if frame.born != UNSTAMPED:
        told["age"] = round(now - frame.born, 6)
    if not frame.interruptible:
        told["interruptible"] = False
    if isinstance(frame, Audio | TTSAudio):
        told |= _sound(frame)
    for name in _fields(type(frame)):
        _add(told, name, getattr(frame, name), words=words)
    return told


@cache
def _fields(kind: type[Frame]) -> tuple[str, ...]:
    """What it has besides the header and the sound."""
    known = HEADER | SOUND if "pcm" in kind.__struct_fields__ else HEADER
    return tuple(name for name in kind.__struct_fields__ if name not in known)


def _add(told: dict[str, Any], name: str, value: Any, *, words: bool) -> None:
    if value is None or value == "":
        return
    if isinstance(value, bool | int | float):
        told[name] = value
    elif words or (isinstance(value, str) and name in SHOWN):
        told[name] = msgspec.to_builtins(value)
    elif isinstance(value, str):
        told["characters"] = told.get("characters", 0) + len(value)
    else:
        told[name] = len(value)


def _sound(frame: Audio | TTSAudio) -> dict[str, Any]:
    told: dict[str, Any] = {"bytes": len(frame.pcm), "rate": frame.rate, "seconds": round(frame.seconds, 6)}
    told["level"] = round(level(frame.pcm), 1)
    return told | ({"position": round(frame.at, 6)} if isinstance(frame, Audio) else {})


def level(pcm: bytes) -> float:
    """dBFS (RMS; a full-scale square wave has 0) of signed 16-bit little-endian PCM: of some of it, if it is long."""
    samples = array("h", pcm[: len(pcm) & ~1])
    some = samples[:: max(1, len(samples) // ENOUGH)]
    energy = sum(sample * sample for sample in some)
    if not energy:
        return SILENT
    return max(SILENT, 10 * math.log10(energy / len(some) / LOUDEST**2))
