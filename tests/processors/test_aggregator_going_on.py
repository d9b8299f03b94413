"""A sound of the caller before the answer is heard: a cough leaves the answer alone, words make it another one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.engine.calls import plan
from tests.processors.talks import Line, Talk, Voice, guessed, held, said, started, stopped, talk
from voicegraph import Call, Message, Sentence, SpeechStarted, SpeechStopped, Transcript, UserTurn, node, this_call
from voicegraph.processors.aggregator import Aggregator
from voicegraph.turn_taking.barge_in import NOISE_WAIT, WORDS_WAIT
from voicegraph.turn_taking.end_of_turn import FINAL_WAIT

THINKS = 3.0
ASKED = [started(at=0.1), 1.0, stopped(at=1.1), 0.1, said("I would like")]
"""After half a second of silence that is a turn, 0.9 s before the next step if that follows 1.3 s later."""


@node("going.thinks")
class Thinks:
    """Takes its time for each answer."""

    seconds: float = THINKS
    call: Call = this_call()

    def __post_init__(self) -> None:
        self.asked: list[float] = []

    async def on_turn(self, turn: UserTurn) -> AsyncIterator[Sentence]:
        self.asked.append(self.call.now())
        await asyncio.sleep(self.seconds)
        yield Sentence(f"You said {turn.text}.")


def thinking(*script: Any, interrupt: dict[str, Any] | None = None, **config: Any) -> Talk:
    """The caller has asked, and 0.5 s of thinking have passed when this happens."""
    return talk(*ASKED, 0.9, *script, 9.0, llm=Thinks, interrupt=interrupt or {}, **config)


def said_to_the_caller(call: Talk) -> list[str]:
    return [reply.heard for reply in call.session.replies() if reply.heard]


def answered_after(call: Talk) -> float:
    """Seconds from the first turn to the first sound."""
    return call.line.sounds[0][1] - call.decisions[0][1]


# --- it was nothing --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "interrupt"),
    [(0.1, {}), (0.2, {"pause_first": True}), (0.9, {"min_words": 1}), (0.9, {"ignore": ["mhm"]})],
)
def test_a_cough_does_not_delay_the_answer(seconds: float, interrupt: Any) -> None:
    call = thinking(started(at=3.0), seconds, stopped(at=3.0 + seconds), interrupt=interrupt)
    assert call.kinds == ["I would like", "Pause", "Resume"]
    assert call.wait(SpeechStopped, "Resume") == pytest.approx(WORDS_WAIT)
    assert answered_after(call) == pytest.approx(THINKS)
    assert said_to_the_caller(call) == ["You said I would like."]


def test_coughs_one_after_another_do_not_either() -> None:
    coughs = [step for at in range(4) for step in (started(at=3.0 + at), 0.1, stopped(at=3.1 + at), 0.5)]
    call = thinking(*coughs)
    assert answered_after(call) == pytest.approx(THINKS)
    assert said_to_the_caller(call) == ["You said I would like."]


def test_an_answer_that_is_ready_is_not_begun_over_a_sound() -> None:
    call = thinking(2.4, started(at=5.4), 0.2, stopped(at=5.6))
    assert call.kinds == ["I would like", "Pause", "Resume"]
    assert call.line.sounds[0][1] == pytest.approx(call.when("Resume"))
    assert said_to_the_caller(call) == ["You said I would like."]


def test_noise_without_words_does_not_keep_it_from_the_caller() -> None:
    call = thinking(started(at=3.0), 9.0, stopped(at=12.0), interrupt={"min_words": 1})
    assert call.kinds == ["I would like", "Pause", "Resume"]
    assert call.wait(SpeechStarted, "Resume") == pytest.approx(NOISE_WAIT)
    assert answered_after(call) == pytest.approx(THINKS)


@pytest.mark.parametrize("words", ["", "Mhm.", "Mhm, okay."])
def test_a_word_that_interrupts_nobody_takes_nothing_back(words: str) -> None:
    call = thinking(started(at=3.0), 0.4, stopped(at=3.4), 0.1, said(words, 3.0), interrupt={"ignore": ["mhm", "okay"]})
    assert call.kinds == ["I would like", "Pause", "Resume"]
    assert call.wait(Transcript, "Resume") == 0
    assert said_to_the_caller(call) == ["You said I would like."]


def test_what_is_held_is_committed_when_it_was_nothing() -> None:
    call = talk(*ASKED, 0.1, started(at=1.3), 0.2, stopped(at=1.5), 9.0, llm=Thinks, speculate=True)
    assert call.kinds == ["I would like?", "Commit"]
    assert call.wait(SpeechStopped, "Commit") == pytest.approx(0.5)
    assert answered_after(call) == pytest.approx(THINKS)


@pytest.mark.parametrize(("guess", "wait"), [(False, WORDS_WAIT), (True, FINAL_WAIT)])
def test_what_is_held_waits_for_the_words_of_a_sound(guess: bool, wait: float) -> None:
    words = [guessed("a", 1.3)] if guess else []
    call = talk(started(at=0.1), 1.0, stopped(at=1.1), said("I would like"), 0.05, started(at=1.3), 0.1, *words,
                stopped(at=1.4), 9.0, end_silence="100ms", speculate=True)  # fmt: skip
    assert call.kinds == ["I would like?", "Commit"]
    assert call.wait(SpeechStopped, "Commit") == pytest.approx(wait + 0.1 * guess)


# --- the caller goes on ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("interrupt", [{}, {"pause_first": True}, {"after_speech": "500ms"}, {"min_words": 1}])
@pytest.mark.parametrize("guesses", [False, True])
def test_who_goes_on_has_one_turn_and_one_answer(interrupt: Any, guesses: bool) -> None:
    words = [0.6, guessed("a table", 3.0), 0.4] if guesses else [1.0]
    call = thinking(started(at=3.0), *words, stopped(at=4.0), 0.2, said("a table for two", 3.0), interrupt=interrupt)
    assert call.kinds == ["I would like", "Pause", "Interrupt", "I would like a table for two"]
    assert call.turns[-1].messages == (Message("user", "I would like a table for two"),)
    assert said_to_the_caller(call) == ["You said I would like a table for two."]
    patient = interrupt.get("min_words", 0)
    after = {0: 0.5 if "after_speech" in interrupt else 0.25, 1: 0.6 if guesses else 1.2}[patient]
    assert call.wait(SpeechStarted, "Interrupt") == pytest.approx(after)


@pytest.mark.parametrize("speculate", [False, True])
def test_few_words_are_of_the_same_turn_too(speculate: bool) -> None:
    """Nothing of the agent's is cut short by them."""
    call = thinking(started(at=3.0), 0.2, stopped(at=3.2), 0.2, said("tea", 3.0), interrupt={"min_words": 3},
                    speculate=speculate)  # fmt: skip
    assert [turn.text for turn in call.turns] == ["I would like", "I would like tea"]
    assert said_to_the_caller(call) == ["You said I would like tea."]


