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

RESULT = "{result}"


@dataclass(frozen=True, kw_only=True)
class Tool:
    """A function to ask for. then: what is said of its result, for which `{result}` stands."""

    __pydantic_config__ = {"extra": "forbid"}

    name: str
    arguments: dict[str, object] | None = None
    then: str = RESULT


@dataclass(frozen=True, kw_only=True)
class Says:
    """text: what is said to a caller whose words end with `cue`, whatever their case and punctuation; then the tool is
    asked for. Every text ends with an empty cue.
    """

    __pydantic_config__ = {"extra": "forbid"}

    text: str = ""
    cue: str = ""
    tool: Tool | None = None


@node("scripted.llm")
class ScriptedLLM:
    """Answers each turn with the first of its lines that is unused and whose cue fits; else with the last that fits.

    A line whose answer was taken back before any of it was heard (the caller went on) is unused again.

    says: the lines. otherwise: for a turn that none fits. first, between: time to the first token, and to each of the
    next; a token is a word. faults: `error`, `hang`, `stall`, `die`, `truncate`, of the next turns.
    """

    says: tuple[Says, ...] = ()
    otherwise: str = "My script has nothing to say to that."
    first: Latency = 0.2
    between: Latency = 0.015
    faults: tuple[Fault, ...] = ()
    call: Call = this_call()

    def __post_init__(self) -> None:
        self._lines = list(self.says)
        self._used: dict[int, int] = {}  # line by turn
        self._asked: dict[str, Tool] = {}  # by the id of the tool call
        self._faults = Faults(("error", "hang", "stall", "die", "truncate"), self.faults, by_tokens=True)

    def add(self, line: Says) -> None:
        """One more line, behind the others."""
        self._lines.append(line)

    def fail(self, kind: Kind, *, after: int | None = None, count: int = 1, skip: int = 0) -> None:
        """Makes the next `count` turns go wrong, once `skip` have gone well. after: tokens; see `Fault`."""
        self._faults.plan(Fault(kind=kind, after=after, count=count, skip=skip))

    async def on_turn(self, turn: UserTurn) -> AsyncIterator[Token | ToolCall]:
        line = self._choose(turn)
        async with aclosing(self._give(line.text)) as tokens:
            async for token in tokens:
                yield token
        if line.tool is not None:
            made = f"call-{len(self._asked) + 1}"
            self._asked[made] = line.tool
            yield ToolCall(made, line.tool.name, msgspec.json.encode(line.tool.arguments or {}).decode())

    async def on_result(self, result: ToolResult) -> AsyncIterator[Token]:
        tool = self._asked.pop(result.id, None)
        text = (tool.then if tool else RESULT).replace(RESULT, result.content)
        async with aclosing(self._give(text)) as tokens:
            async for token in tokens:
                yield token

    def interrupted(self, reply: Reply) -> None:
        if not reply.heard_seconds:
            self._used.pop(reply.turn, None)

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
