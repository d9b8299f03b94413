"""What a model calls is run, and the model is told what came of it, whatever the tool does. In virtual time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any, cast

import pytest
from loguru import logger

from tests.engine.calls import ScriptedLine, plan, run
from tests.tools.talks import (
    FAREWELL,
    STOPPED,
    ScriptedModel,
    Voice,
    boss,
    named,
    sentences,
    talk,
    wait,
    wait_in_a_thread,
    waits,
)
from voicegraph import Call, ToolCall, ToolError, ToolResult, tool
from voicegraph.errors import ToolDefinitionError
from voicegraph.tools.toolbox import EXPIRED, FAILED, Toolbox


def contents(results: list[ToolResult]) -> list[str]:
    return [result.content for result in results]


# --- running, side by side --------------------------------------------------------------------------------------------


def test_calls_run_side_by_side_and_each_result_comes_when_it_is_there() -> None:
    done = talk([wait], [waits(2, 1, 2)])
    assert contents(done.results) == ["waited 1 s", "waited 2 s", "waited 2 s"]
    assert [result.id for result in done.results] == ["2", "1", "3"]
    assert done.times(ToolResult) == [1.0, 2.0, 2.0]
    assert done.said() == FAREWELL


def test_rounds_come_one_behind_the_other() -> None:
    done = talk([wait], [waits(1), waits(0.5)])
    assert done.times(ToolResult) == [1.0, 1.5]


def test_no_calls_have_no_results() -> None:
    assert talk([wait], [[]]).results == []


def test_a_plain_function_runs_in_a_thread() -> None:
    def where() -> str:
        """Tells the thread."""
        return threading.current_thread().name

    nodes = {"line": ScriptedLine, "boss": boss, "llm": ScriptedModel, "sentences": sentences, "voice": Voice}
    llm = {"tools": [where], "rounds": [[[("where", "")]]]}
    config: dict[str, dict[str, Any]] = {"line": {"script": [STOPPED]}, "llm": llm}
    _, log = run(plan(nodes, "line -> boss -> llm -> sentences -> voice -> line", config=config))
    (result,) = log.of(ToolResult)
    assert not result.failed
    assert result.content != threading.current_thread().name


def test_a_tool_can_ask_for_the_call() -> None:
    async def when(call: Call, word: str = "at") -> str:
        """Tells the time."""
        return f"{word} {call.now():g}"

    done = talk([when], [[("when", "")]], script=[1.5, STOPPED, 5.0])
    assert done.result.content == "at 1.5"


# --- what goes wrong is told to the model ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("", "`seconds` is missing"),
        ("{", "they are not one JSON object"),
        ("[1]", "they are not one JSON object"),
        ({"seconds": "soon"}, "`seconds` should be a valid number"),
        ({"seconds": 1, "minutes": 2}, "there is no argument `minutes`"),
    ],
)
def test_wrong_arguments_are_told_in_words(arguments: Any, told: str) -> None:
    done = talk([wait], [[("wait", arguments)]])
    assert done.result.failed
    assert told in done.result.content
    assert "Traceback" not in done.result.content
    assert done.said() == FAREWELL


def test_a_function_that_there_is_not() -> None:
    done = talk([wait, wait_in_a_thread], [[("wiat", {})]])
    assert done.result.failed
    assert done.result.content == "There is no function `wiat`. There are: `wait`, `wait_in_a_thread`."


class Private(Exception):
    """What it says may hold a caller's words."""


def raising(error: BaseException, *, in_a_thread: bool = False) -> Callable[..., Any]:
    async def fail() -> None:
        """Fails."""
        raise error

    def fail_in_a_thread() -> None:
        """Fails."""
        raise error

    return tool(name="fail")(fail_in_a_thread if in_a_thread else fail)


@pytest.mark.parametrize("in_a_thread", [False, True])
@pytest.mark.parametrize("error", [Private("my number is 42"), SystemExit("42"), StopIteration(42)], ids=repr)
def test_an_exception_is_the_models_to_know_and_not_the_logs_to_repeat(error: BaseException, in_a_thread: bool) -> None:
    notices: list[str] = []
    sink = logger.add(notices.append, format="{message}")
    done = talk([raising(error, in_a_thread=in_a_thread)], [[("fail", {})]])
    logger.remove(sink)
    kind = "RuntimeError" if isinstance(error, StopIteration) else type(error).__name__  # as Python has it
    assert done.failure == FAILED.format(kind)
    assert done.said() == FAREWELL
    (notice,) = [each for each in notices if "fail" in each]
    assert notice.startswith(f"tool fail: {kind} at ")
    assert "42" not in notice.partition(" at ")[0]
    assert ".py:" in notice


