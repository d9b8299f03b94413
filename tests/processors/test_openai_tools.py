"""Functions that a model calls within its turn, over both interfaces, with the emulator behind them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any

import pytest

from tests.emulators.openai_server import emulated
from voicegraph.frames import Message, Token, ToolCall, ToolResult, UserTurn
from voicegraph.processors.openai_chat import OpenAIChat
from voicegraph.processors.openai_responses import OpenAIResponses
from voicegraph.providers.openai import Service
from voicegraph.providers.openai_chat import Chat
from voicegraph.providers.openai_conversing import MOST_ROUNDS, Conversation, Given, Interface, Item
from voicegraph.providers.openai_responses import Responses
from voicegraph.testing.scripted import Says, Tool

BOOK = Tool(name="book", arguments={"at": "five"}, then="Booked: {result}")
SCRIPT = (Says(text="One moment.", cue="book it", tool=BOOK), Says(text="Fine.", cue=""))


class Booking:
    """One function. Remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[ToolCall] = []
        self.done: dict[str, str] = {}

    def schemas(self) -> list[dict[str, Any]]:
        return [{"name": "book", "description": "Books a room.", "parameters": {"type": "object", "properties": {}}}]

    async def run(self, calls: Sequence[ToolCall]) -> AsyncGenerator[Token | ToolResult, None]:
        self.asked += calls
        yield Token(" Still looking.")
        for call in calls:
            self.done[call.id] = "room 7"
            yield ToolResult(call.id, "room 7")

    def result(self, call: ToolCall) -> ToolResult:
        return ToolResult(call.id, self.done.get(call.id, "Nothing yet."))


class Stuck(Booking):
    async def run(self, calls: Sequence[ToolCall]) -> AsyncGenerator[Token | ToolResult, None]:
        yield Token(" Hm.")
        await asyncio.Event().wait()


class Watched:
    """An interface, and the conversations that were told over it."""

    def __init__(self, inner: Interface) -> None:
        self.path = inner.path
        self.answer = inner.answer
        self.exchange = inner.exchange
        self.bodies: list[Item] = []
        self._inner = inner

    def body(self, conversation: Sequence[Item], schemas: Sequence[Mapping[str, Any]], *, may_call: bool) -> Item:
        self.bodies.append(self._inner.body(list(conversation), schemas, may_call=may_call))
        return self.bodies[-1]

    def told(self, number: int = -1) -> list[str]:
        """Of one request: who, or what, its items are."""
        body = self.bodies[number]
        items: list[Item] = body.get("messages") or body["input"]
        return [
            item.get("type") or ("calls" if "tool_calls" in item else item["role"])
            for item in items
            if item.get("role") != "system"
        ]


def of_chat() -> Watched:
    return Watched(Chat(OpenAIChat(), of_openai=True))


def of_responses() -> Watched:
    return Watched(Responses(OpenAIResponses()))


both = pytest.mark.parametrize("make", [of_chat, of_responses])
CALLED = {of_chat: ["calls", "tool"], of_responses: ["function_call", "function_call_output"]}
Make = Callable[[], Watched]


def conversation(interface: Watched, tools: Booking) -> Conversation:
    return Conversation(Service("gpt-4.1"), interface, tools)


async def answer(conversation: Conversation, turn: UserTurn) -> list[Given]:
    async with aclosing(conversation.answer(turn)) as given:
        return [each async for each in given]


def words(given: Sequence[Given]) -> str:
    return "".join(each.text for each in given if isinstance(each, Token))


@both
def test_a_turn_goes_on_with_what_a_function_gave(make: Make) -> None:
    tools, interface = Booking(), make()
    with emulated(says=SCRIPT):
        given = asyncio.run(answer(conversation(interface, tools), UserTurn("book it")))
    assert [(call.name, call.arguments) for call in tools.asked] == [("book", '{"at":"five"}')]
    assert words(given) == "One moment. Still looking. Booked: room 7"
    assert [type(each).__name__ for each in given if not isinstance(each, Token)] == ["ToolCall", "ToolResult"]
    assert [item for item in interface.told() if item != "assistant"] == ["user", *CALLED[make]]


@both
def test_the_next_turns_know_what_was_called_and_where(make: Make) -> None:
    interface = make()
    told = [Message("user", "book it"), Message("assistant", "One moment. Booked"), Message("user", "thanks")]

    async def three_turns() -> None:
        talk = conversation(interface, Booking())
        for said in (told[:1], told, [*told, Message("user", "bye")]):
            await answer(talk, UserTurn(said[-1].content, tuple(said)))

    with emulated(says=SCRIPT):
        asyncio.run(three_turns())
    assert interface.told() == ["user", *CALLED[make], "assistant", "user", "user"]


