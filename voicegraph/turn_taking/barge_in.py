"""When speech over the agent's voice is an interruption, and what the agent does until that is known."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Protocol

from annotated_types import Ge

from voicegraph.call import SLACK
from voicegraph.durations import Duration
from voicegraph.turn_taking.end_of_turn import FINAL_WAIT
from voicegraph.turn_taking.words import plain_words

WORDS_WAIT = 0.3
"""Seconds that a paused agent waits, when the speech has stopped, for the words of it: a transcriber's usual time."""
NOISE_WAIT = 2.0
"""Seconds after which a paused agent speaks on although the speech, if that is what it is, goes on undecided."""
LONGEST = 4.0
"""Seconds of a pause, whatever comes: noises that follow each other must not silence the agent for good."""


class Criterion(Protocol):
    """One thing that speech must be to interrupt."""

    def met(self, seconds: float, words: list[str]) -> bool:
        """seconds: how long the caller has spoken. words: those recognised so far that count, plain."""
        ...


@dataclass(frozen=True)
class LongEnough:
    """The caller has spoken for so many seconds."""

    seconds: float

    def met(self, seconds: float, words: list[str]) -> bool:
        return seconds >= self.seconds - SLACK


@dataclass(frozen=True)
class WordsEnough:
    """So many words were recognised."""

    count: int

    def met(self, seconds: float, words: list[str]) -> bool:
        return len(words) >= self.count


@dataclass(frozen=True)
class NoBackchannel:
    """Speech that may be an "uh-huh" needs a word that is none. ignored: words and phrases that interrupt nobody."""

    ignored: tuple[str, ...]

    def met(self, seconds: float, words: list[str]) -> bool:
        return bool(words or not self.ignored)

    def counting(self, text: str) -> list[str]:
        """The words of a text that count, plain."""
        said = _spaced(text)
        for phrase in self._phrases:
            said = said.replace(phrase, "")
        return said.split()

    @cached_property
    def _phrases(self) -> list[str]:
        return sorted(map(_spaced, self.ignored), key=len, reverse=True)


def _spaced(text: str) -> str:
    """The plain words of a text, each with a space before and behind it, so that whole words are found."""
    return "".join(f" {word} " for word in plain_words(text))


@dataclass(kw_only=True)
class BargeIn:
    """When the caller's speech interrupts the agent's.

    after_speech: the caller has spoken for so long, as far as the VAD has noticed. min_words: and so many words of it
    are recognised; with 0, speech alone is enough. Fewer words are kept: they are answered when the agent is done, or
    together with what the caller says next. ignore: words and phrases that never interrupt, such as "uh-huh"; said over
    the agent's voice, they are dropped.
    pause_first: the agent falls silent as soon as the caller speaks, and speaks on where it stopped if it turns out
    that nothing interrupts it. With `min_words: 1` that is so after coughs and noises of any length.
    """

    __pydantic_config__ = {"extra": "forbid"}

    after_speech: Duration = 0.25
    min_words: Annotated[int, Ge(0)] = 0
    ignore: tuple[str, ...] = ()
    pause_first: bool = False

    def __post_init__(self) -> None:
        self._backchannel = NoBackchannel(self.ignore)
        self._criteria: tuple[Criterion, ...] = (
            LongEnough(self.after_speech),
            WordsEnough(self.min_words),
            self._backchannel,
        )

    def decides(self, spoken: float, text: str) -> bool:
        """Whether `spoken` seconds of speech, recognised as `text` so far, are an interruption."""
        words = self.words(text)
        return all(criterion.met(spoken, words) for criterion in self._criteria)

    def words(self, text: str) -> list[str]:
        """The words that count, without case and punctuation."""
        return self._backchannel.counting(text)


@dataclass(frozen=True)
class Paused:
    """The agent's voice, while it is undecided whether the caller interrupts. turn: whose. since: loop time."""

    turn: int
    since: float

    def until(self, now: float, *, speaks_since: float | None, guess: bool) -> float:
        """When to speak on, as things are: since when the caller speaks, or whether their words are guessed at."""
        wait = FINAL_WAIT if guess else WORDS_WAIT
        return min(now + wait if speaks_since is None else speaks_since + NOISE_WAIT, self.since + LONGEST)