def test_a_tool_that_cancels_itself_fails() -> None:
    done = talk([raising(asyncio.CancelledError())], [[("fail", {})]])
    assert done.result.content == FAILED.format("CancelledError")


def test_a_group_of_exceptions_is_one_failure() -> None:
    done = talk([raising(BaseExceptionGroup("two", [SystemExit(1), ValueError()]))], [[("fail", {})]])
    assert done.result.content == FAILED.format("BaseExceptionGroup")


def test_what_nobody_can_send_is_made_sendable() -> None:
    async def read() -> str:
        """Reads a file's name."""
        return "caf\udce9.txt"

    assert talk([read], [[("read", {})]]).result.content == "caf?.txt"


def test_what_a_tool_means_to_tell_the_model_is_told() -> None:
    done = talk([raising(ToolError("There is nothing free on Sunday."))], [[("fail", {})]])
    assert done.failure == "There is nothing free on Sunday."


def test_one_that_fails_does_not_hurt_another() -> None:
    done = talk([wait, raising(ValueError())], [[("fail", {}), *waits(1)]])
    assert [result.failed for result in done.results] == [True, False]


# --- timeouts ---------------------------------------------------------------------------------------------------------


def test_a_tool_that_takes_too_long_is_cancelled_and_the_model_is_told() -> None:
    ended: list[str] = []

    @tool(timeout=2.0)
    async def hang() -> None:
        """Hangs."""
        try:
            await asyncio.sleep(60.0)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    done = talk([hang], [[("hang", {})]])
    assert done.failure == EXPIRED.format(2.0)
    assert done.times(ToolResult) == [2.0]
    assert ended == ["cancelled"]
    assert done.said() == FAREWELL


def test_ten_seconds_if_it_says_nothing() -> None:
    done = talk([wait], [waits(9.9, 10.1)])
    assert contents(done.results) == ["waited 9.9 s", EXPIRED.format(10)]


def test_a_tool_that_does_not_let_itself_be_cancelled_holds_up_nobody() -> None:
    @tool(timeout=1.0)
    async def stubborn() -> str:
        """Swallows its cancellation."""
        for _ in range(3):
            try:
                await asyncio.sleep(5.0)
            except asyncio.CancelledError:
                continue
        return "too late"

    done = talk([stubborn], [[("stubborn", {})]])
    assert done.times(ToolResult) == [1.0]
    assert done.result.content == EXPIRED.format(1)


def test_an_exception_behind_a_timeout_is_nobodys() -> None:
    @tool(timeout=1.0)
    async def sore() -> None:
        """Fails at its cancellation."""
        try:
            await asyncio.sleep(5.0)
        except asyncio.CancelledError:
            raise ValueError from None

    assert talk([sore], [[("sore", {})]]).result.content == EXPIRED.format(1)


def test_a_thread_that_takes_too_long_is_left_behind() -> None:
    done = talk([wait_in_a_thread], [[("wait_in_a_thread", {"word": "x"})]], offload=12.0)
    assert done.times(ToolResult) == [10.0]
    assert done.result.content == EXPIRED.format(10)


# --- the toolbox itself -----------------------------------------------------------------------------------------------


def test_two_tools_of_one_name_are_refused() -> None:
    with pytest.raises(ToolDefinitionError, match="`wait` cannot be a tool: another one has the same name"):
        Toolbox([wait, tool(name="wait")(named(wait))], cast(Call, None))


def test_calls_that_nobody_gave_are_refused() -> None:
    async def run_it() -> None:
        async for _ in Toolbox([wait], cast(Call, None)).run([ToolCall("1", "wait", "{}")]):
            pass

    with pytest.raises(ValueError, match="give"):
        asyncio.run(run_it())


def test_it_tells_the_model_of_all_tools_in_their_order() -> None:
    schemas = Toolbox([wait, wait_in_a_thread], cast(Call, None)).schemas()
    assert [(each["name"], each["description"]) for each in schemas] == [
        ("wait", "Takes so long."),
        ("wait_in_a_thread", "Takes as long as work in a thread does."),
    ]
