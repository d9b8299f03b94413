"""What elevenlabs.tts says on the wire, as a server of the test's sees it."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import pytest
import trustme
from elevenlabs.types import CloseContext, InitializeConnectionMulti, KeepContextAlive, SendTextMulti
from pydantic import BaseModel
from websockets.asyncio.server import ServerConnection

from tests.processors.elevenlabs_talk import SOUND, Json, Scribe, interrupted, said, speaker
from voicegraph.errors import ProviderError
from voicegraph.frames import Sentence, TTSAudio
from voicegraph.providers import elevenlabs_connection, elevenlabs_contexts
from voicegraph.providers.elevenlabs_contexts import Context, Manner
from voicegraph.providers.elevenlabs_errors import Asked
from voicegraph.providers.elevenlabs_messages import Received

KEY = "sk_0123456789"
LOCATORS = {"pronunciation_dictionary_locators": [{"pronunciation_dictionary_id": "p", "version_id": "v"}]}


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELEVENLABS_API_KEY", KEY)


def told(*texts: str, **config: Any) -> Scribe:
    """Who wrote down one reply of these sentences."""

    async def scene() -> Scribe:
        async with Scribe() as scribe, speaker(base_url=scribe.address, **config) as node:
            await said(node, *texts)
        return scribe

    return asyncio.run(scene())


def holds(model: type[BaseModel], message: Json) -> bool:
    """Whether a message is of that type, and has nothing that the type does not know."""
    made = model.model_validate(message)
    return set(message) <= set(type(made).model_fields)


def test_one_context_over_the_sentences_of_a_reply() -> None:
    messages = told(" Hello there.", "How are you?\n", stability=0.4, speed=1.1).told
    assert messages == [
        {"text": " ", "context_id": "reply-1", "voice_settings": {"stability": 0.4, "speed": 1.1}},
        {"text": "Hello there. ", "context_id": "reply-1", "flush": True},
        {"text": "How are you? ", "context_id": "reply-1", "flush": True},
        {"context_id": "reply-1", "close_context": True},
    ]
    models: tuple[type[BaseModel], ...] = (InitializeConnectionMulti, SendTextMulti, SendTextMulti, CloseContext)
    assert all(holds(model, message) for model, message in zip(models, messages, strict=True))


def test_the_connection_is_told_what_is_wanted() -> None:
    scribe = told("Hi.", model="eleven_turbo_v2_5", rate=24_000, language_code="de", extra={"enable_logging": False})
    url = urlsplit(scribe.paths[0])
    assert url.path == "/v1/text-to-speech/JBFqnCBsd6RMkjVDRZzb/multi-stream-input"
    assert parse_qs(url.query) == {
        "model_id": ["eleven_turbo_v2_5"],
        "output_format": ["pcm_24000"],
        "language_code": ["de"],
        "auto_mode": ["true"],
        "sync_alignment": ["true"],
        "inactivity_timeout": ["180"],
        "enable_logging": ["false"],
    }
    assert scribe.headers == [KEY]


def test_more_settings_go_where_they_belong() -> None:
    scribe = told("Hi.", extra={**LOCATORS, "seed": 7, "auto_mode": None})
    assert scribe.told[0] == {"text": " ", "context_id": "reply-1", **LOCATORS}
    assert holds(InitializeConnectionMulti, scribe.told[0])
    query = parse_qs(urlsplit(scribe.paths[0]).query)
    assert query["seed"] == ["7"]
    assert "auto_mode" not in query


def test_an_interrupt_closes_the_context_at_once() -> None:
    async def scene() -> list[Json]:
        async with Scribe() as scribe, speaker(base_url=scribe.address) as node:
            await interrupted(node, "One.", heard=1)
            return list(await scribe.until(3))

    assert asyncio.run(scene())[-1] == {"context_id": "reply-1", "close_context": True}


def test_nothing_is_said_to_a_reply_that_was_interrupted() -> None:
    async def scene() -> list[Json]:
        async def sentences() -> AsyncIterator[Sentence]:
            yield Sentence("One.")
            await more.wait()
            yield Sentence("Two.")

        async with Scribe() as scribe, speaker(base_url=scribe.address) as node:
            sound = cast("AsyncGenerator[TTSAudio]", node.speak(sentences()))
            await anext(sound)
            await sound.aclose()
            more.set()
            await said(node, "Three.")
            return scribe.told

    more = asyncio.Event()
    assert [each.get("text") for each in asyncio.run(scene())] == [" ", "One. ", None, " ", "Three. ", None]


def test_a_fault_of_who_gives_the_sentences_is_not_hidden() -> None:
    async def scene() -> None:
        async def sentences() -> AsyncIterator[Sentence]:
            yield Sentence("One.")
            raise LookupError("no more")

        async with Scribe() as scribe, speaker(base_url=scribe.address) as node:
            async for _ in node.speak(sentences()):
                pass

    with pytest.raises(LookupError):
        asyncio.run(scene())


def test_another_connection_is_open_before_it_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elevenlabs_contexts, "MOST", 1)

    dial, made = elevenlabs_connection.dial, asyncio.Semaphore(0)

    async def watched(*args: Any) -> Any:
        try:
            return await dial(*args)
        finally:
            made.release()

    async def scene() -> tuple[int, int]:
        async with Scribe() as scribe:
            async with speaker(base_url=scribe.address) as node:
                await interrupted(node, "One.", heard=1)
                for _ in range(2):
                    await made.acquire()
                before = scribe.open
            return before, scribe.open

    monkeypatch.setattr(elevenlabs_connection, "dial", watched)
    assert asyncio.run(scene()) == (2, 0)


def test_a_reply_that_was_interrupted_and_never_ends_harms_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elevenlabs_contexts, "SILENCE", 0.05)
    monkeypatch.setattr(elevenlabs_contexts, "STAY", 0.02)

    class Endless(Scribe):
        async def answer(self, ws: ServerConnection, message: Json) -> None:
            if message["context_id"] == "reply-2" or "close_context" not in message:
                await super().answer(ws, message)
            else:
                await ws.send(json.dumps({"audio": SOUND, "contextId": "reply-1"}))

    async def scene() -> tuple[int, list[Json]]:
        async def sentences() -> AsyncIterator[Sentence]:
            yield Sentence("Two.")
            await scribe.sees(lambda: len([each for each in scribe.told if each.get("text") == ""]) > 4)
            yield Sentence("Three.")

        async with Endless() as scribe, speaker(base_url=scribe.address) as node:
            await interrupted(node, "One.", heard=1)
            return sum([len(audio.pcm) async for audio in node.speak(sentences())]), scribe.told

    size, told_all = asyncio.run(scene())
    assert size == 2 * len(USUAL)
    assert {each["context_id"] for each in told_all if each.get("text") == ""} == {"reply-2"}


def test_contexts_are_kept_alive_once_they_are_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elevenlabs_contexts, "STAY", 0.02)

    async def scene() -> list[Json]:
        async def slow() -> AsyncIterator[Sentence]:
            yield Sentence("Hi.")
            await scribe.until(4)

        async with Scribe() as scribe, speaker(base_url=scribe.address) as node:
            for _ in range(2):
                async for _ in node.speak(slow()):
                    pass
            return scribe.told

    messages = asyncio.run(scene())
    first, _, *stays, last = [each for each in messages if each["context_id"] == "reply-1"]
    assert first["text"] == " "
    assert len(stays) >= 2
    assert all(stay == {"text": "", "context_id": "reply-1"} and holds(KeepContextAlive, stay) for stay in stays)
    assert last["close_context"]
    assert messages.index(last) == len(stays) + 2, "none behind the end"


def test_not_much_more_is_asked_for_than_is_heard() -> None:
    class Posts:
        def post(self, message: bytes) -> None:
            posted.append(message)

    async def scene() -> list[bool]:
        asked = Asked("voice", "model", "here")
        context = Context("reply-1", cast("Any", Posts()), Manner(asked, 16_000, {}, {}))
        room: list[bool] = []
        for seconds in (6, 6, 0):
            context.take(Received(audio=bytes(seconds * 32_000)))
            waiting = asyncio.create_task(context.room())
            await asyncio.sleep(0)
            room.append(waiting.done())
        await anext(context)
        await asyncio.wait_for(waiting, 1)
        context.end()
        context.say("Too late: this would begin another context.")
        return [*room, waiting.done()]

    posted: list[bytes] = []
    assert asyncio.run(scene()) == [True, False, False, True]
    assert len(posted) == 2, "its beginning and its end"


class Odd(Scribe):
    """Has all kinds of things to say."""

    def __init__(self, *messages: Json | str) -> None:
        super().__init__()
        self._messages = messages

    async def answer(self, ws: ServerConnection, message: Json) -> None:
        if message.get("flush"):
            for each in self._messages:
                await ws.send(each if isinstance(each, str) else json.dumps(each))
        await super().answer(ws, message)


def pcm_of(*messages: Json | str, patient: bool = False) -> tuple[bytes, str, int]:
    """The sound and the words that come of a sentence for which a server says this, and what was unknown in it.

    patient: there might be more sentences.
    """

    async def sentences() -> AsyncIterator[Sentence]:
        yield Sentence("One two.")
        if patient:
            await asyncio.get_running_loop().create_future()

    async def scene() -> tuple[bytes, str, int]:
        async with Odd(*messages) as scribe, speaker(base_url=scribe.address) as node:
            frames = [audio async for audio in node.speak(sentences())]
            text = " ".join(frame.text for frame in frames if frame.text)
            return b"".join(frame.pcm for frame in frames), text, node.unknown

    return asyncio.run(scene())


USUAL = base64.b64decode(SOUND)


def test_the_last_sound_may_come_with_the_end() -> None:
    class Brief(Scribe):
        async def answer(self, ws: ServerConnection, message: Json) -> None:
            if message.get("close_context"):
                await ws.send(json.dumps({"audio": SOUND, "isFinal": True, "contextId": message["context_id"]}))

    async def scene() -> bytes:
        async with Brief() as scribe, speaker(base_url=scribe.address) as node:
            return b"".join([audio.pcm for audio in await said(node, "One two.")])

    assert asyncio.run(scene()) == USUAL


def test_a_reply_that_the_vendor_ends_by_itself_is_not_taken_for_whole() -> None:
    with pytest.raises(ProviderError, match="gave up the reply before its end") as failed:
        pcm_of({"isFinal": True, "contextId": "reply-1"}, patient=True)
    assert failed.value.retryable


def test_over_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    authority: Any = trustme.CA()
    theirs, ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("127.0.0.1").configure_cert(theirs)

    async def scene() -> int:
        async with Scribe(theirs) as scribe, speaker(base_url=scribe.address) as node:
            return sum([len(audio.pcm) for audio in await said(node, "Hi.")])

    monkeypatch.setattr(elevenlabs_connection, "tls", lambda: ours)
    with pytest.raises(ProviderError, match=r"127.0.0.1:\d+ has a certificate that this machine does not trust"):
        asyncio.run(scene())
    authority.configure_trust(ours)
    assert asyncio.run(scene()) == len(USUAL)


@pytest.mark.parametrize(
    ("message", "unknown"),
    [
        ({"audio": SOUND, "contextId": "reply-0"}, 0),
        ({"audio": SOUND}, 0),
        ({"isFinal": True, "contextId": "other"}, 0),
        ({"audio": None, "alignment": None, "isFinal": None, "contextId": "reply-1"}, 1),
        ({"type": "news"}, 1),
        ({"audio": "no base64!", "contextId": "reply-1"}, 1),
        ([1, 2], 1),
    ],
)
def test_what_belongs_to_nobody_changes_nothing(message: Any, unknown: int) -> None:
    assert pcm_of(message) == (USUAL, "One two.", unknown)


def test_with_a_dictionary_the_text_as_it_was_spoken_tells_the_times() -> None:
    """The other one begins anew in the middle."""
    letters: list[Json] = [
        {
            "chars": list(text),
            "charStartTimesMs": [10 * i for i in range(len(text))],
            "charDurationsMs": [10] * len(text),
        }
        for text in ("One two.", " One to.")
    ]

    async def scene(dictionary: bool) -> list[int]:
        message = {"audio": SOUND, "alignment": letters[0], "normalizedAlignment": letters[1], "contextId": "reply-1"}
        extra: Json = LOCATORS if dictionary else {}
        async with Odd(message) as scribe, speaker(base_url=scribe.address, extra=extra) as node:
            frames = await said(node, "One two.")
        sizes = [len(frame.pcm) // 2 for frame in frames]
        return [sum(sizes[:i]) for i, frame in enumerate(frames) if frame.text]

    assert asyncio.run(scene(False)) == [0, 640]
    assert asyncio.run(scene(True))[0] == 160


def test_half_a_sample_waits_for_its_other_half() -> None:
    halves = [base64.b64encode(half).decode() for half in (b"\5", b"\6\7\10")]
    messages: list[Json] = [{"audio": half, "contextId": "reply-1"} for half in halves]
    assert pcm_of(*messages) == (b"\5\6\7\10" + USUAL, "One two.", 0)


@pytest.mark.parametrize(
    ("message", "error", "retryable"),
    [
        ("{no json", "sent what is no JSON", True),
        ({"error": "quota_exceeded", "message": f"{KEY} one two", "code": 1008}, "no credits left", False),
        ({"error": "system_busy", "message": "…", "code": 1008}, r"is too busy \(system_busy, 1008\)", True),
        ({"error": f"no {KEY}", "message": "…", "code": 1008}, r"refused to go on \(1008\)", False),
        ({"error": KEY, "message": "…", "code": 1011}, r"refused to go on \(1011\)", True),
        ({"audio": base64.b64encode(b"ID3" + bytes(99)).decode(), "contextId": "reply-1"}, "not the PCM", False),
    ],
)
def test_what_it_cannot_go_on_from_is_told(message: Any, error: str, retryable: bool) -> None:
    with pytest.raises(ProviderError, match=error) as failed:
        pcm_of(message)
    assert failed.value.retryable == retryable
    assert KEY not in str(failed.value)
    assert "One" not in str(failed.value)


def test_a_text_without_sound_is_told() -> None:
    class Mute(Scribe):
        async def answer(self, ws: ServerConnection, message: Json) -> None:
            if message.get("close_context"):
                await super().answer(ws, message)

    async def scene(text: str) -> int:
        async with Mute() as scribe, speaker(base_url=scribe.address) as node:
            return len(await said(node, text))

    with pytest.raises(ProviderError, match="gave no sound for the text"):
        asyncio.run(scene("Hello."))
    assert asyncio.run(scene("…")) == 1, "where there is nothing to say"


def test_a_server_that_falls_silent_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elevenlabs_contexts, "SILENCE", 0.02)

    class Silent(Scribe):
        async def answer(self, ws: ServerConnection, message: Json) -> None:
            """Says nothing."""

    async def scene() -> None:
        async def sentences() -> AsyncIterator[Sentence]:
            yield Sentence("Hello.")
            await asyncio.get_running_loop().create_future()

        async with Silent() as scribe, speaker(base_url=scribe.address) as node:
            async for _ in node.speak(sentences()):
                pass

    with pytest.raises(ProviderError, match=r"127.0.0.1:\d+ fell silent") as failed:
        asyncio.run(scene())
    assert failed.value.retryable
