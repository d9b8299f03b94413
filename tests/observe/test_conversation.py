"""The conversation as people see it, told by feeding frames and a ledger of our own."""

from __future__ import annotations

import io
from typing import Literal

import pytest
from rich.console import Console

from voicegraph import (
    Commit,
    Dtmf,
    Error,
    Frame,
    Interrupt,
    Reply,
    Sentence,
    Token,
    Transcript,
    TTSAudio,
    UserTurn,
    Word,
)
from voicegraph.observe.conversation import Conversation


class Shown:
    """A conversation, what it has shown so far, and the ledger that it asks."""

    def __init__(self, *, terminal: bool = False) -> None:
        self.out = io.StringIO()
        self.ledger: dict[int, Reply] = {}
        self.answered: dict[int, float] = {}
        self.now = 100.0
        console = Console(
            file=self.out,
            force_terminal=terminal,
            width=100,
            color_system="truecolor" if terminal else None,
            legacy_windows=False,
        )
        self.console = console
        self.conversation = Conversation(
            console, lambda: list(self.ledger.values()), self.answered.get, clock=lambda: self.now
        )

    def give(self, *frames: Frame) -> None:
        for frame in frames:
            self.conversation.given("node", frame)

    def heard(self, reply: Reply) -> None:
        """The ledger changes, and the line reports."""
        self.ledger[reply.turn] = reply
        self.conversation.played(reply.turn, reply.heard_seconds)

    @property
    def lines(self) -> list[str]:
        return self.out.getvalue().splitlines()


SAID = "We open at five. See you."
WHOLE = Reply(1, said=SAID, heard=SAID, seconds=2.0, heard_seconds=2.0, ended=True)
CUT = Reply(1, said=SAID, heard="We open at", seconds=2.0, heard_seconds=0.9, interrupted=True)


def exchange(shown: Shown) -> None:
    shown.now += 1.5
    shown.give(Transcript("when", final=False, start=0.5), Transcript("When do you open?", start=0.5))
    shown.now += 0.5
    shown.give(UserTurn("When do you open?", turn=1))
    shown.give(*(Token(text, turn=1) for text in ("We ", "open", " at five.", " See you.")))
    shown.give(Sentence("We open at five.", turn=1), Sentence("See you.", turn=1))
    shown.give(TTSAudio(bytes(640), turn=1, text="We open at five."))


def test_each_utterance_is_one_line_when_it_is_over() -> None:
    shown = Shown()
    with shown.conversation:
        exchange(shown)
        assert shown.lines == ["   1.5  caller  When do you open?"]
        shown.answered[1] = 0.524
        shown.heard(WHOLE)
    assert shown.lines[1:] == ["   2.0   agent  We open at five. See you.  (524 ms)"]


def test_words_that_were_never_heard_are_told_apart() -> None:
    shown = Shown()
    with shown.conversation:
        exchange(shown)
        shown.heard(CUT)
    assert shown.lines[1:] == ["   2.0   agent  We open at [interrupted; not heard: five. See you.]"]


def test_words_generated_but_never_sent_to_the_voice_count_as_not_heard() -> None:
    shown = Shown()
    with shown.conversation:
        exchange(shown)
        shown.give(Token(" Bye.", turn=1))
        shown.heard(CUT)
    assert shown.lines[1].endswith("[interrupted; not heard: five. See you. Bye.]")


def test_what_had_to_be_said_is_heard_though_what_stood_before_it_is_not() -> None:
    states: dict[str, Literal["heard", "discarded"]] = {
        "We open at": "heard",
        "five.": "discarded",
        "See you.": "heard",
    }
    words = tuple(Word(word, state) for text, state in states.items() for word in text.split())
    shown = Shown()
    with shown.conversation:
        exchange(shown)
        shown.heard(
            Reply(1, SAID, "We open at See you.", 1.6, 1.6, ended=True, interrupted=True, kept=True, words=words)
        )
    assert shown.lines[1:] == ["   2.0   agent  We open at See you. [interrupted; not heard: five.]"]


