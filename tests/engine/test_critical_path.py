"""Answers whose critical path is known by how their graph is made, and what is told of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from tests.engine.calls import ScriptedLine, plan
from tests.engine.recovery.agents import RATE, agent, ask
from voicegraph import (
    Audio,
    Commit,
    Interrupt,
    Sentence,
    SpeechStopped,
    Token,
    ToolCall,
    ToolResult,
    Transcript,
    TTSAudio,
    node,
)
from voicegraph.engine.session import Session
from voicegraph.frames import UserTurn
from voicegraph.graph.plan import Recover
from voicegraph.observe.call_times import timeline
from voicegraph.observe.timeline import Turn
from voicegraph.testing import run_virtual
from voicegraph.testing.scripted import ScriptedTTS

Path = list[tuple[str, str, int]]


def path(turn: Turn) -> Path:
    """In ms, without what took no time."""
    return [(each.node, each.what, ms) for each in turn.path if (ms := round(each.seconds * 1000))]


# --- whole agents: 100 ms of VAD, 100 ms of STT behind it, 500 ms of silence, 335 ms of LLM, 108 ms of TTS ------------

VAD = ("vad", "pause noticed", 100)
STT = ("stt", "text final", 100)
TIMER = ("aggregator", "turn given", 400)
MADE: Path = [("llm", "at work", 335), ("tts", "at work", 108)]
HANGS: dict[str, Any] = {"faults": [{"kind": "hang"}]}
BACKUP: dict[str, dict[str, Any]] = {"tts": HANGS, "backup": {"rate": RATE}}

AGENTS: dict[str, tuple[dict[str, dict[str, Any]], dict[str, Recover], Path]] = {
    "the silence outlasts the words": ({}, {}, [VAD, TIMER, *MADE]),
    "slow words": ({"stt": {"latency": "900ms"}}, {}, [VAD, ("stt", "text final", 900), *MADE]),
    "a slow VAD, for which the STT waits": (
        {"vad": {"min_silence": "460ms"}},
        {},
        [("vad", "pause noticed", 460), STT, *MADE],
    ),
    "a verdict instead of the silence": (
        {"stt": {"end_of_turn": True}, "aggregator": {"end_of_turn": "stt"}},
        {},
        [VAD, ("stt", "end of turn judged", 100), *MADE],
    ),
    "committed before the sound is there": ({"aggregator": {"speculate": True}}, {}, [VAD, STT, *MADE]),
    "committed when all is there": (
        {"aggregator": {"speculate": True, "end_silence": "1500ms"}},
        {},
        [VAD, ("aggregator", "turn committed", 1400)],
    ),
    "a voice that hangs": (
        BACKUP,
        {"tts": Recover(timeout=0.5, fallback=("backup",))},
        [VAD, TIMER, MADE[0], ("tts", "at work", 608)],
    ),
    "a voice that is hedged": (
        BACKUP,
        {"tts": Recover(timeout=2.5, hedge=0.3, fallback=("backup",))},
        [VAD, TIMER, MADE[0], ("tts", "at work", 408)],
    ),
    "words in the place of a model that hangs": (
        {"llm": HANGS},
        {"llm": Recover(timeout=2.0, retries=1, say="One moment please.")},
        [VAD, TIMER, ("llm", "at work", 2000), ("tts", "at work", 108)],
    ),
}


@pytest.mark.parametrize("case", AGENTS)
def test_the_path_of_an_agents_answer(case: str) -> None:
    config, recover, expected = AGENTS[case]
    done = ask(agent(recover=recover, standby={"backup": ScriptedTTS}, config=config))
    turn, *_ = (each for each in timeline(done.session).turns if each.answer is not None)
    assert path(turn) == expected


# --- small graphs ----------------------------------------------------------------------------------------------------


@node("path.brain")
def brain(words: Transcript) -> UserTurn:
    return UserTurn(words.text)


@node("path.llm")
class Llm:
    """Two sentences of two tokens each, one token each tenth of a second."""

    async def on_turn(self, turn: UserTurn) -> AsyncIterator[Token]:
        for text in ("One ", "two. ", "Three ", "four."):
            await asyncio.sleep(0.1)
            yield Token(text)


@node("path.splits")
class Splits:
    """A sentence for each full stop."""

    def __post_init__(self) -> None:
        self.text = ""

    def on_token(self, token: Token) -> Sentence | None:
        self.text += token.text
        if "." not in token.text:
            return None
        text, self.text = self.text, ""
        return Sentence(text)


@node("path.splits_slowly")
class SplitsSlowly(Splits):
    """The same, and it takes 150 ms for each token."""

    async def on_token(self, token: Token) -> Sentence | None:  # type: ignore[override]  # pyright: ignore[reportIncompatibleMethodOverride]
        await asyncio.sleep(0.15)
        return super().on_token(token)


@node("path.splits_at_end")
class SplitsAtEnd:
    """One sentence of all, at the end."""

    async def on_tokens(self, tokens: AsyncIterator[Token]) -> AsyncIterator[Sentence]:
        text = "".join([token.text async for token in tokens])
        yield Sentence(text)


@node("path.voice")
class Voice:
    """A second of sound for each sentence, in 200 ms."""

    first: float = 0.2

    async def speak(self, sentence: Sentence) -> AsyncIterator[TTSAudio]:
        await asyncio.sleep(self.first)
        for _ in range(10):
            yield TTSAudio(bytes(3200), text="x")


@node("path.caller", line=True, live=False)
class Caller(ScriptedLine):
    """Takes captions too."""

    async def show(self, words: Sentence | Token) -> None:
        """Shows them at once."""


def answers(nodes: dict[str, Any], *flow: str, words: tuple[float, ...] = (0.0,), **config: Any) -> list[Turn]:
    """The caller's last sound comes in at 0.02 s, and after a wait each of their words."""
    script: list[Any] = [0.02, Audio(bytes(640))]
    for number, wait in enumerate(words):
        script += [wait, Transcript(str(number), end=0.02)]
    made = plan({"line": ScriptedLine, **nodes}, *flow, config={"line": {"script": [*script, 15.0]}, **config})

    async def run() -> list[Turn]:
        session = Session(made)
        await session.run()
        return list(timeline(session).turns)

    return run_virtual(run())


