"""What goes wrong with OpenAI, as its nodes tell it: what to do, and no word of the caller's, or of the key."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import Any, cast

import httpx2
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.emulators.openai_server import emulated
from tests.graph.reading import chat, marked, mistakes, only
from voicegraph.emulators.faults import After, AnyFault, Drop, Garbage, Refuse, SlowFirstByte, Status, UnknownMessage
from voicegraph.errors import CallFailed, ProviderError
from voicegraph.frames import Sentence, Token, UserTurn
from voicegraph.processors.openai_chat import OpenAIChat
from voicegraph.processors.openai_responses import OpenAIResponses
from voicegraph.processors.openai_tts import OpenAITTS
from voicegraph.providers.openai import Service
from voicegraph.providers.openai_chat import ChatAnswer
from voicegraph.providers.openai_errors import Asked, of_status
from voicegraph.providers.openai_responses import ResponsesAnswer
from voicegraph.testing import run_node

KEY = "sk-very-secret-4711"
WORDS = "my card is 5105105105105100"


def failure(target: type, *faults: AnyFault, **config: Any) -> tuple[ProviderError, str]:
    """What the node raised, and what it had said before."""
    said = ""

    async def turn() -> None:
        nonlocal said
        async for token in target(**config).on_turn(UserTurn(WORDS)):
            said += cast(Token, token).text

    with emulated(*faults, otherwise="one two three four"), pytest.MonkeyPatch.context() as environment:
        environment.setenv("OPENAI_API_KEY", KEY)
        with pytest.raises(ProviderError) as raised:
            asyncio.run(turn())
    return raised.value, said


def hush(error: ProviderError) -> str:
    """Its text, once it is sure that nothing private hangs on to it."""
    assert error.__cause__ is None
    assert error.__context__ is None
    assert KEY not in str(error)
    assert WORDS not in str(error)
    return str(error)


STATUSES = [
    (400, False, "refused the request for `gpt-4.1` (400): check the node's settings"),
    (401, False, "does not accept the key: check the environment variable `OPENAI_API_KEY`"),
    (403, False, "does not allow this key to use `gpt-4.1` (403, unsupported_country_region_territory)"),
    (404, False, "does not offer the model `gpt-4.1` to this key: check `model`"),
    (408, True, "gave up waiting for the request (408)"),
    (409, True, "was busy with a request in conflict with this one (409)"),
    (413, False, "refused the request as too long: tell it less"),
    (418, False, "refused the request (418)"),
    (422, False, "refused the request for `gpt-4.1` (422): check the node's settings"),
    (429, True, "too many requests (429, rate_limit_exceeded): asks to wait for 7 s"),
    (500, True, "failed (500): asks to wait for 7 s"),
    (503, True, "failed (503): asks to wait for 7 s"),
]


@pytest.mark.parametrize(("status", "retryable", "told"), STATUSES)
def test_a_status(status: int, retryable: bool, told: str) -> None:
    private = f"Incorrect API key provided: {KEY}. You said: {WORDS}"
    error, said = failure(OpenAIChat, Status(status=status, retry_after=7.0, message=private), model="gpt-4.1")
    assert said == ""
    assert hush(error).endswith(": " + told)
    assert error.retryable is retryable


@pytest.mark.parametrize("target", [OpenAIChat, OpenAIResponses])
def test_a_model_that_is_refused_is_named(target: type) -> None:
    error, _ = failure(target, model="gtp-4.1-mini")
    assert hush(error).endswith("does not offer the model `gtp-4.1-mini` to this key: check `model`")


def test_an_address_with_nothing_behind_it() -> None:
    with emulated() as server:
        error, _ = failure(OpenAIChat, base_url=server.url.removesuffix("/v1"))
    assert hush(error).endswith("has nothing at the address that was asked: check `base_url`, which often ends in /v1")


NO_ADDRESSES = ["a:9/v1", "ftp://a/v1", "http://:port/v1", "http://[::1/v1", "http://a:99999/v1", "http://a b/v1"]


@pytest.mark.parametrize("address", NO_ADDRESSES)
def test_an_address_that_is_none(address: str) -> None:
    error, _ = failure(OpenAIChat, base_url=address)
    assert "`base_url`, or the environment variable `OPENAI_BASE_URL`, should be an address such as" in hush(error)
    assert not error.retryable
    found = mistakes(chat(f"llm: {{use: openai.chat, with: {{base_url: '{address}'}}}}"))
    assert (only(found).code, marked(only(found))) == ("bad-config", f"'{address}'")


def test_a_server_of_ones_own_needs_no_key_and_openai_does() -> None:
    """Unless the server itself wants one."""
    own = chat("llm: {use: openai.chat, with: {base_url: 'http://localhost:11434/v1'}}")
    assert mistakes(own) == ()
    for of_openai in (chat("llm: openai.chat"), chat("llm: {use: openai.chat, with: {base_url: ''}}")):
        assert only(mistakes(of_openai)).code == "missing-variable"
    with emulated(Status(status=401)), pytest.MonkeyPatch.context() as environment:
        environment.delenv("OPENAI_API_KEY")
        with pytest.raises(CallFailed, match="needs a key: set the environment variable `OPENAI_API_KEY`"):
            run_node(OpenAIChat, UserTurn("hi"))


def test_a_password_in_an_address_is_not_told() -> None:
    told = Service("m", f"http://me:{KEY}@example.org/v1").asked.error("no", retryable=False)
    assert hush(told) == "OpenAI's interface at example.org: no"


@pytest.mark.parametrize("key", ["sk-\u200b4711", "sk 47\n11"])
def test_a_key_that_is_none(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "KEY", key)
    error, _ = failure(OpenAIChat)
    assert hush(error).endswith("what the environment variable `OPENAI_API_KEY` holds is no key")


@pytest.mark.parametrize("wait", ["nan", "inf", "Wed, 21 Oct 2026 07:28:00 GMT"])
def test_a_wait_that_is_no_time_is_not_told(wait: str) -> None:
    request = httpx2.Request("POST", "http://localhost/v1")
    answer = httpx2.Response(429, headers={"Retry-After": wait}, request=request)
    error = of_status(openai.RateLimitError("", response=answer, body=None), ASKED)
    assert hush(error) == "OpenAI: too many requests (429)"


def test_nobody_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        error, _ = failure(OpenAIChat, base_url=f"http://127.0.0.1:{free.getsockname()[1]}/v1")
    assert "cannot be reached: is the network up, and `base_url` right?" in hush(error)
    assert error.retryable


@pytest.mark.parametrize("target", [OpenAIChat, OpenAIResponses])
@pytest.mark.parametrize(
    ("fault", "said", "told"),
    [
        (Refuse(), "", "the connection broke"),
        (Drop(after=After(words=2), how="rst"), "one two", "the connection broke"),
        (Drop(after=After(words=2), how="fin"), "one two", "the connection broke"),
        (Garbage(after=After(words=2)), "one two", "sent an event that is no JSON"),
        (
            UnknownMessage(
                after=After(words=2), text='{"error": {"code": "server_error", "message": "' + WORDS + '"}}'
            ),
            "one two",
            "the answer broke off (server_error)",
        ),
    ],
)
def test_a_broken_answer(target: type, fault: AnyFault, said: str, told: str) -> None:
    error, before = failure(target, fault)
    assert told in hush(error)
    assert error.retryable
    assert before == said


def test_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voicegraph.providers.openai.SILENCE", 0.05)
    error, _ = failure(OpenAIChat, SlowFirstByte(time=None))
    assert "fell silent" in hush(error)
    assert error.retryable


@pytest.mark.parametrize("target", [OpenAIChat, OpenAIResponses])
def test_what_nobody_has_heard_of_is_ignored(target: type) -> None:
    with emulated(UnknownMessage(after=After(words=2)), otherwise="one two three"):
        said = "".join(cast(Token, frame).text for frame in run_node(target, UserTurn("hi")))
    assert said == "one two three"


def test_it_reaches_the_call_as_its_cause() -> None:
    with emulated(Status(status=401)), pytest.raises(CallFailed) as raised:
        run_node(OpenAITTS, Sentence("Good morning."))
    assert isinstance(raised.value.__cause__, ProviderError)


# --- errors within an answer -----------------------------------------------------------------------------------------


ASKED = Asked("OpenAI", "gpt-4.1")


@pytest.mark.parametrize(
    ("event", "told", "retryable"),
    [
        ('{"type": "response.failed", "response": {"error": {"code": "rate_limit_exceeded"}}}', "broke off", True),
        ('{"type": "response.failed", "response": {"error": null}}', "broke off", True),
        ('{"type": "error", "code": "context_length_exceeded"}', "too long for `gpt-4.1`", False),
        ('{"type": "error", "error": {"type": "invalid_request_error"}}', "check the node's settings", False),
        (
            '{"type": "response.incomplete", "response": {"incomplete_details": {"reason": "content_filter"}}}',
            "content filter",
            False,
        ),
        (
            '{"type": "response.incomplete", "response": {"incomplete_details": {"reason": "max_output_tokens"}}}',
            "raise `max_tokens`",
            False,
        ),
    ],
)
def test_a_failed_response(event: str, told: str, retryable: bool) -> None:
    with pytest.raises(ProviderError, match=told) as raised:
        ResponsesAnswer(ASKED).read(event.encode())
    assert raised.value.retryable is retryable


@pytest.mark.parametrize("field", ["code", "type"])
def test_a_code_that_somebody_may_have_said_is_not_told(field: str) -> None:
    with pytest.raises(ProviderError) as raised:
        ChatAnswer(ASKED).read(json.dumps({"error": {field: WORDS}}).encode())
    assert hush(raised.value) == "OpenAI: the answer broke off"


def test_a_response_that_just_ends() -> None:
    answer = ResponsesAnswer(ASKED)
    assert answer.read(b'{"type": "response.output_text.delta", "delta": "Well"}') == "Well"
    with pytest.raises(ProviderError, match=r"ended without a response\.completed"):
        answer.end()


@pytest.mark.parametrize(
    ("reason", "told", "retryable"),
    [
        ("content_filter", "content filter", False),
        ("length", "raise `max_tokens`", False),
        ("tool_calls", "called a function, and did not say which", True),
        ("error", r"broke off \(error\)", True),
        ("abort", r"broke off \(abort\)", True),
        ("insufficient_system_resource", "broke off", True),
    ],
)
def test_an_answer_that_ends_for_another_reason_than_that_it_is_whole(reason: str, told: str, retryable: bool) -> None:
    answer = ChatAnswer(ASKED)
    answer.read(json.dumps({"choices": [{"delta": {}, "finish_reason": reason}]}).encode())
    with pytest.raises(ProviderError, match=told) as raised:
        answer.end()
    assert raised.value.retryable is retryable


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["choices", "delta", "type", "error", "x"]), inner),
)


@given(JSON.map(lambda value: json.dumps(value).encode()) | st.binary())
def test_no_event_brings_anything_else_than_words_or_a_provider_error(data: bytes) -> None:
    for answer in (ChatAnswer(ASKED), ResponsesAnswer(ASKED)):
        try:
            assert isinstance(answer.read(data), str)
        except ProviderError as error:
            hush(error)
