"""What goes wrong between the nodes and Deepgram: no word is lost, none comes twice, and nobody waits for long."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from loguru import logger
from pydantic import ValidationError

from tests.processors.deepgram_talk import Talk, made, talking
from voicegraph.emulators.faults import (
    After,
    AnyFault,
    Close,
    Drop,
    Garbage,
    HungClose,
    SlowFirstByte,
    Stall,
    Status,
    UnknownMessage,
)
from voicegraph.errors import ProviderError
from voicegraph.frames import EndOfTurn, SpeechStarted, SpeechStopped
from voicegraph.processors.deepgram_flux import DeepgramFlux
from voicegraph.processors.deepgram_stt import DeepgramSTT

SAID = ["the quick brown fox", "jumps over the lazy dog"]
BOTH = pytest.mark.parametrize("kind", [DeepgramSTT, DeepgramFlux])
SECRET = "a-key-that-nobody-may-see"


@pytest.fixture(autouse=True)
def notices() -> Iterator[list[str]]:
    told: list[str] = []
    sink = logger.add(lambda message: told.append(message.record["message"]), level="DEBUG")
    yield told
    logger.remove(sink)


async def _conversation(talk: Talk) -> None:
    """Each sentence is heard before the next is said, so that a fault strikes in its midst."""
    for sentence in SAID:
        first, *_, last = sentence.split()
        talk.say(sentence)
        await talk.hears(first)
        await talk.until_silent(partial(_has_heard, talk, last))
    await talk.over()


def _has_heard(talk: Talk, word: str) -> bool:
    return any(word in each.text for each in talk.finals)


def _converse(kind: type[Any], *faults: AnyFault, **config: Any) -> Talk:
    async def go() -> Talk:
        async with talking(kind, *faults, **config) as talk:
            await _conversation(talk)
            return talk

    return asyncio.run(go())


def _told_once(talk: Talk) -> None:
    assert talk.text() == " ".join(SAID)
    assert len(talk.of(EndOfTurn)) == len(SAID)


@BOTH
@pytest.mark.parametrize("how", ["rst", "fin"])
@pytest.mark.parametrize("word", [1, 2, 3, 4, 6, 8])
def test_a_drop_in_mid_sentence_loses_no_word(kind: type[Any], how: Any, word: int) -> None:
    talk = _converse(kind, Drop(after=After(words=word), how=how))
    _told_once(talk)
    assert len(talk.emulators.exchanges) == 2


def test_nor_does_one_at_the_end_of_a_long_turn() -> None:
    """Flux tells it as a whole, so all of it has to be sent again."""
    words = [f"word{number}" for number in range(200)]

    async def go() -> Talk:
        async with talking(DeepgramFlux, Drop(after=After(words=190)), eot_threshold=1.0) as talk:
            for begin in range(0, len(words), 20):
                talk.say(" ".join(words[begin : begin + 20]))
                await talk.hears(words[begin + 10])
            await talk.until_silent(partial(_has_heard, talk, words[-1]))
            await talk.over()
            return talk

    talk = asyncio.run(go())
    assert talk.said[-1][1] > 80
    assert talk.text().split() == words


@BOTH
def test_nor_do_several_in_a_row(kind: type[Any]) -> None:
    talk = _converse(kind, *(Drop(after=After(words=words)) for words in (2, 3, 1)))
    _told_once(talk)
    assert len(talk.emulators.exchanges) == 4


@BOTH
@pytest.mark.parametrize("code", [1000, 1001, 1011])
def test_a_close_that_nobody_asked_for_is_a_drop(kind: type[Any], code: int) -> None:
    """That of 1000 looks like the end that comes behind a CloseStream."""
    _told_once(_converse(kind, Close(after=After(words=2), code=code, reason="NET-0001")))


@BOTH
def test_a_drop_in_the_midst_of_a_message_is_one_too(kind: type[Any]) -> None:
    _told_once(_converse(kind, Drop(after=After(bytes=900))))


@BOTH
def test_nothing_that_comes_back_is_a_drop(kind: type[Any]) -> None:
    talk = _converse(kind, Stall(after=After(words=3)), stall="300ms")
    _told_once(talk)
    assert len(talk.emulators.exchanges) == 2


@BOTH
def test_unknown_messages_are_left_out(kind: type[Any], notices: list[str]) -> None:
    talk = _converse(kind, UnknownMessage(after=After(words=2)))
    _told_once(talk)
    assert len(talk.emulators.exchanges) == 1
    assert [each for each in notices if "unknown" in each]


@BOTH
@pytest.mark.parametrize("messages", range(1, 14))
def test_a_broken_message_is_left_out_and_costs_no_word(kind: type[Any], messages: int) -> None:
    _told_once(_converse(kind, Garbage(after=After(messages=messages))))


@BOTH
def test_speech_that_goes_on_over_a_drop_begins_once(kind: type[Any]) -> None:
    config = {"vad_events": True} if kind is DeepgramSTT else {}
    talk = _converse(kind, Drop(after=After(words=2)), **config)
    events = [type(each) for each in talk.given if isinstance(each, SpeechStarted | SpeechStopped)]
    assert events == [SpeechStarted, SpeechStopped] * len(SAID)


@BOTH
def test_partials_do_not_shrink_after_a_drop(kind: type[Any]) -> None:
    talk = _converse(kind, Drop(after=After(words=3)))
    for start in {each.start for each in talk.transcripts}:
        texts = [each.text for each in talk.transcripts if each.start == start]
        assert texts == sorted(texts, key=len)


@BOTH
def test_positions_are_right_across_connections(kind: type[Any]) -> None:
    talk = _converse(kind, Drop(after=After(words=2)), Drop(after=After(words=6)))
    assert [(each.start, each.end) for each in talk.finals] == talk.said
    assert [each.at for each in talk.of(EndOfTurn)] == [end for _, end in talk.said]


@BOTH
@pytest.mark.parametrize("fault", [Status(status=503), Status(status=429), SlowFirstByte(time=None)])
def test_a_connection_that_is_not_made_is_tried_again(
    kind: type[Any], fault: AnyFault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("voicegraph.providers.deepgram.OPEN", 0.1)
    talk = _converse(kind, fault)
    _told_once(talk)
    assert len(talk.emulators.exchanges) == 2


@BOTH
def test_a_peer_that_never_answers_a_close_holds_up_nobody(kind: type[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK waits for it for 30 s. The last words are there, and for them some time is left."""
    monkeypatch.setattr("voicegraph.providers.deepgram_stream.CLOSING", 0.2 if kind is DeepgramFlux else 60.0)
    _told_once(_converse(kind, HungClose()))


