"""What the conversation holds: both sides, the agent's as far as it was heard, and no more than its limit."""

from __future__ import annotations

import pytest

from voicegraph import Reply, Word
from voicegraph.turn_taking.history import History, as_heard


def reply(words: str, turn: int = 1, *, ended: bool = True, interrupted: bool = False) -> Reply:
    """A reply of these words: +heard, ~queued, -discarded."""
    states = {"+": "heard", "~": "queued", "-": "discarded"}
    told = tuple(Word(word[1:], states[word[0]]) for word in words.split())  # type: ignore[arg-type]
    return Reply(turn, words=told, ended=ended, interrupted=interrupted)


@pytest.mark.parametrize(
    ("words", "ended", "interrupted", "heard"),
    [
        ("+One +two.", True, False, "One two."),
        ("+One ~two.", True, False, "One"),
        ("+One ~two.", False, False, "One"),
        ("+One -two.", True, True, "One—"),
        ("+One -two.", False, True, "One—"),
        ("+One +two.", False, True, "One two.—"),  # the rest was still to be made
        ("+One +two.", True, True, "One two."),  # nothing was lost
        ("-One -two.", True, True, ""),
        ("", False, True, ""),
        ("+One -two. +Recorded.", True, True, "One— Recorded."),  # what must be said was said behind the cut
        ("+One -two. ~Recorded.", True, True, "One—"),
        ("+One. -Two. +Recorded. -Three.", True, True, "One.— Recorded."),
        ("-One +Recorded.", True, True, "Recorded."),
    ],
)
def test_a_reply_as_it_was_heard(words: str, ended: bool, interrupted: bool, heard: str) -> None:
    assert as_heard(reply(words, ended=ended, interrupted=interrupted)) == heard


def told(history: History, *replies: Reply) -> str:
    return " ".join(f"{message.role[0]}:{message.content}" for message in history.messages(replies))


def test_both_sides_in_the_order_of_turns() -> None:
    history = History(9)
    history.add(2, "Hello.")
    history.add(3, "Bye.")
    assert told(history, reply("+Welcome!"), reply("+Hi.", 2)) == "a:Welcome! u:Hello. a:Hi. u:Bye."


def test_what_is_taken_back_is_forgotten() -> None:
    history = History(9)
    history.add(1, "Hello.")
    history.forget(1)
    history.forget(7)
    assert told(history, reply("-Hi.", interrupted=True)) == ""


def test_of_a_reply_more_is_told_when_more_was_heard() -> None:
    history = History(9)
    history.add(1, "Hello.")
    assert told(history, reply("+Hi ~there.")) == "u:Hello. a:Hi"
    assert told(history, reply("+Hi +there.")) == "u:Hello. a:Hi there."


def test_the_older_half_goes_at_once_and_for_good() -> None:
    history = History(4)
    replies: list[Reply] = []
    lengths: list[int] = []
    for turn in range(1, 9):
        history.add(turn, f"{turn}")
        replies.append(reply("+yes", turn))
        lengths.append(told(history, *replies).count("u:"))
    assert lengths == [1, 2, 3, 4, 2, 3, 4, 2]
    assert told(history, *replies).startswith("u:7")


def test_a_reply_of_which_nothing_was_heard_counts_only_with_its_question() -> None:
    history = History(1)
    history.add(2, "Hello.")
    assert told(history, reply("-Welcome!", interrupted=True)) == "u:Hello."
