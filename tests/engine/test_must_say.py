"""What is not interruptible survives an interrupt, is spoken to its end, and takes nothing else along."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from tests.engine.calls import Log, ScriptedLine, jumping, plan
from tests.engine.test_interrupts import STARTED, STOPPED, boss
from voicegraph import Audio, Interrupt, Sentence, SpeechStarted, SpeechStopped, Token, TTSAudio, UserTurn, node
from voicegraph.engine.session import Session

NOTICE = "This call is recorded for training."


@node("say.voice")
class Voice:
    """100 ms of sound for each word."""

    async def on_sentence(self, sentence: Sentence) -> AsyncIterator[TTSAudio]:
        for word in sentence.text.split():
            yield TTSAudio(bytes(3200), text=word)


@node("say.flow")
class Flow:
    """The same for all of a part of the turn, as a voice with a context over its sentences."""

    def __post_init__(self) -> None:
        self.parts: list[str] = []

    async def speak(self, sentences: AsyncIterator[Sentence]) -> AsyncIterator[TTSAudio]:
        part = len(self.parts)
        self.parts.append("")
        async for sentence in sentences:
            self.parts[part] += sentence.text
            for word in sentence.text.split():
                yield TTSAudio(bytes(3200), text=word)


@node("say.agent")
class Agent:
    """Says something long, with a notice in its middle."""

    async def on_turn(self, turn: UserTurn) -> AsyncIterator[Sentence]:
        yield Sentence("one two three four five six seven eight")
        yield Sentence(NOTICE, interruptible=False)
        yield Sentence("and on and on and on and on")


@node("say.inline_agent")
def inline_agent(turn: UserTurn) -> Iterator[Sentence]:
    """The same, inline."""
    yield Sentence("one two three four five six seven eight")
    yield Sentence(NOTICE, interruptible=False)
    yield Sentence("and on and on and on and on")


def call(script: list[Any], agent: Any = Agent, voice: Any = Voice) -> tuple[Session, Log]:
    nodes = {"line": ScriptedLine, "boss": boss, "agent": agent, "voice": voice}
    flow = ["line -> boss -> agent -> voice -> line"]
    return jumping(plan(nodes, *flow, config={"line": {"script": script}}))


def words(session: Session, turn: int) -> str:
    return " ".join(audio.text for audio in session.nodes["line"].instance.heard if audio.turn == turn)


@pytest.mark.parametrize("voice", [Voice, Flow])
@pytest.mark.parametrize("agent", [Agent, inline_agent])
def test_the_notice_is_said_and_the_rest_is_not(agent: Any, voice: Any) -> None:
    session, _ = call([STOPPED, 0.35, STARTED, STOPPED, 0.1], agent, voice)
    reply = session.reply(1)
    assert reply.said.startswith(f"one two three four five six seven eight {NOTICE}")
    assert reply.heard == f"one two three {NOTICE}"
    states = [word.state for word in reply.words]
    assert states[:14] == ["heard"] * 3 + ["discarded"] * 5 + ["heard"] * 6
    assert set(states[14:]) <= {"discarded"}
    assert words(session, 1) == f"one two three four {NOTICE}"  # the line was cut off in the fourth
    assert reply.interrupted
    assert reply.over
    assert session.reply(2).heard.startswith("one two three")
    assert not session.faults


def test_the_next_reply_comes_behind_it() -> None:
    session, _ = call([STOPPED, 0.35, STARTED, STOPPED, 0.1])
    turns = [audio.turn for audio in session.nodes["line"].instance.heard]
    assert turns == sorted(turns)
    assert set(turns) == {1, 2}


def test_two_interrupts_do_not_cut_it_either() -> None:
    session, _ = call([STOPPED, 0.35, STARTED, 0.25, STARTED, 0.1])
    assert session.reply(1).heard == f"one two three {NOTICE}"
    assert not session.speaking()


def test_while_it_is_said_the_agent_speaks() -> None:
    seen: list[bool] = []

    @node("say.asks", line=True, live=False)
    class Asks(ScriptedLine):
        """Asks whether the agent speaks, a moment after the interrupt and long after it."""

        async def listen(self) -> AsyncIterator[Audio | SpeechStarted | SpeechStopped]:
            for step in self.script:
                if isinstance(step, float):
                    await asyncio.sleep(step)
                    seen.append(self.call.speaking())
                else:
                    yield step

    nodes = {"line": Asks, "boss": boss, "agent": Agent, "voice": Voice}
    jumping(
        plan(nodes, "line -> boss -> agent -> voice -> line",
             config={"line": {"script": [STOPPED, 0.35, STARTED, 0.3, 2.0]}})
    )  # fmt: skip
    assert seen == [True, True, False]


@node("say.stubborn")
class Stubborn:
    """Swallows its cancellation, and claims that what it then says must be said."""

    async def on_turn(self, turn: UserTurn) -> AsyncIterator[Sentence]:
        yield Sentence("one two three four")
        try:
            await asyncio.sleep(9.0)
        except asyncio.CancelledError:
            yield Sentence("too late", interruptible=False)


def test_nobody_can_make_a_late_frame_one_that_must_be_said() -> None:
    session, log = call([STOPPED, 0.35, STARTED, 1.0], Stubborn)
    assert "late" not in words(session, 1)
    assert "too late" not in [sentence.text for sentence in log.of(Sentence)]
    assert not session.speaking()


@node("say.guess")
class Guess:
    """Answers a pause speculatively; speech takes it back."""

    def on_speech(self, frame: SpeechStarted | SpeechStopped) -> UserTurn | Interrupt:
        if isinstance(frame, SpeechStarted):
            return Interrupt()
        return UserTurn("guess", speculative=True, interruptible=False)


def test_of_a_turn_that_is_taken_back_nothing_is_said() -> None:
    nodes = {"line": ScriptedLine, "guess": Guess, "agent": Agent, "voice": Voice}
    script = [STOPPED, 0.35, STARTED, 1.0]
    made = plan(nodes, "line -> guess -> agent -> voice -> line", config={"line": {"script": script}})
    session, _ = jumping(made)
    assert words(session, 1) == ""
    assert not session.speaking()


def test_a_stream_is_one_for_each_part_that_must_or_need_not_be_said() -> None:
    session, _ = call([STOPPED, 4.0], Agent, Flow)
    assert session.nodes["voice"].instance.parts == [
        "one two three four five six seven eight", NOTICE, "and on and on and on and on",
    ]  # fmt: skip
    assert session.reply(1).heard.endswith("and on and on")
    assert not session.reply(1).interrupted


def test_what_the_call_itself_says_can_be_uninterruptible() -> None:
    @node("say.greets", line=True, live=False)
    class Greets(ScriptedLine):
        """Begins with the notice."""

        async def listen(self) -> AsyncIterator[Audio | SpeechStarted | SpeechStopped]:
            self.call.say(NOTICE, interruptible=False)
            async for frame in super().listen():
                yield frame  # type: ignore[misc]

    nodes = {"line": Greets, "boss": boss, "agent": Agent, "voice": Voice}
    session, _ = jumping(
        plan(nodes, "line -> boss -> agent -> voice -> line", config={"line": {"script": [0.15, STARTED, 1.0]}})
    )
    assert session.reply(1).heard == NOTICE
    assert session.reply(1).interrupted


@node("say.tokens")
class Tokens:
    """Thousands of tokens, the notice early among them: wherever the interrupt strikes, somebody waits for room."""

    async def on_turn(self, turn: UserTurn) -> AsyncIterator[Token]:
        for number in range(200):
            must = 20 <= number < 60
            yield Token(f"w{number}", interruptible=not must)


@node("say.each")
class Each:
    """A sound a token."""

    async def on_token(self, token: Token) -> TTSAudio:
        return TTSAudio(bytes(640), text=token.text)


@node("say.each_in_a_stream")
class EachInAStream:
    """The same, reading a turn's tokens as a stream; which of its turns ended."""

    def __post_init__(self) -> None:
        self.ended = 0

    async def speak(self, tokens: AsyncIterator[Token]) -> AsyncIterator[TTSAudio]:
        async for token in tokens:
            yield TTSAudio(bytes(640), text=token.text)
        self.ended += 1


