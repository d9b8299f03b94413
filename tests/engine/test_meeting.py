"""Where replies meet and end: at a line with several givers, at the end of the call, in a cancelled hand-over."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from itertools import groupby
from typing import Any

import pytest
from loguru import logger

from tests.engine.calls import ScriptedLine, jumping, plan
from tests.engine.test_interrupts import STARTED, STOPPED, boss
from tests.engine.test_must_say import Voice, interrupts
from voicegraph import (
    Audio,
    Interrupt,
    ReplyEnd,
    Sentence,
    SpeechStarted,
    SpeechStopped,
    Token,
    Transcript,
    TTSAudio,
    UserTurn,
    node,
)
from voicegraph.engine.session import Session


@node("meet.line", line=True, live=False)
class SayingLine(ScriptedLine):
    """A text in its script is something that must be said."""

    async def listen(self) -> AsyncIterator[Audio | SpeechStarted | SpeechStopped | Transcript]:
        for step in self.script:
            if isinstance(step, str):
                self.call.say(step, interruptible=False)
            elif isinstance(step, float):
                await asyncio.sleep(step)
            else:
                yield step


def call(nodes: dict[str, Any], *flow: str, script: list[Any]) -> Session:
    session, _ = jumping(plan({"line": SayingLine, **nodes}, *flow, config={"line": {"script": script}}))
    return session


def turns(session: Session) -> list[int]:
    """The turns at the line, as they followed each other."""
    return [turn for turn, _ in groupby(audio.turn for audio in session.nodes["line"].instance.heard)]


@node("meet.turns")
def begins(frame: SpeechStopped) -> UserTurn:
    """Each pause is a turn."""
    return UserTurn("go")


@node("meet.agent")
class Agent:
    """Four sentences a turn."""

    async def on_turn(self, turn: UserTurn) -> AsyncIterator[Sentence]:
        for number in range(4):
            yield Sentence(f"we are open {number}")
            await asyncio.sleep(0.02)


@node("meet.eager")
def eager(turn: UserTurn) -> Iterator[Sentence]:
    """Forty of them, all at once."""
    for number in range(40):
        yield Sentence(f"number {number}")


def test_a_reply_that_waits_is_not_overtaken_by_a_later_one() -> None:
    script = [STOPPED, 0.05, STOPPED, 0.05, "one moment", 0.05, STOPPED, 9.0]
    session = call(
        {"turns": begins, "agent": Agent, "voice": Voice}, "line -> turns -> agent -> voice -> line", script=script
    )
    assert turns(session) == [1, 2, 3, 4]


@pytest.mark.parametrize("agent", [Agent, eager])
def test_what_the_call_says_last_is_said_before_it_ends(agent: Any) -> None:
    session = call(
        {"turns": begins, "agent": agent, "voice": Voice},
        "line -> turns -> agent -> voice -> line",
        script=[STOPPED, 0.05, "goodbye now", "and thank you", 0.05],
    )
    assert [reply.heard for reply in session.replies()][1:] == ["goodbye now", "and thank you"]
    assert all(reply.over for reply in session.replies())


@node("meet.source")
class Source:
    """Speaks on and on."""

    async def speak(self) -> AsyncIterator[TTSAudio]:
        for number in range(60):
            yield TTSAudio(bytes(3200), text=f"s{number}")


def test_a_source_that_the_end_of_the_call_cuts_off_ends_its_reply() -> None:
    session = call(
        {"turns": begins, "agent": Agent, "voice": Voice, "source": Source},
        "line -> turns -> agent -> voice -> line",
        "source -> line",
        script=[0.5, STOPPED, 0.5],
    )
    assert turns(session) == [1, 2]
    assert all(reply.over and reply.heard == reply.said for reply in session.replies())


@node("meet.gather")
class Gather:
    """All the sentences of a reply at its end."""

    def __post_init__(self) -> None:
        self.tokens: dict[int, list[Token]] = {}

    def on_token(self, token: Token) -> None:
        self.tokens.setdefault(token.turn, []).append(token)

    def on_end(self, end: ReplyEnd) -> Iterator[Sentence]:
        for token in self.tokens.pop(end.turn, ()):
            yield Sentence(token.text, interruptible=token.interruptible)


@node("meet.brain")
class Brain:
    """Answers the pause itself; two of its words must be said."""

    async def on_pause(self, frame: SpeechStopped) -> AsyncIterator[Token]:
        for number in range(40):
            yield Token(f"t{number}", interruptible=number not in (20, 39))


@pytest.mark.parametrize("after", [0.3, 0.5, 1.0, 2.5])
def test_an_interrupt_while_the_end_of_a_reply_is_handed_on_loses_nothing(after: float) -> None:
    session = call(
        {"interrupts": interrupts, "brain": Brain, "gather": Gather, "voice": Voice},
        "line -> interrupts",
        "line -> brain -> gather -> voice -> line",
        script=[STOPPED, after, STARTED, 6.0],
    )
    (reply,) = session.replies()
    assert {"t20", "t39"} <= set(reply.heard.split())
    assert reply.over


@node("meet.tokens")
def tokens(turn: UserTurn) -> Iterator[Token]:
    """Eight words."""
    for number in range(8):
        yield Token(f"t{number}.{turn.turn}")


@node("meet.filter")
class Filter:
    """Passes tokens on, and has something else to do every 50 ms."""

    async def run(self, frames: AsyncIterator[SpeechStarted | Token]) -> AsyncIterator[Token]:
        while True:
            try:
                async with asyncio.timeout(0.05):
                    frame = await anext(frames)
            except TimeoutError:
                continue
            except StopAsyncIteration:
                return
            if isinstance(frame, Token):
                yield frame


def test_a_cancelled_read_of_a_whole_call_loses_no_end_of_a_reply() -> None:
    session = call(
        {"turns": begins, "brain": tokens, "filter": Filter, "gather": Gather, "voice": Voice},
        "line -> turns -> brain -> filter -> gather -> voice -> line",
        "line -> filter",
        script=[*[STOPPED] * 8, 9.0],
    )
    assert turns(session) == [1, 2, 3, 4, 5, 6, 7, 8]
    assert all(reply.over for reply in session.replies())


@node("meet.concurrent", concurrency=3)
class SlowToGo:
    """Takes its time to let go of each sentence; one of them must be said."""

    seconds: float

    async def on_sentence(self, sentence: Sentence) -> AsyncIterator[TTSAudio]:
        try:
            yield TTSAudio(bytes(3200), text=sentence.text)
            await asyncio.sleep(100 if sentence.interruptible else 0.1)
        finally:
            await asyncio.sleep(self.seconds)

    async def interrupted(self, reply: object) -> None:
        await asyncio.sleep(self.seconds)


@node("meet.three")
def three(turn: UserTurn) -> Iterator[Sentence]:
    """Three sentences."""
    for number in range(3):
        yield Sentence(str(number), interruptible=number != 2)


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0.2, ["voice: took 200 ms to let go of an interrupted reply"] * 2),
        (
            3.0,
            ["voice: did not let go of an interrupted reply within 0.25 s; went on without it"] * 2
            + ["voice: takes long to tidy up after an interrupt"],
        ),
    ],
)
def test_each_of_several_handlers_that_are_slow_to_go_is_told_of(seconds: float, told: list[str]) -> None:
    notices: list[str] = []
    sink = logger.add(notices.append, format="{message}", level="WARNING")
    nodes = {"line": ScriptedLine, "boss": boss, "agent": three, "voice": SlowToGo}
    script = [STOPPED, 0.5, STARTED, 5.0]
    config: dict[str, dict[str, Any]] = {"line": {"script": script}, "voice": {"seconds": seconds}}
    session, _ = jumping(plan(nodes, "line -> boss -> agent -> voice -> line", config=config))
    logger.remove(sink)
    assert sorted(re.sub(r"20\d ms", "200 ms", notice.strip()) for notice in notices) == sorted(told)
    assert session.reply(1).over


@node("meet.both", concurrency=2)
class Both:
    """Says a word of each sentence a little later, if the one before is said or not."""

    async def on_turn(self, turn: UserTurn) -> AsyncIterator[Sentence | Interrupt]:
        yield Sentence("notice", interruptible=False)
        await asyncio.sleep(50)


def test_a_helper_whose_turn_is_given_up_leaves_what_must_be_said_to_its_end() -> None:
    nodes = {"line": ScriptedLine, "boss": boss, "agent": Both, "voice": Voice}
    script = [STOPPED, 0.05, STARTED, 5.0]
    session, _ = jumping(plan(nodes, "line -> boss -> agent -> voice -> line", config={"line": {"script": script}}))
    assert session.reply(1).heard == "notice"
    assert session.reply(1).over
