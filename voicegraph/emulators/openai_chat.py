"""OpenAI's chat completions, whole or as a stream of chunks."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from itertools import count
from typing import Any

import msgspec
from aiohttp import web

from voicegraph.emulators.backend import Backend, ToolRequest
from voicegraph.emulators.openai_asking import EPOCH, EVENT_STREAM, Asked, Json, read, tokens
from voicegraph.emulators.openai_calls import check_messages
from voicegraph.emulators.wire import Wire


class StreamOptions(msgspec.Struct):
    """include_usage: a last chunk tells what the answer cost."""

    include_usage: bool = False


class AskedChat(Asked, kw_only=True):
    """The body of a request."""

    messages: list[Json]
    stream_options: StreamOptions | None = None


class Chat:
    """POST /v1/chat/completions"""

    def __init__(self, backend: Backend, wire: Wire) -> None:
        self._backend = backend
        self._wire = wire
        self._numbers = count(1)

    async def complete(self, request: web.Request) -> web.StreamResponse:
        asked = await read(request, AskedChat)
        check_messages(asked.messages)
        made = _Completion(f"chatcmpl-{next(self._numbers):029}", asked)
        pieces = at_most(asked.most, self._backend.thinking.answer(asked.messages, asked.callable))
        if not asked.stream:
            async with aclosing(pieces):
                async for piece in pieces:
                    made.add(piece)
            return await self._wire.json(request, made.whole(), words=tokens(made.text))
        async with self._wire.body(request, EVENT_STREAM) as stream, aclosing(pieces):
            await stream.event(made.first())
            async for piece in pieces:
                for chunk in made.add(piece):
                    await stream.event(chunk, words=tokens(piece) if isinstance(piece, str) else 0)
            for chunk in made.last():
                await stream.event(chunk)
            await stream.event("[DONE]")
        return stream.response


class _Completion:
    """One answer on its way. text, calls: so far."""

    def __init__(self, name: str, asked: AskedChat) -> None:
        self._head: Json = {"id": name, "created": EPOCH, "model": asked.model, "service_tier": "default"}
        self._count_usage = asked.stream_options is not None and asked.stream_options.include_usage
        self._most = asked.most
        self._read = prompt_tokens(asked.messages)
        self.pieces = 0
        self.text = ""
        self.calls: list[Json] = []

    def first(self) -> Json:
        return self._chunk({"role": "assistant", "content": "", "refusal": None})

    def add(self, piece: str | ToolRequest) -> list[Json]:
        """The chunks that bring it."""
        self.pieces += 1
        if isinstance(piece, str):
            self.text += piece
            return [self._chunk({"content": piece})]
        call = call_id(self._head["id"], len(self.calls))
        function = {"name": piece.name, "arguments": piece.arguments}
        self.calls.append({"id": call, "type": "function", "function": function})
        index, half = len(self.calls) - 1, len(piece.arguments) // 2
        begin = {"index": index, "id": call, "type": "function", "function": {"name": piece.name, "arguments": ""}}
        parts = (piece.arguments[:half], piece.arguments[half:])
        more = ({"index": index, "function": {"arguments": part}} for part in parts if part)
        return [self._chunk({"tool_calls": [part]}) for part in (begin, *more)]

    def last(self) -> list[Json]:
        """The reason of the end, and if asked for what it cost."""
        end = self._chunk({}, finish=self._finish)
        cost: Json = {**self._chunk({}), "choices": [], "usage": self._usage()}
        return [end, cost] if self._count_usage else [end]

    def whole(self) -> Json:
        message: Json = {"role": "assistant", "content": self.text or None, "refusal": None, "annotations": []}
        if self.calls:
            message["tool_calls"] = self.calls
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": self._finish}
        return {**self._head, "object": "chat.completion", "choices": [choice], "usage": self._usage()}

    @property
    def _finish(self) -> str:
        if self.calls:
            return "tool_calls"
        return "length" if self._most is not None and self.pieces >= self._most else "stop"

    def _chunk(self, delta: Json, finish: str | None = None) -> Json:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        usage = {"usage": None} if self._count_usage else {}
        return {**self._head, "object": "chat.completion.chunk", "choices": [choice], **usage}

    def _usage(self) -> Json:
        return {
            "prompt_tokens": self._read,
            "completion_tokens": self.pieces,
            "total_tokens": self._read + self.pieces,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
        }


async def at_most(
    limit: int | None, pieces: AsyncGenerator[str | ToolRequest, None]
) -> AsyncGenerator[str | ToolRequest, None]:
    """The first so many pieces."""
    passed = 0
    async with aclosing(pieces):
        async for piece in pieces:
            yield piece
            passed += 1
            if passed == limit:
                return


def prompt_tokens(messages: Sequence[Mapping[str, Any]]) -> int:
    return sum(tokens(str(message.get("content") or "")) for message in messages)


def call_id(answer: str, number: int) -> str:
    """Of a call of a function, unlike any other."""
    return f"call_{answer[-16:]}{number:08}"
