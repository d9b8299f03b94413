"""Answers with a language model of OpenAI by its newer interface, the responses."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import field
from typing import Annotated, Any

from annotated_types import Ge, Interval

from voicegraph.call import Call, this_call
from voicegraph.frames import Token, ToolCall, ToolResult, UserTurn
from voicegraph.node import node
from voicegraph.providers.openai import Service
from voicegraph.providers.openai_conversing import Conversation, Usage
from voicegraph.providers.openai_errors import KEY
from voicegraph.providers.openai_responses import Responses
from voicegraph.tools import Tools
from voicegraph.tools.toolbox import Toolbox


@node("openai.responses", extra="openai", packages=("openai", "h2"), env=(KEY,))
class OpenAIResponses:
    """Answers each turn of the caller with a model of OpenAI, by the responses interface. Nothing is kept there.

    model: as OpenAI names it. system: how it is to behave. temperature, max_tokens: by default the model's own; some
    take none. base_url: of a compatible service; by default OPENAI_BASE_URL's, else OpenAI. extra: more fields of the
    request, such as `{reasoning: {effort: low}}`; null takes a field out of it. tools: functions that the model may
    call, such as `[clinic.book, line.hang_up]`.
    """

    model: str = "gpt-4.1-mini"
    system: str = "You are a friendly assistant on the phone. Answer in one short sentence."
    temperature: Annotated[float, Interval(ge=0, le=2)] | None = None
    max_tokens: Annotated[int, Ge(16)] | None = None
    base_url: str | None = None
    extra: dict[str, Any] = field(default_factory=dict[str, Any])
    tools: Tools = ()
    call: Call = this_call()

    def __post_init__(self) -> None:
        self._service = Service(self.model, self.base_url)
        self._conversation = Conversation(self._service, Responses(self))

    @property
    def usage(self) -> Usage:
        """Tokens of the call so far."""
        return self._conversation.usage

    @property
    def unknown(self) -> int:
        """Events of the vendor in this call that nobody has heard of."""
        return self._conversation.unknown

    def warm(self) -> None:
        self._service.warm()

    async def __aenter__(self) -> OpenAIResponses:
        await self.call.offload(self.warm)
        self._conversation.tools = Toolbox(self.tools, self.call)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Connections are kept for the next call."""

    async def on_turn(self, turn: UserTurn) -> AsyncIterator[Token | ToolCall | ToolResult]:
        async with aclosing(self._conversation.answer(turn)) as given:
            async for frame in given:
                yield frame