def test_on_a_terminal_they_are_struck_out() -> None:
    shown = Shown(terminal=True)
    with shown.conversation:
        exchange(shown)
        shown.heard(CUT)
    struck = next(line for line in shown.out.getvalue().splitlines() if "interrupted" in line)
    assert "\x1b[2;9mfive. See you." in struck


def test_on_a_terminal_the_partial_transcript_is_seen_and_goes() -> None:
    shown = Shown(terminal=True)
    with shown.conversation:
        shown.give(Transcript("when do", final=False, start=0.5))
        with shown.console.capture() as captured:
            shown.console.print(shown.conversation._view())  # pyright: ignore[reportPrivateUsage]
        assert "when do" in captured.get()
        exchange(shown)
        shown.heard(WHOLE)
    final = shown.out.getvalue().rsplit("\x1b[2K", 1)[-1]
    assert "when do" not in final


def test_an_answer_taken_back_unheard_is_not_shown_but_counted() -> None:
    shown = Shown()
    with shown.conversation:
        shown.give(Transcript("When do you", start=0.5), UserTurn("When do you", turn=1, speculative=True))
        shown.give(Token("We", turn=1), Interrupt())
        shown.ledger[1] = Reply(1, interrupted=True)
        shown.give(Transcript("When do you open?", start=0.5), UserTurn("When do you open?", turn=2, speculative=True))
        shown.give(Sentence("At five.", turn=2), Commit())
        shown.heard(Reply(2, "At five.", "At five.", 1.0, 1.0, ended=True))
    assert [line[8:] for line in shown.lines] == ["caller  When do you open?", " agent  At five."]
    assert shown.conversation.taken_back == 1


def test_what_is_open_at_the_end_of_the_call_is_shown_as_far_as_it_went() -> None:
    shown = Shown()
    with shown.conversation:
        exchange(shown)
        shown.ledger[1] = Reply(1, said=SAID, heard="We open", seconds=2.0, heard_seconds=0.5)
        shown.give(Transcript("and on sun", final=False, start=4.0))
    assert [line[8:] for line in shown.lines[1:]] == [
        " agent  We open [the call ended; not heard: at five. See you.]",
        "caller  and on sun",
    ]


def test_an_unanswered_utterance_gives_way_to_the_next() -> None:
    shown = Shown()
    with shown.conversation:
        shown.give(Transcript("One.", start=0.5), Transcript("Two.", start=1.5))
        assert [line[8:] for line in shown.lines] == ["caller  One."]


def test_a_transcript_without_a_start_replaces_a_guess_only() -> None:
    shown = Shown()
    with shown.conversation:
        shown.give(Transcript("On", final=False), Transcript("One."), Transcript("Tw", final=False), Transcript("Two."))
    assert [line[8:] for line in shown.lines] == ["caller  One.", "caller  Two."]


def test_a_reply_reworded_for_the_voice_is_shown_as_it_was_spoken() -> None:
    shown = Shown()
    with shown.conversation:
        shown.give(Token("**Five** o'clock", turn=1), Sentence("Five o'clock", turn=1))
        shown.heard(Reply(1, "Five o'clock", "Five", 1.0, 0.4, interrupted=True))
    assert shown.lines == ["   0.0   agent  Five [interrupted; not heard: o'clock]"]


def test_a_fault_is_shown_at_once_unless_it_ends_the_call() -> None:
    shown = Shown()
    with shown.conversation:
        shown.give(Error(node="llm", message="TimeoutError: no answer"), Error(node="stt", message="x", fatal=True))
        assert shown.lines == ["   0.0   fault  llm: TimeoutError: no answer"]


def test_keys_are_shown() -> None:
    shown = Shown()
    with shown.conversation:
        shown.give(Dtmf("5"))
    assert shown.lines == ["   0.0  caller  [5]"]


@pytest.mark.parametrize("terminal", [False, True])
def test_nothing_that_is_said_can_move_the_cursor(terminal: bool) -> None:
    shown = Shown(terminal=terminal)
    with shown.conversation:
        shown.give(Transcript("clear\x1b[3Jed [red]x[/red]\n", start=0.5), Commit())
        shown.give(Sentence("\x1b[3J", turn=1))
    assert "\x1b[3J" not in shown.out.getvalue()
    assert "clear [3Jed [red]x[/red]" in shown.out.getvalue()
