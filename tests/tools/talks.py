"""Calls in virtual time, with a language model that calls what its script says. For the tests of tools."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import aclosing
from typing import Any, cast

from tests.engine.calls import Log, ScriptedLine, plan
from voicegraph import (
    Call,
    Commit,
    Interrupt,
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
    this_call,
)
from voicegraph.engine.session import Session
from voicegraph.testing.virtual import VirtualLoop
from voicegraph.tools import Tools
from voicegraph.tools.toolbox import Toolbox

STARTED, STOPPED = SpeechStarted(at=0.0), SpeechStopped(at=1.0)
GUESS, COMMIT = Transcript("guess"), Transcript("commit")
FAREWELL = "that is all."

Ask = tuple[str, Any]
"""A function's name and its arguments: text as it is, anything else as JSON."""


@node("tools.boss")
def boss(frame: SpeechStarted | SpeechStopped | Transcript) -> UserTurn | Interrupt | Commit:
    """Speech interrupts, its end is a turn, and transcripts begin a speculative turn and commit it."""
    if isinstance(frame, Transcript):
        return Commit() if frame.text == "commit" else UserTurn("guess", speculative=True)
    return Interrupt() if isinstance(frame, SpeechStarted) else UserTurn("go")


@node("tools.llm")
class ScriptedModel:
    """In each turn, asks for each round of its script, and then says farewell. ids: of its calls.

    told: at the beginning of each turn, what came of all calls until then.
    """

    rounds: Sequence[Sequence[Sequence[Ask]]] = ()
    says: str = ""
    ids: Any = None
    tools: Tools = ()
    call: Call = this_call()

    def __post_init__(self) -> None:
        self.told: list[list[str]] = []
        self._asked: list[ToolCall] = []
        self._turns = iter(self.rounds)
        self._numbers = iter(self.ids or itertools.count(1))

    async def __aenter__(self) -> ScriptedModel:
        self.toolbox = Toolbox(self.tools, self.call)
        return self

    async def __aexit__(self, *_: object) -> None: ...

    async def on_turn(self, turn: UserTurn) -> AsyncIterator[Token | ToolCall | ToolResult]:
        self.told.append([self.toolbox.result(call).content for call in self._asked])
        if self.says:
            yield Token(self.says)
        for asks in next(self._turns, ()):
            calls = [ToolCall(f"{next(self._numbers)}", name, written(arguments)) for name, arguments in asks]
            self._asked += calls
            for call in calls:
                yield call
            async with aclosing(self.toolbox.run(calls)) as given:
                async for each in given:
                    yield each
        yield Token(FAREWELL)


@node("tools.sentences")
def sentences(token: Token) -> Sentence:
    return Sentence(token.text.strip())


@node("tools.voice")
class Voice:
    """100 ms of sound for each word."""

    async def on_sentence(self, sentence: Sentence) -> AsyncIterator[TTSAudio]:
        for word in sentence.text.split():
            yield TTSAudio(bytes(3200), text=word)


class Talk:
    """A call that is over."""

    def __init__(self, session: Session, log: Log, ended: float) -> None:
        self.session = session
        self.log = log
        self.ended = ended

    @property
    def model(self) -> ScriptedModel:
        model: ScriptedModel = self.session.nodes["llm"].instance
        return model

    @property
    def results(self) -> list[ToolResult]:
        return self.log.of(ToolResult)

    @property
    def result(self) -> ToolResult:
        """The only one that there was."""
        (result,) = self.results
        return result

    @property
    def failure(self) -> str:
        """What it says of what failed."""
        assert self.result.failed
        return self.result.content

    def times(self, frame_type: type) -> list[float]:
        """When frames of a type were given."""
        given = zip(self.log.frames, self.log.times, strict=True)
        return [time for (_, frame), time in given if type(frame) is frame_type]

    def said(self, turn: int = 1) -> str:
        """What was heard of a turn."""
        return self.session.reply(turn).heard


def talk(
    tools: Sequence[Callable[..., Any]],
    *turns: Sequence[Sequence[Ask]],
    script: Sequence[Any] = (STOPPED, 30.0),
    seed: int | None = None,
    offload: float = 0.0,
    line: Any = ScriptedLine,
    model: Any = None,
    says: str = "",
    ids: Iterable[int] | None = None,
) -> Talk:
    """Runs one call to its end. turns: for each the rounds of calls. offload: seconds that work in threads takes."""
    nodes = {"line": line, "boss": boss, "llm": model or ScriptedModel, "sentences": sentences, "voice": Voice}
    config: dict[str, dict[str, Any]] = {
        "line": {"script": list(script)},
        "llm": {"tools": list(tools), "rounds": turns, "says": says, "ids": ids},
    }
    made = plan(nodes, "line -> boss -> llm -> sentences -> voice -> line", config=config)

    async def run() -> Talk:
        log = Log()
        session = Session(made, seed=1, observers=(log,))
        await session.run()
        assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []
        return Talk(session, log, asyncio.get_running_loop().time())

    with asyncio.Runner(loop_factory=lambda: VirtualLoop(seed, offload=offload)) as runner:
        done = runner.run(run())
    assert not done.session.faults
    return done


def written(arguments: Any) -> str:
    return arguments if isinstance(arguments, str) else json.dumps(arguments)


async def wait(seconds: float) -> str:
    """Takes so long."""
    await asyncio.sleep(seconds)
    return f"waited {seconds:g} s"


def wait_in_a_thread(word: str) -> str:
    """Takes as long as work in a thread does."""
    return f"wrote {word}"


def waits(*seconds: float) -> list[tuple[str, Any]]:
    return [("wait", {"seconds": each}) for each in seconds]


def named(function: Callable[..., Any]) -> Callable[..., Any]:
    """Another function that does the same."""

    async def other(seconds: float) -> str:
        """Does the same."""
        return cast(str, await function(seconds))

    return other
