"""A call from its first frame to its last."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

from tests.engine.calls import TestLine, plan, run
from tests.engine.nodes import FLOW, NODES, Join, PerTurn, Turns, Words
from voicegraph import (
    Audio,
    Call,
    Interrupt,
    Reply,
    ReplyEnd,
    Sentence,
    Token,
    Transcript,
    TTSAudio,
    UserTurn,
    node,
    this_call,
)
from voicegraph.engine.session import Session


def test_what_the_caller_says_comes_back_as_sound() -> None:
    session, log = run(plan(NODES, FLOW))
    line = session.nodes["line"].instance
    assert [audio.text for audio in line.heard] == ["turn at 0", "turn at 0.02", "turn at 0.04"]
    assert [audio.turn for audio in line.heard] == [1, 2, 3]
    assert line.events == ["drain"]
    assert [reply.heard for reply in session.replies()] == ["turn at 0", "turn at 0.02", "turn at 0.04"]
    assert all(reply.over and not reply.interrupted for reply in session.replies())
    assert len(log.of(Token)) == 9


def test_a_frame_inherits_turn_and_birth_of_its_cause() -> None:
    _, log = run(plan(NODES, FLOW))
    born = [audio.born for audio in log.of(Audio)]
    assert [turn.born for turn in log.of(UserTurn)] == born
    assert {(token.turn, token.born) for token in log.of(Token)} == set(enumerate(born, 1))


def test_every_task_is_gone_at_the_end() -> None:
    async def call() -> set[str]:
        await Session(plan(NODES, FLOW)).run()
        return {task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()}

    assert asyncio.run(call()) == set()


@node("test.direct")
class Direct:
    """Answers straight from the caller's audio, without a UserTurn."""

    def on_audio(self, audio: Audio) -> Iterator[Sentence]:
        yield Sentence("one")
        yield Sentence("two")


def test_a_reply_without_a_user_turn_is_one_turn_per_handler_call() -> None:
    session, _ = run(plan({"line": TestLine, "direct": Direct, "voice": PerTurn}, "line -> direct -> voice -> line"))
    assert [(audio.turn, audio.text) for audio in session.nodes["line"].instance.heard] == [
        (1, "one two"), (2, "one two"), (3, "one two"),
    ]  # fmt: skip


@node("test.branch")
class Branch:
    """A second way for a reply."""

    async def on_token(self, token: Token) -> Sentence:
        await asyncio.sleep(0)
        return Sentence(token.text.strip().upper())


def test_a_reply_ends_where_its_branches_meet_when_both_have_ended() -> None:
    made = plan({**NODES, "branch": Branch, "voice": PerTurn}, FLOW, "words -> branch -> voice")
    session, _ = run(made)
    heard = [sorted(audio.text.split(" ")) for audio in session.nodes["line"].instance.heard]
    assert heard == [sorted(["turn", "at", at, "TURN", "AT", at]) for at in ("0", "0.02", "0.04")]


@node("test.greeter", line=True)
class Greeter(TestLine):
    """Speaks first."""

    async def listen(self) -> AsyncIterator[Audio]:
        self.call.say("hello there")
        yield Audio(bytes(640))


def test_a_call_can_say_something_of_its_own() -> None:
    session, _ = run(plan({**NODES, "line": Greeter}, "line -> turns -> words -> join -> voice -> line"))
    assert session.nodes["line"].instance.heard[0].text == "hello there"
    assert session.replies()[0].over


@node("test.notice")
class Notice:
    """Says what must be said to its end."""

    async def on_turn(self, turn: UserTurn) -> AsyncIterator[Token]:
        yield Token("legal", interruptible=False)


def test_what_is_made_from_a_frame_that_must_be_said_must_be_said_too() -> None:
    _, log = run(plan({**NODES, "words": Notice}, FLOW))
    assert {audio.interruptible for audio in log.of(TTSAudio)} == {False}
    assert {turn.interruptible for turn in log.of(UserTurn)} == {True}


@node("test.hang_up")
class HangUp:
    """Ends the call at its second frame."""

    call: Call = this_call()

    def on_audio(self, audio: Audio) -> None:
        if audio.at > 0.01:
            self.call.hang_up("enough")


@node("test.endless", line=True)
class Endless(TestLine):
    """A caller who stays."""

    async def listen(self) -> AsyncIterator[Audio]:
        while True:
            yield Audio(bytes(640), at=1.0)
            await asyncio.sleep(0)


