"""A front desk for conversation tests, and the tests' files."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from textwrap import dedent, indent

from tests.graph import nodes as nodes  # among them a line that gives Dtmf
from voicegraph import (
    Audio,
    Call,
    Dtmf,
    Pause,
    Resume,
    Sentence,
    SpeechStarted,
    SpeechStopped,
    Token,
    Transcript,
    UserTurn,
    node,
    this_call,
)
from voicegraph.graph import Diagnostic, GraphError
from voicegraph.testing.conversations import Outcome, read_suite, run_case

GRAPH = """\
nodes:
  line: {use: file.call, with: {greeting: "Oak Dental, good morning."}}
  vad: silero.vad
  stt: whisper.stt
  aggregator: {use: aggregator, with: {end_silence: 400ms}}
  llm: llama.chat
  sentences: sentences
  tts: piper.tts
flow:
  - line -> vad -> stt -> aggregator -> llm -> sentences -> tts -> line
  - line -> stt
  - vad -> aggregator
"""
"""Needs packages and models for nearly everything; its tests need none."""

OPEN = "From nine to five on weekdays, and on Saturdays until noon."
TALK = f"""\
- agent: "Oak Dental, good morning."
- caller: "When do you open?"
- agent: "{OPEN}"
"""
"""Steps that every graph here can play."""
BARGE_IN = f"""\
{TALK}- after: {{agent_audio: 800ms}}
- caller: "And on Sundays?"
- agent: "We are closed on Sundays."
"""


@node("t.hangs_up")
class HangsUp:
    """Hangs up on who says goodbye."""

    call: Call = this_call()

    def on_turn(self, turn: UserTurn) -> None:
        if "goodbye" in turn.text.lower():
            self.call.hang_up("goodbye")


@node("t.dials_out")
async def dials_out(turn: UserTurn) -> Token:
    """A brain behind a socket, which needs no package that anyone could know of."""
    await asyncio.open_connection("localhost", 1)
    return Token("connected")


@node("t.stumbles")
def stumbles(turn: UserTurn) -> Token:
    raise ValueError("a mistake of the node's author")


@node("t.pauses")
def pauses(frame: SpeechStarted | SpeechStopped) -> Iterator[Pause | Resume]:
    yield Pause() if isinstance(frame, SpeechStarted) else Resume()


@node("t.keypad")
async def keypad(key: Dtmf) -> Sentence:
    """Thinks before it answers."""
    await asyncio.sleep(1)
    return Sentence(f"You pressed {key.digit}.")


@node("t.first")
async def first(turn: UserTurn) -> Token:
    """At the same time as the other."""
    await asyncio.sleep(0)
    return Token("first ")


@node("t.second")
async def second(turn: UserTurn) -> Token:
    await asyncio.sleep(0)
    return Token("second ")


@node("t.breaks")
async def breaks(frames: AsyncIterator[Audio]) -> AsyncIterator[Transcript]:
    """Ends the call."""
    async for frame in frames:
        if frame.at > 1:
            raise ValueError("out of order")
        if frame.at < 0:
            yield Transcript("")


@node("t.clings")
async def clings(turn: UserTurn) -> None:
    """Works for long, and is slow to let go."""
    try:
        await asyncio.sleep(60)
    finally:
        await asyncio.sleep(1)


@node("t.spins")
async def spins(turn: UserTurn) -> None:
    """Never waits for anything."""
    while True:  # noqa: ASYNC110 - it does not wait for anything
        await asyncio.sleep(0)


@node("t.odd", packages=("no_such_package",))
def odd(turn: UserTurn) -> None:
    """Needs a package, and does what no scripted node does."""


@node("t.keyed", env=("T_KEYED_API_KEY",))
def keyed(turn: UserTurn) -> Token:
    """Needs a key."""
    return Token("Hello.")


def desk_file(folder: Path, tests: str, *, head: str = "", graph: str = GRAPH) -> Path:
    """Writes a test file, with these tests, and its graph. head: other keys of the file."""
    (folder / "desk.yaml").write_text(graph)
    file = folder / "desk_test.yaml"
    file.write_text(f"graph: desk.yaml\n{dedent(head)}tests:\n{indent(dedent(tests), '  ')}")
    return file


def call_file(
    folder: Path, steps: str, expect: str = "{}", *, head: str = "", rest: str = "", graph: str = GRAPH
) -> Path:
    """The same with one test. rest: other keys of the test."""
    tests = f"- name: a call\n  steps:\n{indent(dedent(steps), '    ')}\n  expect: {expect}\n{indent(rest, '  ')}"
    return desk_file(folder, tests, head=head, graph=graph)


def run(file: Path, seed: int | None = None) -> Outcome:
    """The outcome of the file's one test."""
    suite = read_suite(file)
    (case,) = suite.cases
    return run_case(suite, case, seed)


def mistakes(file: Path) -> tuple[Diagnostic, ...]:
    """What is wrong with a test file."""
    try:
        read_suite(file)
    except GraphError as error:
        return error.diagnostics
    return ()


def told(outcome: Outcome) -> list[tuple[str, str, str]]:
    """What was wrong: the code, what the caret stands under, and the message."""
    return [(each.code, each.span.text if each.span else "", each.message) for each in outcome.found]


def happened(outcome: Outcome, who: str) -> list[str]:
    """What the timeline tells of somebody; what was not heard in brackets."""
    rows = (row for row in outcome.timeline if row.who == who)
    return [" ".join(part.text if part.heard else f"[{part.text}]" for part in row.parts) for row in rows]
