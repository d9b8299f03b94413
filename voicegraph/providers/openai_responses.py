"""OpenAI's responses as a stream of typed events. https://platform.openai.com/docs/api-reference/responses-streaming

What fails is told by an event, in an answer that is otherwise well: the SDK yields it like any other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from voicegraph.frames import ToolCall, ToolResult
from voicegraph.providers.openai_chat import as_json, as_text, decoded
from voicegraph.providers.openai_conversing import Item, Settings, Usage
from voicegraph.providers.openai_errors import BY_CODE, NO_END, NO_ROOM, Asked, of_event

WORDS = ("response.output_text.delta", "response.refusal.delta")


class _Item(msgspec.Struct):
    type: str | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: Any = None


class _Incomplete(msgspec.Struct):
    reason: str | None = None


class _Response(msgspec.Struct):
    error: Any = None
    incomplete_details: _Incomplete | None = None
    usage: Any = None


class _Event(msgspec.Struct):
    """item_id, content_index: which text a delta goes on with. code: of an `error` event, which some services put into
    a field `error`."""

    type: str | None = None
    delta: Any = None
    item_id: Any = None
    content_index: Any = None
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
        self._last = ""  # character that was said
        self._place: object = None
        self._ended = False

    @property
    def over(self) -> bool:
        return self._ended

    def read(self, data: bytes) -> str:
        event: _Event | None = decoded(data, _decoder, self.asked)
        if event is None or event.type is None:
            if event is not None and event.error is not None:
                raise of_event(event.error, self.asked)
            self.unknown += 1
            return ""
        if event.type in WORDS and isinstance(event.delta, str):
            return self._apart(event.delta, (event.item_id, event.content_index))
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

    def _apart(self, text: str, place: object) -> str:
        """The words of two texts, such as one before a call and one behind it, do not join."""
        if text and self._last.strip() and place != self._place:
            text = f" {text}"
        if text:
            self._last, self._place = text[-1], place
        return text

    def _add(self, item: _Item | None) -> None:
        if item is not None and item.type == "function_call":
            made = item.call_id or f"call_{len(self.calls)}"
            written = item.arguments if isinstance(item.arguments, str | None) else as_text(item.arguments)
            self.calls.append(ToolCall(made, item.name or "", written or "{}"))

    def _finish(self, response: _Response) -> None:
        self._ended = True
        cut = response.incomplete_details.reason if response.incomplete_details else None
        if cut == "content_filter":
            raise self.asked.error(BY_CODE["content_filter"].message, retryable=False)
        if cut == "max_output_tokens" and not self._last and not self.calls:
            raise self.asked.error(NO_ROOM, retryable=False)
        self.usage = Usage.of(response.usage, "input_tokens", "output_tokens")
