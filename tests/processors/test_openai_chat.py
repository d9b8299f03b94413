"""The node openai.chat: in a call of its own, with the emulator behind it."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, Literal, cast

import pytest
from aiohttp import web

from tests.emulators.openai_server import emulated
from voicegraph.emulators.faults import After, SlowFirstByte, Stall
from voicegraph.errors import ProviderError
from voicegraph.frames import Frame, Message, Token, UserTurn
from voicegraph.processors.openai_chat import OpenAIChat
from voicegraph.testing import run_node


def turn() -> UserTurn:
    return UserTurn("is it open", messages=(Message("assistant", "Hello."), Message("user", "is it open")))


def text_of(frames: list[Frame]) -> str:
    return "".join(cast(Token, frame).text for frame in frames)


def test_a_turn_is_answered_token_by_token() -> None:
    with emulated():
        frames = run_node(OpenAIChat, turn(), warmed=True)
    assert [cast(Token, frame).text for frame in frames] == ["You", " said:", " is", " it", " open"]


def test_the_limit_of_an_answer_is_told() -> None:
    with emulated():
        assert text_of(run_node(OpenAIChat, turn(), with_={"max_tokens": 3})) == "You said: is"


@pytest.mark.parametrize("fault", [Stall(after=After(words=2)), SlowFirstByte(time=None)])
def test_an_interrupt_ends_the_request(fault: Stall | SlowFirstByte) -> None:
    async def interrupted(tokens: int) -> None:
        async with aclosing(cast("AsyncGenerator[Token]", OpenAIChat().on_turn(turn()))) as given:
            for _ in range(tokens):
                await anext(given)
            waiting = asyncio.create_task(anext(given))
            await server.asked()
            waiting.cancel()
            await asyncio.wait([waiting])

    with emulated(fault) as server:
        asyncio.run(interrupted(2 if isinstance(fault, Stall) else 0))
        assert server.next_ended().outcome == "left"


def test_closing_it_between_two_tokens_ends_the_request() -> None:
    async def closed() -> None:
        async with aclosing(cast("AsyncGenerator[Token]", OpenAIChat().on_turn(turn()))) as given:
            await anext(given)

    with emulated(Stall(after=After(words=2))) as server:
        asyncio.run(closed())
        assert server.next_ended().outcome == "left"


def test_usage_is_added_up_over_the_call() -> None:
    async def two_turns() -> tuple[int, int]:
        node = OpenAIChat(system="Be brief.")
        for _ in range(2):
            async for _ in node.on_turn(UserTurn("hello")):
                pass
        return node.usage.read, node.usage.written

    with emulated():
        assert asyncio.run(two_turns()) == (2 * 3, 2 * 3)


# --- what is asked for, as a server of the test's sees it -------------------------------------------------------------


ANSWER = b'data: {"choices": [{"delta": {"content": "Yes."}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'


async def asked_of_a_server(
    answer: bytes = ANSWER, *, then: Literal["end", "wait", "ping", "break"] = "end", login: str = "", **config: Any
) -> tuple[dict[str, Any], str, str]:
    """The body of the request, its Authorization, and what the node said. then: what the server does behind the answer.
    login: a part of the address."""
    seen: list[tuple[dict[str, Any], str]] = []

    async def complete(request: web.Request) -> web.StreamResponse:
        seen.append((await request.json(), request.headers["Authorization"]))
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(answer)
        if then == "wait":
            await asyncio.Event().wait()
        while then == "ping":
            await asyncio.sleep(0.02)
            await response.write(b": ping\n\n")
        if then == "break":
            assert request.transport is not None
            request.transport.close()
        return response

    application = web.Application()
    application.router.add_post("/v1/chat/completions", complete)
    runner = web.AppRunner(application, shutdown_timeout=0.01)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    node = OpenAIChat(base_url=f"http://{login}127.0.0.1:{runner.addresses[0][1]}/v1", **config)
    try:
        said = "".join([cast(Token, frame).text async for frame in node.on_turn(turn())])
    finally:
        await runner.cleanup()
    return *seen[0], said


def test_the_system_prompt_comes_before_the_conversation() -> None:
    body, _, said = asyncio.run(asked_of_a_server(system="Be brief.", model="llama3"))
    assert said == "Yes."
    assert body == {
        "model": "llama3",
        "stream": True,
        "stream_options": {"include_usage": True},
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "assistant", "content": "Hello."},
            {"role": "user", "content": "is it open"},
        ],
    }


def test_a_turn_without_history_is_its_text() -> None:
    with emulated():
        assert text_of(run_node(OpenAIChat, UserTurn("hi"))) == "You said: hi"


def test_extra_fields_are_passed_on_and_null_takes_one_out() -> None:
    extra = {"seed": 7, "stream_options": None, "temperature": 1}
    body, _, _ = asyncio.run(asked_of_a_server(extra=extra, temperature=0.2, max_tokens=9))
    assert {key: body.get(key) for key in extra} == extra
    assert body["max_tokens"] == 9  # the old name, which all compatible services know


def test_a_service_that_needs_no_key_gets_none_of_a_persons(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    _, authorization, said = asyncio.run(asked_of_a_server())
    assert (authorization, said) == ("Bearer none", "Yes.")


def test_openai_itself_is_not_asked_without_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    for address in (None, "https://api.openai.com:443/v1", "https://eu.api.openai.com/v1"):
        with pytest.raises(ProviderError, match="OpenAI: needs a key: set the environment variable `OPENAI_API_KEY`"):
            OpenAIChat(base_url=address).warm()  # before anybody calls


def test_a_key_may_have_the_end_of_its_line_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", " sk-4711\n")
    assert asyncio.run(asked_of_a_server())[1] == "Bearer sk-4711"


def test_a_turn_ends_with_its_words_and_not_with_the_connection() -> None:
    asked = asyncio.wait_for(asked_of_a_server(then="wait"), timeout=10)
    assert asyncio.run(asked)[2] == "Yes."


def test_neither_does_it_wait_where_nobody_says_that_it_is_done() -> None:
    asked = asyncio.wait_for(asked_of_a_server(ANSWER.partition(b"data: [")[0], then="ping"), timeout=10)
    assert asyncio.run(asked)[2] == "Yes."


def test_what_breaks_behind_a_whole_answer_is_nobodys_loss() -> None:
    assert asyncio.run(asked_of_a_server(ANSWER.partition(b"data: [")[0], then="break"))[2] == "Yes."


@pytest.mark.parametrize("answer", [b'{"error": "Unexpected endpoint or method."}', b"<!DOCTYPE html>", b'\n{"id": 1}'])
def test_an_answer_that_is_no_stream_is_told_as_such(answer: bytes) -> None:
    with pytest.raises(ProviderError, match="check where `base_url` leads, which often ends in /v1") as raised:
        asyncio.run(asked_of_a_server(answer))
    assert not raised.value.retryable


def test_an_answer_of_nothing_has_broken_off() -> None:
    with pytest.raises(ProviderError, match="broke off") as raised:
        asyncio.run(asked_of_a_server(b""))
    assert raised.value.retryable


def test_a_password_in_an_address_is_sent_and_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    _, authorization, said = asyncio.run(asked_of_a_server(login="me:secret@"))
    assert (authorization, said) == (f"Basic {b64encode(b'me:secret').decode()}", "Yes.")
    assert "HTTP Request" in caplog.text
    assert "secret" not in caplog.text


def test_a_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with emulated() as server:
        monkeypatch.setenv("http_proxy", f"http://{server.emulators.address}")
        asked = {"base_url": "http://nowhere.invalid/v1"}
        assert text_of(run_node(OpenAIChat, turn(), with_=asked)) == "You said: is it open"


def test_what_comes_is_read_whatever_the_pieces_and_the_line_ends() -> None:
    answer = b": keep-alive\r\n\r\n" + ANSWER.replace(b"\n", b"\r\n").replace(b"data: [", b"data:[")
    assert asyncio.run(asked_of_a_server(answer))[2] == "Yes."


def test_an_answer_without_an_end_is_an_error() -> None:
    chunk = json.dumps({"choices": [{"delta": {"content": "We are"}, "finish_reason": None}]})
    with pytest.raises(ProviderError, match="the answer broke off: it ended without a finish_reason"):
        asyncio.run(asked_of_a_server(f"data: {chunk}\n\ndata: [DONE]\n\n".encode()))
