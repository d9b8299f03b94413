"""Answers with a language model in this process: any GGUF, through llama.cpp."""

from __future__ import annotations

import asyncio
import importlib
import json
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Annotated, Any, Protocol
from weakref import WeakKeyDictionary

from annotated_types import Ge, Interval

from voicegraph import models
from voicegraph.call import Call, this_call
from voicegraph.errors import ModelError
from voicegraph.frames import Message, Token, UserTurn
from voicegraph.node import node
from voicegraph.shared import shared

PROMPT_CACHE_MIB = 256
"""Memory for the read prompts of conversations that are not being answered just now. Measured: with it the next turn of
another call starts after 60-90 ms, without it after a second."""
REUSED = 64
"""Tokens in a row from which on what was read of a conversation is kept when its beginning is left out. Measured, with
2000 tokens of conversation: the turn that leaves some out starts after 0.5 s, without it after 2.7 s."""
TOO_LONG = "exceed_context_size_error"

Emit = Callable[[str], bool]


class Server(Protocol):
    """What we use of xllamacpp's Server."""

    def handle_chat_completions(self, request: str, callback: Callable[[str], bool], /) -> None:
        """Blocks until the reply is done. Calls back with each event as JSON, and stops once that returns True."""
        ...


@node("llama.chat", extra="local", packages=("xllamacpp",))
class LlamaChat:
    """Answers each turn of the caller with a language model that runs in this process.

    model: a name of `voicegraph models`, or the path of a GGUF. system: how it is to behave; it is read once and kept,
    so a long one costs nothing per turn. max_tokens: the longest reply. temperature: 0 gives the likeliest words.
    context: tokens of conversation that it can read; what is older is left out. threads: more than one per model slows
    a busy machine down. slots: replies made at the same time by all calls of the process; others wait for their turn.

    The default model is a toy: fluent, quick, and often wrong.
    """

    model: str = "smollm2-135m-instruct"
    system: str = "You are a friendly assistant on the phone. Answer in one short sentence."
    max_tokens: Annotated[int, Ge(1)] = 120
    temperature: Annotated[float, Interval(ge=0, le=2)] = 0.2
    context: Annotated[int, Ge(256)] = 2048
    threads: Annotated[int, Ge(1)] = 1
    slots: Annotated[int, Ge(1)] = 1
    call: Call = this_call()

    def __post_init__(self) -> None:
        self._left_out = 0  # messages at the beginning of the conversation

    def models(self) -> list[str]:
        return [self.model]

    def warm(self) -> None:
        """Loads the model and reads the system prompt."""
        prompt = self._request([Message("user", "Hello")]) | {"max_tokens": 1}
        self._brain().reply(prompt, lambda text: True)

    async def on_turn(self, turn: UserTurn) -> AsyncIterator[Token]:
        brain = await self.call.offload(self._brain)
        left_out = self._left_out if self._left_out < len(turn.messages) else 0
        request = self._request(list(turn.messages[left_out:]) or [Message("user", turn.text)])
        request["seed"] = self.call.random.getrandbits(31)

        def produce(emit: Emit) -> None:
            self._left_out = left_out + brain.reply(request, emit)

        async with brain.slot(), aclosing(self.call.offload_stream(produce)) as texts:
            async for text in texts:
                yield Token(text)

    def _request(self, conversation: list[Message]) -> dict[str, Any]:
        system = [Message("system", self.system)] if self.system else []
        return {
            "messages": [{"role": m.role, "content": m.content} for m in (*system, *conversation)],
            "max_tokens": self.max_tokens,
            "temperature": self.temperature,
            "stream": True,
        }

    def _brain(self) -> Brain:
        path = models.path(self.model)
        key = ("llama", path, self.context, self.threads, self.slots)
        return shared(key, lambda: Brain(path, self.context, self.threads, self.slots))


class Brain:
    """One loaded model, for all calls of the process."""

    def __init__(self, path: Path, context: int, threads: int, slots: int) -> None:
        self._server = _load(path, context, threads, slots)
        self._name = path.name
        self._slots = slots
        self._free: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()

    def slot(self) -> asyncio.Semaphore:
        """Waiting for a slot is done on the loop, first come first served: a thread each would starve the others."""
        return self._free.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(self._slots))

    def reply(self, request: dict[str, Any], emit: Emit) -> int:
        """Blocks, and emits the pieces of the reply. A conversation that is too long loses its oldest exchanges.

        Returns how many messages that were. The next turn leaves them out at once: an attempt with them would push
        what was read of the others aside.
        """
        whole = len(request["messages"])
        while error := self._attempt(request, emit):
            shorter = _without_oldest(request["messages"]) if error.get("type") == TOO_LONG else []
            if not shorter:
                hint = "; raise `context`" if error.get("type") == TOO_LONG else ""
                raise ModelError(f"{self._name}: {error.get('message', 'the language model failed')}{hint}")
            request = request | {"messages": shorter}
        return whole - len(request["messages"])

    def _attempt(self, request: dict[str, Any], emit: Emit) -> dict[str, Any]:
        """The server's error; empty if it had none."""
        failure: dict[str, Any] = {}

        def on_event(event: str) -> bool:
            """Whether to stop."""
            data = json.loads(event)
            if "error" in data:
                failure.update(data["error"])
                return True
            text = data["choices"][0]["delta"].get("content")  # None in the first event and the last
            return text is not None and not emit(text)

        self._server.handle_chat_completions(json.dumps(request), on_event)
        return failure


def _without_oldest(messages: list[dict[str, str]]) -> list[dict[str, str]]:
    """The conversation from a later turn of the caller on; nothing where there is no later one.

    Several exchanges go at once, so that the next turns begin with the same words and what was read of them is kept.
    """
    system = [m for m in messages[:1] if m["role"] == "system"]
    rest = messages[len(system) :]
    for first in (*range(8, len(rest)), *range(1, min(8, len(rest)))):
        if rest[first]["role"] == "user":
            return system + rest[first:]
    return []


def _load(path: Path, context: int, threads: int, slots: int) -> Server:
    """Raises ModelError where the file is no model."""
    xllamacpp: Any = importlib.import_module("xllamacpp")
    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.n_ctx = context * slots
    params.n_parallel = slots
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.n_gpu_layers = 0
    params.cache_ram_mib = PROMPT_CACHE_MIB
    params.n_cache_reuse = REUSED
    params.n_threads_http = 1
    params.ui = params.endpoint_slots = False
    params.verbosity = -1
    with tempfile.TemporaryDirectory(prefix="voicegraph-") as closed:
        # The server listens for HTTP too, which nobody asked for: on a socket that is gone once we leave here.
        params.hostnames = [f"{closed}/llama.sock"]
        try:
            server: Server = xllamacpp.Server(params)
        except RuntimeError as error:
            raise ModelError(f"{path} is not a GGUF language model that llama.cpp can load: {error}") from error
    return server
