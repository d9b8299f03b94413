"""A speculative turn is answered at once and held at the line: a commit lets it be heard, or speech takes it back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from tests.engine.calls import Log, ScriptedLine, jumping, plan
from tests.engine.test_interrupts import STARTED, STOPPED, TTS, TwoWords
from voicegraph import (
    Audio,
    Commit,
    Interrupt,
    SpeechStarted,
    SpeechStopped,
    Token,
    TTSAudio,
    UserTurn,
    node,
)
from voicegraph.engine.session import Session


@node("test.guess")
class Guess:
    """Answers a pause speculatively, and commits or takes it back by the sound that follows."""

    def on_speech(self, frame: SpeechStarted | SpeechStopped) -> Iterator[UserTurn | Interrupt]:
        yield Interrupt() if isinstance(frame, SpeechStarted) else UserTurn("guess", speculative=True)

    def on_audio(self, frame: Audio) -> Commit:
        return Commit()


def speculative_call(*script: Any) -> tuple[Session, Log]:
    nodes = {"line": ScriptedLine, "guess": Guess, "llm": TwoWords, "tts": TTS}
    return jumping(plan(nodes, "line -> guess -> llm -> tts -> line", config={"line": {"script": list(script)}}))


def test_audio_of_a_speculative_turn_is_held_until_its_commit() -> None:
    session, log = speculative_call(STOPPED, 0.5, Audio(bytes(640)))
    made = [frame.born for frame in log.of(TTSAudio)]
    assert len(made) == 2  # it was made while the line still held it
    first_made = next(at for at, (_, each) in zip(log.times, log.frames, strict=True) if isinstance(each, TTSAudio))
    committed = next(at for at, (_, each) in zip(log.times, log.frames, strict=True) if isinstance(each, Commit))
    assert committed - first_made == pytest.approx(0.5, abs=0.05)
    assert session.nodes["line"].instance.times[0] >= committed
    assert [audio.turn for audio in session.nodes["line"].instance.heard] == [1, 1]
    assert session.replies()[0].heard == "two words"


def test_a_speculative_turn_that_is_taken_back_is_never_heard() -> None:
    session, _ = speculative_call(STOPPED, 0.5, STARTED, 0.5, SpeechStopped(at=2.0), 0.5, Audio(bytes(640)))
    assert [audio.turn for audio in session.nodes["line"].instance.heard] == [2, 2]
    assert [reply.heard for reply in session.replies()] == ["", "two words"]


@node("test.legal")
class Legal:
    """Answers with what must be said."""

    async def on_turn(self, turn: UserTurn) -> AsyncIterator[Token]:
        yield Token("legal", interruptible=False)


def test_even_what_must_be_said_is_not_said_of_a_turn_that_is_taken_back() -> None:
    nodes = {"line": ScriptedLine, "guess": Guess, "llm": Legal, "tts": TTS}
    script = [STOPPED, 0.5, STARTED, 1.0]
    session, _ = jumping(plan(nodes, "line -> guess -> llm -> tts -> line", config={"line": {"script": script}}))
    assert session.nodes["line"].instance.heard == []


def test_a_speculative_turn_that_nobody_commits_does_not_keep_the_call_open() -> None:
    session, _ = speculative_call(STOPPED, 0.5)
    assert session.nodes["line"].instance.heard == []
