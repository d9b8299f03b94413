"""What a tool does and a turn's fate: interrupts, the end of the call, speculation, and what is said meanwhile."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from tests.tools.talks import (
    COMMIT,
    FAREWELL,
    GUESS,
    STARTED,
    STOPPED,
    ScriptedModel,
    named,
    talk,
    wait,
    wait_in_a_thread,
    waits,
)
from voicegraph import Call, ToolCall, ToolResult, UserTurn, node, tool
from voicegraph.frames import Token
from voicegraph.tools.toolbox import BROKEN_OFF, EXPIRED, NOT_BEGUN, RUNNING

# --- interrupts -------------------------------------------------------------------------------------------------------

INTERRUPTED = [STOPPED, 1.0, STARTED, 0.5, STOPPED, 5.0, STOPPED, 5.0]
"""A turn that is interrupted after a second, one half a second later, and one five seconds later."""


def test_an_interrupt_breaks_a_tool_off_and_the_next_turn_knows() -> None:
    done = talk([wait], [waits(3)], script=INTERRUPTED)
    assert done.results == []
    assert done.model.told == [[], [BROKEN_OFF], [BROKEN_OFF]]


def test_what_was_done_before_the_interrupt_is_known_as_done() -> None:
    done = talk([wait], [waits(0.5, 3)], script=INTERRUPTED)
    assert done.model.told[1] == ["waited 0.5 s", BROKEN_OFF]


def test_a_booking_goes_on_and_its_result_is_there_for_a_later_turn() -> None:
    booked: list[float] = []

    @tool(interruptible=False)
    async def book(call: Call) -> str:
        """Books."""
        await asyncio.sleep(2.0)
        booked.append(call.now())
        return "number 7"

    done = talk([book], [[("book", {})]], script=INTERRUPTED)
    assert booked == [2.0]
    assert done.results == []  # the turn is void
    assert done.model.told == [[], [RUNNING], ["number 7"]]


def test_what_runs_in_a_thread_cannot_be_broken_off_either() -> None:
    done = talk([wait_in_a_thread], [[("wait_in_a_thread", {"word": "x"})]], script=INTERRUPTED, offload=2.0)
    assert done.model.told == [[], [RUNNING], ["wrote x"]]


def test_a_booking_that_goes_on_still_has_its_time() -> None:
    @tool(interruptible=False, timeout=3.0)
    async def book() -> None:
        """Hangs."""
        await asyncio.sleep(60.0)

    done = talk([book], [[("book", {})]], script=INTERRUPTED)
    assert done.model.told == [[], [RUNNING], [EXPIRED.format(3)]]


def test_of_two_only_what_must_not_be_broken_off_goes_on() -> None:
    book = tool(interruptible=False, name="book")(lasting := named(wait))
    assert book is lasting
    done = talk([wait, book], [[*waits(3), ("book", {"seconds": 3})]], script=INTERRUPTED)
    assert done.model.told[2] == [BROKEN_OFF, "waited 3 s"]


# --- the end of the call ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("interruptible", "finished", "ended"), [(True, [], 1.0), (False, [4.0], 4.0)])
def test_the_end_of_the_call_waits_for_a_booking_and_for_nothing_else(
    interruptible: bool, finished: list[float], ended: float
) -> None:
    done_at: list[float] = []

    @tool(interruptible=interruptible)
    async def book(call: Call) -> None:
        """Books. The caller hangs up meanwhile."""
        asyncio.get_running_loop().call_at(1.0, call.hang_up, "gone")
        await asyncio.sleep(4.0)
        done_at.append(call.now())

    done = talk([book], [[("book", {})]])
    assert (done_at, done.ended) == (finished, ended)


def test_it_waits_no_longer_than_the_booking_may_take() -> None:
    @tool(interruptible=False, timeout=3.0)
    async def book(call: Call) -> None:
        """Hangs. The caller hangs up meanwhile."""
        call.hang_up("gone")
        await asyncio.sleep(60.0)

    assert talk([book], [[("book", {})]]).ended == 3.0


# --- speculation ------------------------------------------------------------------------------------------------------


def test_nothing_is_done_before_the_callers_turn_is_certain() -> None:
    done = talk([wait], [waits(1)], script=[GUESS, 2.0, COMMIT, 5.0])
    assert done.times(ToolResult) == [3.0]


def test_nothing_is_done_for_a_turn_that_is_taken_back() -> None:
    begun: list[str] = []

    @tool(interruptible=False)
    async def book() -> None:
        """Books."""
        begun.append("begun")

    for seed in range(20):  # in whatever order those run whom the interrupt wakes
        done = talk([book], [[("book", {})]], script=[GUESS, 2.0, STARTED, STOPPED, 5.0], seed=seed)
        assert done.model.told == [[], [NOT_BEGUN]]
    assert begun == []


def test_waiting_for_the_caller_is_no_waiting_for_the_tool() -> None:
    slow = tool(phrase="One moment.", name="wait")(named(wait))
    done = talk([slow], [waits(0.5)], script=[GUESS, 5.0, COMMIT, 5.0])
    assert done.said() == FAREWELL


@node("tools.careless")
class Careless(ScriptedModel):
    """Runs its tools in a task that it does not cancel."""

    async def on_turn(self, turn: UserTurn) -> AsyncIterator[Token | ToolCall | ToolResult]:
        given = [ToolCall("1", "book", "")]
        yield given[0]
        await asyncio.wait([asyncio.create_task(self._run(given))])

    async def _run(self, calls: list[ToolCall]) -> None:
        async for _ in self.toolbox.run(calls):
            pass


def test_not_even_if_nobody_cancels_it() -> None:
    begun: list[float] = []

    async def book(call: Call) -> None:
        """Books."""
        begun.append(call.now())

    talk([book], script=[GUESS, 2.0, STARTED, 5.0], model=Careless)
    assert begun == []
    talk([book], script=[GUESS, 2.0, COMMIT, 5.0], model=Careless)
    assert begun == [2.0]


# --- phrases ----------------------------------------------------------------------------------------------------------


def slow(phrase: str) -> Callable[..., Any]:
    return tool(phrase=phrase, name=f"wait_{phrase.split()[0].lower()}")(named(wait))


@pytest.mark.parametrize(("seconds", "said"), [(0.9, FAREWELL), (1.1, f"One moment. {FAREWELL}")])
def test_a_slow_tool_has_its_phrase_said_after_a_second(seconds: float, said: str) -> None:
    done = talk([slow("One moment.")], [[("wait_one", {"seconds": seconds})]])
    assert done.said() == said


def test_the_phrase_is_said_at_once_and_once() -> None:
    done = talk([slow("One moment.")], [[("wait_one", {"seconds": 2}), ("wait_one", {"seconds": 5})]])
    tokens = [frame.text for frame in done.log.of(Token)]
    assert tokens == [" One moment. ", FAREWELL]
    assert done.times(Token)[0] == 1.0


def test_it_is_not_said_again_in_the_same_turn_but_in_the_next() -> None:
    rounds = [[("wait_one", {"seconds": 2})], [("wait_one", {"seconds": 2})]]
    done = talk([slow("One moment.")], rounds, rounds, script=[STOPPED, 10.0, STOPPED, 10.0])
    assert [done.said(turn) for turn in (1, 2)] == [f"One moment. {FAREWELL}"] * 2


def test_of_several_slow_tools_one_speaks() -> None:
    tools = [wait, slow("One moment."), slow("Still looking.")]
    asks = [*waits(4), ("wait_one", {"seconds": 2}), ("wait_still", {"seconds": 5})]
    assert talk(tools, [asks]).said() == f"One moment. {FAREWELL}"


def test_it_is_the_phrase_of_one_that_is_slow() -> None:
    tools = [slow("One moment."), slow("Still looking.")]
    asks = [("wait_one", {"seconds": 0.5}), ("wait_still", {"seconds": 5})]
    assert talk(tools, [asks]).said() == f"Still looking. {FAREWELL}"


def test_of_a_model_whose_calls_all_have_the_same_id_each_has_its_own_result() -> None:
    script = [STOPPED, 5.0, STOPPED, 5.0]
    done = talk([wait], [waits(1), waits(2, 3)], script=script, ids=itertools.repeat(0))
    assert done.model.told[1] == ["waited 1 s", "waited 2 s", "waited 3 s"]
