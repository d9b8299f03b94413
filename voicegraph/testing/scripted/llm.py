"""A language model that says what a script has for it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass

import msgspec

from voicegraph.call import Call, Reply, this_call
from voicegraph.frames import Token, ToolCall, ToolResult, UserTurn
from voicegraph.node import node
from voicegraph.processors.echo import word_by_word
from voicegraph.testing.faults import Fault, Faults, Kind, strike
from voicegraph.testing.latency import Latency, draw, pass_time
from voicegraph.testing.scripted.hearing import ends
from voicegraph.tools import Tools
from voicegraph.tools.toolbox import Toolbox

RESULT = "{result}"


@dataclass(frozen=True, kw_only=True)
class Tool:
    """A function to call, as models know it. then: what is said of its result, for which `{result}` stands."""

    __pydantic_config__ = {"extra": "forbid"}

    name: str
    arguments: dict[str, object] | None = None
    then: str = RESULT


@dataclass(frozen=True, kw_only=True)
class Says:
    """text: what is said to a caller whose words end with `cue`, whatever their case and punctuation; then the tool is
    called. Every text ends with an empty cue.
    """

    __pydantic_config__ = {"extra": "forbid"}

    text: str = ""
    cue: str = ""
    tool: Tool | None = None


@node("scripted.llm")
class ScriptedLLM:
    """Answers each turn with the first of its lines that is unused and whose cue fits; else with the last that fits.

    A line whose answer was taken back before any of it was heard (the caller went on) is unused again.

    says: the lines. tools: functions that these may call; without any, calls are for another node, which gives the
    results. otherwise: for a turn that none fits. first, between: time to the first token, and to each of the
    next; a token is a word. faults: `error`, `hang`, `stall`, `die`, `truncate`, of the next turns.
    """

    says: tuple[Says, ...] = ()
    tools: Tools = ()
    otherwise: str = "My script has nothing to say to that."
    first: Latency = 0.2
    between: Latency = 0.015
    faults: tuple[Fault, ...] = ()
    call: Call = this_call()

    def __post_init__(self) -> None:
        self._lines = list(self.says)
        self._used: dict[int, int] = {}  # line by turn
        self._asked: dict[str, Tool] = {}  # by the id of the tool call
        self._calls = 0
        self._faults = Faults(("error", "hang", "stall", "die", "truncate"), self.faults, by_tokens=True)

    async def __aenter__(self) -> ScriptedLLM:
        self._toolbox = Toolbox(self.tools, self.call)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Tools are the call's to end."""

    def add(self, line: Says) -> None:
        """One more line, behind the others."""
        self._lines.append(line)

    def fail(self, kind: Kind, *, after: int | None = None, count: int = 1, skip: int = 0) -> None:
        """Makes the next `count` turns go wrong, once `skip` have gone well. after: tokens; see `Fault`."""
        self._faults.plan(Fault(kind=kind, after=after, count=count, skip=skip))

    async def on_turn(self, turn: UserTurn) -> AsyncIterator[Token | ToolCall | ToolResult]:
        line = self._choose(turn)
        async with aclosing(self._give(line.text)) as tokens:
            async for token in tokens:
                yield token
        if line.tool is None:
            return
        self._calls += 1
        asked = ToolCall(f"call-{self._calls}", line.tool.name, msgspec.json.encode(line.tool.arguments or {}).decode())
        self._asked[asked.id] = line.tool
        yield asked
        if not self.tools:
            return  # another node gives the result
        async with aclosing(self._toolbox.run([asked])) as given:
            async for each in given:
                yield each
        async with aclosing(self._tell(self._toolbox.result(asked))) as tokens:
            async for token in tokens:
                yield token

    async def on_result(self, result: ToolResult) -> AsyncIterator[Token]:
        async with aclosing(self._tell(result)) as tokens:
            async for token in tokens:
                yield token

    def interrupted(self, reply: Reply) -> None:
        if not reply.heard_seconds:
            self._used.pop(reply.turn, None)

    async def _tell(self, result: ToolResult) -> AsyncGenerator[Token, None]:
        """What is said of it."""
        tool = self._asked.pop(result.id, None)
        yield Token(" ")  # these words do not join on to those before the call
        async with aclosing(self._give((tool.then if tool else RESULT).replace(RESULT, result.content))) as tokens:
            async for token in tokens:
                yield token

    def _choose(self, turn: UserTurn) -> Says:
        fitting = [number for number, line in enumerate(self._lines) if ends(turn.text, line.cue)]
        if not fitting:
            return Says(text=self.otherwise)
        used = set(self._used.values())
        chosen = next((n for n in fitting if n not in used), fitting[-1])
        self._used[turn.turn] = chosen
        return self._lines[chosen]

    async def _give(self, text: str) -> AsyncGenerator[Token, None]:
        fault = self._faults.next()
        tokens = list(word_by_word(text))
        wait = draw(self.first, self.call.random)
        for token in tokens[: _intact(fault, len(tokens))]:
            await pass_time(wait)
            yield token
            wait = draw(self.between, self.call.random)
        if fault is not None or not tokens:
            await pass_time(wait)
        if fault is not None:
            await strike(fault)


def _intact(fault: Fault | None, tokens: int) -> int:
    """How many tokens come before the fault."""
    if fault is None:
        return tokens
    if fault.kind in ("error", "hang"):
        return 0
    return tokens // 2 if fault.after is None else int(fault.after)
