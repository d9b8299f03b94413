"""The caller's turns: what was said in each, which one is answered, and what was said before it."""

from __future__ import annotations

from collections.abc import Iterable

from voicegraph.call import Reply
from voicegraph.frames import Message, UserTurn
from voicegraph.turn_taking.history import History
from voicegraph.turn_taking.words import CallerWords


class Dialogue:
    """Makes turns of the caller's words, and takes the last one back. history: how many exchanges a turn carries."""

    def __init__(self, history: int) -> None:
        self.words = CallerWords()
        self.last: UserTurn | None = None
        self._past = History(history)
        self._held = False

    @property
    def held(self) -> bool:
        """Whether the last turn is only thought to be over, so that its answer waits to be heard."""
        return self._held and self.last is not None

    def close(self, replies: Iterable[Reply], *, speculative: bool) -> UserTurn | None:
        """The turn that the caller's words make; None if they are no more than what was answered before.

        replies: all of the call. Whoever gives the turn says so with `given`, when it has its number.
        """
        text = self.words.close()
        if not text:
            return None
        messages = (*self._past.messages(replies), Message("user", text))
        self.last, self._held = UserTurn(text, messages=messages, speculative=speculative), speculative
        return self.last

    def given(self) -> None:
        """The last turn has a number by now."""
        if self.last is not None:
            self._past.add(self.last.turn, self.last.text)

    def reopen(self) -> None:
        """Opens the last turn again, as if it had not been given."""
        if self.last is not None:
            self._past.forget(self.last.turn)
        self.words.reopen()
        self.last = None

    def commit(self) -> UserTurn | None:
        """The last turn is truly over. Returns it if it was only thought to be until now."""
        held, self._held = self._held, False
        return self.last if held else None
