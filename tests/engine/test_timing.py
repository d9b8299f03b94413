"""What each node took, and where the time of an answer went, on nodes whose delays are known."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.calls import ScriptedLine, plan
from voicegraph import (
    Audio,
    Call,
    Commit,
    Sentence,
    SpeechStopped,
    Token,
    Transcript,
    TTSAudio,
    UserTurn,
    node,
    this_call,
)
from voicegraph.engine.session import Session
from voicegraph.engine.timing import SAMPLE, Every
from voicegraph.observe.call_times import timeline
from voicegraph.observe.timeline import Stage, Turn
from voicegraph.testing import run_virtual

CHUNK = TTSAudio(bytes(6400))  # 0.2 s


@node("timed.vad")
def vad(audio: Audio) -> SpeechStopped | None:
    """The caller stops at 0.5 s, which is noticed 0.1 s later."""
    return SpeechStopped(at=0.5, noticed=0.6) if round(audio.at * 100) == 58 else None


@node("timed.stt")
class Stt:
    """Takes its time over the last words."""

    takes: float = 0.2

    async def on_stop(self, stop: SpeechStopped) -> Transcript:
        await asyncio.sleep(self.takes)
        return Transcript("hello", end=stop.at)


@node("timed.brain")
class Brain:
    """Waits a little before it is sure. early: gives the turn at once, and commits it then."""

    waits: float = 0.1
    early: bool = False

    async def on_words(self, words: Transcript) -> AsyncIterator[UserTurn | Commit]:
        if self.early:
            yield UserTurn(words.text, speculative=True)
        await asyncio.sleep(self.waits)
        yield Commit() if self.early else UserTurn(words.text)


@node("timed.llm")
class Llm:
    first: float = 0.3
    each: float = 0.05

    async def on_turn(self, turn: UserTurn) -> AsyncIterator[Token]:
        await asyncio.sleep(self.first)
        for word in ("One ", "two. ", "Three ", "four. "):
            yield Token(word)
            await asyncio.sleep(self.each)


@node("timed.pairs")
class Pairs:
    """Two tokens make a sentence."""

    def __post_init__(self) -> None:
        self.text = ""

    def on_token(self, token: Token) -> Iterator[Sentence]:
        self.text += token.text
        if "." in self.text:
            yield Sentence(self.text.strip())
            self.text = ""


@node("timed.voice")
class Voice:
    takes: float = 0.25

    async def speak(self, sentences: AsyncIterator[Sentence]) -> AsyncIterator[TTSAudio]:
        async for sentence in sentences:
            await asyncio.sleep(self.takes)
            for _ in range(20):
                yield TTSAudio(CHUNK.pcm, text="")
            del sentence


@node("timed.early_riser")
class Watcher:
    """Only looks on."""

    call: Call = this_call()

    def on_token(self, token: Token) -> None:
        return None


NODES = {"line": ScriptedLine, "vad": vad, "stt": Stt, "brain": Brain, "llm": Llm, "pairs": Pairs, "voice": Voice}
FLOW = ("line -> vad -> stt -> brain -> llm -> pairs -> voice -> line", "llm -> watcher")


def script() -> list[Audio | float]:
    """A second of sound in real time, and then time enough for the answer."""
    steps: list[Audio | float] = []
    for index in range(50):
        steps += [0.02, Audio(bytes(640), at=index * 0.02)]
    return [*steps, 15.0]


async def call(**config: dict[str, object]) -> Session:
    made = plan({**NODES, "watcher": Watcher}, *FLOW, config={"line": {"script": script()}, **config})
    session = Session(made)
    await session.run()
    return session


def answered(**config: dict[str, object]) -> tuple[Session, Turn]:
    session = run_virtual(call(**config))
    (turn,) = timeline(session).turns
    return session, turn


def path(turn: Turn) -> list[tuple[str, str, int]]:
    """In ms, without what took no time."""
    parts = [(part.node, part.what, round(part.seconds * 1000)) for part in turn.path]
    return [part for part in parts if part[2]]


def stage(turn: Turn, name: str) -> Stage:
    return next(each for each in turn.stages if each.node == name)


def test_the_critical_path_of_a_plain_answer() -> None:
    _, turn = answered()
    assert turn.answer is not None
    assert path(turn) == [
        ("vad", "pause noticed", 100),
        ("stt", "text final", 200),
        ("brain", "turn given", 100),
        ("llm", "at work", 350),  # to the token that ends the first sentence
        ("voice", "at work", 250),
    ]
    assert turn.answer == pytest.approx(1.0, abs=1e-3)
    assert [(part.node, part.what, round(part.seconds * 1000)) for part in turn.steps if part.seconds > 1e-3] == [
        ("vad", "pause noticed", 100),
        ("stt", "text final", 200),
        ("brain", "turn given", 100),
        ("llm", "first token", 300),
        ("pairs", "first sentence", 50),
        ("voice", "first audio", 250),
    ]


def test_what_was_ready_before_the_commit_was_not_waited_for() -> None:
    _, turn = answered(brain={"waits": 2.0, "early": True})
    assert path(turn) == [("vad", "pause noticed", 100), ("stt", "text final", 200), ("brain", "turn committed", 2000)]
    assert turn.answer == pytest.approx(2.3, abs=1e-3)


def test_the_stages_of_a_turn() -> None:
    session, turn = answered()
    llm, pairs, voice = stage(turn, "llm"), stage(turn, "pairs"), stage(turn, "voice")
    assert (llm.items, llm.given, pairs.items, pairs.given, voice.items) == (1, 4, 4, 2, 2)
    assert 20 < voice.given <= 41  # of 40: sound is counted in samples
    assert llm.taken is not None
    assert llm.first is not None
    assert llm.first - llm.taken == pytest.approx(0.3)
    assert llm.waited == pytest.approx(0.5)
    # The voice waits for the second sentence while the first is played, and is then held by the line that plays it.
    assert voice.blocked > 4.0
    assert voice.starved == pytest.approx(0.0, abs=1e-6)
    assert voice.waited == pytest.approx(0.5, abs=1e-3)
    assert [each.node for each in turn.stages] == ["line", "brain", "llm", "pairs", "voice"]
    totals = {each.node: each for each in timeline(session).totals}
    assert 25 < totals["vad"].items <= 50
    assert totals["vad"].given == 1
    assert list(totals["llm"].first) == pytest.approx([0.3])
    assert totals["watcher"].items == 4


def test_a_slow_taker_shows_in_the_queue_of_its_node() -> None:
    """Two replies, of which the second has to wait for the voice to be done with the first."""

    @node("timed.two")
    def two(words: Transcript) -> Iterator[Sentence]:
        yield Sentence("One.")

    @node("timed.slow")
    async def slow(sentence: Sentence) -> TTSAudio:
        await asyncio.sleep(1.0)
        return TTSAudio(CHUNK.pcm)

    async def run() -> Session:
        words = [Transcript("a", end=0.02), Transcript("b", end=0.02)]
        lined = {"line": {"script": [Audio(bytes(640)), *words, 5.0]}}
        session = Session(
            plan({"line": ScriptedLine, "two": two, "slow": slow}, "line -> two -> slow -> line", config=lined)
        )
        await session.run()
        return session

    first, second = timeline(run_virtual(run())).turns
    assert stage(first, "slow").queued == pytest.approx(0.0)
    assert stage(second, "slow").queued == pytest.approx(1.0)
    assert path(second)[-2:] == [("slow", "queue", 1000), ("slow", "at work", 1000)]


def test_words_are_told_only_where_they_are_asked_for() -> None:
    session = run_virtual(call())
    (quiet,), (telling,) = timeline(session).turns, timeline(session, words=True).turns
    assert (quiet.asked, quiet.heard, quiet.unheard) == (None, None, None)
    assert telling.asked == "hello"


DELAYS = st.floats(0, 0.5).map(lambda seconds: round(seconds, 3))


@given(DELAYS, DELAYS, st.booleans(), DELAYS, DELAYS, DELAYS)
def test_the_parts_of_an_answer_add_up_to_it(
    takes: float, waits: float, early: bool, first: float, each: float, voice: float
) -> None:
    _, turn = answered(
        stt={"takes": takes},
        brain={"waits": waits, "early": early},
        llm={"first": first, "each": each},
        voice={"takes": voice},
    )
    made = first + each + voice
    expected = 0.1 + takes + (max(waits, made) if early else waits + made)
    assert turn.answer == pytest.approx(expected, abs=1e-3)
    for parts in (turn.path, turn.steps):
        assert sum(part.seconds for part in parts) == pytest.approx(turn.answer, abs=1e-3)
        assert all(one.end == pytest.approx(other.start) for one, other in itertools.pairwise(parts))


@given(st.integers(0, 1000))
def test_the_frames_of_sound_that_are_measured_stand_for_all(frames: int) -> None:
    every, stand_for = Every(), 0
    for _ in range(frames):
        every.left -= 1
        if not every.left:
            stand_for += every.next()
    assert frames - SAMPLE < stand_for <= frames or frames == 0
