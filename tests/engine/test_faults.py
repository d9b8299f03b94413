"""What a node does wrong is told with its name, and costs others nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from loguru import logger

from tests.engine.calls import Log, TestLine, plan, run
from tests.engine.nodes import FLOW, NODES, Turns
from tests.engine.test_session import Life
from voicegraph import (
    Audio,
    Error,
    Frame,
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
from voicegraph.errors import CallFailed


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
