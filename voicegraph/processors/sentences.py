"""Cuts a reply's text into pieces worth speaking in one breath, each as soon as it is certain."""

# ruff: noqa: RUF001 - it is about the punctuation marks of many scripts
from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from unicodedata import category, east_asian_width

from voicegraph.durations import Duration
from voicegraph.frames import Sentence, Token
from voicegraph.node import node
from voicegraph.providers.segmenting import STOPS, WIDE, Segmenter

_NEXT_WORD = re.compile(rf"(?<=[\s{WIDE}{STOPS}])[^\w\s]*\w")
"""Up to the first letter of a word: that is when it shows whether something ended before it."""
_UNSTOPPED = r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]"
"""Thai, Lao, Burmese, Khmer: phrases and sentences end with a space and no mark."""
_PHRASE = re.compile(rf"(?<={_UNSTOPPED})\s+(?={_UNSTOPPED})")
_CLAUSE = re.compile(rf"[,;:–—،؛፣፤፥၊][\"'”’)\]]?\s+|\s[-–—]+\s+|[，、：；]|{_PHRASE.pattern}")
_SPACES = re.compile(r"\s+")
_LETTER = re.compile(r"[^\W\d_]")
_JOINER = "\u200d"
"""Puts emojis, and letters of Indian scripts, together."""
_HANGERS_ON = ("Mn", "Mc", "Me", "Cf", "Sk")
"""Categories of what belongs to the letter before: accents, vowel signs, joiners, the colours of emojis."""
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]+)*")

PHRASE = 40
"""Letters that a phrase has at least, behind the first, in a script whose phrases end with no more than a space."""
SHORTEST_LIMIT = 20
"""Least `max_chars`."""


class Splitter:
    """Text in, in pieces of any size; sentences out. Where it cuts depends on the text, not on the pieces.

    For the fields see the node.
    """

    def __init__(self, language: str, *, first_clause: bool, min_first_chars: int, max_chars: int) -> None:
        self._segmenter = Segmenter(language)
        self._early = _CLAUSE if first_clause else _PHRASE
        self._least = min_first_chars
        self._most = max_chars
        self._text = ""
        self._searched = 0
        self._capitals: bool | None = None  # whether the reply begins with one, as far as it is known

    def feed(self, text: str) -> Iterator[str]:
        """The sentences that are certainly complete now."""
        # One space character is as good as another, and sentencex 1.0 fails on those of several bytes.
        self._text = (self._text + re.sub(r"[^\S\n]", " ", text)).lstrip()
        if self._capitals is None and (letter := _LETTER.search(self._text)):
            self._capitals = not letter[0].islower()
        while end := self._next_decision():
            self._searched = end
            if cut := self._cut(self._text[:end]):
                yield self._take(cut)

    def flush(self) -> Iterator[str]:
        """All the rest."""
        while self._text:
            yield self._take(len(self._sentences(self._text)[0]))

    @property
    def rests(self) -> bool:
        """The text so far ends as a sentence does, so it may be spoken if nothing comes for a while."""
        return not self._text[-1:].isalnum() and len(self._sentences(f"{self._text} X")) > 1

    def _next_decision(self) -> int:
        """The end of the shortest text, longer than what was looked at, that may tell something new; 0 if none does."""
        too_long = self._most + 1
        if found := _NEXT_WORD.search(self._text, self._searched, too_long):
            return found.end()
        return too_long if self._searched < too_long <= len(self._text) else 0

    def _cut(self, text: str) -> int:
        """Where to cut a text that has just begun a new word, or grown too long; 0 for nowhere yet."""
        first, *more = self._sentences(text)
        if more:
            return len(first)
        for match in self._early.finditer(text):
            if _breath(text[: match.end()].strip()) >= self._least:
                return match.end()
        return self._fit(text) if len(text) > self._most else 0

    def _fit(self, text: str) -> int:
        """The last good place at which the text, cut there, is not too long: behind a clause, a word, or any letter."""
        for boundary, least in ((_CLAUSE, self._most // 2), (_SPACES, 1)):
            ends = [match.end() for match in boundary.finditer(text) if least <= match.end() <= self._most]
            if ends:
                return ends[-1]
        end = self._most
        while end > 1 and (category(text[end]) in _HANGERS_ON or text[end - 1] == _JOINER):
            end -= 1
        return end

    def _sentences(self, text: str) -> list[str]:
        return self._segmenter.sentences(text, capitals=self._capitals is not False)

    def _take(self, end: int) -> str:
        taken, self._text = self._text[:end], self._text[end:].lstrip()
        self._searched = 0
        self._early, self._least = _PHRASE, PHRASE
        return " ".join(taken.split())


def _breath(text: str) -> int:
    """Its letters; one of Chinese, Japanese or Korean is a syllable, and so counts as two."""
    return sum(2 if east_asian_width(letter) in "WF" else 1 for letter in text)


@node("sentences")
class Sentences:
    """Gathers the tokens of a reply into sentences, each given as soon as the next one begins.

    language: of the reply, as an ISO 639 code such as `de`: it says which words with a full stop are abbreviations.
    first_clause: give the first clause of a reply, if it has `min_first_chars` (a Chinese, Japanese or Korean letter
    counts as two), without waiting for its sentence to end: the caller hears the answer sooner. max_chars: cut what is
    longer, between clauses or words. patience: if a sentence seems complete and no more text comes for so long, as
    when a tool is called, it is given.
    """

    language: str = "en"
    first_clause: bool = True
    min_first_chars: int = 10
    max_chars: int = 200
    patience: Duration = 0.3

    def __post_init__(self) -> None:
        if self.max_chars < SHORTEST_LIMIT:
            raise ValueError(f"max_chars is {SHORTEST_LIMIT} or more: the voice is to speak in phrases, not in words")
        if not _LANGUAGE.fullmatch(self.language):
            raise ValueError(f"language is a code such as `en`, `de` or `pt-BR`, not `{self.language}`")

    async def speak(self, tokens: AsyncIterator[Token]) -> AsyncIterator[Sentence]:
        splitter = Splitter(
            self.language,
            first_clause=self.first_clause,
            min_first_chars=self.min_first_chars,
            max_chars=self.max_chars,
        )
        more = True
        while more:
            try:
                async with asyncio.timeout(self.patience if splitter.rests else None):
                    token = await anext(tokens)
                pieces = splitter.feed(token.text)
            except TimeoutError:
                pieces = splitter.flush()
            except StopAsyncIteration:
                pieces = splitter.flush()
                more = False
            for piece in pieces:
                yield Sentence(piece)
