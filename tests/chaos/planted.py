"""Mistakes of the engine, planted to see whether the oracles find them."""

# pyright: reportPrivateUsage=false
from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from tests.chaos.drawing import Chaos, Stage, recommended, single, wild
from voicegraph.engine.recovery.attempt import Attempt
from voicegraph.engine.recovery.care import Care
from voicegraph.engine.recovery.request import Request
from voicegraph.engine.recovery.resume import Speech, Thought
from voicegraph.engine.recovery.tape import Tape, TapeReader
from voicegraph.engine.turns import Turns
from voicegraph.frames import Frame, Sentence

PATIENCE = Request._patience
REST = Speech.rest
GIVEN = Speech.given


def _both_speak(self: Request, attempt: Attempt[Any]) -> None:
    """The loser of a hedge is not stopped."""
    self._chain.take_over(attempt.candidate, self._site.now())


def _forget_the_rest(self: Speech, asked: Sequence[Frame]) -> list[Frame]:
    """After a death, the next voice has nothing to say."""
    return [frame for frame in asked if not isinstance(frame, Sentence)] if self._whole else [*asked]


def _begin_anew(self: Speech, asked: Sequence[Frame]) -> list[Frame]:
    """The next voice says all of it again."""
    return [*asked]


def _skip_a_word(self: Speech, asked: Sequence[Frame]) -> list[Frame] | None:
    """The word that broke off is not said again."""
    if self._again:
        self._whole.append(self._again)
        self._again = ""
    return REST(self, asked)


def _tell_the_ledger_twice(self: Speech, frame: Frame) -> Iterator[Frame]:
    """A word that is said again is a second word to the ledger."""
    self._again = ""
    return GIVEN(self, frame)


def _repeat(self: Thought, token: Frame) -> Iterator[Frame]:
    """What a model says again is said again."""
    yield token


async def _for_ever(self: Request, failed: Any, error: BaseException, retries: int) -> Any:
    """The same one is tried again, and again."""
    self._failed.clear()
    return failed, retries


def _late(self: Request, attempt: Attempt[Any]) -> float | None:
    """Deadlines are late."""
    patience = PATIENCE(self, attempt)
    return None if patience is None else patience + 0.3


def _hasty(self: Request, attempt: Attempt[Any]) -> float:
    """Everybody is late."""
    return 0.12


def _deaf(self: TapeReader, tape: Tape) -> None:
    """A new transcriber hears nothing of what the last one has missed."""
    self._tape = tape
    self._next = tape._dropped + len(tape._kept)


async def _say_nothing(self: Care, chain: Any, cause: Any) -> None:
    """A reply that will not come is passed over in silence."""


def _never(self: Turns, each: Any) -> bool:
    """What was interrupted goes on."""
    return False


MISTAKES: Mapping[str, Callable[[], AbstractContextManager[Any]]] = {
    "the loser of a hedge speaks on": lambda: patch.object(Request, "_win", _both_speak),
    "the rest is forgotten": lambda: patch.object(Speech, "rest", _forget_the_rest),
    "the rest begins anew": lambda: patch.object(Speech, "rest", _begin_anew),
    "the broken word is skipped": lambda: patch.object(Speech, "rest", _skip_a_word),
    "the ledger has a word twice": lambda: patch.object(Speech, "given", _tell_the_ledger_twice),
    "a model may repeat itself": lambda: patch.object(Thought, "_tell", _repeat),
    "it is retried for ever": lambda: patch.object(Request, "_next", _for_ever),
    "deadlines are late": lambda: patch.object(Request, "_patience", _late),
    "deadlines are early": lambda: patch.object(Request, "_patience", _hasty),
    "sound is not replayed": lambda: patch.object(TapeReader, "__init__", _deaf),
    "nothing is ever void": lambda: patch.object(Turns, "void", _never),
    "nothing is said at the end": lambda: patch.object(Care, "resort", _say_nothing),
}

SHOWS: Mapping[str, tuple[Stage, str]] = {
    "the rest is forgotten": ("tts", "die"),
    "the rest begins anew": ("tts", "die"),
    "the broken word is skipped": ("tts", "die"),
    "the ledger has a word twice": ("tts", "die"),
    "a model may repeat itself": ("llm", "die"),
    "deadlines are late": ("llm", "hang"),
    "sound is not replayed": ("stt", "drop"),
}
"""The fault with which a mistake shows; the others show in calls of any kind."""


def calls(mistake: str, count: int) -> Iterator[Chaos]:
    """So many calls in which it may show."""
    recover = recommended()
    if mistake == "the loser of a hedge speaks on":
        hasty = {**recover, "tts": replace(recover["tts"], hedge=0.05)}
        return (single(seed, "tts", "error", hasty).well() for seed in range(count))
    if mistake in SHOWS:
        return (single(seed, *SHOWS[mistake], recover) for seed in range(count))
    return (wild(seed) for seed in range(count))
