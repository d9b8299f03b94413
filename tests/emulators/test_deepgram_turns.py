"""The turns that the emulator tells keep the documented rules, whatever the backend hears."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicegraph.emulators.backend import Began, Heard, Paused, Said, Word
from voicegraph.emulators.deepgram_turns import EVERY, Rules, Thresholds, Turns

SURE = Thresholds(eot=0.7, eager=None, timeout=5.0)
EAGER = replace(SURE, eager=0.4)

thresholds = st.builds(
    Thresholds,
    eot=st.sampled_from([0.5, 0.7, 1.0]),
    eager=st.sampled_from([None, 0.3, 0.5]),
    timeout=st.sampled_from([0.5, 5.0]),
)


class Backend:
    """Hears what a backend may: sound goes on, a final transcript comes before a pause, none without words."""

    def __init__(self) -> None:
        self.at = 0.0
        self.from_ = 0.0
        self.words: list[Word] = []
        self.speaking = False

    def pass_time(self, seconds: float) -> None:
        self.at = round(self.at + seconds, 3)

    def began(self) -> list[Heard]:
        if self.speaking:
            return []
        self.speaking = True
        return [Began(self.at)]

    def said(self, words: int) -> list[Heard]:
        if not self.speaking:
            return []
        self.words += [Word(f"w{self.at}.{number}", self.from_, self.at) for number in range(words)]
        return [Said(tuple(self.words), self.from_, self.at)] if self.words else []

    def paused(self, done: float) -> list[Heard]:
        if not self.speaking:
            return [Paused(self.at, done)]
        self.speaking = False
        return [*([self.final()] if self.words else []), Paused(self.at, done)]

    def final(self, *, flushed: bool = False) -> Said:
        said = Said(tuple(self.words), self.from_, self.at, final=True, flushed=flushed)
        self.words, self.from_ = [], self.at
        return said


steps = st.lists(
    st.tuples(
        st.sampled_from(["began", "said", "paused", "flush", "force"]),
        st.sampled_from([0.0, 0.02, 0.3, 1.0, 6.0]),
        st.integers(0, 3),
        st.floats(0, 1),
    ),
    max_size=40,
)


@given(thresholds, steps)
def test_the_rules_are_kept(chosen: Thresholds, story: list[tuple[str, float, int, float]]) -> None:
    backend, turns, rules = Backend(), Turns(chosen), Rules(chosen)
    said: list[str] = []
    told: list[str] = []
    rules.check({"type": "Connected", "sequence_id": 0})
    sequence = 1
    for what, seconds, words, done in story:
        backend.pass_time(seconds)
        heard: list[Heard]
        match what:
            case "began":
                heard = backend.began()
            case "said":
                heard = backend.said(words)
            case "paused":
                heard = backend.paused(done)
            case _:
                heard = [backend.final(flushed=True)]
        events = [event for each in heard for event in turns.hear(each)]
        events += turns.force() if what == "force" else ()
        said += [word.text for each in heard if isinstance(each, Said) and each.final for word in each.words]
        for event in events:
            rules.check({**event, "sequence_id": sequence})
            sequence += 1
            if event["event"] == "EndOfTurn":
                told += event["transcript"].split()
    still = turns.transcript().split()
    assert (told + still)[: len(said)] == said, "every word is in one turn"


def turn(event: str, sequence: int, **also: Any) -> dict[str, Any]:
    message: dict[str, Any] = {
        "type": "TurnInfo",
        "event": event,
        "sequence_id": sequence,
        "turn_index": 0,
        "audio_window_start": 0.0,
        "audio_window_end": 1.0,
        "transcript": "one",
        "words": [{"word": "one"}],
    }
    return message | also


CONNECTED = {"type": "Connected", "sequence_id": 0}
START = turn("StartOfTurn", 1)
NOTHING: dict[str, Any] = {"transcript": "", "words": []}
OTHER = {"transcript": "two", "words": [{"word": "two"}]}


@pytest.mark.parametrize(
    ("messages", "rule"),
    [
        ([turn("Update", 0)], "Connected comes first"),
        ([CONNECTED, turn("Update", 2)], "every message is counted"),
        ([CONNECTED, turn("EagerEndOfTurn", 1)], "no EagerEndOfTurn while initial"),
        ([CONNECTED, START, turn("TurnResumed", 2)], "no TurnResumed while ongoing"),
        ([CONNECTED, START, turn("EagerEndOfTurn", 2, **NOTHING)], "has words"),
        ([CONNECTED, START, turn("EndOfTurn", 2, trigger="model")], "seems to be over before it is"),
        ([CONNECTED, START, turn("EagerEndOfTurn", 2), turn("Update", 3, **OTHER)], "holds until it is resumed"),
        ([CONNECTED, START, turn("EagerEndOfTurn", 2), turn("EndOfTurn", 3, trigger="model", **OTHER)], "holds until"),
        ([CONNECTED, START, turn("EagerEndOfTurn", 2), turn("EndOfTurn", 3)], "told at its end"),
        ([CONNECTED, START, turn("Update", 2, trigger="model")], "told at its end"),
        ([CONNECTED, START, turn("Update", 2, turn_index=1)], "counts the turns"),
        ([CONNECTED, START, turn("Update", 2, audio_window_end=0.5)], "heard once"),
        ([CONNECTED, START, turn("Update", 2, words=[])], "make up the transcript"),
    ],
)
def test_what_breaks_a_rule_is_seen(messages: list[dict[str, Any]], rule: str) -> None:
    rules = Rules(EAGER)
    *before, last = messages
    for message in before:
        rules.check(message)
    with pytest.raises(AssertionError, match=rule):
        rules.check(last)


def test_a_pause_that_is_told_again_can_end_the_turn() -> None:
    turns = Turns(EAGER)
    heard: list[Heard] = [
        Began(0.0),
        Said((Word("one", 0.0, 0.5),), 0.0, 0.5, final=True),
        Paused(0.5, 0.5),
        Paused(0.5, 0.9),
    ]
    events = [event["event"] for each in heard for event in turns.hear(each)]
    assert events == ["StartOfTurn", "EagerEndOfTurn", "EndOfTurn"]


def test_updates_are_a_quarter_of_a_second_apart() -> None:
    turns = Turns(SURE)
    ends = [
        event["audio_window_end"]
        for step in range(1, 101)
        for event in turns.hear(Said((), 0.0, step / 50, final=True, flushed=True))
    ]
    steps_between = [after - before for before, after in pairwise(ends)]
    assert steps_between == pytest.approx([EVERY] * len(steps_between), abs=0.02)
