"""A turn with a language model that may call functions: its words, its calls, their results, its next words."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

from voicegraph.errors import ProviderError
from voicegraph.frames import Message, Token, ToolCall, ToolResult, UserTurn
from voicegraph.providers.openai import TAIL, Service
from voicegraph.providers.openai_errors import Asked, fields

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

    @classmethod
    def of(cls, told: object, read: str, written: str) -> Usage:
        """From what a service tells, by its names for the two; the cached ones are told among the details."""

        def number(place: object, name: str) -> int:
            value = fields(place).get(name)
            return value if isinstance(value, int) else 0

        cached = number(fields(told).get(f"{read}_details"), "cached_tokens")
        return cls(number(told, read), cached, number(told, written))

    def __str__(self) -> str:
        return f"{self.read} tokens read, {self.cached} of them cached, {self.written} written"


class Answer(Protocol):
    """One answer of the model, as far as it came. unknown: events that nobody has heard of. over: it is whole."""

    usage: Usage
    unknown: int

    @property
    def over(self) -> bool: ...

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


@dataclass
class _Turn:
    """What the caller said, and the functions that were called in answer: at the same time, and in rounds."""

    said: str
    rounds: list[list[ToolCall]] = field(default_factory=list[list[ToolCall]])


class Conversation:
    """All turns of one call. usage, unknown: in all of them. tools: what the model may call."""

    def __init__(self, service: Service, interface: Interface, tools: Tools | None = None) -> None:
        self.usage = Usage()
        self.unknown = 0
        self.tools = tools
        self._service = service
        self._interface = interface
        self._turns: list[_Turn] = []

    async def answer(self, turn: UserTurn) -> AsyncGenerator[Given, None]:
        """The model's words, and the functions that it called on the way. Raises ProviderError."""
        conversation = self._recall(turn.messages or (Message("user", turn.text),))
        rounds = self._turns[-1].rounds if self._turns else []
        schemas = self.tools.schemas() if self.tools else ()
        for left in reversed(range(MOST_ROUNDS + 1)):
            answer, said = self._interface.answer(self._service.asked), ""
            body = self._interface.body(conversation, schemas, may_call=left > 0)
            async with aclosing(self._words(answer, body)) as words:
                async for text in words:
                    said += text
                    yield Token(text)
            answer.end()
            self._account(answer)
            calls = answer.calls
            for call in calls:
                yield call
            if not calls or self.tools is None or not left:
                return
            rounds.append(calls)  # what is done is done, even if nobody hears of it
            async with aclosing(self.tools.run(calls)) as results:
                async for each in results:
                    yield each
            if said and not said[-1].isspace():
                yield Token(" ")  # the next words do not join on to these
            conversation += self._exchange(said, calls)

    async def _words(self, answer: Answer, body: Item) -> AsyncGenerator[str, None]:
        """Reads an answer. Behind its end comes what it cost, which is not waited for as long as for words."""
        async with aclosing(self._service.events(self._interface.path, body)) as events:
            async for data in events:
                if text := answer.read(data):
                    yield text
                if answer.over:
                    break
            with suppress(StopAsyncIteration, TimeoutError, ProviderError):
                while answer.over:
                    async with asyncio.timeout(TAIL):
                        data = await anext(events)
                    if text := answer.read(data):
                        yield text

    def _recall(self, messages: Sequence[Message]) -> list[Item]:
        """The conversation as it was heard, with the calls of earlier turns where they were."""
        self._turns = _go_on(self._turns, [message.content for message in messages if message.role == "user"])
        turns = iter(self._turns)
        items: list[Item] = []
        for message in messages:
            items.append({"role": message.role, "content": message.content})
            if message.role == "user":
                for calls in next(turns).rounds:
                    items += self._exchange("", calls)  # its words are in what was heard
        return items

    def _exchange(self, said: str, calls: Sequence[ToolCall]) -> list[Item]:
        """A round of calls, with what has come of each by now."""
        assert self.tools is not None
        return self._interface.exchange(said, calls, [self.tools.result(call) for call in calls])

    def _account(self, answer: Answer) -> None:
        from loguru import logger

        self.usage += answer.usage
        self.unknown += answer.unknown
        logger.debug("{}: {}, {} unknown events", self._service.model, answer.usage, answer.unknown)


def _go_on(turns: Sequence[_Turn], said: Sequence[str]) -> list[_Turn]:
    """The turns of a conversation in which the caller said this, with what is known of those that are still told.

    The oldest ones may be told no more. The last one may have been taken back: then it begins the next, with what was
    done in it.
    """
    known = next(turns[gone:] for gone in range(len(turns) + 1) if _are_told(turns[gone:], said))
    rounds = [turn.rounds for turn in known]
    return [_Turn(words, rounds[at] if at < len(rounds) else []) for at, words in enumerate(said)]


def _are_told(turns: Sequence[_Turn], said: Sequence[str]) -> bool:
    if len(turns) > len(said):
        return False
    same = all(turn.said == words for turn, words in zip(turns[:-1], said, strict=False))
    return not turns or (same and _begins(said[len(turns) - 1], turns[-1].said))


def _begins(said: str, begin: str) -> bool:
    """Whatever the marks, spaces and capitals, which a transcriber sets anew when the caller goes on."""
    letters, first = (re.sub(r"\W+", "", text.casefold()) for text in (said, begin))
    return letters.startswith(first)
