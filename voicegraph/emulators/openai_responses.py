"""OpenAI's responses, whole or as a stream of events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import aclosing
from itertools import count
from typing import Any

from aiohttp import web

from voicegraph.emulators.backend import Backend, ToolRequest
from voicegraph.emulators.openai_asking import EPOCH, EVENT_STREAM, Asked, Json, read, tokens
from voicegraph.emulators.openai_calls import check_items
from voicegraph.emulators.openai_chat import at_most, call_id, prompt_tokens
from voicegraph.emulators.wire import Wire


class AskedResponse(Asked, kw_only=True):
    """The body of a request. What stands under the others comes back in the answer."""

    input: str | list[Json]
    instructions: str | None = None
    parallel_tool_calls: bool | None = None
    previous_response_id: str | None = None
    temperature: float | None = None
    top_p: float | None = None
    metadata: Json | None = None


class Responses:
    """POST /v1/responses"""

    def __init__(self, backend: Backend, wire: Wire) -> None:
        self._backend = backend
        self._wire = wire
        self._numbers = count(1)

    async def respond(self, request: web.Request) -> web.StreamResponse:
        asked = await read(request, AskedResponse)
        if not isinstance(asked.input, str) and asked.previous_response_id is None:
            check_items(asked.input)
        messages = as_chat(asked.input, asked.instructions)
        made = _Response(f"{next(self._numbers):032x}", asked, prompt_tokens(messages))
        tools = [_as_chat_tool(tool) for tool in asked.callable if tool.get("type") == "function"]
        pieces = at_most(asked.most, self._backend.thinking.answer(messages, tools))
        if not asked.stream:
            async with aclosing(pieces):
                async for piece in pieces:
                    for _ in made.add(piece):
                        pass
            for _ in made.end():
                pass
            return await self._wire.json(request, made.whole(), words=tokens(made.text))
        async with self._wire.body(request, EVENT_STREAM) as stream, aclosing(pieces):
            for event in made.begin():
                await stream.event(event, name=event["type"])
            async for piece in pieces:
                for event in made.add(piece):
                    brings = tokens(event["delta"]) if event["type"] == "response.output_text.delta" else 0
                    await stream.event(event, name=event["type"], words=brings)
            for event in made.end():
                await stream.event(event, name=event["type"])
        return stream.response


class _Response:
    """One answer on its way: items, of which each is begun, filled and ended by events of its own."""

    def __init__(self, name: str, asked: AskedResponse, read: int) -> None:
        self._name = name
        self._asked = asked
        self._read = read
        self._numbers = count()
        self._output: list[Json] = []
        self._status = "in_progress"
        self._open = False
        self.pieces = 0
        self.text = ""

    def begin(self) -> Iterator[Json]:
        yield self._event("response.created", response=self.whole())
        yield self._event("response.in_progress", response=self.whole())

    def add(self, piece: str | ToolRequest) -> Iterator[Json]:
        self.pieces += 1
        if isinstance(piece, ToolRequest):
            yield from self._end_words()
            yield from self._call(piece)
            return
        if not self._open:
            yield from self._begin_words()
        self.text += piece
        yield self._event("response.output_text.delta", **self._place, delta=piece, logprobs=[])

    def end(self) -> Iterator[Json]:
        yield from self._end_words()
        cut = self._asked.most is not None and self.pieces >= self._asked.most
        self._status = "incomplete" if cut else "completed"
        yield self._event(f"response.{self._status}", response=self.whole())

    def whole(self) -> Json:
        """All of it so far."""
        asked = self._asked
        return {
            "id": f"resp_{self._name}",
            "object": "response",
            "created_at": EPOCH,
            "status": self._status,
            "error": None,
            "incomplete_details": {"reason": "max_output_tokens"} if self._status == "incomplete" else None,
            "instructions": asked.instructions,
            "max_output_tokens": asked.most,
            "model": asked.model,
            "output": list(self._output),
            "parallel_tool_calls": asked.parallel_tool_calls is not False,
            "previous_response_id": asked.previous_response_id,
            "temperature": 1.0 if asked.temperature is None else asked.temperature,
            "text": {"format": {"type": "text"}},
            "tool_choice": asked.tool_choice or "auto",
            "tools": [{"strict": True, "parameters": None, **tool} for tool in asked.tools or []],
            "top_p": 1.0 if asked.top_p is None else asked.top_p,
            "truncation": "disabled",
            "usage": None if self._status == "in_progress" else self._usage(),
            "metadata": asked.metadata or {},
        }

    def _begin_words(self) -> Iterator[Json]:
        self._open, self.text = True, ""
        self._output.append(self._message("in_progress"))
        yield self._event("response.output_item.added", output_index=self._place["output_index"], item=self._output[-1])
        yield self._event("response.content_part.added", **self._place, part=_part(""))

    def _end_words(self) -> Iterator[Json]:
        if not self._open:
            return
        self._open = False
        yield self._event("response.output_text.done", **self._place, text=self.text, logprobs=[])
        yield self._event("response.content_part.done", **self._place, part=_part(self.text))
        place = self._place["output_index"]
        self._output[-1] = self._message("completed")
        yield self._event("response.output_item.done", output_index=place, item=self._output[-1])

    def _call(self, asked: ToolRequest) -> Iterator[Json]:
        place, name = len(self._output), f"fc_{self._name}{len(self._output)}"
        item = {
            "id": name,
            "type": "function_call",
            "status": "in_progress",
            "call_id": call_id(self._name, place),
            "name": asked.name,
            "arguments": "",
        }
        about: Json = {"item_id": name, "output_index": place}
        yield self._event("response.output_item.added", output_index=place, item=item)
        yield self._event("response.function_call_arguments.delta", **about, delta=asked.arguments)
        yield self._event("response.function_call_arguments.done", **about, arguments=asked.arguments)
        self._output.append({**item, "status": "completed", "arguments": asked.arguments})
        yield self._event("response.output_item.done", output_index=place, item=self._output[-1])

    def _message(self, status: str) -> Json:
        content = [_part(self.text)] if status == "completed" else []
        name = f"msg_{self._name}{len(self._output) - (status == 'completed')}"
        return {"id": name, "type": "message", "role": "assistant", "status": status, "content": content}

    @property
    def _place(self) -> Json:
        """Of the words that are being said."""
        return {"item_id": self._output[-1]["id"], "output_index": len(self._output) - 1, "content_index": 0}

    def _event(self, kind: str, **fields: Any) -> Json:
        return {"type": kind, "sequence_number": next(self._numbers), **fields}

    def _usage(self) -> Json:
        return {
            "input_tokens": self._read,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": self.pieces,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": self._read + self.pieces,
        }


def as_chat(given: Sequence[Mapping[str, Any]] | str, instructions: str | None) -> list[Json]:
    """The conversation as chat completions have it."""
    messages: list[Json] = [{"role": "system", "content": instructions}] if instructions else []
    for item in [{"role": "user", "content": given}] if isinstance(given, str) else given:
        match item.get("type", "message"):
            case "function_call":
                function = {"name": item.get("name", ""), "arguments": item.get("arguments", "")}
                call = {"id": item.get("call_id", ""), "type": "function", "function": function}
                messages.append({"role": "assistant", "content": None, "tool_calls": [call]})
            case "function_call_output":
                messages.append({"role": "tool", "tool_call_id": item.get("call_id"), "content": item.get("output")})
            case "message":
                role = {"developer": "system"}.get(item.get("role", "user"), item.get("role", "user"))
                messages.append({"role": role, "content": item.get("content")})
            case _:  # reasoning and the like, which no backend reads
                pass
    return messages


def _as_chat_tool(tool: Mapping[str, Any]) -> Json:
    return {"type": "function", "function": {key: value for key, value in tool.items() if key != "type"}}


def _part(text: str) -> Json:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
