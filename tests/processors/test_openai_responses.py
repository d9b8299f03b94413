"""The node openai.responses: in a call of its own, with the emulator behind it. Its errors: see test_openai_errors."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import cast

from tests.emulators.openai_server import emulated
from voicegraph.emulators.faults import After, Stall
from voicegraph.frames import Message, Token, UserTurn
from voicegraph.processors.openai_responses import OpenAIResponses
from voicegraph.providers.openai_responses import Responses
from voicegraph.testing import run_node


def turn() -> UserTurn:
    return UserTurn("is it open", messages=(Message("assistant", "Hello."), Message("user", "is it open")))


def test_a_turn_is_answered_token_by_token() -> None:
    with emulated():
        frames = run_node(OpenAIResponses, turn(), warmed=True)
    assert [cast(Token, frame).text for frame in frames] == ["You", " said:", " is", " it", " open"]


def test_an_answer_that_is_cut_at_its_limit_is_whole() -> None:
    with emulated(otherwise="word " * 40):
        assert len(run_node(OpenAIResponses, turn(), with_={"max_tokens": 16})) == 16


def test_an_interrupt_ends_the_request() -> None:
    async def interrupted() -> None:
        async with aclosing(cast("AsyncGenerator[Token]", OpenAIResponses().on_turn(turn()))) as given:
            await anext(given)

    with emulated(Stall(after=After(words=2))) as server:
        asyncio.run(interrupted())
        assert server.next_ended().outcome == "left"


def test_usage_is_added_up_over_the_call() -> None:
    async def two_turns() -> tuple[int, int]:
        node = OpenAIResponses(system="Be brief.")
        for _ in range(2):
            async for _ in node.on_turn(UserTurn("hello")):
                pass
        return node.usage.read, node.usage.written

    with emulated():
        assert asyncio.run(two_turns()) == (2 * 3, 2 * 3)


def test_nothing_is_kept_at_the_vendor_unless_it_is_asked_for() -> None:
    asked = {"role": "user", "content": "hi"}
    body = Responses(OpenAIResponses(system="Be brief.", max_tokens=20)).body([asked], (), may_call=True)
    assert body == {
        "model": "gpt-4.1-mini",
        "instructions": "Be brief.",
        "input": [asked],
        "stream": True,
        "store": False,
        "max_output_tokens": 20,
    }
    kept = Responses(OpenAIResponses(extra={"store": True, "instructions": None})).body([asked], (), may_call=True)
    assert kept["store"] is True
    assert "instructions" not in kept