@BOTH
def test_nor_does_it_when_the_call_is_cut(kind: type[Any]) -> None:
    async def go() -> None:
        async with talking(kind, HungClose()) as talk:
            talk.say(SAID[0])
            await talk.hears("quick")
        # it is cancelled here

    async def in_time() -> None:
        async with asyncio.timeout(2.0):
            await go()

    asyncio.run(in_time())


REFUSALS = [
    (Status(status=401, message=f"no {SECRET}"), "does not accept the key: check the environment variable `DEEPGRAM_"),
    (Status(status=402), "no credit left"),
    (Status(status=403), "does not allow this key"),
    (Status(status=400, message="No such model/language/tier combination found."), "does not offer the model `"),
    (Status(status=400, message="keyterm is too long."), r"refused the connection \(400\): keyterm is too long$"),
    (Close(code=1008, reason="DATA-0000"), "cannot decode the audio"),
    (Close(code=1011, reason="See https://dpgr.am/data0000"), "cannot decode the audio"),
    (Close(code=1008), "will not take what was sent"),
]


@BOTH
@pytest.mark.parametrize(("fault", "told"), REFUSALS)
def test_what_no_other_try_would_mend_is_told_at_once_in_one_line(
    kind: type[Any], fault: AnyFault, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = _failure(kind, monkeypatch, fault)
    assert not error.retryable
    _says(error, told)


@BOTH
@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (Status(status=429, retry_after=60.0), "too many connections"),
        (Status(status=500, count=None), r"failed \(500\)"),
        (Close(code=1011, reason="https://dpgr.am/net0000", count=None), r"the connection was lost \(1011 NET-0000\)"),
        (Drop(count=None), r"the connection was lost \(1006\)"),
    ],
)
def test_what_another_try_might_mend_is_told_in_the_end(
    kind: type[Any], fault: AnyFault, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = _failure(kind, monkeypatch, fault, reconnect="150ms")
    assert error.retryable
    _says(error, told)


@BOTH
def test_it_does_not_try_again_if_told_so(kind: type[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    _says(_failure(kind, monkeypatch, Status(status=503), reconnect="0s"), r"failed \(503\)")


def _failure(kind: type[Any], monkeypatch: pytest.MonkeyPatch, fault: AnyFault, **config: Any) -> ProviderError:
    async def go() -> BaseException:
        async with talking(kind, fault, **config) as talk:
            monkeypatch.setenv("DEEPGRAM_API_KEY", SECRET)
            talk.say(SAID[0])
            return await talk.fails()

    error = asyncio.run(go())
    assert isinstance(error, ProviderError)
    return error


def _says(error: ProviderError, told: str) -> None:
    __tracebackhide__ = True
    text = str(error)
    assert re.search(told, text), text
    assert text.startswith("Deepgram: ")
    assert "\n" not in text
    assert SECRET not in "".join(map(repr, _chain(error)))


def _chain(error: BaseException | None) -> Iterator[BaseException | str]:
    while error is not None:
        yield error
        yield str(vars(error))
        error = error.__cause__ or error.__context__


@BOTH
def test_nobody_there_is_told(kind: type[Any], monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int) -> None:
    error = _alone(kind, monkeypatch, f"http://127.0.0.1:{unused_tcp_port}", key=SECRET)
    assert error.retryable
    _says(error, "cannot be reached .*: is the network up")


@BOTH
@pytest.mark.parametrize("address", ["deepgram.com", "http://127.0.0.1:port", "http://[::1"])
def test_a_wrong_address_is_told(kind: type[Any], address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEEPGRAM_BASE_URL", address)
    _says(_alone(kind, monkeypatch, key=SECRET), "should be an address such as wss://")
    with pytest.raises(ValidationError, match="should be an address such as wss://"):
        made(kind, {"base_url": address})


@BOTH
@pytest.mark.parametrize("key", [f"“{SECRET}”", f"{SECRET}\nHost: x"])
def test_what_is_no_key_is_told(kind: type[Any], key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    error = _alone(kind, monkeypatch, "http://127.0.0.1:1", key=key)
    _says(error, "what the environment variable `DEEPGRAM_API_KEY` holds is no key")
    assert not error.retryable


@BOTH
def test_a_missing_key_is_told(kind: type[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    _says(_alone(kind, monkeypatch, "http://127.0.0.1:1", key=""), "set the environment variable `DEEPGRAM_API_KEY`")


@pytest.fixture
def unused_tcp_port() -> int:
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def _alone(kind: type[Any], monkeypatch: pytest.MonkeyPatch, address: str | None = None, *, key: str) -> ProviderError:
    monkeypatch.setenv("DEEPGRAM_API_KEY", key)

    async def nothing() -> Any:
        await asyncio.Event().wait()
        yield

    async def go() -> None:
        async for _ in made(kind, {"base_url": address, "reconnect": "100ms"}).listen(nothing()):
            pass

    with pytest.raises(ProviderError) as raised:
        asyncio.run(go())
    return raised.value


@BOTH
def test_neither_key_nor_words_are_logged(
    kind: type[Any], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, notices: list[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr("voicegraph.emulators.deepgram.environment", _with_secret)
    _converse(kind, Garbage(after=After(words=2)), Drop(after=After(words=3)))
    logged = "\n".join([*notices, *(record.getMessage() for record in caplog.records)])
    assert "trying again" not in logged or "connection was lost" in logged
    assert SECRET not in logged
    assert "quick" not in logged


def _with_secret(address: str) -> dict[str, str]:
    return {"DEEPGRAM_BASE_URL": f"http://{address}", "DEEPGRAM_API_KEY": SECRET}