@pytest.mark.parametrize("voice", [Each, EachInAStream])
@pytest.mark.parametrize("after", [number / 50 for number in range(1, 40, 2)])
def test_wherever_the_interrupt_strikes_what_was_given_is_said_in_full(after: float, voice: Any) -> None:
    nodes = {"line": ScriptedLine, "boss": boss, "llm": Tokens, "voice": voice}
    script = [STOPPED, after, STARTED, 3.0]
    session, log = jumping(plan(nodes, "line -> boss -> llm -> voice -> line", config={"line": {"script": script}}))
    given = [token.text for token in log.of(Token) if not token.interruptible]
    said = [audio.text for audio in session.nodes["line"].instance.heard if not audio.interruptible]
    assert said == given
    assert given == [f"w{number}" for number in range(20, 20 + len(given))]
    assert not session.speaking()
    assert session.reply(1).over
    if given and voice is EachInAStream:
        assert session.nodes["voice"].instance.ended in (1, 2)  # of what came before the notice, and of the notice


@node("say.interrupts")
def interrupts(frame: SpeechStarted) -> Interrupt:
    """Speech interrupts."""
    return Interrupt()


@node("say.direct")
class Direct:
    """Answers the pause itself."""

    async def on_pause(self, frame: SpeechStopped) -> AsyncIterator[Sentence]:
        yield Sentence("one two three four")
        yield Sentence(NOTICE, interruptible=False)
        await asyncio.sleep(9.0)