def test_an_inline_splitter_waits_for_the_token_that_ends_the_sentence() -> None:
    (turn,) = answers(
        {"brain": brain, "llm": Llm, "splits": Splits, "voice": Voice},
        "line -> brain -> llm -> splits -> voice -> line",
    )
    assert path(turn) == [("llm", "at work", 200), ("voice", "at work", 200)]


def test_tokens_that_wait_for_a_slow_splitter_wait_in_its_queue() -> None:
    (turn,) = answers(
        {"brain": brain, "llm": Llm, "splits": SplitsSlowly, "voice": Voice},
        "line -> brain -> llm -> splits -> voice -> line",
    )
    assert path(turn) == [
        ("llm", "at work", 200),
        ("splits", "queue", 50),
        ("splits", "at work", 150),
        ("voice", "at work", 200),
    ]


def test_who_waits_for_the_end_of_a_reply_waits_for_who_makes_it() -> None:
    (turn,) = answers(
        {"brain": brain, "llm": Llm, "splits": SplitsAtEnd, "voice": Voice},
        "line -> brain -> llm -> splits -> voice -> line",
    )
    assert path(turn) == [("llm", "at work", 400), ("voice", "at work", 200)]


def test_captions_are_not_the_answer() -> None:
    (turn,) = answers(
        {"line": Caller, "brain": brain, "llm": Llm, "splits": Splits, "voice": Voice},
        "line -> brain -> llm -> splits -> voice -> line",
        "llm -> line",
        "splits -> line",
    )
    assert path(turn) == [("llm", "at work", 200), ("voice", "at work", 200)]


def test_an_earlier_reply_is_waited_for_in_the_queues() -> None:
    first, second = answers(
        {"brain": brain, "llm": Llm, "splits": Splits, "voice": Voice},
        "line -> brain -> llm -> splits -> voice -> line",
        words=(0.0, 0.5),
    )
    assert path(first) == [("llm", "at work", 200), ("voice", "at work", 200)]
    # It is spoken when the two seconds of the first are over, at 0.4 + 2 s. Its words came at 0.5 s.
    assert second.answer == pytest.approx(2.4, abs=1e-3)
    assert path(second)[0] == ("line", "text final", 500)
    assert path(second)[-1][:2] == ("line", "queue")
    assert {part[0] for part in path(second)} <= {"line", "llm", "voice"}