@both
def test_what_came_of_a_call_later_is_known_though_the_turn_was_taken_back(make: Make) -> None:
    interface, tools = make(), Stuck()

    async def interrupted() -> None:
        talk = conversation(interface, tools)
        async with aclosing(talk.answer(UserTurn("book it", (Message("user", "book it"),)))) as given:
            async for each in given:
                if isinstance(each, ToolCall):
                    tools.done[each.id] = "room 8"
                if isinstance(each, Token) and each.text == " Hm.":
                    break
        await answer(talk, UserTurn("book it please", (Message("user", "book it please"),)))

    with emulated(says=SCRIPT):
        asyncio.run(interrupted())
    assert interface.told() == ["user", *CALLED[make]]
    assert "room 8" in str(interface.bodies[-1])


@both
def test_calls_are_told_where_they_were_though_the_caller_says_the_same_again(make: Make) -> None:
    interface = make()
    said = [Message("user", "book it"), Message("assistant", "Booked"), Message("user", "book it")]

    async def three_turns() -> None:
        talk = conversation(interface, Booking())
        for told in (said[:1], said, [*said, Message("user", "thanks")]):
            await answer(talk, UserTurn(told[-1].content, tuple(told)))

    with emulated(says=SCRIPT[:1]):
        asyncio.run(three_turns())
    calls = CALLED[make]
    assert interface.told() == ["user", *calls, "assistant", "user", *calls, "user"]


@pytest.mark.parametrize(
    ("first", "again"), [("Book it.", "Book it, please."), ("Book it.", "book it. Please"), ("予約。", "予約お願い。")]
)
@both
def test_what_was_done_is_known_though_the_words_are_written_anew(make: Make, first: str, again: str) -> None:
    interface = make()

    async def two_turns() -> None:
        talk = conversation(interface, Booking())
        for words in (first, again):
            await answer(talk, UserTurn(words, (Message("user", words),)))

    with emulated(says=(Says(text="One moment.", tool=BOOK), *SCRIPT)):
        asyncio.run(two_turns())
    assert interface.told() == ["user", *CALLED[make]]


@both
def test_of_a_long_conversation_the_calls_that_are_still_told_stay_in_their_place(make: Make) -> None:
    interface = make()

    async def turns() -> None:
        talk = conversation(interface, Booking())
        for words in (["book it"], ["book it", "fine"], ["book it", "fine", "book it"], ["fine", "book it", "thanks"]):
            await answer(talk, UserTurn(words[-1], tuple(Message("user", each) for each in words)))

    with emulated(says=SCRIPT[:1]):
        asyncio.run(turns())
    assert interface.told() == ["user", "user", *CALLED[make], "user"]


@both
def test_calls_of_turns_that_are_no_longer_told_are_forgotten(make: Make) -> None:
    interface = make()

    async def two_turns() -> None:
        talk = conversation(interface, Booking())
        await answer(talk, UserTurn("book it", (Message("user", "book it"),)))
        await answer(talk, UserTurn("thanks", (Message("user", "thanks"),)))

    with emulated(says=SCRIPT):
        asyncio.run(two_turns())
    assert interface.told() == ["user"]


@both
def test_a_model_that_calls_for_ever_is_stopped(make: Make) -> None:
    class Forever(Booking):
        """Each result looks like the caller's next wish, so the script calls again."""

    interface = make()
    inner = interface.exchange

    def as_a_wish(said: str, calls: Sequence[ToolCall], results: Sequence[ToolResult]) -> list[Item]:
        return [*inner(said, calls, results), {"role": "user", "content": "book it"}]

    interface.exchange = as_a_wish
    tools = Forever()
    with emulated(says=(SCRIPT[0],)):
        asyncio.run(answer(conversation(interface, tools), UserTurn("book it")))
    assert len(tools.asked) == MOST_ROUNDS
    assert [body.get("tool_choice") for body in interface.bodies] == [None] * MOST_ROUNDS + ["none"]


@both
def test_without_functions_none_are_offered(make: Make) -> None:
    interface = make()
    with emulated(says=SCRIPT):
        given = asyncio.run(answer(Conversation(Service("gpt-4.1"), interface), UserTurn("book it")))
    assert words(given) == "One moment."
    assert "tools" not in interface.bodies[0]


@pytest.mark.parametrize("arguments", ["", "{", "at five"])
@both
def test_arguments_that_are_no_json_are_told_as_none(make: Make, arguments: str) -> None:
    told = make().exchange("", [ToolCall("a", "book", arguments)], [ToolResult("a", "wrong")])
    assert "'arguments': '{}'" in str(told)
