"""When a turn ends by the judgement of a model or of the STT, and what voids that."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from loguru import logger
from pydantic import ValidationError

from tests.processors.talks import guessed, said, speaking, started, stopped, talk
from voicegraph import EndOfTurn, SpeechStopped, Transcript
from voicegraph.node import node_type
from voicegraph.processors.aggregator import Aggregator
from voicegraph.turn_taking.end_of_turn import Model, Silence, Stt

MODEL = {"by": "model", "threshold": 0.6, "at_most": "2s"}
STT = {"by": "stt", "at_most": "2s"}


@pytest.fixture(name="warnings")
def _warnings() -> Iterator[list[str]]:
    told: list[str] = []
    sink = logger.add(lambda message: told.append(message.record["message"]), level="WARNING")
    yield told
    logger.remove(sink)


def judged(probability: float = 1.0, at: float = 1.0) -> EndOfTurn:
    return EndOfTurn(at=at, probability=probability)


@pytest.mark.parametrize(("probability", "silence"), [(0.6, 0.5), (0.59, 2.0), (1.0, 0.5), (0.0, 2.0)])
def test_a_model_that_is_sure_ends_the_turn_after_the_silence_and_else_it_lasts(
    probability: float, silence: float
) -> None:
    call = talk(started(), 1.0, stopped(), said("hello"), 0.05, judged(probability), 5.0, end_of_turn=MODEL)
    assert call.kinds == ["hello"]
    assert call.wait(SpeechStopped, "hello") == pytest.approx(silence)


def test_a_verdict_that_comes_late_ends_the_turn_at_once() -> None:
    call = talk(started(), 1.0, stopped(), said("hello"), 1.5, judged(), 5.0, end_of_turn=MODEL)
    assert call.wait(EndOfTurn, "hello") == 0


def test_a_later_verdict_on_the_same_pause_counts() -> None:
    call = talk(started(), 1.0, stopped(), said("hello"), 0.1, judged(0.1), 1.0, judged(0.9), 5.0, end_of_turn=MODEL)
    assert call.wait(EndOfTurn, "hello") == 0


def test_speech_that_goes_on_voids_a_verdict() -> None:
    call = talk(started(), 1.0, stopped(), said("I would like"), 0.1, judged(), 0.1, started(at=2.0), 1.0,
                stopped(at=3.0), said("a table", 2.0), 5.0, end_of_turn=MODEL)  # fmt: skip
    assert call.kinds == ["I would like a table"]
    assert call.wait(SpeechStopped, "I would like a table") == pytest.approx(2.0)


@pytest.mark.parametrize("policy", [MODEL, STT])
@pytest.mark.parametrize("again", [[started(at=2.0)], [started(at=2.0), 0.5, stopped(at=2.5)]])
def test_a_verdict_on_an_earlier_pause_is_none(policy: Any, again: list[Any]) -> None:
    call = talk(started(), 1.0, stopped(), said("I would like"), 0.1, *again, 0.1, judged(at=1.5), 3.0,
                stopped(at=5.0), 5.0, end_of_turn=policy)  # fmt: skip
    assert call.kinds == ["I would like"]
    assert call.wait(EndOfTurn, "I would like") > 1.5


def test_a_model_says_nothing_about_speech_that_is_going_on() -> None:
    call = talk(started(), 1.0, judged(), 1.0, said("hello"), stopped(), 5.0, end_of_turn=MODEL)
    assert call.wait(SpeechStopped, "hello") == pytest.approx(2.0)


def test_a_verdict_is_used_once() -> None:
    call = talk(*speaking(), judged(), 2.0, started(at=9.0), 1.0, stopped(at=9.0), said("thanks", 9.0), 5.0,
                end_of_turn=MODEL)  # fmt: skip
    assert call.wait(SpeechStopped, "thanks") == pytest.approx(2.0)


@pytest.mark.parametrize("speculate", [False, True])
def test_a_verdict_is_used_once_also_where_nobody_hears_speech_start(speculate: bool) -> None:
    call = talk(said("hello"), judged(), 3.0, said("thanks", 9.0), 5.0, end_of_turn=STT, speculate=speculate)
    assert call.when("Commit" if speculate else "hello") == 0
    ends = [time for word, time in call.decisions if word in ("Commit", "thanks")]
    assert ends[-1] == pytest.approx(5.0)


def test_silence_heeds_no_verdict() -> None:
    call = talk(started(), 1.0, stopped(), said("hello"), 0.1, judged(), 5.0)
    assert call.wait(SpeechStopped, "hello") == pytest.approx(0.5)
    call = talk(started(), 0.5, judged(), 0.5, stopped(), said("hello"), 5.0, end_silence="0s")
    assert call.wait(SpeechStopped, "hello") == 0


def test_the_stt_ends_the_turn_at_once() -> None:
    call = talk(started(), 1.0, stopped(), said("hello"), 0.2, judged(), 5.0, end_of_turn=STT)
    assert call.kinds == ["hello"]
    assert call.wait(EndOfTurn, "hello") == 0


def test_the_stt_need_not_wait_for_the_vad() -> None:
    call = talk(started(), 1.0, said("hello"), judged(), 1.0, stopped(), 5.0, end_of_turn=STT)
    assert call.kinds == ["hello"]
    assert call.wait(EndOfTurn, "hello") == 0


def test_without_a_word_of_the_stt_the_turn_ends_after_at_most() -> None:
    call = talk(started(), 1.0, stopped(), said("hello"), 5.0, end_of_turn=STT)
    assert call.wait(SpeechStopped, "hello") == pytest.approx(2.0)


@pytest.mark.parametrize("speech", [[1.0], [started(), 1.0, stopped()], [started(), 1.0]])
def test_the_stt_s_last_words_may_come_behind_its_end_of_turn(speech: list[Any]) -> None:
    call = talk(*speech, judged(), 0.1, said("hello"), 5.0, end_of_turn=STT)
    assert call.wait(Transcript, "hello") == 0
    call = talk(*speech, guessed("hel", 0.0), judged(), 0.1, said("hello"), 5.0, end_of_turn=STT)
    assert call.wait(Transcript, "hello") == 0


def test_without_a_vad_the_stt_ends_the_turn() -> None:
    call = talk(guessed("I would", 0.0), 0.3, said("I would like", 0.0), 1.0, guessed("a ta", 2.0), 0.5,
                said("a table", 2.0), 0.2, judged(at=3.0), 5.0, end_of_turn=STT)  # fmt: skip
    assert call.kinds == ["I would like a table"]
    assert call.wait(EndOfTurn, "I would like a table") == 0


def test_what_is_speculative_is_committed_when_the_policy_ends_the_turn() -> None:
    call = talk(started(), 1.0, stopped(), said("hello"), 0.2, judged(), 5.0, end_of_turn=STT, speculate=True)
    assert call.kinds == ["hello?", "Commit"]
    assert call.wait(Transcript, "hello?") == 0
    assert call.wait(EndOfTurn, "Commit") == 0
    call = talk(started(), 1.0, stopped(), said("hello"), 0.2, judged(0.1), 5.0, end_of_turn=MODEL, speculate=True)
    assert call.kinds == ["hello?", "Commit"]
    assert call.wait(SpeechStopped, "Commit") == pytest.approx(2.0)


@pytest.mark.parametrize(("policy", "by"), [(MODEL, "model"), (STT, "stt")])
@pytest.mark.parametrize("speculate", [False, True])
def test_that_nobody_judges_is_told_once(policy: Any, by: str, speculate: bool, warnings: list[str]) -> None:
    call = talk(*speaking(3.0), started(at=9.0), 1.0, stopped(at=9.0), said("thanks", 9.0), 5.0, end_of_turn=policy,
                speculate=speculate)  # fmt: skip
    assert len(call.turns) == 2
    assert warnings == [f"aggregator: no EndOfTurn by {by} came, so turns end after 2s"]


def test_nothing_is_told_while_nobody_had_to_judge(warnings: list[str]) -> None:
    talk(started(), 1.0, stopped(), 5.0, end_of_turn=STT)  # a cough
    talk(started(), 1.0, stopped(), said("bye"), end_of_turn=STT)  # the call ended first
    talk(started(), 1.0, stopped(), said("hello"), judged(0.1), 5.0, end_of_turn=MODEL)
    talk(*speaking())
    assert warnings == []


@pytest.mark.parametrize(
    ("written", "policy"),
    [
        ("silence", Silence()),
        ("model", Model()),
        ({"by": "model", "at_most": "1s"}, Model(at_most=1.0)),
        ({"by": "stt"}, Stt()),
        (Stt(at_most=1.0), Stt(at_most=1.0)),
    ],
)
def test_the_policy_is_named(written: Any, policy: Any) -> None:
    assert node_type(Aggregator).configure({"end_of_turn": written}).end_of_turn == policy


@pytest.mark.parametrize(
    ("written", "place", "words"),
    [
        ("modle", ("end_of_turn",), "`by` is one of silence, model, stt"),
        ({"at_most": "1s"}, ("end_of_turn",), "`by` is one of silence, model, stt"),
        ({"by": "model", "threshold": 2}, ("end_of_turn", "model", "threshold"), "less than or equal to 1"),
        ({"by": "stt", "threshold": 0.5}, ("end_of_turn", "stt", "threshold"), "Unexpected"),
    ],
)
def test_a_policy_that_there_is_not(written: Any, place: tuple[str, ...], words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        node_type(Aggregator).configure({"end_of_turn": written})
    (mistake,) = caught.value.errors()
    assert mistake["loc"] == place
    assert words in mistake["msg"]
