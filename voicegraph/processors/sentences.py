"""Cuts a reply's text into pieces worth speaking in one breath, each as soon as it is certain."""

# ruff: noqa: RUF001 - it is about the punctuation marks of many scripts
from __future__ import annotations

import asyncio
import re
import unicodedata
from collections.abc import AsyncIterator, Callable, Iterator
from importlib import import_module

from voicegraph.durations import Duration
from voicegraph.frames import Sentence, Token
from voicegraph.node import node

_WIDE = "。！？．｡…，、：；"
"""Marks of scripts without spaces: what follows them follows at once."""
_NEXT_WORD = re.compile(rf"(?<=[\s{_WIDE}])[^\w\s]*\w")
"""Up to the first letter of a word: that is when it shows whether something ended before it."""
_UNSTOPPED = r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff]"
"""Thai, Lao, Burmese, Khmer: phrases and sentences end with a space and no mark."""
_PHRASE = re.compile(rf"(?<={_UNSTOPPED})\s+(?={_UNSTOPPED})")
_CLAUSE = re.compile(rf"[,;:–—][\"'”’)\]]?\s+|\s[-–—]+\s+|[，、：；]|{_PHRASE.pattern}")
_OPEN = re.compile(r"""(^|[\s(\[])["“«„](?=\S)[^"”“»]*$|[(\[「『（](?=\S)[^)\]」』）]*$""")
"""A quotation or bracket without its end, which may belong to the same sentence."""
_OPENER = re.compile(r"(?<=\s)[\"“«„(\[「『（¿¡]+$")
_WORD = re.compile(r"\w")
_SPACES = re.compile(r"\s+")
_LIST_MARK = re.compile(r"\s*(\(?(\d{1,3}|[A-Za-z])[.)]|[-*•])\s*")

SHORTEST_LIMIT = 20
"""Least `max_chars`."""


class Splitter:
    """Text in, in pieces of any size; sentences out. Where it cuts depends on the text, not on the pieces.

    Sentences are found by sentencex, which knows the abbreviations of some 300 languages. For the fields see the node.
    """

    def __init__(self, language: str, *, first_clause: bool, min_first_chars: int, max_chars: int) -> None:
        self._segment: Callable[[str, str], list[str]] = import_module("sentencex").segment  # it has no type stubs
        self._language = language
        self._early = _CLAUSE if first_clause else _PHRASE
        self._least = min_first_chars
        self._most = max_chars
        self._text = ""
        self._searched = 0

    def feed(self, text: str) -> Iterator[str]:
        """The sentences that are certainly complete now."""
        # One space character is as good as another, and sentencex 1.0 fails on those of several bytes.
        self._text = (self._text + re.sub(r"[^\S\n]", " ", text)).lstrip()
        while end := self._next_decision():
            self._searched = end
            cut = self._cut(self._text[:end])
            if cut:
                yield self._take(cut)

    def flush(self) -> Iterator[str]:
        """All the rest."""
        while self._text:
            yield self._take(len(self._sentences(self._text)[0]))

    @property
    def rests(self) -> bool:
        """The text so far ends as a sentence does, so it may be spoken if nothing comes for a while."""
        return bool(self._text) and len(self._sentences(f"{self._text} x")) > 1 and not _OPEN.search(self._text)

    def _next_decision(self) -> int:
        """The end of the shortest text, longer than what was looked at, that may tell something new; 0 if none does."""
        found = _NEXT_WORD.search(self._text, self._searched)
        end = found.end() if found else 0
        too_long = self._most + 1
        if self._searched < too_long <= len(self._text) and not 0 < end <= too_long:
            return too_long
        return end

    def _cut(self, text: str) -> int:
        """Where to cut a text that has just begun a new word, or grown too long; 0 for nowhere yet."""
        first, *more = self._sentences(text)
        if more and not _OPEN.search(first):
            return len(first)
        for match in self._early.finditer(text):
            if len(text[: match.end()].strip()) >= self._least:
                return match.end()
        return self._fit(text) if len(text) > self._most else 0

    def _fit(self, text: str) -> int:
        """The last good place at which the text, cut there, is not too long: behind a clause, a word, or any letter."""
        for boundary, least in ((_CLAUSE, self._most // 2), (_SPACES, 1)):
            ends = [match.end() for match in boundary.finditer(text) if least <= match.end() <= self._most]
            if ends:
                return ends[-1]
        end = self._most
        while end > 1 and unicodedata.category(text[end])[0] in "MC":  # an accent or a joiner belongs to its letter
            end -= 1
        return end

    def _sentences(self, text: str) -> list[str]:
        """The text in sentences; what has no word, and the mark of a list's entry, is not one by itself."""
        sentences = [""]
        for part in self._segment(self._language, text):
            last = sentences[-1]
            if not last or not _WORD.search(part) or _LIST_MARK.fullmatch(last):
                sentences[-1] += part
            else:
                opener = _OPENER.search(last)  # of the next sentence, but taken for the end of the last
                start = opener.start() if opener else len(last)
                sentences[-1:] = last[:start], last[start:] + part
        return sentences

    def _take(self, end: int) -> str:
        taken, self._text = self._text[:end], self._text[end:].lstrip()
        self._searched = 0
        self._early = _PHRASE
        return " ".join(taken.split())


@node("sentences")
class Sentences:
    """Gathers the tokens of a reply into sentences, each given as soon as the next one begins.

    language: of the reply, as an ISO 639 code. first_clause: give the first clause of a reply, if it has
    `min_first_chars`, without waiting for its sentence to end: the caller hears the answer sooner. max_chars: cut what
    is longer, between clauses or words. patience: if a sentence seems complete and no more text comes for so long, as
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