def test_words_that_come_after_the_sound_was_given_up_make_it_one_turn_too() -> None:
    call = thinking(started(at=3.0), 0.2, stopped(at=3.2), 0.9, said("tea", 3.0))
    assert call.kinds == ["I would like", "Pause", "Resume", "Interrupt", "I would like tea"]
    assert said_to_the_caller(call) == ["You said I would like tea."]


def test_words_of_a_sound_before_the_answer_that_come_behind_its_first_words_interrupt() -> None:
    call = thinking(2.4, started(at=5.4), 0.2, stopped(at=5.6), 0.6, said("tea", 5.4))
    assert call.kinds == ["I would like", "Pause", "Resume", "Interrupt", "tea"]
    assert said_to_the_caller(call)[0].startswith("You said I")
    assert call.turns[-1].messages[1].content.endswith("—")


def test_who_goes_on_while_the_answer_is_held_has_one_turn() -> None:
    call = talk(*ASKED, 0.1, started(at=1.3), 1.0, stopped(at=2.3), 0.1, said("a table", 1.3), 9.0, speculate=True,
                interrupt={"min_words": 1})  # fmt: skip
    assert call.kinds == ["I would like?", "Interrupt", "I would like a table?", "Commit"]
    assert call.wait(Transcript, "Interrupt") == 0


def test_without_a_vad_words_take_it_back() -> None:
    call = talk(said("I would like"), 1.0, guessed("a"), 0.4, guessed("a table"), 0.4, said("a table", 5.0), 9.0,
                llm=Thinks, interrupt={"min_words": 2})  # fmt: skip
    assert call.kinds == ["I would like", "Pause", "Interrupt", "I would like a table"]
    assert call.when("Interrupt") - call.when("Pause") == pytest.approx(0.4)


# --- other lines, other replies --------------------------------------------------------------------------------------


@node("going.rigid", line=True, live=False)
class Rigid(Line):
    """A line that cannot pause."""

    def __getattribute__(self, name: str) -> Any:
        if name in ("pause", "resume"):
            raise AttributeError(name)
        return super().__getattribute__(name)


def on_a_rigid_line(*script: Any) -> Talk:
    nodes = {"line": Rigid, "aggregator": Aggregator, "llm": Thinks, "tts": Voice}
    config: dict[str, dict[str, Any]] = {"line": {"script": [*ASKED, 0.9, *script, 9.0]}, "tts": {"pace": 0.4}}
    return held(plan(nodes, "line -> aggregator -> llm -> tts -> line", config=config))


def test_a_line_that_cannot_pause_is_not_asked_to() -> None:
    call = on_a_rigid_line(started(at=3.0), 0.1, stopped(at=3.1))
    assert call.kinds == ["I would like"]
    assert answered_after(call) == pytest.approx(THINKS)


def test_there_an_answer_is_taken_back_as_long_as_no_word_of_it_was_heard() -> None:
    call = on_a_rigid_line(2.4, started(at=5.4), 1.0, stopped(at=6.4), said("a table", 5.4))
    assert call.kinds == ["I would like", "Interrupt", "I would like a table"]
    assert call.session.reply(1).heard_seconds == pytest.approx(0.15)


def test_a_greeting_is_not_held_for_an_answer_behind_it() -> None:
    """The caller speaks before the greeting is heard; while it is said, and the answer is thought of, they cough."""
    call = talk(started(at=0.1), 0.1, stopped(at=0.2), said("hello", 0.1), 0.7, started(at=1.0), 0.1, stopped(at=1.1),
                20.0, llm=Thinks, greeting="Good day to you, dear caller, and welcome to the Oak Dental clinic.",
                interrupt={"min_words": 2}, end_silence="100ms")  # fmt: skip
    assert "Pause" not in call.kinds
