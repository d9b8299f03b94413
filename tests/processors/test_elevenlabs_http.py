"""The node elevenlabs.http: in a call of its own, with the emulator behind it."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any, cast

import pytest
from aiohttp import web

from tests.emulators.elevenlabs_server import RACHEL, Gate, emulated
from tests.processors.elevenlabs_talk import OffCall
from voicegraph.call import give_call
from voicegraph.emulators.faults import After, Garbage
from voicegraph.errors import CallFailed, ProviderError
from voicegraph.frames import Sentence, TTSAudio
from voicegraph.processors.elevenlabs_http import ElevenLabsHTTP
from voicegraph.providers import elevenlabs_requests
from voicegraph.testing import hear, run_node

REPLY = ("Hello there, my friend.", "How are you?")
WORDS = [word for sentence in REPLY for word in sentence.split()]


def spoken(*texts: str, **config: Any) -> list[TTSAudio]:
    return cast("list[TTSAudio]", run_node(ElevenLabsHTTP, *map(Sentence, texts), with_=config))


def heard_in(frames: list[TTSAudio]) -> list[str]:
    return [word.text for word in hear(b"".join(frame.pcm for frame in frames), frames[0].rate)]


@pytest.mark.parametrize("rate", [8_000, 24_000])
def test_each_sentence_is_spoken(rate: int) -> None:
    with emulated(voice="words"):
        frames = spoken(*REPLY, rate=rate)
    assert heard_in(frames) == WORDS
    assert [frame.text for frame in frames if frame.text] == list(REPLY)
    assert max(frame.seconds for frame in frames) <= 0.08


def test_with_timestamps_each_word_stands_where_its_sound_begins() -> None:
    with emulated(voice="words"):
        frames = spoken(*REPLY, timestamps=True, voice="Rachel")
    told: list[tuple[float, str]] = []
    samples = 0
    for frame in frames:
        told += [(samples / frame.rate, frame.text)] if frame.text else []
        samples += len(frame.pcm) // 2
    heard = hear(b"".join(frame.pcm for frame in frames), 16_000)
    assert [text for _, text in told] == WORDS
    assert [at for at, _ in told] == pytest.approx([word.start for word in heard], abs=0.0011)


async def first_of(sentence: str, **config: Any) -> AsyncGenerator[TTSAudio]:
    """The sound of a sentence, to be given up."""
    node = ElevenLabsHTTP(voice=RACHEL, **config)
    give_call(node, cast("Any", OffCall()))

    async def sentences() -> AsyncIterator[Sentence]:
        yield Sentence(sentence)

    async with node, aclosing(cast("AsyncGenerator[TTSAudio]", node.speak(sentences()))) as sound:
        async for audio in sound:
            yield audio


@pytest.mark.parametrize("timestamps", [False, True])
def test_sound_is_not_held_back_and_an_interrupt_ends_the_request(timestamps: bool) -> None:
    """The emulator has said 100 ms, and waits. The SDK would wait for 1024 bytes more."""

    async def interrupted() -> float:
        async with asyncio.timeout(5), aclosing(first_of("One two.", timestamps=timestamps)) as sound:
            heard = sum([(await anext(sound)).seconds, (await anext(sound)).seconds])
            waiting = asyncio.create_task(anext(sound))
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.wait([waiting])
            return heard

    with emulated(speaking=Gate()) as server:
        assert asyncio.run(interrupted()) == pytest.approx(0.1)
        assert server.next_ended().outcome == "left"


class Interruption(logging.Handler):
    """An interrupt at the moment in which the HTTP library tells of an event."""

    def __init__(self, event: str) -> None:
        super().__init__(logging.DEBUG)
        self._event = event
        self.due: asyncio.Task[list[TTSAudio]] | None = None

    def emit(self, record: logging.LogRecord) -> None:
        if self.due is not None and record.getMessage().startswith(self._event):
            self.due.cancel()
            self.due = None


@pytest.mark.parametrize(
    "event",
    [
        "connect_tcp.started",
        "connect_tcp.complete",
        "send_request_headers.started",
        "send_request_body.complete",
        "receive_response_headers.started",
        "receive_response_headers.complete",
        "receive_response_body.started",
        "response_closed.started",
    ],
)
def test_interrupts_take_no_place_among_the_connections(event: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elevenlabs_requests, "MOST", 1)
    interruption = Interruption(event)

    async def scene() -> list[TTSAudio]:
        sound = first_of("One two.")
        asking = asyncio.create_task(_all(sound))
        interruption.due = asking
        await asyncio.wait([asking])
        assert asking.cancelled()
        await sound.aclose()
        async with asyncio.timeout(1):
            return await _all(first_of(" ".join(WORDS)))

    library = logging.getLogger("httpcore2")
    library.setLevel(logging.DEBUG)
    library.addHandler(interruption)
    try:
        with emulated(voice="words"):
            assert heard_in(asyncio.run(scene())) == WORDS
    finally:
        library.removeHandler(interruption)
        library.setLevel(logging.NOTSET)


async def _all(sound: AsyncIterator[TTSAudio]) -> list[TTSAudio]:
    return [audio async for audio in sound]


def test_a_piece_that_cannot_be_read_is_told() -> None:
    """The SDK would leave it out without a word."""
    with emulated(Garbage(after=After(messages=1))), pytest.raises(CallFailed) as failed:
        spoken(*REPLY, timestamps=True)
    assert isinstance(error := failed.value.__cause__, ProviderError)
    assert str(error).endswith("sent what is no JSON")


# --- what is asked for, as a server of the test's sees it -------------------------------------------------------------


BODY = b'\n{"audio_base64": "AQIDBA==", "alignment": null}\n\n{"audio_base64": "BQY="}'
"""An answer with times, though it tells none, whose last line has no end."""


Request = tuple[str, dict[str, str], dict[str, Any]]
"""Path, query and body."""


def asked(*texts: str, **config: Any) -> list[Request]:
    return served(*texts, **config)[0]


def served(*texts: str, **config: Any) -> tuple[list[Request], list[TTSAudio]]:
    """What a server is asked for one reply, and what is said."""
    requests: list[Request] = []

    async def answer(request: web.Request) -> web.Response:
        requests.append((request.path, dict(request.query), json.loads(await request.read())))
        return web.Response(body=BODY if "timestamps" in request.path else b"\1\2" * 160)

    async def scene() -> list[TTSAudio]:
        app = web.Application()
        app.router.add_post("/{path:.*}", answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]

        async def sentences() -> AsyncIterator[Sentence]:
            for text in texts:
                yield Sentence(text)

        node = ElevenLabsHTTP(base_url=f"http://127.0.0.1:{port}/", **config)
        give_call(node, cast("Any", OffCall()))
        async with node:
            frames = [audio async for audio in node.speak(sentences())]
        await runner.cleanup()
        return frames

    return requests, asyncio.run(scene())


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELEVENLABS_API_KEY", "sk_test")


@pytest.mark.usefixtures("key")
def test_a_request_says_what_was_said_before() -> None:
    settings = {"stability": 0.4, "language_code": "de", "extra": {"seed": 7, "enable_logging": False}}
    first, second = asked(*REPLY, **settings)
    assert first[:2] == (
        "/v1/text-to-speech/JBFqnCBsd6RMkjVDRZzb/stream",
        {"output_format": "pcm_16000", "enable_logging": "false"},
    )
    body = {
        "text": REPLY[0],
        "model_id": "eleven_flash_v2_5",
        "language_code": "de",
        "voice_settings": {"stability": 0.4},
        "seed": 7,
    }
    assert first[2] == body
    assert second[2] == body | {"text": REPLY[1], "previous_text": REPLY[0]}


@pytest.mark.usefixtures("key")
def test_some_models_are_not_told_what_was_said_before() -> None:
    assert "previous_text" not in asked(*REPLY, model="eleven_v3")[1][2]
    assert "previous_text" not in asked(*REPLY, extra={"previous_text": None})[1][2]


@pytest.mark.usefixtures("key")
def test_lines_may_be_empty_and_the_last_may_have_no_end() -> None:
    (request,), frames = served("Hi.", timestamps=True)
    assert request[0].endswith("/stream/with-timestamps")
    assert [(audio.pcm, audio.text) for audio in frames] == [(b"\1\2\3\4", "Hi."), (b"\5\6", "")]
