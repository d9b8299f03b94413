"""Answers with a language model of OpenAI, or of any service that is compatible with its chat completions."""

from __future__ import annotations

from dataclasses import field
from typing import Annotated, Any

from annotated_types import Ge, Interval

from voicegraph.call import Call, this_call
from voicegraph.node import node
from voicegraph.providers.openai import Service
from voicegraph.providers.openai_address import Address
from voicegraph.providers.openai_answering import Answering
from voicegraph.providers.openai_chat import Chat
from voicegraph.providers.openai_conversing import Interface
from voicegraph.providers.openai_errors import KEY
from voicegraph.tools import Tools


@node("openai.chat", extra="openai", packages=("openai", "h2"), env=(KEY,), env_unless="base_url")
class OpenAIChat(Answering):
    """Answers each turn of the caller with a model of OpenAI, or of a compatible service: vLLM, Ollama, llama.cpp, ...
    What a model thinks before it answers is not said.

    model: as the service names it. system: how it is to behave. temperature, max_tokens: by default the model's own;
    some take none. base_url: of the service, such as http://localhost:11434/v1; by default OPENAI_BASE_URL's, else
    OpenAI. extra: more fields of the request, such as `{reasoning_effort: low}`; null takes a field out of it. tools:
    functions that the model may call, such as `[clinic.book, line.hang_up]`.
    """

    model: str = "gpt-4.1-mini"
    system: str = "You are a friendly assistant on the phone. Answer in one short sentence."
    temperature: Annotated[float, Interval(ge=0, le=2)] | None = None
    max_tokens: Annotated[int, Ge(1)] | None = None
    base_url: Address | None = None
    extra: dict[str, Any] = field(default_factory=dict[str, Any])
    tools: Tools = ()
    call: Call = this_call()

    def _interface(self, service: Service) -> Interface:
        return Chat(self, service.is_openai)
