"""A call from its first frame to its last."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest
from loguru import logger

from tests.engine.calls import Log, TestLine, plan, run
from voicegraph import (
    Audio,
    Call,
    Error,
    Frame,
    Interrupt,
    Reply,
    ReplyEnd,
    Sentence,
    SpeechStarted,
    SpeechStopped,
    Token,
    Transcript,
    TTSAudio,
    UserTurn,
    node,
    this_call,
)
from voicegraph.engine.session import Session
from voicegraph.errors import CallFailed


@node("test.turns")
class Turns:
    """A caller's turn for each frame of audio."""

    def on_audio(self, audio: Audio) -> UserTurn:
        return UserTurn(f"turn at {audio.at:g}")


@node("test.words")
class Words:
    """Answers with the words of the turn."""

    async def on_turn(self, turn: UserTurn) -> AsyncIterator[Token]:
        for word in turn.text.split():
            yield Token(word + " ")


@node("test.join")
class Join:
    """One sentence a turn, from all its tokens."""

    async def join(self, tokens: AsyncIterator[Token]) -> AsyncIterator[Sentence]:
        text = "".join([token.text async for token in tokens])
        yield Sentence(text.strip())


@node("test.voice")
class Voice:
    """20 ms of sound a sentence."""

    async def on_sentence(self, sentence: Sentence) -> TTSAudio:
        return TTSAudio(bytes(640), text=sentence.text)


FLOW = "line -> turns -> words -> join -> voice -> line"
NODES = {"line": TestLine, "turns": Turns, "words": Words, "join": Join, "voice": Voice}


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


@node("test.failing")
class Failing:
    """Cannot answer the second turn."""

    async def on_turn(self, turn: UserTurn) -> AsyncIterator[Token]:
        yield Token("well")
        if turn.turn == 2:
            raise ValueError("no answer")


def test_a_failing_handler_costs_its_turn_and_not_the_call() -> None:
    session, log = run(plan({**NODES, "words": Failing}, FLOW))
    assert [audio.text for audio in session.nodes["line"].instance.heard] == ["well"] * 3
    assert [(error.node, error.message, error.fatal) for error in log.of(Error)] == [
        ("words", "ValueError: no answer", False)
    ]
    assert session.timings()["words"].errors == 1
    assert [(name, str(error)) for name, error in session.faults] == [("words", "no answer")]


@node("test.inline_failing")
def inline_failing(audio: Audio) -> SpeechStarted:
    """Always wrong."""
    raise RuntimeError("broken")


@node("test.ears")
class Ears:
    """Takes what it can get."""

    def on_speech(self, frame: SpeechStarted | Audio) -> Transcript:
        return Transcript("heard")


def test_a_failing_inline_node_does_not_reach_its_giver() -> None:
    made = plan({"line": TestLine, "bad": inline_failing, "ears": Ears}, "line -> bad -> ears", "line -> ears")
    session, log = run(made)
    assert len(log.of(Transcript)) == 3
    assert session.timings()["bad"].errors == 3


@node("test.dying_stream")
class DyingStream:
    """A streaming recogniser that breaks."""

    async def listen(self, audio: AsyncIterator[Audio]) -> AsyncIterator[Transcript]:
        async for _ in audio:
            raise ConnectionError("gone")
        yield Transcript("never")


def test_a_stream_of_the_whole_call_that_breaks_ends_the_call_and_says_who() -> None:
    with pytest.raises(CallFailed, match="stt: ConnectionError: gone"):
        run(plan({"line": TestLine, "stt": DyingStream}, "line -> stt"))


@node("test.undeclared")
class Undeclared:
    """Gives what it does not say."""

    async def on_turn(self, turn: UserTurn) -> Token:
        return Sentence("surprise")  # type: ignore[return-value]


def test_a_frame_that_the_annotations_do_not_name_is_an_error() -> None:
    _, log = run(plan({**NODES, "words": Undeclared}, "line -> turns -> words"))
    assert "gave a Sentence, which is not in its annotations" in log.of(Error)[0].message


@node("test.direct")
class Direct:
    """Answers straight from the caller's audio, without a UserTurn."""

    def on_audio(self, audio: Audio) -> Iterator[Sentence]:
        yield Sentence("one")
        yield Sentence("two")


@node("test.per_turn")
class PerTurn:
    """Joins the sentences of a turn into one sound."""

    async def speak(self, sentences: AsyncIterator[Sentence]) -> AsyncIterator[TTSAudio]:
        text = " ".join([sentence.text async for sentence in sentences])
        yield TTSAudio(bytes(640), text=text)


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


