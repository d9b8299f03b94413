"""OpenAI's responses as a stream of typed events. https://platform.openai.com/docs/api-reference/responses-streaming

What fails is told by an event, in an answer that is otherwise well: the SDK yields it like any other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from voicegraph.frames import ToolCall, ToolResult
from voicegraph.providers.openai_chat import as_json, decoded
from voicegraph.providers.openai_conversing import Item, Settings, Usage
from voicegraph.providers.openai_errors import BY_CODE, NO_END, NO_ROOM, Asked, of_event

WORDS = ("response.output_text.delta", "response.refusal.delta")


class _Item(msgspec.Struct):
    type: str | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = None


class _Details(msgspec.Struct):
    cached_tokens: int | None = None


class _Usage(msgspec.Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    input_tokens_details: _Details | None = None


class _Incomplete(msgspec.Struct):
    reason: str | None = None


class _Response(msgspec.Struct):
    error: Any = None
    incomplete_details: _Incomplete | None = None
    usage: _Usage | None = None


class _Event(msgspec.Struct):
    """code: of an `error` event, which some services put into a field `error`."""

    type: str | None = None
    delta: Any = None
    item: _Item | None = None
    response: _Response | None = None
    error: Any = None
    code: Any = None


_decoder = msgspec.json.Decoder(_Event)


@dataclass(frozen=True)
class Responses:
    """Nothing is kept at the vendor (`store`), unless `extra` says so: the conversation is told anew each time."""

    settings: Settings
    path = "/responses"

    def body(self, conversation: Sequence[Item], schemas: Sequence[Mapping[str, Any]], *, may_call: bool) -> Item:
        given = self.settings
        body = {
            "model": given.model,
            "instructions": given.system or None,
            "input": list(conversation),
            "stream": True,
            "store": False,
            "temperature": given.temperature,
            "max_output_tokens": given.max_tokens,
            "tools": [{"type": "function", "strict": False, **schema} for schema in schemas] or None,
            "tool_choice": None if may_call or not schemas else "none",
        }
        return {key: value for key, value in (body | given.extra).items() if value is not None}

    def answer(self, asked: Asked) -> ResponsesAnswer:
        return ResponsesAnswer(asked)

    def exchange(self, said: str, calls: Sequence[ToolCall], results: Sequence[ToolResult]) -> list[Item]:
        return [
            *([{"role": "assistant", "content": said}] if said else []),
            *(
                {"type": "function_call", "call_id": call.id, "name": call.name, "arguments": as_json(call.arguments)}
                for call in calls
            ),
            *({"type": "function_call_output", "call_id": each.id, "output": each.content} for each in results),
        ]


@dataclass
class ResponsesAnswer:
    """See `openai_conversing.Answer`."""

    asked: Asked
    usage: Usage = field(default_factory=Usage)
    unknown: int = 0
    calls: list[ToolCall] = field(default_factory=list[ToolCall])

    def __post_init__(self) -> None:
        self._said = self._ended = False

    def read(self, data: bytes) -> str:
        event: _Event | None = decoded(data, _decoder, self.asked)
        if event is None or event.type is None:
            if event is not None and event.error is not None:
                raise of_event(event.error, self.asked)
            self.unknown += 1
            return ""
        if event.type in WORDS and isinstance(event.delta, str):
            self._said = self._said or bool(event.delta)
            return event.delta
        match event.type:
            case "response.output_item.done":
                self._add(event.item)
            case "response.completed" | "response.incomplete":
                self._finish(event.response or _Response())
            case "response.failed":
                raise of_event(event.response.error if event.response else None, self.asked)
            case "error":
                raise of_event(event.error if event.error is not None else {"code": event.code}, self.asked)
            case kind:
                self.unknown += not kind.startswith("response.")
        return ""

    def end(self) -> None:
        if not self._ended:
            raise self.asked.error(f"{NO_END}: it ended without a response.completed", retryable=True)

    def _add(self, item: _Item | None) -> None:
        if item is not None and item.type == "function_call":
            made = item.call_id or f"call_{len(self.calls)}"
            self.calls.append(ToolCall(made, item.name or "", item.arguments or "{}"))

    def _finish(self, response: _Response) -> None:
        self._ended = True
        cut = response.incomplete_details.reason if response.incomplete_details else None
        if cut == "content_filter":
            raise self.asked.error(BY_CODE["content_filter"].message, retryable=False)
        if cut == "max_output_tokens" and not self._said and not self.calls:
            raise self.asked.error(NO_ROOM, retryable=False)
        if used := response.usage:
            cached = used.input_tokens_details.cached_tokens if used.input_tokens_details else 0
            self.usage = Usage(used.input_tokens or 0, cached or 0, used.output_tokens or 0)
