"""The emulator of OpenAI: the SDK converses with it, and each message that it sends is of a type of the SDK's."""

from __future__ import annotations

import asyncio
import io
import json
import ssl
import wave
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import httpx2
import openai
import pytest
from openai import AsyncOpenAI, DefaultAsyncHttpx2Client
from openai.types import Model
from openai.types.audio import Transcription, TranscriptionVerbose
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import BaseModel, TypeAdapter

from tests.emulators.http2_bridge import bridged
from tests.emulators.openai_server import Emulated, emulated
from voicegraph.emulators.faults import Status
from voicegraph.testing.scripted import Says, Tool
from voicegraph.testing.speech import hear, utter

BOOK: dict[str, Any] = {
    "type": "function",
    "function": {"name": "book", "description": "Books.", "parameters": {"type": "object"}},
}
BOOKS = Says(
    text="One moment.", cue="book it", tool=Tool(name="book", arguments={"at": "five"}, then="Booked: {result}")
)
HELLO: Any = [{"role": "user", "content": "hello there"}]
BOOK_IT: Any = [{"role": "user", "content": "book it"}]


@pytest.fixture
def server() -> Generator[Emulated]:
    with emulated(says=(BOOKS,), voice="words") as server:
        yield server


@asynccontextmanager
async def sdk(**options: Any) -> AsyncGenerator[AsyncOpenAI, None]:
    async with AsyncOpenAI(max_retries=0, **options) as client:
        yield client


# --- the types of what it sends --------------------------------------------------------------------------------------


def post(server: Emulated, path: str, body: dict[str, Any], status: int = 200) -> httpx2.Response:
    response = httpx2.post(server.url + path, json=body, headers={"Authorization": "Bearer any"})
    assert response.status_code == status, response.text
    return response


def events(response: httpx2.Response) -> list[dict[str, Any]]:
    lines = [line.removeprefix("data: ") for line in response.text.split("\n") if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


def check(kind: Any, data: Any) -> Any:
    """Data is of the SDK's type, to the last field."""
    made = TypeAdapter(kind).validate_python(data)
    assert unknown_fields(made) == []
    return made


def unknown_fields(value: object) -> list[str]:
    if isinstance(value, BaseModel):
        inner = [field for name in type(value).model_fields for field in unknown_fields(getattr(value, name))]
        return [*(value.model_extra or ()), *inner]
    parts = cast("list[object]", value) if isinstance(value, list) else []
    return [field for each in parts for field in unknown_fields(each)]


@pytest.mark.parametrize("messages", [HELLO, BOOK_IT])
def test_each_chunk_is_one_of_the_sdks(server: Emulated, messages: Any) -> None:
    usage = {"include_usage": True}
    asked = {"model": "gpt-4.1", "messages": messages, "tools": [BOOK], "stream": True, "stream_options": usage}
    response = post(server, "/chat/completions", asked)
    chunks = [check(ChatCompletionChunk, data) for data in events(response)]
    assert response.text.endswith("data: [DONE]\n\n")
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [chunk.usage is None for chunk in chunks] == [True] * (len(chunks) - 1) + [False]
    assert chunks[-1].choices == []
    assert [chunk.choices[0].finish_reason for chunk in chunks[:-1]][-1] == (
        "stop" if messages is HELLO else "tool_calls"
    )


def test_a_call_begins_with_its_name_and_goes_on_with_its_arguments(server: Emulated) -> None:
    asked = {"model": "gpt-4.1", "messages": BOOK_IT, "tools": [BOOK], "stream": True}
    deltas = [data["choices"][0]["delta"] for data in events(post(server, "/chat/completions", asked))]
    first, *others = [call for delta in deltas for call in delta.get("tool_calls", ())]
    assert (first["index"], first["function"]) == (0, {"name": "book", "arguments": ""})
    assert first["id"].startswith("call_")
    assert json.loads("".join(call["function"]["arguments"] for call in others)) == {"at": "five"}
    assert all(set(call) == {"index", "function"} for call in others)


def test_usage_is_only_told_if_asked_for(server: Emulated) -> None:
    sent = events(post(server, "/chat/completions", {"model": "gpt-4.1", "messages": HELLO, "stream": True}))
    assert not any("usage" in data for data in sent)


@pytest.mark.parametrize("messages", [HELLO, BOOK_IT])
def test_a_whole_completion_is_the_sdks(server: Emulated, messages: Any) -> None:
    asked = {"model": "gpt-4.1", "messages": messages, "tools": [BOOK]}
    check(ChatCompletion, post(server, "/chat/completions", asked).json())


TEXT = [
    "response.output_item.added",
    "response.content_part.added",
    *["response.output_text.delta"] * 2,
    "response.output_text.done",
    "response.content_part.done",
    "response.output_item.done",
]
CALL = [
    "response.output_item.added",
    "response.function_call_arguments.delta",
    "response.function_call_arguments.done",
    "response.output_item.done",
]


def test_each_event_is_one_of_the_sdks_and_in_order(server: Emulated) -> None:
    tool = {"type": "function", **BOOK["function"], "strict": False}
    asked = {"model": "gpt-4.1", "input": BOOK_IT, "tools": [tool], "stream": True}
    sent = [check(ResponseStreamEvent, data) for data in events(post(server, "/responses", asked))]
    order = [event.type for event in sent]
    assert order == ["response.created", "response.in_progress", *TEXT, *CALL, "response.completed"]
    assert [event.sequence_number for event in sent] == list(range(len(sent)))
    ends = [event.item for event in sent if event.type == "response.output_item.done"]
    assert sent[-1].response.output == ends
    assert [item.type for item in ends] == ["message", "function_call"]


def test_a_response_that_is_cut_says_so(server: Emulated) -> None:
    asked = {"model": "gpt-4.1", "input": "hello there my friend", "max_output_tokens": 2}
    whole = check(Response, post(server, "/responses", asked).json())
    assert (whole.status, whole.incomplete_details.reason) == ("incomplete", "max_output_tokens")
    assert whole.output_text == "You said:"
    last = events(post(server, "/responses", {**asked, "stream": True}))[-1]
    assert check(ResponseStreamEvent, last).type == "response.incomplete"


def test_models_are_the_sdks(server: Emulated) -> None:
    listed = httpx2.get(f"{server.url}/models", headers={"Authorization": "Bearer any"}).json()
    assert [check(Model, data).id for data in listed["data"]]


# --- what it says to a request that is wrong -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "body", "status", "param"),
    [
        ("/chat/completions", {"model": "gpt-4.1"}, 400, "messages"),
        ("/chat/completions", {"model": "gpt-4.1", "messages": [{"content": "hi"}]}, 400, "messages[0].role"),
        ("/chat/completions", {"model": "gpt-4.1", "messages": "hi"}, 400, "messages"),
        ("/chat/completions", {"messages": HELLO}, 400, "model"),
        ("/chat/completions", {"model": "gtp-4.1", "messages": HELLO}, 404, None),
        ("/responses", {"model": "gpt-4.1"}, 400, "input"),
        ("/audio/speech", {"model": "tts-1", "input": "hi"}, 400, "voice"),
        ("/audio/speech", {"model": "tts-1", "input": "hi", "voice": "alloy"}, 400, "response_format"),
    ],
)
def test_a_wrong_request(server: Emulated, path: str, body: dict[str, Any], status: int, param: str | None) -> None:
    error = post(server, path, body, status).json()["error"]
    assert error["type"] == "invalid_request_error"
    assert error["param"] == param
    assert error["message"]


