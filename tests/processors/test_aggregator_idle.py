"""`idle`: a caller who says nothing is asked, some times, and then told goodbye. They may answer all of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from tests.engine.calls import jumping, plan
from tests.processors.talks import (
    Answer,
    Halting,
    Line,
    Talk,
    Voice,
    guessed,
    held,
    said,
    speaking,
    started,
    stopped,
    talk,
)
from voicegraph import Audio, Dtmf, Message, SpeechStarted, Transcript, node
from voicegraph.audio.wav import write_wav
from voicegraph.node import node_type
from voicegraph.processors.aggregator import Aggregator
from voicegraph.transports.file import FileCall
from voicegraph.turn_taking.idle import GLANCE, LOOK, Idle

ASKS = {"after": "8s", "say": "Hello?", "times": 2, "goodbye": "I cannot hear you. Goodbye."}
QUESTION, GOODBYE = 0.1, 0.5
"""Seconds that they take to say."""


def idle(*script: Any, wait: float = 100.0, asks: dict[str, Any] | None = None, **config: Any) -> Talk:
    """A caller who does this, and then says nothing for so long."""
    return talk(*script, wait, idle=ASKS | (asks or {}), **config)


def told(call: Talk) -> list[tuple[str, float]]:
    """What the caller heard, and when it began."""
    begins = {turn: start for turn, start, _ in reversed(call.line.sounds)}
    return [(reply.heard, begins[reply.turn]) for reply in call.session.replies() if reply.heard_seconds]


def words(call: Talk) -> list[str]:
    return [text for text, _ in told(call)]


def test_nobody_is_asked_by_default() -> None:
    assert told(talk(100.0)) == []


def test_a_caller_who_says_nothing_is_asked_and_then_the_call_ends() -> None:
    call = idle()
    assert words(call) == ["Hello?", "Hello?", "I cannot hear you. Goodbye."]
    at = 0.0
    for (_, began), lasts in zip(told(call), (QUESTION, QUESTION, GOODBYE), strict=True):
        assert 8.0 <= began - at <= 8.0 + 2 * LOOK
        at = began + lasts
    assert call.ended == pytest.approx(at)


def test_the_clock_begins_at_the_end_of_what_the_caller_heard() -> None:
    call = idle(*speaking(0.0), wait=40.0, brain={"words": 60})
    over = call.line.sounds[0][2]
    assert words(call)[1] == "Hello?"
    assert 8.0 <= told(call)[1][1] - over <= 8.0 + 2 * LOOK


def test_a_greeting_stops_the_clock_too() -> None:
    call = idle(greeting=" ".join(["word"] * 100), wait=20.0)
    assert 18.0 <= told(call)[1][1] <= 18.0 + 2 * LOOK


@pytest.mark.parametrize("wait", [3.0, 30.0])
def test_a_reply_that_is_due_stops_the_clock(wait: float) -> None:
    """Such as one that waits for a tool."""
    call = idle(*speaking(0.0), wait=wait + 12.0, llm=Halting, brain={"first": "One moment.", "wait": wait})
    assert words(call) == ["One moment. Three.", "Hello?"]
    assert told(call)[1][1] >= call.line.sounds[1][2] + 8.0


def test_a_speculative_turn_stops_the_clock() -> None:
    policy = {"by": "model", "at_most": "20s"}
    call = idle(*speaking(0.0), wait=25.0, speculate=True, end_of_turn=policy, asks={"after": "5s"})
    assert call.kinds == ["hello?", "Commit"]
    assert words(call) == ["word0 word1 word2 word3 word4 word5 word6 word7 word8 word9"]


def test_a_turn_that_may_not_be_over_stops_the_clock() -> None:
    call = idle(started(), 1.0, said("well"), stopped(), wait=19.0, end_of_turn={"by": "stt", "at_most": "18s"})
    assert words(call)[:1] != ["Hello?"]


def test_a_pause_of_the_agent_stops_the_clock() -> None:
    call = idle(*speaking(0.2), started(), 0.1, stopped(), wait=4.0, asks={"after": "300ms"}, llm=Answer,
                interrupt={"pause_first": True, "min_words": 1}, brain={"words": 20})  # fmt: skip
    assert call.kinds == ["hello", "Pause", "Resume"]
    over = max(end for turn, _, end in call.line.sounds if turn == 1)
    assert words(call)[0].endswith("word19")
    assert told(call)[1][1] >= over + 0.3


def test_speech_stops_the_clock_and_a_cough_sets_it_back() -> None:
    call = idle(started(), 20.0, stopped(), wait=8.0)
    assert told(call) == []
    call = idle(7.0, started(), 0.1, stopped(), wait=7.5)
    assert told(call) == []
    call = idle(7.0, started(), 0.1, stopped(), wait=9.0)
    assert words(call) == ["Hello?"]


def test_a_guess_at_words_sets_it_back() -> None:
    assert told(idle(7.0, guessed("well"), wait=7.5)) == []


def test_a_sound_is_no_answer_and_a_word_is() -> None:
    cough = [9.0, started(), 0.1, stopped()]
    assert words(idle(*cough, *cough, wait=30.0)) == ["Hello?", "Hello?", "I cannot hear you. Goodbye."]
    call = idle(9.0, started(), 1.0, stopped(), said("yes"), wait=20.0)
    assert [text.split()[0] for text in words(call)] == ["Hello?", "word0", "Hello?", "Hello?"]


def test_an_uh_huh_is_an_answer_although_it_interrupts_nobody() -> None:
    call = idle(8.05, said("mhm", 8.0), wait=19.0, interrupt={"ignore": ["mhm"]}, asks={"say": "Hello? " * 30})
    assert len(words(call)) == 2  # the clock began again, and so did the count
    call = idle(8.05, said("mhm", 8.0), 12.0, said("mhm", 20.0), wait=20.0, interrupt={"ignore": ["mhm"]},
                asks={"say": "Hello? " * 30, "times": 1})  # fmt: skip
    assert not words(call)[-1].startswith("I cannot")


def test_a_key_is_an_answer() -> None:
    call = idle(9.0, Dtmf("1"), 9.0, Dtmf("2"), 9.0, Dtmf("3"), wait=7.0)
    assert words(call) == ["Hello?"] * 3
    call = idle(7.0, Dtmf("1"), wait=7.9)
    assert words(call) == []


def test_what_was_asked_is_in_the_history_as_it_was_heard() -> None:
    call = idle(9.0, said("yes", 9.0), wait=5.0)
    assert call.turns[0].messages == (Message("assistant", "Hello?"), Message("user", "yes"))
    call = idle(8.15, started(), 1.0, stopped(), said("yes", 9.0), wait=5.0, asks={"say": "Are you still there, you?"})
    assert call.turns[0].messages == (Message("assistant", "Are you still there,—"), Message("user", "yes"))


def test_who_speaks_while_they_are_asked_interrupts() -> None:
    call = idle(8.1, started(), 1.0, stopped(), said("yes", 9.0), wait=5.0, asks={"say": "Hello? " * 30})
    assert call.kinds == ["Interrupt", "yes"]


@node("idle.speaks", line=True, live=False)
class Speaks(Line):
    """Says something by itself, 4.2 s into the call."""

    async def listen(self) -> AsyncIterator[Audio | Transcript]:
        await asyncio.sleep(4.2)
        self.call.say("One two.")
        await asyncio.sleep(10.0)
        yield Audio(b"")


def test_what_others_say_meanwhile_sets_the_clock_back() -> None:
    nodes = {"line": Speaks, "aggregator": Aggregator, "llm": Answer, "tts": Voice}
    config: dict[str, dict[str, Any]] = {"line": {"script": []}, "aggregator": {"idle": ASKS}}
    call = held(plan(nodes, "line -> aggregator -> llm -> tts -> line", config=config))
    assert words(call) == ["One two.", "Hello?"]
    assert 12.4 <= told(call)[1][1] <= 12.4 + GLANCE


# --- goodbye ---------------------------------------------------------------------------------------------------------

LEAVES = {"times": 0, "goodbye": "I cannot hear you, so I hang up. Goodbye."}
"""Goodbye is said after 8 s, in 0.9 s."""


@pytest.mark.parametrize("interrupt", [{}, {"min_words": 3}, {"ignore": ["yes"]}, {"after_speech": "3s"}])
@pytest.mark.parametrize("into", [8.05, 8.35, 8.85])
def test_who_speaks_into_the_goodbye_is_answered(interrupt: Any, into: float) -> None:
    call = idle(into, started(at=into), 0.3, stopped(at=into + 0.3), 0.2, said("yes", into), wait=5.0, asks=LEAVES,
                interrupt=interrupt)  # fmt: skip
    assert call.kinds[-2:] == ["Interrupt", "yes"]
    assert words(call)[-1].startswith("word0")
    assert call.session.reply(1).interrupted


def test_a_cough_into_the_goodbye_changes_nothing() -> None:
    call = idle(8.35, started(), 0.1, stopped(), asks=LEAVES)
    assert call.kinds == ["Pause", "Resume"]
    assert words(call) == [LEAVES["goodbye"]]
    assert call.ended == call.line.sounds[-1][2]


def test_a_noise_into_the_goodbye_has_it_said_once_more() -> None:
    noise = [started(), 0.5, stopped()]
    call = idle(8.35, *noise, asks=LEAVES)
    assert [text.rstrip("—") == LEAVES["goodbye"] for text in words(call)] == [False, True]
    call = idle(8.35, *noise, 8.9, *noise, asks=LEAVES)
    assert [text == LEAVES["goodbye"] for text in words(call)] == [False, False]
    assert call.ended == pytest.approx(8.35 + 0.5 + 8.9 + 0.5 + 0.5 + 8.0, abs=2 * LOOK)  # then there is no more of it


def test_a_call_without_a_goodbye_just_ends() -> None:
    call = idle(asks={"times": 1, "goodbye": ""})
    assert words(call) == ["Hello?"]
    assert call.ended == pytest.approx(8.0 + QUESTION + 8.0, abs=2 * LOOK)


def test_after_the_words_of_a_caller_the_count_begins_anew() -> None:
    call = idle(8.35, started(at=8.35), 0.3, stopped(at=8.65), said("yes", 8.35), asks=LEAVES | {"times": 0}, wait=30.0)
    assert words(call)[-1] == LEAVES["goodbye"]
    assert [text.split()[0] for text in words(call)] == ["I", "word0", "I"]


# --- a file ----------------------------------------------------------------------------------------------------------


@node("idle.deaf")
def deaf(frame: Audio) -> SpeechStarted | None:
    """Hears nobody."""
    return None


@pytest.mark.parametrize(("seconds", "asked"), [(7.0, 0), (10.0, 1), (18.5, 2), (60.0, 3)])
def test_a_caller_of_a_file_is_asked_until_it_ends(tmp_path: Path, seconds: float, asked: int) -> None:
    """It is silent; and when it is over nobody is asked any more, although the last question is heard to its end."""
    write_wav(tmp_path / "in.wav", bytes(2 * int(8000 * (seconds - 1))), 8000)
    nodes = {"line": FileCall, "vad": deaf, "aggregator": Aggregator, "llm": Answer, "tts": Voice}
    line = {"input": str(tmp_path / "in.wav"), "rate": 16_000}
    config: dict[str, dict[str, Any]] = {"line": line, "aggregator": {"idle": ASKS}}
    session, _ = jumping(plan(nodes, "line -> vad -> aggregator -> llm -> tts -> line", config=config))
    assert [reply.over for reply in session.replies()] == [True] * asked


# --- settings --------------------------------------------------------------------------------------------------------


def test_it_has_sensible_words() -> None:
    made = node_type(Aggregator).configure({"idle": {}})
    assert made.idle == Idle(after=8.0, say="Are you still there?", times=2, goodbye="I cannot hear you. Goodbye.")
    assert node_type(Aggregator).configure({}).idle is None


@pytest.mark.parametrize(
    ("written", "place"),
    [
        ({"after": "0s"}, ("idle", "after")),
        ({"say": ""}, ("idle", "say")),
        ({"times": -1}, ("idle", "times")),
        ({"goodby": "Bye."}, ("idle", "goodby")),
    ],
)
def test_settings_that_make_no_sense(written: Any, place: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError) as caught:
        node_type(Aggregator).configure({"idle": written})
    (mistake,) = caught.value.errors()
    assert mistake["loc"] == place
