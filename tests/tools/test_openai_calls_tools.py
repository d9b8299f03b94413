"""The language models of OpenAI call functions that a graph names, over both interfaces, against the emulator."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.engine.calls import Log, TestLine
from tests.tools import talks as talks
from voicegraph import Audio, Interrupt, Message, SpeechStarted, SpeechStopped, ToolCall, Transcript, UserTurn, node
from voicegraph.emulators.backend import ToolRequest, text_of
from voicegraph.emulators.scripted import Script, scripted
from voicegraph.emulators.server import in_thread
from voicegraph.engine.session import Session
from voicegraph.graph import compile_plan, load
from voicegraph.processors import openai_chat as openai_chat
from voicegraph.processors import openai_responses as openai_responses

CLINIC = '''\
import asyncio
from voicegraph import tool

begun, finish, finished = asyncio.Event(), asyncio.Event(), asyncio.Event()

@tool(interruptible=False)
async def book(day: str) -> str:
    """Books an appointment."""
    begun.set()
    await finish.wait()
    finished.set()
    return f"booked for {day}"
'''

GRAPH = """\
imports: [./clinic.py]
nodes:
  line: tools.caller
  desk: tools.desk
  llm: {use: TYPE, with: {tools: [clinic.book, line.hang_up]}}
  sentences: tools.sentences
  voice: tools.voice
flow: line -> desk -> llm -> sentences -> voice -> line
"""


@node("tools.desk")
class Desk:
    """What the caller says is a turn; speech interrupts."""

    def __post_init__(self) -> None:
        self._said: list[Message] = []

    def on_speech(self, frame: Transcript | SpeechStarted) -> UserTurn | Interrupt:
        if isinstance(frame, SpeechStarted):
            return Interrupt()
        self._said.append(Message("user", frame.text))
        return UserTurn(frame.text, messages=tuple(self._said))


@node("tools.caller", line=True, live=False)
class Caller(TestLine):
    """Wants to book, speaks while that is done, asks what came of it, and waits for the agent to hang up."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.clinic: dict[str, asyncio.Event] = {}

    async def listen(self) -> AsyncIterator[Audio | SpeechStarted | SpeechStopped | Transcript]:
        yield Transcript("book it for Monday")
        await self.clinic["begun"].wait()
        yield SpeechStarted(at=0.0)
        self.clinic["finish"].set()
        await self.clinic["finished"].wait()
        yield Transcript("did you")
        yield Transcript("goodbye")
        await asyncio.Event().wait()


class Thinking:
    """Books when it is asked to, and otherwise tells of all results that it knows."""

    def __init__(self) -> None:
        self.offered: list[Sequence[Mapping[str, Any]]] = []

    async def answer(
        self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]] = ()
    ) -> AsyncGenerator[str | ToolRequest, None]:
        self.offered.append(tools)
        results = [text_of(message) for message in messages if message["role"] == "tool"]
        if text_of(messages[-1]).startswith("book"):
            yield ToolRequest("book", '{"day": "Monday"}')
        elif text_of(messages[-1]) == "goodbye":
            yield ToolRequest("hang_up", "{}")
        else:
            yield f"Known: {results}"


@contextmanager
def thinking() -> Generator[Thinking]:
    """An emulator of OpenAI, to which the environment points."""
    mind = Thinking()
    with (
        in_thread(["openai"], backend=replace(scripted(Script()), thinking=mind)) as emulators,
        pytest.MonkeyPatch.context() as environment,
    ):
        for name, value in emulators.environment.items():
            environment.setenv(name, value)
        yield mind


@pytest.mark.parametrize("kind", ["openai.chat", "openai.responses"])
def test_a_booking_that_outlives_an_interrupt_is_known_in_the_next_turn_and_the_agent_hangs_up(
    kind: str, tmp_path: Path
) -> None:
    (tmp_path / "clinic.py").write_text(CLINIC)
    (tmp_path / "graph.yaml").write_text(GRAPH.replace("TYPE", kind))
    log = Log()

    async def run() -> Session:
        plan = compile_plan(load(tmp_path / "graph.yaml"))
        session = Session(plan, observers=(log,))
        session.line.clinic = plan.nodes["llm"].config["tools"][0].function.__globals__
        async with asyncio.timeout(20):
            await session.run()
        return session

    with thinking() as mind:
        session = asyncio.run(run())
    assert not session.faults
    assert [tool["function"]["name"] for tool in mind.offered[0]] == ["book", "hang_up"]
    assert [(call.name, call.arguments) for call in log.of(ToolCall)] == [
        ("book", '{"day": "Monday"}'), ("hang_up", "{}"),
    ]  # fmt: skip
    assert session.reply(2).heard == "Known: ['booked for Monday']"
    assert session.reply(3).heard.startswith("Known: ['booked for Monday', 'The call ends when")