@node("say.speaks")
class Speaks:
    """Speech to speech: hears the whole call, and answers each pause."""

    async def listen(self, frames: AsyncIterator[SpeechStopped]) -> AsyncIterator[Sentence]:
        async for _ in frames:
            yield Sentence("one two three four")
            yield Sentence(NOTICE, interruptible=False)


@node("say.source")
class Source:
    """Speaks of its own accord."""

    async def speak(self) -> AsyncIterator[Sentence]:
        yield Sentence("one two three four")
        yield Sentence(NOTICE, interruptible=False)
        await asyncio.sleep(9.0)
        yield Sentence("goodbye")


@pytest.mark.parametrize("agent", [Direct, Speaks])
@pytest.mark.parametrize("voice", [Voice, Flow])
def test_a_reply_without_a_turn_frame_ends_behind_its_notice(agent: Any, voice: Any) -> None:
    nodes = {"line": ScriptedLine, "boss": interrupts, "agent": agent, "voice": voice}
    flow = ["line -> boss", "line -> agent -> voice -> line"]
    script = [STOPPED, 0.15, STARTED, 4.0, STOPPED, 2.0]
    session, _ = jumping(plan(nodes, *flow, config={"line": {"script": script}}))
    assert [reply.heard for reply in session.replies()] == [f"one {NOTICE}", f"one two three four {NOTICE}"]
    assert all(reply.over for reply in session.replies())
    assert not session.speaking()


def test_a_source_goes_on_with_a_turn_of_its_own() -> None:
    nodes = {"line": ScriptedLine, "boss": interrupts, "agent": Source, "voice": Voice}
    flow = ["line -> boss", "agent -> voice -> line"]
    session, _ = jumping(plan(nodes, *flow, config={"line": {"script": [0.15, STARTED, 10.0]}}))
    assert [reply.heard for reply in session.replies()] == [f"one {NOTICE}", "goodbye"]
    assert all(reply.over for reply in session.replies())
