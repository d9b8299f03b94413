"""Where sentences end: sentencex, which knows the abbreviations of many languages, and what it does not know."""

# ruff: noqa: RUF001 - it is about the punctuation marks of many scripts
from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from importlib import import_module

WIDE = "。！？．｡…，、：；"
"""Marks of scripts without spaces: what follows them follows at once."""
STOPS = "।॥۔؟።፧։།༎။។៕"
"""Full stops and question marks of Indian, Arabic, Ethiopic, Armenian, Tibetan, Burmese and Khmer: likewise, often."""
_CLOSERS = "\"'”’»)]」』）】*_~`"

OPEN = re.compile(
    r"""(^|[\s(\[])["“«„](?=\S)[^"”“»]*$"""
    r"|[：，、。！？\u3040-\u9fff]“[^”]*$"
    r"|[(\[「『（](?=\S)[^)\]」』）]*$"
)
"""A quotation or bracket without its end, which may belong to the same sentence."""

_BEHIND = _CLOSERS + " \n"
"""What may stand behind the mark that ends a sentence."""
_LINE = re.compile(r"[^\n]*\n\s*|[^\n]+$")
_NEW_LINE = re.compile(r"\n\s*$")
_MISSED = re.compile(r"[។៕།༎;](?:(?<!;)|(?<=[\u0370-\u03ff\u1f00-\u1fff];)(?=\s))[។៕།༎]*\s*")
"""Ends that sentencex does not see: Khmer, Tibetan, and of Greek questions while it is told of another language."""
_ATTACHED = re.compile(rf"[{re.escape(_CLOSERS)}]+(\s+|$)")
_OPENERS = '"“«„([「『（¿¡'
_OPENER = re.compile(rf"(?<=\s)[{re.escape(_OPENERS)}]+$")
_WORD = re.compile(r"\w")
_LIST_MARK = re.compile(r"\s*(\(?(\d{1,3}|[A-Za-z])[.)]|[-*•])\s*")

_AS = {"no": "da", "nb": "da", "nn": "da"}
"""Languages that sentencex does not know, and those whose abbreviations they have."""
_BEFORE_NUMBERS = "no nr nº p pp vol fig ch ca approx tel ext h kl nt str ul art abs bl"
_ABBREVIATIONS = {
    "ar": "د أ م",
    "bn": "ড ডা",
    "bs": "npr dr mr prof ul br tj",
    "en": "approx mon tue tues wed thu thur thurs fri",
    "et": "nt dr hr pr",
    "fr": "mme mmes mlle mlles mgr",
    "hi": "डॉ प्रो पं श्री",
    "hr": "npr dr mr prof ul br tj",
    "lt": "pvz dr gerb",
    "lv": "piem dr prof",
    "mk": "пр др проф ул бр",
    "mr": "डॉ प्रो श्री",
    "ne": "डा डॉ प्रा श्री",
    "nl": "mevr mw dhr bijv d.w.z",
    "pl": "dr prof mgr inż ul al",
    "pt": "av dr dra sra prof",
    "ro": "dl dna dra str nr",
    "sl": "npr dr prof ul št",
    "sr": "npr dr mr prof ul br tj нпр др мр проф ул бр тј",
    "sv": "t.ex kl bl.a",
    "th": "ดร นพ พญ ผศ รศ ศ",
    "vi": "tp ts ths gs bs",
}
"""What sentencex lacks of those that stand before names. Before small letters no full stop ends a sentence anyway."""
_ORDINALS = "bs cs da de et fi hr hu is lv nb nn no pl sk sl sr tr"
"""Languages in which `3.` is the third."""


class Segmenter:
    """language: an ISO 639 code, or a tag that begins with one (`de-AT`). Its sentences are the text when joined."""

    def __init__(self, language: str) -> None:
        code = re.split("[-_]", language.lower())[0]
        self._segment: Callable[[str, str], list[str]] = import_module("sentencex").segment  # it has no type stubs
        self._language = _AS.get(code, code)
        self._abbreviations = _ABBREVIATIONS.get(code, "").split()
        self._before_numbers = _BEFORE_NUMBERS.split()
        self._ordinals = code in _ORDINALS.split()

    def sentences(self, text: str, *, capitals: bool = True) -> list[str]:
        """capitals: sentences begin with them, where the script has any. A line ends a sentence."""
        sentences = [""]
        for part in self._parts(text):
            last = sentences[-1]
            if attached := None if last[-1:].isspace() else _ATTACHED.match(part):
                sentences[-1] = last = last + attached[0]
                part = part[attached.end() :]
            if not last or self._goes_on(last, part, capitals):
                sentences[-1] += part
            else:
                opener = _OPENER.search(last)  # of the next sentence, but taken for the end of the last
                start = opener.start() if opener else len(last)
                sentences[-1:] = last[:start], last[start:] + part
        return sentences

    def _parts(self, text: str) -> Iterator[str]:
        for line in _LINE.findall(text) if "\n" in text else (text,):
            for part in self._segment(self._language, line):
                done = 0
                for missed in _MISSED.finditer(part):
                    yield part[done : missed.end()]
                    done = missed.end()
                yield part[done:]

    def _goes_on(self, last: str, part: str, capitals: bool) -> bool:
        """What seems to be two sentences is one."""
        begins = _WORD.search(part)
        if begins is None or _LIST_MARK.fullmatch(last):
            return True
        small = capitals and begins[0].islower()
        if _NEW_LINE.search(last):
            return small and _LIST_MARK.match(part) is None
        return self._is_no_stop(last.rstrip(_BEHIND), begins[0], small) or OPEN.search(last) is not None

    def _is_no_stop(self, last: str, letter: str, small: bool) -> bool:
        """A full stop that ends a word, not a sentence. letter: the first of what follows."""
        if not last.endswith("."):
            return False
        word = last[:-1].rpartition(" ")[2].lstrip(_OPENERS).lower()
        return (
            small
            or not word
            or word in self._abbreviations
            or (letter.isdigit() and word in self._before_numbers)
            or (self._ordinals and word.isdigit() and len(word) <= 2)
        )
