"""The conversation so far, as both sides heard it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from voicegraph.call import Reply
from voicegraph.frames import Message

CUT = "—"
"""Marks in the history where a reply was interrupted."""


class History:
    """What the caller said, by turn. What the agent said is asked of the ledger each time: more is heard of it by then.

    limit: how many exchanges are told at most. One more, and the older half goes at once.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._said: dict[int, str] = {}
        self._oldest = 1  # turn with which the history begins

    def add(self, turn: int, text: str) -> None:
        """The caller said this, and the turn of that number answers it."""
        self._said[turn] = text

    def forget(self, turn: int) -> None:
        """It was not yet all: another turn answers it."""
        self._said.pop(turn, None)

    def messages(self, replies: Iterable[Reply]) -> Iterator[Message]:
        """The exchanges so far, oldest first; the agent's part, greetings too, only as far as it was heard.

        replies: all of the call. What is too old is gone for good.
        """
        heard = {reply.turn: as_heard(reply) for reply in replies if reply.turn >= self._oldest}
        for turn in self._recent({*self._said, *(turn for turn, text in heard.items() if text)}):
            if turn in self._said:
                yield Message("user", self._said[turn])
            if heard.get(turn):
                yield Message("assistant", heard[turn])

    def _recent(self, turns: Iterable[int]) -> list[int]:
        kept = sorted(turns)
        if len(kept) > self._limit:
            half = len(kept) - (self._limit + 1) // 2
            self._oldest = kept[half - 1] + 1
            kept = kept[half:]
            self._said = {turn: said for turn, said in self._said.items() if turn >= self._oldest}
        return kept


def as_heard(reply: Reply) -> str:
    """The words of a reply that were heard, marked where an interrupt cut it.

    That is before the first word that was discarded, for what must be said is said behind it; or at the end, if the
    reply was cut while the rest of it was still to be made.
    """
    heard = ""
    cut = False
    for word in reply.words:
        if word.state == "heard":
            heard += f" {word.text}" if heard else word.text
        elif word.state == "discarded" and heard and not cut:
            heard, cut = heard + CUT, True
    unmade = reply.interrupted and not reply.ended and heard and not cut
    return heard + CUT if unmade else heard
