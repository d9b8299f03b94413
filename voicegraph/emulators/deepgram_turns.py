"""The turns of a Flux conversation, as v2 tells them, and the rules that its messages keep.

https://developers.deepgram.com/docs/flux/state. Times in seconds of the client's sound.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from voicegraph.emulators.backend import Began, Heard, Paused, Said, Word

EVERY = 0.25
"""Seconds of sound between two Updates."""

Event = Literal["StartOfTurn", "Update", "EagerEndOfTurn", "TurnResumed", "EndOfTurn"]
Trigger = Literal["model", "manual", "timeout"]
State = Literal["initial", "ongoing", "awaiting"]

AFTER: dict[tuple[State, Event], State] = {
    ("initial", "Update"): "initial",
    ("initial", "StartOfTurn"): "ongoing",
    ("ongoing", "Update"): "ongoing",
    ("ongoing", "EagerEndOfTurn"): "awaiting",
    ("ongoing", "EndOfTurn"): "initial",
    ("awaiting", "Update"): "awaiting",
    ("awaiting", "TurnResumed"): "ongoing",
    ("awaiting", "EndOfTurn"): "initial",
}
"""Which events there are in a state, and the state behind each."""


@dataclass
class Thresholds:
    """eot, eager: probabilities from which a turn is over, or seems to be. timeout: seconds of silence that end it."""

    eot: float
    eager: float | None
    timeout: float


class Turns:
    """What is told of them, from what the backend hears.

    position: up to where the sound has been heard.
    """

    def __init__(self, thresholds: Thresholds) -> None:
        self.thresholds = thresholds
        self.state: State = "initial"
        self.position = 0.0
        self._index = 0
        self._window = 0.0  # where the turn's begins
        self._sure: list[Word] = []
        self._guess: Sequence[Word] = ()
        self._text = ""
        self._confidence = 0.0
        self._silent_since: float | None = 0.0
        self._updated = 0.0

    @property
    def due(self) -> float | None:
        """Position from which something is to be told though nobody speaks; None while somebody does."""
        return None if self._silent_since is None else self._updated + EVERY

    def hear(self, heard: Heard) -> Iterator[dict[str, Any]]:
        """The events that follow from this."""
        match heard:
            case Began(at=at):
                self._move(at)
                self._silent_since, self._confidence = None, 0.0
                if self.state == "awaiting":
                    yield self._event("TurnResumed")
            case Said():
                yield from self._say(heard)
            case Paused(at=at, done=done):
                self._move(at)
                self._silent_since, self._confidence = at, done
                if self.state != "initial":
                    yield from self._judge(done)
        yield from self._pass()

    def force(self) -> Iterator[dict[str, Any]]:
        """The client ends the turn; without one nothing happens."""
        if self.state != "initial":
            yield self._event("EndOfTurn", trigger="manual")

    def _say(self, said: Said) -> Iterator[dict[str, Any]]:
        if said.final:
            self._sure += said.words
        self._guess = () if said.final else said.words
        self._move(said.end)
        if self.transcript() == self._text:
            return
        if self.state == "initial":
            yield self._event("StartOfTurn")
        elif self.state == "awaiting":
            yield self._event("TurnResumed")

    def _judge(self, done: float) -> Iterator[dict[str, Any]]:
        eot, eager = self.thresholds.eot, self.thresholds.eager
        if eager is not None and done >= eager and self.state == "ongoing":
            yield self._event("EagerEndOfTurn")
        if done >= eot and eot < 1 and (eager is None or self.state == "awaiting"):
            yield self._event("EndOfTurn", trigger="model")

    def _pass(self) -> Iterator[dict[str, Any]]:
        """Time has passed."""
        silence = 0.0 if self._silent_since is None else self.position - self._silent_since
        if self.state != "initial" and silence >= self.thresholds.timeout:
            if self.thresholds.eager is not None and self.state == "ongoing":
                yield self._event("EagerEndOfTurn")
            yield self._event("EndOfTurn", trigger="timeout")
        elif self.position - self._updated >= EVERY:
            yield self._event("Update")

    def _move(self, position: float) -> None:
        self.position = max(self.position, position)

    def transcript(self) -> str:
        """Of the turn so far."""
        return " ".join(word.text for word in (*self._sure, *self._guess))

    def _event(self, event: Event, *, trigger: Trigger | None = None) -> dict[str, Any]:
        words = [*self._sure, *self._guess]
        self._text, self._updated = self.transcript(), self.position
        self.state = AFTER[self.state, event]
        made: dict[str, Any] = {
            "type": "TurnInfo",
            "event": event,
            "turn_index": self._index,
            "audio_window_start": round(self._window, 6),
            "audio_window_end": round(self.position, 6),
            "transcript": self._text,
            "words": [_word(word) for word in words],
            "end_of_turn_confidence": round(self._confidence, 6),
        }
        if trigger:
            made["trigger"] = trigger
            self._index += 1
            self._window = self.position
            self._sure, self._guess, self._text, self._confidence = [], (), "", 0.0
        return made


class Rules:
    """Those that are documented, asserted of each message that is sent."""

    def __init__(self, thresholds: Thresholds) -> None:
        self._thresholds = thresholds
        self._sequence = 0
        self._index = 0
        self._state: State = "initial"
        self._eager: str | None = None
        self._end = 0.0

    def check(self, message: dict[str, Any]) -> None:
        """Raises AssertionError for a message that may not come now."""
        assert message["sequence_id"] == self._sequence, "every message is counted"
        assert (message["type"] == "Connected") == (self._sequence == 0), "Connected comes first"
        self._sequence += 1
        if message["type"] == "TurnInfo":
            self._check_turn(message)

    def _check_turn(self, message: dict[str, Any]) -> None:
        event, text = message["event"], message["transcript"]
        assert (self._state, event) in AFTER, f"no {event} while {self._state}"
        assert message["turn_index"] == self._index, "the index counts the turns that have ended"
        assert message["audio_window_start"] <= message["audio_window_end"]
        assert message["audio_window_end"] >= self._end, "the sound is heard once"
        assert " ".join(word["word"] for word in message["words"]) == text, "the words make up the transcript"
        assert ("trigger" in message) == (event == "EndOfTurn"), "what ends a turn is told at its end"
        assert text or event != "EagerEndOfTurn", "a turn that seems to be over has words"
        if event == "EndOfTurn" and message["trigger"] != "manual" and self._thresholds.eager is not None:
            assert self._state == "awaiting", "a turn seems to be over before it is"
        if self._state == "awaiting" and event != "TurnResumed":
            assert text == self._eager, "what was told of a turn that seems to be over holds until it is resumed"
        self._state = AFTER[self._state, event]
        self._eager = text if event == "EagerEndOfTurn" else self._eager
        self._index += event == "EndOfTurn"
        self._end = message["audio_window_end"]


def _word(word: Word) -> dict[str, Any]:
    return {"word": word.text, "confidence": word.confidence, "start": round(word.start, 6), "end": round(word.end, 6)}
