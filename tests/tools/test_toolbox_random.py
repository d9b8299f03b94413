"""Whatever tools do and whenever the caller speaks: each call has one result, and what must be done is done."""

from __future__ import annotations

import asyncio
from typing import Any, Literal, get_args

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tools.talks import COMMIT, GUESS, STARTED, STOPPED, Ask, talk
from voicegraph import Commit, Interrupt, ToolCall, ToolError, UserTurn, tool
from voicegraph.tools.toolbox import BROKEN_OFF, RUNNING

End = Literal["well", "error", "refusal", "never"]

asks = st.tuples(
    st.sampled_from(["look", "book"]),
    st.fixed_dictionaries({"seconds": st.sampled_from([0.0, 0.3, 1.2, 4.0]), "end": st.sampled_from(get_args(End))}),
)
turns = st.lists(st.lists(st.lists(asks, max_size=3), max_size=2), min_size=1, max_size=4)
scripts = st.lists(
    st.one_of(st.sampled_from([STOPPED, STARTED, GUESS, COMMIT]), st.sampled_from([0.0, 0.2, 0.3, 1.0, 4.0])),
    min_size=1,
    max_size=12,
)


def numbered(rounds: list[list[list[Ask]]]) -> list[list[list[Ask]]]:
    """The same, each with a number of its own."""
    numbers = iter(range(10_000))
    return [
        [[(name, {**arguments, "number": next(numbers)}) for name, arguments in asks] for asks in each]
        for each in rounds
    ]


@settings(deadline=None, max_examples=150)
@given(rounds=turns, script=scripts, seed=st.integers(0, 1000), says=st.sampled_from(["", "well, let me see,"]))
def test_any_call(rounds: list[list[list[Ask]]], script: list[Any], seed: int, says: str) -> None:
    begun: list[int] = []
    ended: list[int] = []

    async def work(seconds: float, end: End, number: int) -> str:
        begun.append(number)
        try:
            await asyncio.sleep(seconds if end != "never" else 99.0)
            if end != "well":
                raise ToolError("no") if end == "refusal" else ValueError("my number is 42")
            return str(number)
        finally:
            ended.append(number)

    @tool(timeout=3.0)
    async def look(seconds: float, end: End, number: int) -> str:
        """Looks."""
        return await work(seconds, end, number)

    @tool(timeout=3.0, interruptible=False, phrase="One moment.")
    async def book(seconds: float, end: End, number: int) -> str:
        """Books."""
        return await work(seconds, end, number)

    done = talk([look, book], *numbered(rounds), script=script, seed=seed, says=says)

    asked = {int(call.arguments.rpartition(": ")[2].rstrip("}")): call for call in done.log.of(ToolCall)}
    given_ids = [result.id for result in done.results]
    assert len(given_ids) == len(set(given_ids))
    assert set(given_ids) <= {call.id for call in asked.values()}
    assert len(begun) == len(set(begun))
    assert sorted(begun) == sorted(ended)
    assert not {asked[number].turn for number in begun} & taken_back(done.log.frames)
    for number in begun:
        call = asked[number]
        outcome = done.model.toolbox.result(call)
        assert outcome.content != RUNNING
        if call.name == "book":
            assert outcome.content != BROKEN_OFF
        assert outcome.failed or outcome.content == str(number)
        assert "42" not in outcome.content.replace(str(number), "")


def taken_back(frames: list[tuple[str, Any]]) -> set[int]:
    """The turns that were interrupted before they were committed."""
    held: set[int] = set()
    found: set[int] = set()
    for _, frame in frames:
        if isinstance(frame, UserTurn) and frame.speculative:
            held.add(frame.turn)
        elif isinstance(frame, Commit):
            held.clear()
        elif isinstance(frame, Interrupt):
            found |= held
            held.clear()
    return found
