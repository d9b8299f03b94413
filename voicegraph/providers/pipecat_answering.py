"""A hosted language model: the conversation as it was heard goes in as pipecat's universal context, its words come out.

Functions are run by the toolbox, in the turn in which the model called them. The service is told at once that they are
done, and of what came of them in the context of its next request.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from typing import Any, cast

from pipecat.adapters.llm.schemas.function_schema import FunctionSchema
from pipecat.adapters.llm.schemas.tools_schema import ToolsSchema
from pipecat.frames.frames import (
    FunctionCallResultProperties,
    FunctionCallsStartedFrame,
    LLMContextFrame,
    LLMFullResponseEndFrame,
    LLMTextFrame,
)
from pipecat.processors.aggregators.llm_context import NOT_GIVEN, LLMContext, LLMContextMessage
from pipecat.processors.frame_processor import FrameProcessor
from pipecat.services.llm_service import FunctionCallParams, LLMService

from voicegraph.frames import ToolCall, ToolResult
from voicegraph.providers.openai import Service
from voicegraph.providers.openai_conversing import Answer, Conversation, Item, Usage
from voicegraph.providers.openai_errors import Asked
from voicegraph.providers.pipecat_frames import calls_in
from voicegraph.providers.pipecat_host import Host


class Hosted:
    """An answer of the service; see `openai_conversing.Answer`. Its end is for the service to know."""

    def __init__(self) -> None:
        self.usage = Usage()
        self.unknown = 0
        self.over = False
        self.calls: list[ToolCall] = []

    def read(self, data: bytes) -> str:
        raise NotImplementedError  # a service gives frames

    def end(self) -> None:
        """Nothing more comes."""


class Universal:
    """How pipecat's services are asked; see `openai_conversing.Interface`. system: how the model is to behave."""

    path = ""

    def __init__(self, system: str) -> None:
        self._system = system

    def body(self, conversation: Sequence[Item], schemas: Sequence[Mapping[str, Any]], *, may_call: bool) -> Item:
        system = [{"role": "system", "content": self._system}] if self._system else []
        return {"messages": [*system, *conversation], "schemas": schemas, "may_call": may_call}

    def answer(self, asked: Asked) -> Hosted:
        return Hosted()

    def exchange(self, said: str, calls: Sequence[ToolCall], results: Sequence[ToolResult]) -> list[Item]:
        """In the form of OpenAI's chat completions, which pipecat's context has."""
        asks = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in calls
        ]
        return [
            {"role": "assistant", "content": said, "tool_calls": asks},
            *({"role": "tool", "tool_call_id": result.id, "content": result.content} for result in results),
        ]


class HostedConversation(Conversation):
    """All turns of one call with a hosted service."""

    def __init__(self, host: Host, name: str, system: str) -> None:
        super().__init__(Service(name), Universal(system))
        self._host = host

    async def _words(self, answer: Answer, body: Item) -> AsyncGenerator[str, None]:
        assert isinstance(answer, Hosted)
        async with self._host.request() as (pipe, exchange):
            for message in body["messages"]:
                self._host.mentions(message["content"])
            await pipe.give(LLMContextFrame(_context(body)))
            while not exchange.whole:
                match await exchange.get():
                    case LLMTextFrame(text=text) if text:
                        yield text
                    case FunctionCallsStartedFrame() as started:
                        answer.calls += calls_in(started)
                    case LLMFullResponseEndFrame() | None:
                        exchange.whole = answer.over = True
                    case _:
                        pass

    def _account(self, answer: Answer) -> None:
        """What it cost, pipecat tells in metrics, which are off."""


def takes_instructions(target: object) -> bool:
    """Whether a service is told apart from the conversation how it is to behave."""
    return inspect.isclass(target) and issubclass(target, LLMService)


def prepare(service: FrameProcessor, system: str, *, tools: bool) -> None:
    """Tells a new instance how to behave, and to leave the functions that its model calls to the toolbox."""
    if isinstance(service, LLMService):
        if system:
            service.append_system_instruction(system)
        if tools:
            service.register_function(None, _left_to_the_toolbox)


async def _left_to_the_toolbox(params: FunctionCallParams) -> None:
    await params.result_callback(None, properties=FunctionCallResultProperties(run_llm=False))


def _context(body: Item) -> LLMContext:
    schemas = [
        FunctionSchema(
            name=schema["name"],
            description=schema["description"],
            properties=_inlined(schema["parameters"].get("properties", {}), schema["parameters"].get("$defs", {})),
            required=schema["parameters"].get("required", []),
        )
        for schema in body["schemas"]
    ]
    messages = cast(list[LLMContextMessage], json.loads(json.dumps(body["messages"])))  # services write on theirs
    if not schemas:
        return LLMContext(messages)
    return LLMContext(messages, ToolsSchema(standard_tools=[*schemas]), NOT_GIVEN if body["may_call"] else "none")


def _inlined(schema: Any, defs: Mapping[str, Any], within: tuple[str, ...] = ()) -> Any:
    """A JSON Schema with its definitions where they are referred to: pipecat's schemas have no room for any. One that
    contains itself says no more of that.
    """
    if isinstance(schema, list):
        items = cast("Iterable[Any]", schema)
        return [_inlined(each, defs, within) for each in items]
    if not isinstance(schema, dict):
        return schema
    written = cast(dict[str, Any], schema)
    name = str(written.get("$ref", "")).removeprefix("#/$defs/")
    if name in defs:
        return {} if name in within else _inlined(defs[name], defs, (*within, name))
    return {key: _inlined(value, defs, within) for key, value in written.items()}