ASKS = {"role": "assistant", "content": "", "tool_calls": [{"id": name, "type": "function"} for name in ("a", "b")]}
GETS = [{"role": "tool", "tool_call_id": name, "content": "done"} for name in ("b", "a")]


@pytest.mark.parametrize(
    ("messages", "told"),
    [
        ([*HELLO, ASKS, *GETS, *HELLO], None),
        ([*HELLO, ASKS, GETS[0], *HELLO], "did not have response messages: a"),
        ([*HELLO, ASKS], "did not have response messages: a, b"),
        ([*HELLO, GETS[0]], "messages with role 'tool' must be a response"),
        ([*HELLO, ASKS, *GETS, GETS[0]], "messages with role 'tool' must be a response"),
        ([{"role": "caller", "content": "hello"}], "Invalid value: 'caller'. Supported values are: 'system'"),
    ],
)
def test_calls_in_a_conversation_are_answered(server: Emulated, messages: Any, told: str | None) -> None:
    body = {"model": "gpt-4.1", "messages": messages}
    assert (told or "") in post(server, "/chat/completions", body, 400 if told else 200).text


FUNCTION_CALL = {"type": "function_call", "call_id": "a", "name": "book", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "a", "output": "done"}


@pytest.mark.parametrize(
    ("items", "told"),
    [
        ([*HELLO, FUNCTION_CALL, *HELLO, OUTPUT], None),
        ([*HELLO, FUNCTION_CALL], "No tool output found for function call a."),
        ([*HELLO, OUTPUT], "No tool call found for function call output with call_id a."),
    ],
)
def test_so_they_are_in_responses(server: Emulated, items: Any, told: str | None) -> None:
    body = {"model": "gpt-4.1", "input": items}
    assert (told or "") in post(server, "/responses", body, 400 if told else 200).text


def test_no_json(server: Emulated) -> None:
    headers = {"Authorization": "Bearer any"}
    assert httpx2.post(f"{server.url}/responses", content=b"{", headers=headers).status_code == 400


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer"}, {"Authorization": "Basic YWJj"}])
def test_no_key(server: Emulated, headers: dict[str, str]) -> None:
    assert httpx2.get(f"{server.url}/models", headers=headers).status_code == 401


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, openai.BadRequestError),
        (401, openai.AuthenticationError),
        (403, openai.PermissionDeniedError),
        (404, openai.NotFoundError),
        (409, openai.ConflictError),
        (422, openai.UnprocessableEntityError),
        (429, openai.RateLimitError),
        (503, openai.InternalServerError),
    ],
)
def test_the_sdk_raises_what_it_does_for_openai(status: int, kind: type[openai.APIStatusError]) -> None:
    async def ask() -> None:
        async with sdk() as client:
            await client.chat.completions.create(model="gpt-4.1", messages=HELLO)

    fault = Status(status=status, message="so it is", retry_after=3.0)
    with emulated(fault), pytest.raises(kind, match="so it is") as raised:
        asyncio.run(ask())
    assert raised.value.response.headers["retry-after"] == "3"