@node("path.asks")
async def asks(turn: UserTurn) -> ToolCall:
    await asyncio.sleep(0.1)
    return ToolCall("1", "clock", "{}")


@node("path.tool")
async def tool(call: ToolCall) -> ToolResult:
    await asyncio.sleep(0.5)
    return ToolResult(call.id, "noon")


def test_a_tool_in_the_midst_of_a_turn_takes_its_time_on_the_path() -> None:
    @node("path.speaks")
    async def speaks(result: ToolResult) -> Sentence:
        await asyncio.sleep(0.1)
        return Sentence("Noon.")

    (turn,) = answers(
        {"brain": brain, "asks": asks, "tool": tool, "speaks": speaks, "voice": Voice},
        "line -> brain -> asks -> tool -> speaks -> voice -> line",
    )
    assert path(turn) == [
        ("asks", "at work", 100),
        ("tool", "at work", 500),
        ("speaks", "at work", 100),
        ("voice", "at work", 200),
    ]


def test_two_voices_of_which_the_second_waits_for_the_reply_of_the_first() -> None:
    @node("path.either")
    class Either:
        """The first words go one way, the second another."""

        async def on_words(self, words: Transcript) -> AsyncIterator[Token | Sentence]:
            yield Token("a") if words.text == "0" else Sentence("b")

    @node("path.long_voice")
    async def long(token: Token) -> AsyncIterator[TTSAudio]:
        await asyncio.sleep(0.1)
        for _ in range(10):
            yield TTSAudio(bytes(3200), text="x")

    _, second = answers(
        {"either": Either, "long": long, "voice": Voice},
        "line -> either -> long -> line",
        "either -> voice -> line",
        words=(0.0, 0.05),
    )
    assert path(second) == [("line", "text final", 50), ("voice", "at work", 200), ("line", "queue", 850)]


def test_a_greeting_that_is_heard_while_the_caller_waits_is_not_their_answer() -> None:
    @node("path.stops")
    def stops(audio: Audio) -> SpeechStopped:
        return SpeechStopped(at=0.02, noticed=0.02)

    @node("path.greets")
    class Greets:
        async def on_stop(self, stop: SpeechStopped) -> AsyncIterator[UserTurn | Commit]:
            await asyncio.sleep(1.0)
            yield UserTurn("hello")

    @node("path.greeting", line=True, live=False)
    class Greeting(ScriptedLine):
        async def __aenter__(self) -> None:
            self.call.say("Good day.")

        async def __aexit__(self, *reason: object) -> None: ...

    turns = answers(
        {"line": Greeting, "stops": stops, "greets": Greets, "llm": Llm, "splits": Splits, "voice": Voice},
        "line -> stops -> greets -> llm -> splits -> voice -> line",
    )
    assert [each.answer is None for each in turns] == [True, False]
    assert path(turns[1])[:2] == [("greets", "turn given", 1000), ("llm", "at work", 200)]


def test_a_call_that_never_began_has_a_timeline() -> None:
    @node("path.unready", line=True, live=False)
    class Unready(ScriptedLine):
        async def __aenter__(self) -> None:
            raise ValueError("not today")

        async def __aexit__(self, *reason: object) -> None: ...

    session = Session(plan({"line": Unready, "brain": brain}, "line -> brain", config={"line": {"script": []}}))
    with pytest.raises(Exception, match="line"):
        run_virtual(session.run())
    assert timeline(session).turns == ()


def test_figures_of_a_reply_that_was_cut_are_its_own() -> None:
    """What the handlers of an interrupted turn did is not put on the next one's account."""

    @node("path.cuts")
    def cuts(words: Transcript) -> Iterator[Interrupt | UserTurn]:
        yield Interrupt()
        yield UserTurn(words.text)

    first, second = answers(
        {"cuts": cuts, "llm": Llm, "splits": Splits, "voice": Voice},
        "line -> cuts -> llm -> splits -> voice -> line",
        words=(0.0, 0.35),
    )
    assert first.interrupted is not None
    voices = [next(stage for stage in turn.stages if stage.node == "voice") for turn in (first, second)]
    assert voices[0].waited == pytest.approx(0.15, abs=1e-3)
    assert voices[1].waited == pytest.approx(0.4, abs=1e-3)
