"""The node llama.chat: with the real engine and its small model, and with an engine that does as the test says."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import aclosing
from pathlib import Path
from random import Random
from types import ModuleType, SimpleNamespace
from typing import Any, cast

import pytest

from tests.models.fetched import fetched
from voicegraph.call import Call, give_call
from voicegraph.engine import offload
from voicegraph.errors import CallFailed
from voicegraph.frames import Message, Token, UserTurn
from voicegraph.processors.llama import LlamaChat
from voicegraph.testing import run_node


def question() -> UserTurn:
    return UserTurn("What do you like?")


class ThisCall:
    """What the node asks of its call."""

    def __init__(self) -> None:
        self.random = Random(0)
        self.offload = offload.offload
        self.offload_stream = offload.offload_stream


def answering(**config: Any) -> AsyncGenerator[Token]:
    node = LlamaChat(**config)
    give_call(node, cast(Call, ThisCall()))
    return cast("AsyncGenerator[Token]", node.on_turn(question()))


# --- the real engine -------------------------------------------------------------------------------------------------


@pytest.fixture
def gguf() -> Path:
    return fetched("smollm2-135m-instruct")


def test_a_turn_is_answered_in_tokens(gguf: Path) -> None:
    tokens = [
        cast(Token, frame).text for frame in run_node(LlamaChat, question(), with_={"max_tokens": 12}, warmed=True)
    ]
    assert 3 < len(tokens) <= 12
    assert "".join(tokens).isprintable()


def test_closing_the_reply_frees_the_only_slot(gguf: Path) -> None:
    async def twice() -> str:
        async with aclosing(answering(max_tokens=2000, system="Tell endless stories.")) as reply:
            await anext(reply)
        return "".join([token.text async for token in answering(max_tokens=4)])

    assert asyncio.run(twice())


def test_two_calls_share_the_slot_and_leave_the_loop_free(gguf: Path) -> None:
    async def both() -> tuple[int, int, int]:
        replies = [asyncio.create_task(_count(answering(max_tokens=8))) for _ in range(2)]
        steps = 0
        while not all(reply.done() for reply in replies):
            await asyncio.sleep(0)
            steps += 1
        first, second = [reply.result() for reply in replies]
        return first, second, steps

    first, second, steps = asyncio.run(both())
    assert first == second > 0
    assert steps > 10


async def _count(tokens: AsyncGenerator[Token]) -> int:
    return len([token async for token in tokens])


@pytest.mark.skipif(not Path("/proc/self/net/tcp").exists(), reason="looks for open ports in /proc")
def test_no_port_is_left_open(gguf: Path) -> None:
    before = _listening()
    run_node(LlamaChat, question(), with_={"max_tokens": 1, "context": 300})
    assert _listening() == before


def _listening() -> set[str]:
    """Inodes of the TCP sockets on which this process listens."""
    mine = {str(link.readlink()) for link in Path("/proc/self/fd").iterdir() if link.is_symlink()}
    rows = [row.split() for row in Path("/proc/self/net/tcp").read_text().splitlines()[1:]]
    return {row[9] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in mine}


@pytest.mark.parametrize("content", [b"", b"no model", b"GGUF" + bytes(100)])
def test_a_file_that_is_no_model(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(content)
    with pytest.raises(CallFailed, match=r"m\.gguf is not a GGUF language model that llama\.cpp can load"):
        run_node(LlamaChat, question(), with_={"model": str(path)})


def test_a_model_nobody_has() -> None:
    with pytest.raises(CallFailed, match=r"no model and no file `none\.gguf`"):
        run_node(LlamaChat, question(), with_={"model": "none.gguf"})


# --- an engine of the test's -----------------------------------------------------------------------------------------


class Engine:
    """Stands in for xllamacpp's Server. play: what each request's callback is called with."""

    def __init__(self) -> None:
        self.play: Callable[[dict[str, Any]], list[dict[str, Any]]] = lambda request: [said("Yes.")]
        self.asked: list[dict[str, Any]] = []
        self.heeded = 0

    def handle_chat_completions(self, request: str, callback: Callable[[str], bool]) -> None:
        self.asked.append(json.loads(request))
        for event in self.play(self.asked[-1]):
            if callback(json.dumps(event)):
                self.heeded += 1
                return


def said(text: str | None) -> dict[str, Any]:
    return {"choices": [{"delta": {"content": text}}]}


def too_long(request: dict[str, Any], most: int) -> list[dict[str, Any]]:
    if len(request["messages"]) > most:
        return [{"error": {"type": "exceed_context_size_error", "message": "too many tokens"}}]
    return [said(None), said("Yes."), {"choices": [{"delta": {}}]}]


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    engine = Engine()
    module = ModuleType("xllamacpp")
    module.CommonParams = lambda: SimpleNamespace(  # type: ignore[attr-defined]
        model=SimpleNamespace(), cpuparams=SimpleNamespace(), cpuparams_batch=SimpleNamespace()
    )
    module.Server = lambda params: engine  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "xllamacpp", module)
    (tmp_path / "fake.gguf").touch()
    return engine


def conversation(messages: int) -> UserTurn:
    roles = ("user", "assistant")
    history = tuple(Message(roles[n % 2], f"message {n}") for n in range(messages))  # type: ignore[arg-type]
    return UserTurn(history[-1].content, history)


def asked_of(engine: Engine, tmp_path: Path, turn: UserTurn, **config: Any) -> list[dict[str, str]]:
    run_node(LlamaChat, turn, with_={"model": str(tmp_path / "fake.gguf")} | config)
    messages: list[dict[str, str]] = engine.asked[-1]["messages"]
    return messages


def test_the_system_prompt_comes_before_the_conversation(engine: Engine, tmp_path: Path) -> None:
    messages = asked_of(engine, tmp_path, conversation(3), system="Be brief.")
    assert [message["content"] for message in messages] == ["Be brief.", "message 0", "message 1", "message 2"]


def test_a_turn_without_history_is_its_text(engine: Engine, tmp_path: Path) -> None:
    assert asked_of(engine, tmp_path, UserTurn("Hi."), system="") == [{"role": "user", "content": "Hi."}]


@pytest.mark.parametrize(
    ("length", "most", "kept"), [(21, 14, range(8, 21)), (21, 6, range(16, 21)), (5, 4, range(2, 5))]
)
def test_a_conversation_that_is_too_long_loses_its_oldest_exchanges(
    engine: Engine, tmp_path: Path, length: int, most: int, kept: range
) -> None:
    engine.play = lambda request: too_long(request, most)
    messages = asked_of(engine, tmp_path, conversation(length))
    assert messages[0]["role"] == "system"
    assert [message["content"] for message in messages[1:]] == [f"message {n}" for n in kept]


def test_what_was_left_out_once_is_not_tried_again(engine: Engine, tmp_path: Path) -> None:
    engine.play = lambda request: too_long(request, 14)
    turns = [conversation(21), conversation(23), conversation(3)]
    run_node(LlamaChat, *turns, with_={"model": str(tmp_path / "fake.gguf"), "system": ""})
    asked = [[message["content"] for message in request["messages"]] for request in engine.asked]
    assert [(said[0], len(said)) for said in asked] == [
        ("message 0", 21),
        ("message 8", 13),
        ("message 8", 15),
        ("message 16", 7),
        ("message 0", 3),
    ]


def test_a_turn_that_alone_is_too_long_says_what_to_do(engine: Engine, tmp_path: Path) -> None:
    engine.play = lambda request: too_long(request, 0)
    with pytest.raises(CallFailed, match="too many tokens; raise `context`"):
        asked_of(engine, tmp_path, conversation(3))


def test_an_error_of_the_engine_is_raised(engine: Engine, tmp_path: Path) -> None:
    engine.play = lambda request: [said("So"), {"error": {"code": 500, "message": "out of memory"}}]
    with pytest.raises(CallFailed, match=r"fake\.gguf: out of memory"):
        asked_of(engine, tmp_path, question())


def test_an_interrupt_stops_the_engine_at_the_next_token(engine: Engine, tmp_path: Path) -> None:
    async def interrupted() -> None:
        closed = asyncio.Event()
        loop = asyncio.get_running_loop()

        def play(request: dict[str, Any]) -> Generator[dict[str, Any]]:
            yield said("Once")
            asyncio.run_coroutine_threadsafe(closed.wait(), loop).result(30)
            yield from [said(" more")] * 3

        engine.play = cast("Callable[[dict[str, Any]], list[dict[str, Any]]]", play)
        async with aclosing(answering(model=str(tmp_path / "fake.gguf"))) as reply:
            assert (await anext(reply)).text == "Once"
        closed.set()
        await loop.shutdown_default_executor()

    asyncio.run(interrupted())
    assert engine.heeded == 1


def test_the_same_call_gives_the_same_seeds(engine: Engine, tmp_path: Path) -> None:
    asked_of(engine, tmp_path, question())
    asked_of(engine, tmp_path, question())
    assert engine.asked[0]["seed"] == engine.asked[1]["seed"]