def test_hanging_up_ends_the_call_at_once() -> None:
    session, _ = run(plan({"line": Endless, "hang_up": HangUp}, "line -> hang_up"))
    assert session.nodes["line"].instance.events == []


@node("test.reply_end")
class CountsEnds:
    """Speaks the number of sentences of each turn at its end."""

    def __post_init__(self) -> None:
        self.count = 0

    def on_sentence(self, sentence: Sentence) -> None:
        self.count += 1

    def on_end(self, end: ReplyEnd) -> TTSAudio:
        count, self.count = self.count, 0
        return TTSAudio(bytes(640), text=str(count))


def test_an_inline_node_may_speak_at_the_end_of_a_reply() -> None:
    session, _ = run(plan({"line": TestLine, "direct": Direct, "count": CountsEnds}, "line -> direct -> count -> line"))
    assert [audio.text for audio in session.nodes["line"].instance.heard] == ["2", "2", "2"]


@node("test.life")
class Life:
    """Keeps a diary."""

    async def __aenter__(self) -> None:
        self.diary = ["enter"]

    async def __aexit__(self, *exception: object) -> None:
        self.diary.append("exit")

    def interrupted(self, reply: Reply) -> None:
        self.diary.append(f"interrupted {reply.turn}")

    async def on_turn(self, turn: UserTurn) -> None:
        self.diary.append(turn.text)


@node("test.interrupts")
class Interrupts:
    """Interrupts after each turn that it gives."""

    def on_audio(self, audio: Audio) -> Iterator[UserTurn | Interrupt]:
        yield UserTurn("x")
        yield Interrupt()


def test_life_cycle() -> None:
    session, _ = run(plan({"line": TestLine, "interrupts": Interrupts, "life": Life}, "line -> interrupts -> life"))
    diary = session.nodes["life"].instance.diary
    assert diary[0] == "enter"
    assert diary[-1] == "exit"
    assert diary.count("interrupted 1") == 1
    assert "x" not in diary  # each turn was void before the node came to it


@node("test.clock")
class Clock:
    """A source beside the line."""

    async def tick(self) -> AsyncIterator[Transcript]:
        while True:
            yield Transcript("tick")
            await asyncio.sleep(0)


def test_other_sources_end_with_the_line() -> None:
    _, log = run(plan({"line": TestLine, "clock": Clock, "ears": Ears2}, "line -> ears", "clock -> ears"))
    assert log.of(Audio)


@node("test.ears_for_both")
class Ears2:
    """Takes audio and words."""

    async def on_any(self, frame: Audio | Transcript) -> None: ...


@node("test.two_lanes")
class TwoLanes:
    """Two streams of its own, of the same reply."""

    async def words(self, tokens: AsyncIterator[Token]) -> AsyncIterator[Sentence]:
        yield Sentence(" ".join([token.text.strip() async for token in tokens]))

    async def turns(self, turns: AsyncIterator[UserTurn]) -> AsyncIterator[Sentence]:
        async for turn in turns:
            yield Sentence(f"<{turn.text}>")


def test_a_reply_is_over_when_all_lanes_of_a_node_have_ended_it() -> None:
    nodes = {**NODES, "join": TwoLanes, "voice": PerTurn}
    session, _ = run(plan(nodes, FLOW, "turns -> join"))
    texts = [sorted(audio.text.split()) for audio in session.nodes["line"].instance.heard]
    assert texts == [sorted(f"turn at {at} <turn at {at}>".split()) for at in ("0", "0.02", "0.04")]


@node("test.passes_on")
def passes_on(turn: UserTurn) -> UserTurn:
    """Looks at turns and passes them on."""
    return turn


def test_a_turn_that_is_passed_on_ends_once() -> None:
    nodes = {"line": TestLine, "turns": Turns, "look": passes_on, "direct": Words, "join": Join, "count": CountsEnds}
    session, _ = run(plan(nodes, "line -> turns -> look -> direct -> join -> count -> line"))
    assert [audio.text for audio in session.nodes["line"].instance.heard] == ["1", "1", "1"]


def test_what_is_said_last_comes_to_its_node_though_the_line_hears_nothing() -> None:
    _, log = run(plan({"line": TestLine, "turns": Turns, "words": Words}, "line -> turns -> words"))
    assert [token.text for token in log.of(Token)][-1] == "0.04 "