# --- the SDK converses ------------------------------------------------------------------------------------------------


async def converse(client: AsyncOpenAI) -> str:
    """A turn with a function in it, streamed."""
    messages: Any = list(BOOK_IT)
    tools: Any = [BOOK]
    async with client.chat.completions.stream(model="gpt-4.1", messages=messages, tools=tools) as stream:
        async for _ in stream:
            pass
        answered = (await stream.get_final_completion()).choices[0]
    assert answered.finish_reason == "tool_calls"
    assert answered.message.tool_calls
    (call,) = answered.message.tool_calls
    assert (call.function.name, json.loads(call.function.arguments)) == ("book", {"at": "five"})
    messages += [answered.message, {"role": "tool", "tool_call_id": call.id, "content": "room 7"}]
    said = ""
    async with await client.chat.completions.create(model="gpt-4.1", messages=messages, stream=True) as chunks:
        async for chunk in chunks:
            said += chunk.choices[0].delta.content or ""
    return said


def test_the_sdk_converses(server: Emulated) -> None:
    async def over_http1() -> str:
        async with sdk() as client:
            return await converse(client)

    assert asyncio.run(over_http1()) == "Booked: room 7"


def test_the_sdk_converses_over_http2(server: Emulated, tmp_path: Path) -> None:
    async def over_http2() -> str:
        async with bridged(server.url, tmp_path) as bridge:
            tls = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
            http = DefaultAsyncHttpx2Client(http2=True, verify=tls)
            async with sdk(base_url=bridge.url, http_client=http) as client:
                said = await converse(client)
            assert bridge.connections == 1
            return said

    assert asyncio.run(over_http2()) == "Booked: room 7"


def test_the_sdk_gets_responses(server: Emulated) -> None:
    async def respond() -> str:
        async with sdk() as client:
            tool: Any = {"type": "function", **BOOK["function"], "strict": False}
            async with client.responses.stream(model="gpt-4.1", input=BOOK_IT, tools=[tool]) as stream:
                async for _ in stream:
                    pass
                first = await stream.get_final_response()
            call = first.output[1]
            assert first.output_text == "One moment."
            assert call.type == "function_call"
            result = {"type": "function_call_output", "call_id": call.call_id, "output": "room 7"}
            told: Any = [*BOOK_IT, *first.output, result]
            second = await client.responses.create(model="gpt-4.1", input=told)
            assert second.usage
            return second.output_text

    assert asyncio.run(respond()) == "Booked: room 7"


def test_the_sdk_lists_models_and_gets_one(server: Emulated) -> None:
    async def models() -> tuple[list[str], str]:
        async with sdk() as client:
            return [model.id async for model in client.models.list()], (await client.models.retrieve("tts-1")).id

    names, one = asyncio.run(models())
    assert one in names


@pytest.mark.parametrize("form", ["pcm", "wav"])
def test_the_sdk_hears_speech_as_it_comes(server: Emulated, form: Any) -> None:
    async def speak() -> bytes:
        async with (
            sdk() as client,
            client.audio.speech.with_streaming_response.create(
                model="tts-1", voice="alloy", input="good morning to you", response_format=form
            ) as answer,
        ):
            assert answer.headers["content-type"] == f"audio/{form}"
            return b"".join([piece async for piece in answer.iter_bytes()])

    sound = asyncio.run(speak())
    if form == "wav":
        with wave.open(io.BytesIO(sound)) as file:
            assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (24_000, 1, 2)
        sound = sound[44:]
    assert [word.text for word in hear(sound, rate=24_000)] == ["good", "morning", "to", "you"]


def spoken(text: str) -> tuple[str, bytes]:
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setparams((1, 2, 16_000, 0, "NONE", ""))
        sound.writeframes(utter(text, rate=16_000, origin=1))
    return "speech.wav", file.getvalue()


def test_the_sdk_transcribes(server: Emulated) -> None:
    async def transcribe() -> list[Any]:
        async with sdk() as client:
            create: Any = client.audio.transcriptions.create
            file = spoken("what time is it")
            forms = ("json", "verbose_json", "text")
            answers = [await create(model="whisper-1", file=file, response_format=form) for form in forms]
            told = [event async for event in await create(model="gpt-4o-mini-transcribe", file=file, stream=True)]
            return [*answers, told]

    plain, verbose, text, told = asyncio.run(transcribe())
    assert isinstance(plain, Transcription)
    assert isinstance(verbose, TranscriptionVerbose)
    assert verbose.words
    assert plain.text == verbose.text == text.strip() == told[-1].text == "what time is it"
    assert "".join(event.delta for event in told[:-1]) == plain.text
    assert [word.word for word in verbose.words] == text.split()
    assert unknown_fields(plain) == []
    assert unknown_fields(verbose) == ["task"]  # which OpenAI sends, and the SDK leaves out
