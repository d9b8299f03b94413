"""The format of simulated speech: blocks of 20 ms that say where they come from and which word ends in them.

A block is a *unit*, repeated up to a seal at its end, so that a cut shows:

    VGsp  002a   0001f3  +    005   hello
    magic origin number  ends bytes text

No byte of a block is zero: zeros are silence, and silence is nothing else.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable
from typing import NamedTuple

FRAMES_PER_SECOND = 50
LEAST_RATE = 4_000
"""Samples per second that leave room for words."""
MAGIC = b"VGsp"
ORIGINS, NUMBERS = 1 << 16, 1 << 24
"""Origins and numbers begin again there."""
_HEADER = re.compile(rb"VGsp([0-9a-f]{4})([0-9a-f]{6})([-+])([0-9a-f]{3})")
_HEADER_SIZE, _SEAL_SIZE = 18, 4
_ROOM = LEAST_RATE // FRAMES_PER_SECOND * 2 - _HEADER_SIZE - _SEAL_SIZE
"""Bytes of text in a block at any rate."""


class Unit(NamedTuple):
    """What a block says.

    origin: for the agent the turn in which its text was made, for the caller the number of the utterance. number: the
    block's place in what was uttered; pauses count. ends: a word does, here. text: of that word; of one too long for a
    block, a piece.
    """

    origin: int
    number: int
    ends: bool
    text: bytes

    def encoded(self) -> bytes:
        mark = "+" if self.ends else "-"
        header = f"{self.origin % ORIGINS:04x}{self.number % NUMBERS:06x}{mark}{len(self.text):03x}"
        return MAGIC + header.encode() + self.text

    def block(self, size: int) -> bytes:
        """So many bytes of sound. The bytes of the seal are in no header: nothing else can pass for a block's end.

        No byte is 0xff, so that each can be a value of mu-law, which has 255 (voicegraph.testing.telephone).
        """
        unit = self.encoded()
        seal = bytes(min(byte | 0x80, 0xFE) for byte in zlib.crc32(unit).to_bytes(_SEAL_SIZE))
        return (unit * (size // len(unit) + 1))[: size - _SEAL_SIZE] + seal


def block_size(rate: int) -> int:
    """Bytes of 20 ms. Raises ValueError for a rate that is too low."""
    if rate < LEAST_RATE:
        raise ValueError(f"simulated speech needs a rate of {LEAST_RATE} Hz at least, not {rate}")
    return rate // FRAMES_PER_SECOND * 2


def read_unit(sound: bytes) -> Unit | None:
    """The unit with which this begins, if all of it is there."""
    header = _HEADER.match(sound)
    if header is None:
        return None
    size = int(header[4], 16)
    text = sound[_HEADER_SIZE : _HEADER_SIZE + size]
    if len(text) < size or size > _ROOM:
        return None
    return Unit(int(header[1], 16), int(header[2], 16), header[3] == b"+", text)


def may_begin_unit(sound: bytes) -> bool:
    """Whether this, which is no whole unit, may become one when more of it comes."""
    return len(sound) < _HEADER_SIZE or _HEADER.match(sound) is not None


def spread(word: str, blocks: int) -> list[bytes]:
    """The texts of the blocks that a word takes, if they are so many; more if it needs more.

    It stands in the last, and where it is too long in as many of the last as it needs, cut between letters.
    """
    pieces = [b""]
    for letter in word:
        encoded = letter.encode("utf-8", "surrogatepass").replace(b"\0", b"\xc0\x80")  # as Java writes it
        if len(pieces[-1]) + len(encoded) > _ROOM:
            pieces.append(b"")
        pieces[-1] += encoded
    return [*([b""] * (blocks - len(pieces))), *pieces]


def gather(texts: Iterable[bytes]) -> str:
    """The word that was spread over these blocks."""
    encoded = b"".join(texts).replace(b"\xc0\x80", b"\0")
    try:
        return encoded.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:  # nobody's utterance
        return encoded.decode("utf-8", "replace")


def alike(one: bytes, other: bytes) -> int:
    """How many bytes the two begin with alike."""
    shorter = min(len(one), len(other))
    if one[:shorter] == other[:shorter]:
        return shorter
    return next(n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b)
