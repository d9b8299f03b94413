"""A turn with a language model that may call functions: its words, its calls, their results, its next words."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Protocol

from voicegraph.frames import Message, Token, ToolCall, ToolResult, UserTurn
from voicegraph.providers.openai import Service
from voicegraph.providers.openai_errors import Asked

MOST_ROUNDS = 5
"""Times in a turn that functions are called. After that the model has to answer with what it knows."""

Item = dict[str, Any]
"""One entry of a conversation, as an interface writes it."""
Given = Token | ToolCall | ToolResult


class Tools(Protocol):
    """The functions that a model may call: see `voicegraph.tools.toolbox`."""

    def schemas(self) -> Sequence[Mapping[str, Any]]:
        """Of each function: `name`, `description`, and `parameters`, a JSON Schema of an object."""
        ...

    def run(self, calls: Sequence[ToolCall]) -> AsyncGenerator[Token | ToolResult, None]:
        """Runs calls that were given as frames, and gives a result for each. A `Token` among them is spoken."""
        ...

    def result(self, call: ToolCall) -> ToolResult:
        """What has come of a call so far, also of one that an interrupt kept waiting."""
        ...


class Settings(Protocol):
    """What a node is told about the model. None: the vendor's own choice."""

    model: str
    system: str
    temperature: float | None
    max_tokens: int | None
    extra: dict[str, Any]


@dataclass(frozen=True)
class Usage:
    """Tokens: that the model read, how many of those the vendor had in its cache, and that the model wrote."""

    read: int = 0
    cached: int = 0
    written: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(self.read + other.read, self.cached + other.cached, self.written + other.written)

    def __str__(self) -> str:
        return f"{self.read} tokens read, {self.cached} of them cached, {self.written} written"


class Answer(Protocol):
    """One answer of the model, as far as it came. unknown: events that nobody has heard of."""

    usage: Usage
    unknown: int

    @property
    def calls(self) -> list[ToolCall]: ...

    def read(self, data: bytes) -> str:
        """Takes in one event, and returns the words in it. Raises ProviderError if it tells of one."""
        ...

    def end(self) -> None:
        """Nothing more comes. Raises ProviderError if that is too early."""
        ...


class Interface(Protocol):
    """A way to ask: chat completions, or responses."""

    @property
    def path(self) -> str: ...

    def body(self, conversation: Sequence[Item], schemas: Sequence[Mapping[str, Any]], *, may_call: bool) -> Item:
        """A request for an answer, as a stream."""
        ...

    def answer(self, asked: Asked) -> Answer:
        """Of which nothing has come yet."""
        ...

    def exchange(self, said: str, calls: Sequence[ToolCall], results: Sequence[ToolResult]) -> list[Item]:
        """What the conversation goes on from: words and calls of the model, and what came of those."""
        ...


class Conversation:
    """All turns of one call. usage, unknown: in all of them. tools: what the model may call."""

    def __init__(self, service: Service, interface: Interface, tools: Tools | None = None) -> None:
        self.usage = Usage()
        self.unknown = 0
        self.tools = tools
        self._service = service
        self._interface = interface
        self._called: list[tuple[str, list[ToolCall]]] = []  # by what the caller had said

    async def answer(self, turn: UserTurn) -> AsyncGenerator[Given, None]:
        """The model's words, and the functions that it called on the way. Raises ProviderError."""
        messages = turn.messages or (Message("user", turn.text),)
        conversation = self._recall(messages)
        schemas = self.tools.schemas() if self.tools else ()
        for left in reversed(range(MOST_ROUNDS + 1)):
            answer, said = self._interface.answer(self._service.asked), ""
            body = self._interface.body(conversation, schemas, may_call=left > 0)
            async with aclosing(self._service.events(self._interface.path, body)) as events:
                async for data in events:
                    if text := answer.read(data):
                        said += text
                        yield Token(text)
            answer.end()
            self._account(answer)
            calls = answer.calls
            for call in calls:
                yield call
            if not calls or self.tools is None or not left:
                return
            self._called.append((messages[-1].content, calls))  # what is done is done, even if nobody hears of it
            async with aclosing(self.tools.run(calls)) as results:
                async for each in results:
                    yield each
            if said and not said[-1].isspace():
                yield Token(" ")  # the next words do not join on to these
            conversation += self._exchange(said, calls)

    def _recall(self, messages: Sequence[Message]) -> list[Item]:
        """The conversation as it was heard, with the calls of earlier turns where they were; those of turns that are
        no longer told are forgotten. A turn that was taken back begins the next one, with what was done in it."""
        behind: dict[int, list[Item]] = {}
        at, known = 0, self._called
        self._called = []
        for words, calls in known:
            for number in range(at, len(messages)):
                if messages[number].role == "user" and messages[number].content.startswith(words):
                    at = number
                    behind.setdefault(number, []).extend(self._exchange("", calls))  # its words are in what was heard
                    self._called.append((words, calls))
                    break
        return [
            item
            for number, message in enumerate(messages)
            for item in ({"role": message.role, "content": message.content}, *behind.get(number, ()))
        ]

    def _exchange(self, said: str, calls: Sequence[ToolCall]) -> list[Item]:
        """A round of calls, with what has come of each by now."""
        assert self.tools is not None
        return self._interface.exchange(said, calls, [self.tools.result(call) for call in calls])

    def _account(self, answer: Answer) -> None:
        from loguru import logger

        self.usage += answer.usage
        self.unknown += answer.unknown
        logger.debug("{}: {}, {} unknown events", self._service.model, answer.usage, answer.unknown)
