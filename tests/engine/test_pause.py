"""A pause silences the line and loses nothing; an interrupt, or the end of whoever asked for it, ends it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from loguru import logger

from tests.engine.calls import Log, ScriptedLine, TestLine, jumping, plan
from tests.engine.test_interrupts import STARTED, STOPPED, TTS
from voicegraph import (
    Interrupt,
    Pause,
    Resume,
    SpeechStarted,
    SpeechStopped,
    Token,
    Transcript,
    UserTurn,
    node,
)
from voicegraph.engine.session import Session


@node("pause.line", line=True, live=False)
class PausableLine(ScriptedLine):
    """Notes what it is asked."""

    def pause(self) -> None:
        self.events.append("pause")

    def resume(self) -> None:
        self.events.append("resume")


Answers = UserTurn | Interrupt | Pause | Resume


@node("pause.boss")
def boss(frame: SpeechStarted | SpeechStopped | Transcript) -> Iterator[Answers]:
    """Speech pauses, its end is a turn, and a transcript is what it says."""
    if isinstance(frame, Transcript):
        yield {"interrupt": Interrupt, "pause": Pause, "resume": Resume}[frame.text]()
    else:
        yield Pause() if isinstance(frame, SpeechStarted) else UserTurn("go")


@node("pause.llm")
def llm(turn: UserTurn) -> Iterator[Token]:
    """Ten words; the last two must be said."""
    for number in range(10):
        yield Token(str(number), interruptible=number < 8)


def call(*script: Any, line: type[TestLine] = PausableLine) -> tuple[Session, Log, list[str]]:
    nodes = {"line": line, "boss": boss, "llm": llm, "tts": TTS}
    made = plan(nodes, "line -> boss -> llm -> tts -> line", config={"line": {"script": list(script)}})
    session, log = jumping(made)
    assert not session.faults
    return session, log, session.nodes["line"].instance.events


def test_the_line_pauses_and_goes_on() -> None:
    _, log, events = call(STOPPED, 0.25, STARTED, 0.1, Transcript("resume"), 2.0)
    assert events == ["pause", "resume", "drain"]
    assert [type(frame) for _, frame in log.frames if isinstance(frame, Pause | Resume)] == [Pause, Resume]


def test_a_second_pause_or_resume_is_nothing_new() -> None:
    again = [Transcript("pause"), Transcript("resume"), Transcript("resume")]
    assert call(STOPPED, 0.25, STARTED, *again, 2.0)[2] == ["pause", "resume", "drain"]


def test_an_interrupt_clears_and_then_ends_the_pause() -> None:
    assert call(STOPPED, 0.25, STARTED, 0.1, Transcript("interrupt"), 2.0)[2] == ["pause", "clear", "resume", "drain"]


def test_nobody_is_left_to_end_a_pause_at_the_end_of_the_call() -> None:
    session, _, events = call(STOPPED, 0.25, STARTED)
    assert events == ["pause", "resume", "drain"]
    assert session.reply(1).heard == "0 1 2 3 4 5 6 7 8 9"


def test_what_must_be_said_is_not_paused() -> None:
    assert call(STOPPED, 0.85, STARTED, 1.0)[2] == ["drain"]


def test_before_the_agent_is_heard_there_may_be_a_pause() -> None:
    assert call(STARTED, 0.1, Transcript("resume"), 0.1)[2] == ["pause", "resume", "drain"]


def test_a_line_that_cannot_pause_is_told_of() -> None:
    notices: list[str] = []
    sink = logger.add(notices.append, format="{message}")
    _, _, events = call(STOPPED, 0.25, STARTED, 1.5, line=ScriptedLine)
    logger.remove(sink)
    assert events == ["drain"]
    assert any("line: cannot pause" in notice for notice in notices)
