"""What goes wrong with ElevenLabs is told in one line, with what to do, and without key or words."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.emulators.elevenlabs_server import KEY, emulated
from voicegraph.emulators.faults import (
    After,
    AnyFault,
    Close,
    Drop,
    Garbage,
    Refuse,
    SlowFirstByte,
    Stall,
    Status,
    WrongFormat,
)
from voicegraph.errors import CallFailed, ProviderError, VoicegraphError
from voicegraph.frames import Sentence
from voicegraph.node import node_type
from voicegraph.processors.elevenlabs_http import ElevenLabsHTTP
from voicegraph.processors.elevenlabs_tts import ElevenLabsTTS
from voicegraph.providers import elevenlabs_connection, elevenlabs_contexts, elevenlabs_requests
from voicegraph.providers.elevenlabs_errors import Asked, of_answer
from voicegraph.testing import run_node

BOTH = (ElevenLabsTTS, ElevenLabsHTTP)
SECRET = "My card number is four."


def failure(node: Any, *faults: AnyFault, **config: Any) -> ProviderError:
    """What a node raises when it is to say a secret."""
    with emulated(*faults), pytest.raises(CallFailed) as failed:
        run_node(node, Sentence(SECRET), with_=config)
    error = failed.value.__cause__
    assert isinstance(error, ProviderError), error
    assert error.vendor == "ElevenLabs"
    for part in (KEY, "card", "xi-api-key", "\n"):
        assert part not in str(error)
    assert error.__cause__ is None
    assert error.__context__ is None, "the vendor's own error has headers in it"
    return error


@pytest.mark.parametrize("node", BOTH)
@pytest.mark.parametrize(
    ("fault", "message", "retryable"),
    [
        (Refuse(), r"127.0.0.1:\d+ (cannot be reached: is the network up|does not speak WebSocket)|broke", True),
        (Status(status=401), "does not accept the key: check the environment variable `ELEVENLABS_API_KEY`", False),
        (Status(status=402), "the account has no credits left", False),
        (Status(status=403), "give it the permissions for text to speech", False),
        (Status(status=422, message=SECRET), r"refused the request for `\w+` \(422, invalid_parameters\)", False),
        (Status(status=429, retry_after=2.0), r"too many requests \(429.*\): asks to wait for 2 s", True),
        (Status(status=500), r"failed \(500, internal_server_error\)", True),
        (Status(status=503), "is too busy", True),
        (Drop(after=After(bytes=100)), "broke", True),
        (Drop(after=After(words=1), how="fin"), "broke", True),
        (WrongFormat(), "sent a file, not the PCM that was asked for", False),
    ],
)
def test_a_fault_is_told(node: Any, fault: AnyFault, message: str, retryable: bool) -> None:
    error = failure(node, fault)
    assert re.search(message, str(error)), error
    assert error.retryable == retryable


@pytest.mark.parametrize(
    ("fault", "message", "retryable"),
    [
        (Close(after=After(words=1), code=1011), r"127.0.0.1:\d+ closed the connection \(1011\)$", True),
        (Close(after=After(words=1), code=1008), r"closed the connection \(1008\)$", False),
        (Garbage(after=After(messages=1)), "sent what is no JSON$", True),
    ],
)
def test_a_fault_of_the_websocket_is_told(fault: AnyFault, message: str, retryable: bool) -> None:
    error = failure(ElevenLabsTTS, fault)
    assert re.search(message, str(error)), error
    assert error.retryable == retryable


@pytest.mark.parametrize("node", BOTH)
def test_nobody_answers(node: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elevenlabs_connection, "CONNECT", 0.05)
    monkeypatch.setattr(elevenlabs_requests, "SILENCE", 0.05)
    error = failure(node, SlowFirstByte(time=None))
    assert re.search(r"127.0.0.1:\d+ (does not answer: is the network up|fell silent)", str(error)), error
    assert error.retryable


@pytest.mark.parametrize("node", BOTH)
def test_a_stall(node: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elevenlabs_contexts, "SILENCE", 0.05)
    monkeypatch.setattr(elevenlabs_requests, "SILENCE", 0.05)
    error = failure(node, Stall(after=After(messages=1)))
    assert str(error).endswith("fell silent")
    assert error.retryable


@pytest.mark.parametrize("node", BOTH)
@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"voice": "A" * 20, "model": "gpt-4"}, "does not offer the model `gpt-4` here: check `model`"),
        ({"voice": "Rachael"}, "this account has no voice called `Rachael`; did you mean `Rachel`?"),
        ({"voice": "xyz"}, "or the name of one of its own (Daniel, George, Lily, Rachel, Sarah)"),
        ({"base_url": "http://127.0.0.1:1"}, "127.0.0.1:1 cannot be reached: is the network up, and `base_url` right?"),
    ],
)
def test_a_setting_is_wrong(node: Any, config: dict[str, str], message: str) -> None:
    assert message in str(failure(node, **config))


def test_a_model_that_has_no_websocket() -> None:
    error = failure(ElevenLabsTTS, model="eleven_v3")
    assert "with `eleven_v3` here (403, unsupported_model)" in str(error)
    assert not error.retryable


@pytest.mark.parametrize("node", BOTH)
@pytest.mark.parametrize("voice", ["A" * 20, "Rachel"])
def test_an_address_that_is_none(node: Any, voice: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voicegraph.emulators.elevenlabs.environment", _nowhere)
    error = failure(node, voice=voice)
    assert "the environment variable `ELEVENLABS_BASE_URL`, should be an address such as https://api." in str(error)
    assert not error.retryable


@pytest.mark.parametrize("node", BOTH)
@pytest.mark.parametrize("voice", ["A" * 20, "Rachel"])
def test_what_is_no_key(node: Any, voice: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("voicegraph.emulators.elevenlabs.environment", _with_quotes)
    error = failure(node, voice=voice)
    assert str(error).endswith("what the environment variable `ELEVENLABS_API_KEY` holds is no key")
    assert not error.retryable


def _nowhere(address: str) -> dict[str, str]:
    return {"ELEVENLABS_BASE_URL": "a:9", "ELEVENLABS_API_KEY": KEY}


def _with_quotes(address: str) -> dict[str, str]:
    return {"ELEVENLABS_BASE_URL": f"http://{address}", "ELEVENLABS_API_KEY": f"“{KEY}”"}


@pytest.mark.parametrize("node", BOTH)
def test_the_key_is_missing(node: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ELEVENLABS_API_KEY", raising=False)
    with pytest.raises(CallFailed, match="needs a key: set the environment variable `ELEVENLABS_API_KEY`"):
        run_node(node, Sentence("Hi."))


@pytest.mark.parametrize("node", BOTH)
def test_a_wrong_name_is_told_before_the_first_call_and_a_vendor_that_is_down_is_not(node: Any) -> None:
    with emulated(), pytest.raises(VoicegraphError, match="did you mean `Sarah`"):
        run_node(node, Sentence("Hi."), with_={"voice": "Sara"}, warmed=True)
    with emulated(Status(status=503)):
        assert run_node(node, Sentence("Hi."), with_={"voice": "Sarah"}, warmed=True)


@pytest.mark.parametrize("node", BOTH)
@pytest.mark.parametrize(
    ("name", "place"), [("speed", "speed"), ("model_id", "model"), ("output_format", "rate"), ("voice", "voice")]
)
def test_extra_is_for_what_has_no_place_of_its_own(node: Any, name: str, place: str) -> None:
    with pytest.raises(ValueError, match=f"`{name}` does not go into `extra`: set `{place}` beside it"):
        node_type(node).configure({"extra": {name: 1}})


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (401, {"detail": {"status": "quota_exceeded", "message": "…"}}, "the account has no credits left"),
        (404, {"detail": {"status": "voice_not_found", "message": "…"}}, "knows no voice `v`, or not for this key"),
        (400, {"detail": {"code": "invalid_parameters", "param": "model_id"}}, "does not offer the model `m` here"),
        (400, {"detail": {"code": "sk_01234567 said", "param": None}}, r"refused the request for `m` \(400\)"),
        (418, {"detail": "words of a caller"}, r"refused the request \(418\)$"),
        (422, {"detail": [{"loc": ["body", "seed"], "msg": "…"}]}, r"refused the request for `m` \(422, `seed`\)"),
        (502, "<html>", r"failed \(502\)$"),
        (404, None, "has nothing at the address that was asked"),
    ],
)
def test_answers_of_older_and_newer_shape(status: int, body: object, message: str) -> None:
    error = of_answer(status, body, None, Asked("v", "m", "here"))
    assert re.search(message, str(error)), error
