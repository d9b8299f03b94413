"""The heard ledger: words by what the line has played."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from voicegraph import TTSAudio
from voicegraph.engine.heard import Heard

words = st.from_regex(r"\w{1,8}", fullmatch=True)


def chunk(seconds: float, text: str = "", *, must: bool = False) -> TTSAudio:
    return TTSAudio(bytes(2 * round(seconds * 16_000)), text=text, turn=1, interruptible=not must)


def states(heard: Heard) -> list[tuple[str, str]]:
    return [(word.text, word.state) for word in heard.reply(1).words]


def test_a_word_is_heard_when_its_last_sound_is() -> None:
    heard = Heard()
    heard.begun(1)
    heard.queued(chunk(0.5, "one two"))
    heard.queued(chunk(0.5))
    heard.played(1, 0.45)
    assert heard.reply(1).heard == ""
    heard.played(1, 0.5)
    assert heard.reply(1).heard == "one"
    heard.played(1, 1.0)
    assert heard.reply(1).heard == "one two"


def test_a_pause_behind_a_word_takes_time_too() -> None:
    heard = Heard()
    heard.begun(1)
    heard.queued(chunk(1.5, "one, two"))  # of 5, 4 and 5 letters, spread over 14
    heard.queued(chunk(0.6))
    heard.played(1, 0.75)
    assert heard.reply(1).heard == "one,"
    heard.played(1, 1.3)
    assert heard.reply(1).heard == "one,"


def test_alignment_by_word_is_exact() -> None:
    heard = Heard()
    heard.begun(1)
    for word in ("one", "two", "three"):
        heard.queued(chunk(0.3, word))
    heard.played(1, 0.6)
    assert heard.reply(1).heard == "one two"
    assert heard.reply(1).said == "one two three"


def test_no_reply_is_an_empty_one() -> None:
    assert Heard().reply(7).said == ""
    assert Heard().replies() == []


def test_the_line_cannot_play_more_than_it_was_given() -> None:
    heard = Heard()
    heard.begun(1)
    heard.queued(chunk(0.5, "one"))
    heard.played(1, 9.0)
    assert heard.reply(1).heard_seconds == 0.5


def test_interrupted_is_what_was_not_heard_to_its_end() -> None:
    heard = Heard()
    heard.begun(1)
    heard.queued(chunk(0.5, "one"))
    heard.ended(1)
    heard.played(1, 0.5)
    heard.begun(2)
    assert heard.speaking()
    assert heard.interrupt() == [2]
    assert not heard.speaking()
    assert [(reply.turn, reply.interrupted, reply.over) for reply in heard.replies()] == [
        (1, False, True),
        (2, True, True),
    ]


def test_each_word_is_queued_heard_or_discarded() -> None:
    heard = Heard()
    heard.begun(1)
    for word in ("one", "two", "three"):
        heard.queued(chunk(0.3, word))
    heard.played(1, 0.4)
    assert states(heard) == [("one", "heard"), ("two", "queued"), ("three", "queued")]
    heard.interrupt()
    assert states(heard) == [("one", "heard"), ("two", "discarded"), ("three", "discarded")]
    assert heard.reply(1).seconds == heard.reply(1).heard_seconds == 0.4


def test_what_must_be_said_moves_up_and_is_heard() -> None:
    heard = Heard()
    heard.begun(1)
    for word in ("one", "two", "three"):
        heard.queued(chunk(0.3, word))
    heard.queued(chunk(0.5, "legal", must=True))
    heard.played(1, 0.4)
    assert heard.interrupt(lambda turn: True) == [1]
    assert heard.speaking()
    assert states(heard)[2:] == [("three", "discarded"), ("legal", "queued")]
    heard.queued(chunk(0.5, "notice", must=True))
    heard.played(1, 0.9)
    assert states(heard)[2:] == [("three", "discarded"), ("legal", "heard"), ("notice", "queued")]
    assert heard.interrupt(lambda turn: True) == [1]
    heard.played(1, 1.4)
    assert heard.speaking()  # more may come
    heard.ended(1)
    assert not heard.speaking()
    assert heard.reply(1).heard == "one legal notice"
    assert heard.reply(1).over


def test_whether_the_sound_of_now_must_go_on() -> None:
    heard = Heard()
    heard.begun(1)
    assert not heard.must_go_on()
    heard.queued(chunk(0.3, "one"))
    heard.queued(chunk(0.5, "legal", must=True))
    heard.played(1, 0.2)
    assert not heard.must_go_on()
    heard.played(1, 0.3)
    assert heard.must_go_on()
    heard.played(1, 0.8)
    assert not heard.must_go_on()


SENTENCE = "We are open on weekdays from nine in the morning until five in the afternoon"


def test_of_a_sentence_whose_sound_is_still_being_made_the_length_is_guessed() -> None:
    heard = Heard()
    heard.begun(1)
    heard.queued(chunk(1.2, SENTENCE))  # of about five seconds
    heard.played(1, 1.0)
    assert heard.reply(1).heard == "We are open on"
    heard.interrupt()
    assert heard.reply(1).heard == "We are open on"


def test_an_interrupt_while_the_line_starves_hears_no_more_than_there_was() -> None:
    """A voice slower than the ear: the line has played all it was given, and that is not all of the sentence."""
    heard = Heard()
    heard.begun(1)
    heard.queued(chunk(0.4, SENTENCE))
    heard.played(1, 0.4)
    before = heard.reply(1).heard
    heard.interrupt()
    assert heard.reply(1).heard == before == "We"


def test_sound_that_must_be_said_is_apart_from_what_need_not() -> None:
    heard = Heard()
    heard.begun(1)
    heard.queued(chunk(0.3, "one"))
    heard.queued(chunk(0.5, must=True))
    heard.played(1, 0.3)
    heard.interrupt(lambda turn: True)
    assert heard.reply(1).seconds == 0.8


def test_the_guess_follows_the_pace_of_the_voice() -> None:
    """This one takes twice as long as usual."""
    heard = Heard()
    heard.begun(1)
    for _ in range(3):
        heard.queued(chunk(10.2, SENTENCE))
    heard.queued(chunk(1.2, SENTENCE))
    heard.played(1, 31.6)
    assert heard.reply(1).heard.split()[45:] == ["We", "are"]


@given(
    sentences=st.lists(st.lists(words, min_size=1, max_size=6).map(" ".join), min_size=1, max_size=5),
    played=st.lists(st.floats(0, 3), max_size=6),
)
def test_heard_only_grows_and_is_always_a_beginning_of_what_was_said(sentences: list[str], played: list[float]) -> None:
    heard = Heard()
    heard.begun(1)
    for sentence in sentences:
        heard.queued(chunk(0.2, sentence))
        heard.queued(chunk(0.3))
    before = ""
    for seconds in sorted(played):
        heard.played(1, seconds)
        reply = heard.reply(1)
        assert reply.said.startswith(reply.heard)
        assert reply.heard.startswith(before)
        assert reply.heard.split() == reply.said.split()[: len(reply.heard.split())]
        before = reply.heard
