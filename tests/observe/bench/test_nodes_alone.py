"""A node alone: it gets what it takes, once and in order, and its own time is told apart from the framework's."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Coroutine, Iterator
from itertools import pairwise
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicegraph import (
    Audio,
    Dtmf,
    EndOfTurn,
    Sentence,
    SpeechStarted,
    SpeechStopped,
    Token,
    ToolCall,
    ToolResult,
    Transcript,
    TTSAudio,
    UserTurn,
    node,
)
from voicegraph.engine.jumping import JumpingLoop
from voicegraph.errors import CallFailed
from voicegraph.frames import Frame, ReplyEnd
from voicegraph.graph.plan import PlannedNode
from voicegraph.node import node_type
from voicegraph.observe.bench import nodes
from voicegraph.observe.bench.feed import SECONDS, Feed
from voicegraph.observe.bench.nodes import Alone, AloneRounds, Size, cost, paced

T = TypeVar("T")

FED = (Audio, Dtmf, EndOfTurn, SpeechStarted, SpeechStopped, Transcript)
ANSWERS = (ToolCall, ToolResult, Token, Sentence, TTSAudio)

seen: list[Frame] = []


@node("alone.everything")
class Everything:
    """Takes all there is."""

    def on_caller(self, frame: Audio | Dtmf | EndOfTurn | SpeechStarted | SpeechStopped | Transcript) -> None:
        seen.append(frame)

    def on_turn(self, frame: UserTurn) -> None:
        seen.append(frame)

    def on_reply(self, frame: Token | Sentence | TTSAudio | ToolCall | ToolResult) -> None:
        seen.append(frame)


@node("alone.function")
def function(frame: Audio) -> Audio | None:
    seen.append(frame)
    return None


@node("alone.generator")
def generator(frame: Transcript) -> Iterator[Transcript]:
    seen.append(frame)
    yield Transcript(frame.text.upper())


@node("alone.coroutine")
async def coroutine(frame: UserTurn) -> Token:
    seen.append(frame)
    return Token(frame.text)


@node("alone.generators")
async def generators(frame: Token) -> AsyncIterator[Sentence]:
    seen.append(frame)
    yield Sentence(frame.text)


@node("alone.ears")
class Ears:
    """Listens as long as the call lasts, and answers."""

    async def listen(self, frames: AsyncIterator[Audio | SpeechStopped]) -> AsyncIterator[Transcript]:
        async for frame in frames:
            seen.append(frame)
            if isinstance(frame, SpeechStopped):
                yield Transcript("hello", end=frame.at)


@node("alone.voice")
class Voice:
    """Reads a reply's sentences, takes note of its end, and gives nothing."""

    async def read(self, sentences: AsyncIterator[Sentence]) -> None:
        seen.extend([sentence async for sentence in sentences])

    async def on_end(self, end: ReplyEnd) -> None:
        seen.append(end)


@node("alone.slow")
class Slow:
    """Takes a tenth of a second for an answer."""

    async def on_turn(self, turn: UserTurn) -> AsyncIterator[Token]:
        await asyncio.sleep(0.1)
        yield Token("hi")


@node("alone.faulty")
def faulty(turn: UserTurn) -> Token:
    raise ZeroDivisionError("by nothing")


SHAPES = (function, generator, coroutine, generators, Ears, Voice)


@pytest.fixture(autouse=True)
def _nothing_seen() -> None:
    seen.clear()


def alone(target: object, **settings: object) -> Alone:
    kind = node_type(target)
    return Alone(PlannedNode("it", kind, settings), Feed(kind.takes, 1))


def run(work: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        return runner.run(work)


@given(st.sets(st.sampled_from([*FED, UserTurn, *ANSWERS])), st.integers(1, 4), st.integers(0, 5))
def test_a_feed_has_what_is_taken_in_the_order_of_time(takes: set[type[Frame]], turns: int, spoken: int) -> None:
    feed = Feed(frozenset(takes), turns, bytes(16_000 * spoken))
    frames = list(feed.caller())
    assert all(before.at <= after.at for before, after in pairwise(frames))
    assert all(0 < each.at <= turns * SECONDS for each in frames)
    counts = Counter(type(each.frame) for each in frames)
    for taken in FED:
        assert bool(counts[taken]) == (taken in takes)
    assert counts[UserTurn] == (turns if takes & {UserTurn, *ANSWERS} else 0)
    assert {type(frame) for frame in feed.reply()} == takes & {*ANSWERS}
    told = feed.counts()
    assert {name: count * turns for name, count in told.items() if name not in {a.__name__ for a in ANSWERS}} == {
        taken.__name__: count for taken, count in counts.items() if taken in takes
    }


def test_the_callers_sound_goes_on_without_a_gap() -> None:
    frames = [each.frame for each in Feed(frozenset({Audio}), 3, bytes(8_000)).caller()]
    assert all(isinstance(frame, Audio) for frame in frames)
    assert [frame.at for frame in frames if isinstance(frame, Audio)] == pytest.approx(
        [index * 0.02 for index in range(600)]
    )


def test_a_node_gets_all_that_it_takes_and_each_answer_in_a_turn_of_its_own() -> None:
    it = alone(Everything)
    run(paced(it, 3, "call"))
    types = Counter(type(frame).__name__ for frame in seen)
    assert types == {name: 3 * count for name, count in it.feed.counts().items()}
    assert {frame.turn for frame in seen if isinstance(frame, FED)} == {0}
    for answer in (*ANSWERS, UserTurn):
        assert {frame.turn for frame in seen if isinstance(frame, answer)} == {1, 2, 3}


@pytest.mark.parametrize("target", SHAPES, ids=lambda target: target.__name__)
def test_every_shape_of_handler_has_an_empty_twin(target: object) -> None:
    it = alone(target)
    kind, empty = it.node.kind, it.empty.kind
    assert (empty.takes, empty.gives, empty.inline) == (kind.takes, kind.gives, kind.inline)
    assert [(each.form, each.style) for each in empty.handlers] == [(each.form, each.style) for each in kind.handlers]
    found = run(cost(it, Size(2, 1)))
    assert found.turns == 2
    assert found.frames == 2 * sum(it.feed.counts().values())
    assert Counter(type(each).__name__ for each in seen if not isinstance(each, ReplyEnd)) == {
        name: 2 * count for name, count in it.feed.counts().items()
    }


def test_at_the_pace_of_a_call_it_is_known_how_soon_it_gives_something() -> None:
    call = run(paced(alone(Slow), 5, "call"))
    (totals,) = call.totals
    assert totals.node == "it"
    assert list(totals.first) == pytest.approx([0.1] * 5, abs=0.05)
    assert 5 * SECONDS > call.seconds > 4 * SECONDS
    assert [node.name for node in call.nodes] == ["it"]
    assert {stage.node for turn in call.turns for stage in turn.stages} <= {"it"}


def test_a_node_that_fails_is_told() -> None:
    with pytest.raises(CallFailed, match="it: ZeroDivisionError: by nothing"):
        run(cost(alone(faulty), Size(1, 1)))


def test_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nodes, "RUN", 0.002)
    told: list[int] = []
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        rounds = AloneRounds(alone(coroutine), 3, 2, runner.run, told.append)
        rounds.measure()
    assert told == [1, 2, 3]
    assert len(rounds.costs) == len(rounds.calls) == 3
    assert len({each.turns for each in rounds.costs}) == 1
    assert all(len(calls) == 1 and calls[0].totals[0].items == 2 for calls in rounds.calls)