@node("test.flood", line=True)
class Flood(TestLine):
    """More live audio in one step than any inbox holds."""

    async def listen(self) -> AsyncIterator[Audio | SpeechStarted | SpeechStopped | Transcript]:
        for index in range(200):
            yield Audio(bytes(640), at=index * 0.02)


@node("test.slow_ears")
class SlowEars:
    """Keeps the positions of what it hears."""

    def __post_init__(self) -> None:
        self.positions: list[float] = []

    async def on_audio(self, audio: Audio) -> None:
        self.positions.append(audio.at)


def test_live_audio_drops_its_oldest_and_says_so() -> None:
    notices: list[str] = []
    sink = logger.add(notices.append, format="{message}")
    session, _ = run(plan({"line": Flood, "ears": SlowEars}, "line -> ears"))
    logger.remove(sink)
    positions = session.nodes["ears"].instance.positions
    assert positions == sorted(positions)
    assert positions[-1] == pytest.approx(199 * 0.02)
    assert len(positions) + session.timings()["ears"].dropped == 200
    assert session.timings()["ears"].dropped > 0
    assert any("ears: was behind, and dropped" in notice for notice in notices)


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


@node("test.cancels_itself")
class CancelsItself:
    """Awaits something that was cancelled."""

    async def on_turn(self, turn: UserTurn) -> AsyncIterator[Token]:
        gone = asyncio.get_running_loop().create_future()
        gone.cancel()
        await gone
        yield Token("never")


def test_a_cancellation_that_a_handler_raises_itself_is_its_fault() -> None:
    _, log = run(plan({**NODES, "words": CancelsItself}, FLOW))
    assert [error.message for error in log.of(Error)] == ["CancelledError: "] * 3


@node("test.cannot_drain", line=True)
class CannotDrain(TestLine):
    """Fails at the very end."""

    async def drain(self) -> None:
        raise OSError("no such device")


def test_a_line_that_cannot_drain_ends_the_call_and_says_so() -> None:
    with pytest.raises(CallFailed, match="line: OSError: no such device"):
        run(plan({**NODES, "line": CannotDrain}, FLOW))


@node("test.cannot_play", line=True)
class CannotPlay(TestLine):
    """Fails at the first sound."""

    async def play(self, audio: TTSAudio) -> None:
        raise OSError("no such device")


def test_a_line_that_cannot_play_ends_the_call_and_says_so_once() -> None:
    log = Log()

    async def call() -> None:
        await Session(plan({**NODES, "line": CannotPlay}, FLOW), observers=(log,)).run()

    with pytest.raises(CallFailed, match="line: OSError: no such device"):
        asyncio.run(call())
    assert [error.fatal for error in log.of(Error)].count(True) == 1


@node("test.cannot_enter")
class CannotEnter(Life):
    """Fails before the call."""

    async def __aenter__(self) -> None:
        raise ConnectionError("refused")


@node("test.cannot_leave")
class CannotLeave(Life):
    """Fails after the call."""

    async def __aexit__(self, *exception: object) -> None:
        raise ConnectionError("refused")


@pytest.mark.parametrize("life", [CannotEnter, CannotLeave])
def test_a_node_that_cannot_enter_or_leave_is_named(life: type) -> None:
    with pytest.raises(CallFailed, match="life: ConnectionError: refused"):
        run(plan({"line": TestLine, "turns": Turns, "life": life}, "line -> turns -> life"))


class Broken(Log):
    """An observer with a fault of its own."""

    def given(self, node: str, frame: Frame) -> None:
        raise RuntimeError("observer")


def test_an_observer_that_raises_hurts_no_node() -> None:
    async def call() -> Session:
        session = Session(plan(NODES, FLOW), observers=(Broken(),))
        await session.run()
        return session

    session = asyncio.run(call())
    assert not session.faults
    assert len(session.nodes["line"].instance.heard) == 3


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


@node("test.leaves_early")
class LeavesEarly:
    """Listens to one frame only."""

    async def listen(self, audio: AsyncIterator[Audio]) -> AsyncIterator[Transcript]:
        await anext(audio)
        yield Transcript("enough")


def test_who_stops_listening_is_told_of() -> None:
    notices: list[str] = []
    sink = logger.add(notices.append, format="{message}")
    run(plan({"line": TestLine, "ears": LeavesEarly}, "line -> ears"))
    logger.remove(sink)
    assert any("ears: stopped listening before the end" in notice for notice in notices)


def test_what_is_said_last_comes_to_its_node_though_the_line_hears_nothing() -> None:
    _, log = run(plan({"line": TestLine, "turns": Turns, "words": Words}, "line -> turns -> words"))
    assert [token.text for token in log.of(Token)][-1] == "0.04 "
