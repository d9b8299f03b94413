"""What a caller has heard of a reply, found in the sound: words, silences, what is missing and what is double."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from benchmarks.contenders.dead_air_shape import CAP, RATE
from voicegraph.testing.speech import PAUSES, Block, Ear, utter_words

TEXT = (
    "Thank you for calling Oak Dental, where we look after teeth of every age. Our practice opens at eight on weekdays "
    "and closes around six in the evening. Please bring your insurance card, arrive ten minutes early, plus tell us "
    "about any medicine."
)
"""The reply. No word is in it twice."""
LONG = {word: len(pcm) / (2 * RATE) for word, pcm in utter_words(TEXT, rate=RATE, origin=0)}
"""Its words, and how long each takes with the pause behind it, in seconds."""
SECONDS = sum(LONG.values())
JITTER = 0.005
"""Seconds that nobody hears."""


@dataclass(frozen=True)
class Heard:
    """silence: seconds from the end of the caller's turn to the first sound, and of silence within the reply beyond
    the pauses of speech. whole: there was sound at all. lost: words. twice: words said again, if only in part.
    seconds_lost: of the reply.
    """

    silence: float
    whole: bool
    lost: int
    twice: int
    seconds_lost: float
    longest: float


def judge(told: Sequence[tuple[float, str]]) -> Heard:
    """told: as contenders tell it."""
    ear = Ear(RATE)
    blocks = [block for at, pcm in told for block in ear.feed(base64.b64decode(pcm), at)]
    blocks += ear.flush()
    count = Counter(block.word.text for block in blocks if block.word)
    missing = [word for word in LONG if not count[word]]
    gaps = [blocks[0].start, *_gaps(blocks)] if blocks else [CAP]
    return Heard(
        silence=sum(gaps),
        whole=bool(blocks),
        lost=len(missing),
        twice=sum(count[word] - 1 for word in LONG if count[word])
        + sum(count[word] > 0 for word in _broken_off(blocks)),
        seconds_lost=sum(LONG[word] for word in missing),
        longest=max(gaps),
    )


def first_sound(told: Sequence[tuple[float, str]]) -> float:
    """When the caller first heard something after their turn."""
    return told[0][0] if told else CAP


def _gaps(blocks: Iterable[Block]) -> list[float]:
    """Silences between blocks, without the pauses that speech has."""
    gaps = [after.start - before.end - _pause(before) for before, after in pairwise(blocks)]
    return [gap for gap in gaps if gap > JITTER]


def _pause(block: Block) -> float:
    return PAUSES.get(block.word.text[-1], 0.0) if block.word else 0.0


def _broken_off(blocks: Sequence[Block]) -> Iterator[str]:
    """Words that were begun, and not ended before another began. Which they were shows in the word before."""
    following = dict(pairwise(["", *LONG]))
    last = ""
    for before, after in pairwise(blocks):
        last = before.word.text if before.word else last
        if before.word is None and not _goes_on(before, after):
            yield following.get(last, "")


def _goes_on(before: Block, after: Block) -> bool:
    return (after.origin, after.number) == (before.origin, before.number + 1)
