"""OpenAI's chat completions as a stream: what every service speaks that is compatible with OpenAI.

https://platform.openai.com/docs/api-reference/chat-streaming. Services leave out fields, or fill them with null, so
nothing is taken for granted but that an answer ends with a `finish_reason`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from voicegraph.frames import ToolCall, ToolResult
from voicegraph.providers.openai_conversing import Item, Settings, Usage
from voicegraph.providers.openai_errors import BY_CODE, NO_END, NO_ROOM, Asked, of_event


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: str | None = None


class _Call(msgspec.Struct):
    index: int | None = None
    id: str | None = None
    function: _Function | None = None


class _Delta(msgspec.Struct):
    content: str | None = None
    refusal: str | None = None
    tool_calls: list[_Call] | None = None


class _Choice(msgspec.Struct):
    delta: _Delta | None = None
    finish_reason: str | None = None


class _Details(msgspec.Struct):
    cached_tokens: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _Details | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: _Usage | None = None
    error: Any = None


_decoder = msgspec.json.Decoder(_Chunk)


@dataclass(frozen=True)
class Chat:
    """of_openai: the vendor itself, whose newer models refuse `max_tokens` by its old name, which others only know."""

    settings: Settings
    of_openai: bool
    path = "/chat/completions"

    def body(self, conversation: Sequence[Item], schemas: Sequence[Mapping[str, Any]], *, may_call: bool) -> Item:
        given = self.settings
        system = [{"role": "system", "content": given.system}] if given.system else []
        body = {
            "model": given.model,
            "messages": [*system, *conversation],
            "stream": True,
            "stream_options": {"include_usage": True},
            "temperature": given.temperature,
            "max_completion_tokens" if self.of_openai else "max_tokens": given.max_tokens,
            "tools": [{"type": "function", "function": dict(schema)} for schema in schemas] or None,
            "tool_choice": None if may_call or not schemas else "none",
        }
        return {key: value for key, value in (body | given.extra).items() if value is not None}

    def answer(self, asked: Asked) -> ChatAnswer:
        return ChatAnswer(asked)

    def exchange(self, said: str, calls: Sequence[ToolCall], results: Sequence[ToolResult]) -> list[Item]:
        asks = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": as_json(call.arguments)}}
            for call in calls
        ]
        return [
            {"role": "assistant", "content": said, "tool_calls": asks},
            *({"role": "tool", "tool_call_id": result.id, "content": result.content} for result in results),
        ]


@dataclass
class ChatAnswer:
    """See `openai_conversing.Answer`."""

    asked: Asked
    usage: Usage = field(default_factory=Usage)
    unknown: int = 0

    def __post_init__(self) -> None:
        self._said = False
        self._finish = ""
        self._calls: list[_Call] = []

    def read(self, data: bytes) -> str:
        chunk = decoded(data, _decoder, self.asked)
        if chunk is None or (chunk.choices is None and chunk.usage is None and chunk.error is None):
            self.unknown += 1
            return ""
        if chunk.error is not None:
            raise of_event(chunk.error, self.asked)
        if chunk.usage is not None:
            self._count(chunk.usage)
        if not chunk.choices:
            return ""
        choice = chunk.choices[0]
        self._finish = choice.finish_reason or self._finish
        if choice.delta is None:
            return ""
        for call in choice.delta.tool_calls or ():
            self._add(call)
        text = choice.delta.content or choice.delta.refusal or ""
        self._said = self._said or bool(text)
        return text

    def end(self) -> None:
        if not self._finish:
            raise self.asked.error(f"{NO_END}: it ended without a finish_reason", retryable=True)
        if self._finish == "content_filter":
            raise self.asked.error(BY_CODE["content_filter"].message, retryable=False)
        if self._finish == "length" and not self._said and not self._calls:
            raise self.asked.error(NO_ROOM, retryable=False)

    @property
    def calls(self) -> list[ToolCall]:
        """In the order in which they began. Services that give them no id get one for them here."""
        return [
            ToolCall(call.id or f"call_{number}", call.function.name or "", call.function.arguments or "{}")
            for number, call in enumerate(self._calls)
            if call.function is not None
        ]

    def _add(self, part: _Call) -> None:
        """A piece of a call: a new one where its index is new, or its id (some give each call the index 0)."""
        index = part.index if part.index is not None else (len(self._calls) - 1 if not part.id else -1)
        known = next((call for call in reversed(self._calls) if call.index == index), None)
        if known is None or (part.id and known.id and part.id != known.id):
            known = _Call(len(self._calls) if index < 0 else index, part.id, _Function(arguments=""))
            self._calls.append(known)
        assert known.function is not None
        if part.function is not None:
            known.function.name = known.function.name or part.function.name
            known.function.arguments = (known.function.arguments or "") + (part.function.arguments or "")

    def _count(self, usage: _Usage) -> None:
        """The totals so far: some services tell them with every chunk."""
        cached = usage.prompt_tokens_details.cached_tokens if usage.prompt_tokens_details else 0
        self.usage = Usage(usage.prompt_tokens or 0, cached or 0, usage.completion_tokens or 0)


def decoded(data: bytes, decoder: msgspec.json.Decoder[Any], asked: Asked) -> Any:
    """An event's JSON; None if it has a shape that nobody knows. Raises ProviderError where it is no JSON."""
    try:
        return decoder.decode(data)
    except msgspec.ValidationError:
        return None
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    raise asked.error("sent an event that is no JSON", retryable=True)


def as_json(arguments: str) -> str:
    """A model's arguments, or an empty object where they are none: some services read them again."""
    try:
        msgspec.json.decode(arguments)
    except msgspec.DecodeError:
        return "{}"
    return arguments
