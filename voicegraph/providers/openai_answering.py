"""The body of the nodes that answer with a language model over OpenAI's interfaces."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Self

from voicegraph.call import Call
from voicegraph.frames import Token, ToolCall, ToolResult, UserTurn
from voicegraph.providers.openai import Service
from voicegraph.providers.openai_conversing import Conversation, Interface, Usage
from voicegraph.tools import Tools
from voicegraph.tools.toolbox import Toolbox


class Answering:
    """All but the settings, and how to ask."""

    model: str
    base_url: str | None
    tools: Tools
    call: Call

    def __post_init__(self) -> None:
        self._service = Service(self.model, self.base_url)
        self._conversation = Conversation(self._service, self._interface(self._service))

    def _interface(self, service: Service) -> Interface:
        raise NotImplementedError

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

    async def __aenter__(self) -> Self:
        await self.call.offload(self.warm)
        self._conversation.tools = Toolbox(self.tools, self.call)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Connections are kept for the next call."""

    async def on_turn(self, turn: UserTurn) -> AsyncIterator[Token | ToolCall | ToolResult]:
        async with aclosing(self._conversation.answer(turn)) as given:
            async for frame in given:
                yield frame
