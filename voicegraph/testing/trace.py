"""What happened in a call, kept so that two runs can be compared."""

from __future__ import annotations

import asyncio
import hashlib
from typing import NamedTuple

import msgspec

from voicegraph.frames import Frame


class Given(NamedTuple):
    """A node gave a frame. time: of the loop, in seconds."""

    time: float
    node: str
    frame: Frame


class Heard(NamedTuple):
    """Of a turn's audio, so many seconds in all had been heard. time: of the loop, in seconds."""

    time: float
    turn: int
    seconds: float


class Trace:
    """An observer of a session: `Session(plan, observers=(trace := Trace(),))`. Keeps all, encodes nothing.

    events: what nodes gave, and when. heard: what the line reported of its playback.
    """

    def __init__(self) -> None:
        self.events: list[Given] = []
        self.heard: list[Heard] = []

    def given(self, node: str, frame: Frame) -> None:
        self.events.append(Given(asyncio.get_running_loop().time(), node, frame))

    def played(self, turn: int, seconds: float) -> None:
        self.heard.append(Heard(asyncio.get_running_loop().time(), turn, seconds))

    def digest(self) -> str:
        """SHA-256 of everything, sound included, as 64 hexadecimal digits. Two runs with one digest were the same."""
        encoder = msgspec.msgpack.Encoder(order="deterministic")
        digest = hashlib.sha256()
        for event in (*self.events, *self.heard):
            digest.update(encoder.encode(event))
        return digest.hexdigest()
