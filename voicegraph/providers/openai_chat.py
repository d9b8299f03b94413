"""OpenAI's chat completions as a stream: what every service speaks that is compatible with OpenAI.

https://platform.openai.com/docs/api-reference/chat-streaming. Services leave out fields, or fill them with null, so
nothing is taken for granted but that an answer ends with a `finish_reason`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import msgspec

from voicegraph.frames import ToolCall, ToolResult
from voicegraph.providers.openai_conversing import Item, Settings, Usage
from voicegraph.providers.openai_errors import BY_CODE, NO_END, NO_ROOM, Asked, of_event
from voicegraph.providers.openai_thoughts import Thoughts

BROKEN = ("error", "abort", "insufficient_system_resource")
"""Reasons for which vLLM, OpenRouter, DeepSeek and others end an answer that is not whole."""


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: Any = None


class _Call(msgspec.Struct):
    index: Any = None
    id: str | None = None
    function: _Function | None = None


class _Delta(msgspec.Struct):
    content: Any = None
    refusal: str | None = None
    tool_calls: list[_Call] | None = None


class _Choice(msgspec.Struct):
    delta: _Delta | None = None
    finish_reason: str | None = None


class _Chunk(msgspec.Struct):
    """Of any type are the fields in which services differ: a chunk is not to be lost for one of them."""

    choices: list[_Choice] | None = None
    usage: Any = None
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
        self._calls: list[_Begun] = []
        self._thoughts = Thoughts()

    @property
    def over(self) -> bool:
        return bool(self._finish)

    @property
    def calls(self) -> list[ToolCall]:
        """In the order in which they began. Services that give them no id get one for them here."""
        return [
            ToolCall(call.id or f"call_{number}", call.name, call.arguments or "{}")
            for number, call in enumerate(self._calls)
        ]

    def read(self, data: bytes) -> str:
        chunk = decoded(data, _decoder, self.asked)
        if chunk is None or (chunk.choices is None and chunk.usage is None and chunk.error is None):
            self.unknown += 1
            return ""
        if chunk.error is not None:
            raise of_event(chunk.error, self.asked)
        if chunk.usage is not None:  # the totals so far: some services tell them with every chunk
            self.usage = Usage.of(chunk.usage, "prompt_tokens", "completion_tokens")
        if not chunk.choices:
            return ""
        choice = chunk.choices[0]
        self._finish = choice.finish_reason or self._finish
        if choice.delta is None:
            return ""
        for call in choice.delta.tool_calls or ():
            self._add(call)
        text = self._thoughts.leave_out(_words(choice.delta.content) or choice.delta.refusal or "")
        self._said = self._said or bool(text)
        return text

    def end(self) -> None:
        if not self._finish:
            raise self.asked.error(f"{NO_END}: it ended without a finish_reason", retryable=True)
        if self._finish in BROKEN:
            raise self.asked.error(f"{NO_END} ({self._finish})", retryable=True)
        if self._finish == "content_filter":
            raise self.asked.error(BY_CODE["content_filter"].message, retryable=False)
        if self._finish == "length" and not self._said and not self._calls:
            raise self.asked.error(NO_ROOM, retryable=False)
        if self._finish == "tool_calls" and not self._calls:
            raise self.asked.error("called a function, and did not say which", retryable=True)

    def _add(self, part: _Call) -> None:
        """A piece of a call."""
        function = part.function or _Function()
        call = self._begun(part.index, part.id, function.name)
        if call is None:
            call = _Begun(part.index)
            self._calls.append(call)
        call.id = call.id or part.id
        call.name = call.name or function.name or ""
        written = function.arguments
        call.arguments += written if isinstance(written, str) else "" if written is None else as_text(written)

    def _begun(self, index: Any, id: str | None, name: str | None) -> _Begun | None:
        """The call that a piece belongs to; None for the first piece of one.

        OpenAI tells by index. Some services give each call the index 0, or none, or no id, or all of that to whole
        calls: of those each has a name, and its arguments are complete.
        """
        others = reversed(self._calls)
        if index is None and id:
            return next((call for call in others if call.id == id), None)
        known = next((call for call in others if index is None or call.index == index), None)
        if known is None or (id and known.id and id != known.id):
            return None
        return None if name and not id and known.whole else known


@dataclass
class _Begun:
    """A call on its way."""

    index: Any
    id: str | None = None
    name: str = ""
    arguments: str = ""

    @property
    def whole(self) -> bool:
        return bool(self.name) and is_json(self.arguments)


def _words(content: Any) -> str:
    """A text, or those among its parts: some services make a list, with thoughts in it."""
    if isinstance(content, list):
        parts = cast("list[object]", content)
        texts = [cast("dict[str, object]", part) for part in parts if isinstance(part, dict)]
        return "".join(_words(part.get("text")) for part in texts if part.get("type") == "text")
    return content if isinstance(content, str) else ""


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
    return arguments if is_json(arguments) else "{}"


def as_text(arguments: object) -> str:
    """Arguments that came as an object, as everybody else writes them."""
    return msgspec.json.encode(arguments).decode()


def is_json(text: str) -> bool:
    try:
        msgspec.json.decode(text)
    except msgspec.DecodeError:
        return False
    return True
