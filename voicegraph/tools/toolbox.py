"""Runs the tools that a language model calls, in one call.

For any node that speaks with a language model:

    tools: Tools = ()
    call: Call = this_call()

    async def __aenter__(self):
        self._toolbox = Toolbox(self.tools, self.call)

`schemas()` goes to the model. What it calls is given as `ToolCall` frames and then to `run`, which gives the results.
`result(call)` tells later turns what came of a call.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Sequence
from typing import Any

from loguru import logger

from voicegraph.call import Call
from voicegraph.errors import ToolDefinitionError, ToolError, raised_at
from voicegraph.frames import UNSTAMPED, Token, ToolCall, ToolResult
from voicegraph.tools.reading import Tool, read_tool

HOLD = 1.0
"""Seconds after which a tool is slow enough for its phrase to be said."""

FAILED = "It failed because of an internal error ({}). It may not have been done: tell the caller so."
EXPIRED = "It did not answer within {:g} s. It may or may not have been done."
BROKEN_OFF = "It was broken off when the caller spoke. It may or may not have been done."
RUNNING = "It is still running. Its result will stand here."
NOT_BEGUN = "It was not begun: the caller spoke on."
"""What a model is told of a call instead of a result."""


class Toolbox:
    """The tools of one language model in one call. Raises ToolDefinitionError where two have the same name."""

    def __init__(self, tools: Iterable[object], call: Call) -> None:
        self._tools: dict[str, Tool] = {}
        self._call = call
        self._works: list[_Work] = []
        self._said: set[tuple[int, str]] = set()  # phrases, and in which turn
        for each in map(read_tool, tools):
            if each.name in self._tools:
                raise ToolDefinitionError(each.name, ["another one has the same name: give one @tool(name=...)"])
            self._tools[each.name] = each

    def schemas(self) -> list[dict[str, Any]]:
        """What the model is told of each tool: `name`, `description`, and `parameters`, a JSON Schema of an object."""
        return [each.schema for each in self._tools.values()]

    def result(self, call: ToolCall) -> ToolResult:
        """What has come of a call so far. Of a tool that an interrupt does not break off, the result comes later."""
        for work in self._works:
            if work.call is call:  # ids may repeat
                return work.settled.result() if work.settled.done() else ToolResult(call.id, RUNNING)
        return ToolResult(call.id, NOT_BEGUN, failed=True)

    async def run(self, calls: Sequence[ToolCall]) -> AsyncGenerator[Token | ToolResult, None]:
        """Runs what a model called, side by side. Gives each result when it is there, and a slow tool's phrase.

        It begins when the caller's turn is surely over: what is done for a speculative one cannot be taken back. When
        it is closed, as by an interrupt, tools are broken off, but for those that must not be. Raises nothing that a
        tool does; ValueError for calls that were not given as frames, since only those know their turn.
        """
        if any(call.born == UNSTAMPED for call in calls):
            raise ValueError("give (yield) a ToolCall before you run it")
        if not calls or not await self._call.committed(calls[0].turn):
            return
        works = [_Work(call) for call in calls]
        self._works += works
        try:
            for work in works:
                self._begin(work)
            hold: float | None = self._call.now() + HOLD
            while works:
                phrase = self._phrase(works) if hold else ""
                await asyncio.wait(
                    [work.settled for work in works],
                    timeout=max(0.0, hold - self._call.now()) if hold and phrase else None,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                for work in [work for work in works if work.settled.done()]:
                    works.remove(work)
                    yield work.settled.result()
                if works and phrase and hold and self._call.now() >= hold:
                    hold = None
                    self._said.add((calls[0].turn, phrase))
                    yield Token(f" {phrase} ")
        finally:
            for work in works:
                work.break_off()

    def _phrase(self, works: Iterable[_Work]) -> str:
        """The first of their phrases that was not said in this turn."""
        phrases = [(work.call.turn, work.tool.options.phrase) for work in works if work.tool]
        return next((phrase for turn, phrase in phrases if phrase and (turn, phrase) not in self._said), "")

    def _begin(self, work: _Work) -> None:
        tool = self._tools.get(work.call.name)
        if tool is None:
            known = ", ".join(f"`{name}`" for name in self._tools) or "none"
            work.settle(f"There is no function `{work.call.name}`. There are: {known}.", failed=True)
            return
        work.begin(tool, self._call.keep(self._do(work, tool), grace=tool.options.timeout))

    async def _do(self, work: _Work, tool: Tool) -> None:
        try:
            work.settle(await tool.run(work.call.arguments, self._call))
        except ToolError as error:
            work.settle(str(error), failed=True)
        except (Exception, BaseExceptionGroup, SystemExit, asyncio.CancelledError) as error:
            task = asyncio.current_task()
            if isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling():
                raise
            logger.error("tool {}: {} at {}", tool.name, type(error).__name__, raised_at(error))
            work.settle(FAILED.format(type(error).__name__), failed=True)


class _Work:
    """One call of a tool. settled: what the model is told of it, once that is certain."""

    def __init__(self, call: ToolCall) -> None:
        self.call = call
        self.tool: Tool | None = None
        self.settled: asyncio.Future[ToolResult] = asyncio.get_running_loop().create_future()
        self._task: asyncio.Task[None] | None = None
        self._limit: asyncio.TimerHandle | None = None

    def begin(self, tool: Tool, task: asyncio.Task[None]) -> None:
        self.tool, self._task = tool, task
        self._limit = asyncio.get_running_loop().call_later(tool.options.timeout, self._expire)

    def settle(self, content: str, *, failed: bool = False) -> None:
        """The first word counts."""
        if not self.settled.done():
            content = content.encode(errors="replace").decode()  # halves of characters cannot be sent
            self.settled.set_result(ToolResult(self.call.id, content, failed=failed))
        if self._limit is not None:
            self._limit.cancel()

    def break_off(self) -> None:
        """Nobody waits for it any more."""
        if self.tool is not None and not self.tool.lasts:
            self._give_up(BROKEN_OFF)

    def _expire(self) -> None:
        assert self.tool is not None
        self._give_up(EXPIRED.format(self.tool.options.timeout))

    def _give_up(self, words: str) -> None:
        self.settle(words, failed=True)
        if self._task is not None:
            self._task.cancel()
