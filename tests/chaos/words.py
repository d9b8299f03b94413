"""Words that tell whose they are: a caller's have three syllables, the agent's two, and those of phrases are English.

An answer follows from what was asked, so any model gives the same one, and no word of it comes twice.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from random import Random

from voicegraph.graph.plan import GOODBYE, SORRY
from voicegraph.turn_taking.words import plain_words

CONSONANTS, VOWELS = "bdfgklmprstvz", "aeiou"
SYLLABLES = [consonant + vowel for consonant in CONSONANTS for vowel in VOWELS]
AGENTS = re.compile(f"([{CONSONANTS}][{VOWELS}]){{2}}")

GREETING = "Hello there."
THINKING = "One moment please."
SPEAKING = "Just a second."
REPEAT = "Sorry, could you repeat that?"
STILL_HERE = "I am still here."
PHRASES = (GREETING, THINKING, SPEAKING, REPEAT, STILL_HERE, SORRY, GOODBYE)
"""All that is said besides answers."""


def question(random: Random, words: int) -> str:
    """What a caller says, of words that they say once."""
    return " ".join(a + b + c for a, b, c in zip(*(random.sample(SYLLABLES, words) for _ in range(3)), strict=True))


def answer(asked: str) -> str:
    """What the agent says to that: one to three sentences, of unique words."""
    random = Random(zlib.crc32(" ".join(plain_words(asked)).encode()))
    words = random.sample([a + b for a in SYLLABLES for b in SYLLABLES], random.randint(4, 11))
    breaks = {random.randrange(2, len(words)) for _ in range(random.randint(0, 2))}
    commas = {random.randrange(1, len(words)) for _ in range(2)}
    text = ""
    for number, word in enumerate(words):
        begins = number == 0 or number in breaks
        text += ("" if number == 0 else ". " if begins else ", " if number in commas else " ") + (
            word.capitalize() if begins else word
        )
    return text + random.choice(".?!")


def of_the_agent(words: Sequence[str]) -> list[str]:
    """Those of its answers, plain."""
    return [word for word in plain_words(" ".join(words)) if AGENTS.fullmatch(word)]
