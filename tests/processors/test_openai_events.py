"""Events of a stream and the answers in them, as OpenAI sends them and as others do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai._streaming import SSEDecoder

from voicegraph.frames import ToolCall
from voicegraph.providers.openai_chat import ChatAnswer
from voicegraph.providers.openai_conversing import Usage
from voicegraph.providers.openai_errors import Asked
from voicegraph.providers.openai_events import Events
from voicegraph.providers.openai_responses import ResponsesAnswer

ASKED = Asked("OpenAI", "gpt-4.1")

LINES = st.sampled_from(
    [b"data: {}", b"data:[DONE]", b"data", b"data:  x", b": ping", b"event: y", b"id: 1", b"", b"", b"\xc3\xa4"]
)
ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])


async def as_the_sdk_reads(pieces: list[bytes]) -> list[bytes]:
    async def give() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    return [event.data.encode() async for event in SSEDecoder().aiter_bytes(give()) if event.data]


@given(st.lists(st.tuples(LINES, ENDS)), st.lists(st.integers(0, 200)))
def test_a_stream_is_cut_as_the_sdk_cuts_it(lines: list[tuple[bytes, bytes]], cuts: list[int]) -> None:
    stream = b"".join(line + end for line, end in lines) + b"\n\n"
    places = [0, *sorted(cuts), len(stream)]
    pieces = [stream[begin:end] for begin, end in pairwise(places)]
    events = Events()
    read = [data for piece in pieces for data in events.feed(piece)]
    assert [data for data in read if data] == asyncio.run(as_the_sdk_reads(pieces))


def chat(*events: Any) -> tuple[ChatAnswer, str]:
    answer = ChatAnswer(ASKED)
    return answer, "".join([answer.read(json.dumps(event).encode()) for event in events])


def delta(**fields: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": fields, "finish_reason": None}]}


def call(**fields: Any) -> dict[str, Any]:
    return delta(tool_calls=[fields])


END: dict[str, Any] = {"choices": [{"delta": {}, "finish_reason": "stop"}]}


@pytest.mark.parametrize(
    "event",
    [
        {"choices": []},
        {"choices": [{"delta": None, "finish_reason": None}]},
        {"choices": [{"finish_reason": None}]},
        delta(content=None, tool_calls=None, role="assistant"),
        delta(reasoning_content="Hm.", content=""),
        {"id": None, "object": "chat.completion.chunk", "choices": [], "usage": None},
    ],
)
def test_what_services_send_besides_words(event: Any) -> None:
    answer, said = chat(delta(content="Yes"), event, delta(content="."), END)
    answer.end()
    assert (said, answer.unknown) == ("Yes.", 0)


@pytest.mark.parametrize(
    "event",
    [
        {**delta(content="Yes"), "usage": {"prompt_tokens": 1.5, "prompt_tokens_details": "none"}},
        delta(content=[{"type": "thinking", "thinking": []}, {"type": "text", "text": "Yes"}]),
    ],
)
def test_no_words_are_lost_with_what_is_odd_beside_them(event: Any) -> None:
    assert chat(event, END)[1] == "Yes"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<think>The caller <b>says hi.</think>\n\nHello.", "Hello."),
        ("\n<think></think>Hello.", "Hello."),
        ("<think>to the limit", ""),
        ("I <think> so.</think>", "I <think> so.</think>"),
        ("<thin air", "<thin air"),
        (" Hello.", " Hello."),
    ],
)
def test_thoughts_are_not_said(text: str, said: str) -> None:
    for size in (1, 3, 7, len(text)):
        pieces = [text[begin : begin + size] for begin in range(0, len(text), size)]
        assert chat(*(delta(content=piece) for piece in pieces), END)[1].lstrip() == said.lstrip()


def test_two_texts_of_a_response_do_not_join() -> None:
    answer = ResponsesAnswer(ASKED)
    kind = "response.output_text.delta"
    texts = [("a", "Let me"), ("a", " see."), ("b", ""), ("b", "It is"), ("b", " open. "), ("c", "Come!")]
    events = [{"type": kind, "item_id": item, "content_index": 0, "delta": text} for item, text in texts]
    assert "".join(answer.read(json.dumps(event).encode()) for event in events) == "Let me see. It is open. Come!"


def test_a_refusal_is_said() -> None:
    assert chat(delta(refusal="I can't help with that."), END)[1] == "I can't help with that."


def test_what_nobody_knows_is_counted() -> None:
    answer, said = chat({"type": "surprise"}, {"choices": "none"}, ["x"], None, delta(content="Yes."), END)
    assert (said, answer.unknown) == ("Yes.", 4)


def test_usage_is_the_last_that_was_told() -> None:
    first: dict[str, Any] = {
        "usage": {"prompt_tokens": 9, "completion_tokens": 1, "prompt_tokens_details": None},
        "choices": [],
    }
    last = {"usage": {"prompt_tokens": 9, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 8}}}
    assert chat(first, last, END)[0].usage == Usage(read=9, cached=8, written=5)


BOOK = ToolCall("a", "book", '{"at": 5}')
ASK = ToolCall("b", "ask", "{}")


@pytest.mark.parametrize(
    ("events", "calls"),
    [
        pytest.param(
            [
                call(index=0, id="a", type="function", function={"name": "book", "arguments": ""}),
                call(index=0, function={"arguments": '{"at"'}),
                call(index=1, id="b", type="function", function={"name": "ask", "arguments": ""}),
                call(index=0, function={"arguments": ": 5}"}),
                call(index=1, function={"arguments": "{}"}),
            ],
            [BOOK, ASK],
            id="OpenAI: pieces by index",
        ),
        pytest.param(
            [
                call(index=0, id="a", function={"name": "book", "arguments": '{"at": 5}'}),
                call(index=0, id="b", function={"name": "ask", "arguments": "{}"}),
            ],
            [BOOK, ASK],
            id="each whole, each with index 0",
        ),
        pytest.param(
            [
                call(id="a", function={"name": "book", "arguments": '{"at"'}),
                call(function={"arguments": ": 5}"}),
                call(id="b", function={"name": "ask", "arguments": None}),
            ],
            [BOOK, ASK],
            id="no index",
        ),
        pytest.param(
            [
                call(index=0, function={"name": "book", "arguments": '{"at": 5}'}),
                call(index=1, function={"name": "ask"}),
            ],
            [ToolCall("call_0", "book", '{"at": 5}'), ToolCall("call_1", "ask", "{}")],
            id="no id",
        ),
        pytest.param(
            [
                call(index=0, id="a", function={"name": "book", "arguments": '{"at"'}),
                call(index=0, id="a", function={"name": "book", "arguments": ": 5}"}),
            ],
            [BOOK],
            id="name and id again and again",
        ),
        pytest.param(
            [
                call(id="a", function={"name": "book", "arguments": '{"at"'}),
                call(id="b", function={"name": "ask", "arguments": "{"}),
                call(id="a", function={"arguments": ": 5}"}),
                call(id="b", function={"arguments": "}"}),
            ],
            [BOOK, ASK],
            id="pieces by id",
        ),
        pytest.param(
            [
                delta(
                    tool_calls=[
                        {"id": "", "function": {"name": "book", "arguments": '{"at": 5}'}},
                        {"id": "", "function": {"name": "ask", "arguments": "{}"}},
                    ]
                )
            ],
            [ToolCall("call_0", "book", '{"at": 5}'), ToolCall("call_1", "ask", "{}")],
            id="whole, and nothing else",
        ),
        pytest.param(
            [
                call(index=0, function={"name": "book", "arguments": '{"at": 5}'}),
                call(index=0, function={"name": "ask", "arguments": "{}"}),
            ],
            [ToolCall("call_0", "book", '{"at": 5}'), ToolCall("call_1", "ask", "{}")],
            id="whole, each with index 0 and no id",
        ),
        pytest.param(
            [
                call(index="0", id="a", function={"name": "book", "arguments": {"at": 5}}),
                call(index="1", id="b", function={"name": "ask", "arguments": {}}),
            ],
            [ToolCall("a", "book", '{"at":5}'), ASK],
            id="indexes as text, arguments as objects",
        ),
    ],
)
def test_calls_of_functions(events: list[Any], calls: list[ToolCall]) -> None:
    answer, _ = chat(*events, END)
    answer.end()
    assert answer.calls == calls


def test_calls_in_responses() -> None:
    answer = ResponsesAnswer(ASKED)
    item = {"type": "function_call", "id": "fc_1", "call_id": "a", "name": "book", "arguments": '{"at": 5}'}
    for event in (
        {"type": "response.output_item.added", "item": {**item, "arguments": ""}},
        {"type": "response.function_call_arguments.delta", "delta": '{"at": 5}'},
        {"type": "response.output_item.done", "item": item},
        {"type": "response.output_item.done", "item": {"type": "reasoning"}},
        {"type": "response.completed", "response": {"usage": {"input_tokens": 3, "output_tokens": 4}}},
    ):
        assert answer.read(json.dumps(event).encode()) == ""
    answer.end()
    assert answer.calls == [BOOK]
    assert (answer.usage, answer.unknown) == (Usage(3, 0, 4), 0)
