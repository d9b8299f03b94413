"""Pipecat's services as nodes: what goes in, what comes out, what goes wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import pytest

from tests.processors import pipecat_services as acme
from tests.processors.pipecat_services import AcmeLLM, AcmeTTS
from voicegraph.call import give_call
from voicegraph.engine import offload
from voicegraph.errors import CallFailed, ProviderError
from voicegraph.frames import (
    Audio,
    Frame,
    Message,
    Sentence,
    SpeechStarted,
    SpeechStopped,
    Token,
    ToolCall,
    ToolResult,
    Transcript,
    TTSAudio,
    UserTurn,
)
from voicegraph.processors.pipecat_processor import PipecatProcessor
from voicegraph.providers.pipecat_exchange import ROOM
from voicegraph.providers.pipecat_host import CALM
from voicegraph.testing import run_node, run_virtual

T = TypeVar("T")


class OffCall:
    """The little of a call that the node asks for."""

    async def offload(self, function: Any, *args: Any) -> Any:
        return await offload.offload(function, *args)

    def now(self) -> float:
        return asyncio.get_running_loop().time()


@asynccontextmanager
async def hosted(service: str, **settings: Any) -> AsyncGenerator[PipecatProcessor]:
    """The node in a call of its own."""
    made = PipecatProcessor(service=service, settings=settings)
    give_call(made, cast("Any", OffCall()))
    async with asyncio.timeout(60), made:
        yield made


async def given(texts: Iterable[str]) -> AsyncIterator[Sentence]:
    for text in texts:
        yield Sentence(text)


def speak(node: PipecatProcessor, *texts: str) -> AsyncGenerator[TTSAudio]:
    return cast("AsyncGenerator[TTSAudio]", node.speak(given(texts)))


async def said(node: PipecatProcessor, *texts: str) -> list[TTSAudio]:
    async with aclosing(speak(node, *texts)) as sound:
        return [audio async for audio in sound]


def seconds(sound: Iterable[Frame]) -> float:
    return sum(audio.seconds for audio in sound if isinstance(audio, TTSAudio))


# --- voices -----------------------------------------------------------------------------------------------------------


def test_a_voice_speaks_whole_sentences_and_tells_its_words() -> None:
    sound = run_node(PipecatProcessor, Sentence("One. Two, e.g."), Sentence("Three"), with_={"service": "acme.tts"})
    assert AcmeTTS.made[-1].asked == ["One. Two, e.g.", "Three"]
    told = [audio for audio in sound if isinstance(audio, TTSAudio) and audio.text]
    assert [audio.text for audio in told] == ["One. Two, e.g.", "Three"]
    assert told[0] is sound[0]
    assert seconds(sound) == pytest.approx(acme.LETTER * len("One. Two, e.g.Three"))
    before = sound[: sound.index(told[1])]
    assert seconds(before) == pytest.approx(acme.LETTER * len("One. Two, e.g."))


@pytest.mark.parametrize(("settings", "rate"), [({}, 24_000), ({"sample_rate": 8_000}, 8_000)])
def test_the_sound_has_the_rate_that_the_service_wants(settings: dict[str, Any], rate: int) -> None:
    sound = run_node(PipecatProcessor, Sentence("hi"), with_={"service": "acme.tts", "settings": settings})
    assert {audio.rate for audio in sound if isinstance(audio, TTSAudio)} == {rate}
    assert PipecatProcessor(service="acme.tts", settings=settings).rate == rate


def test_a_processor_before_the_service() -> None:
    run_node(PipecatProcessor, Sentence("hello"), with_={"service": "acme.tts", "before": ["acme.loud.processor"]})
    assert AcmeTTS.made[-1].asked == ["HELLO"]


def test_a_service_that_cannot_speak_is_a_fault_that_tells_no_words_and_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME_API_KEY", "sesame-1")
    settings = {"fails_at": "secret"}
    with pytest.raises(CallFailed) as raised:
        run_node(
            PipecatProcessor,
            Sentence("fine"),
            Sentence("a secret"),
            with_={"service": "acme.tts", "settings": settings},
        )
    error = raised.value.__cause__
    assert isinstance(error, ProviderError)
    assert str(error) == "acme.tts: cannot say […] with the key …"
    assert error.retryable


def test_the_next_reply_of_a_service_that_gave_up_is_a_new_ones() -> None:
    async def call() -> tuple[ProviderError, float]:
        async with hosted("acme.tts", fails_at="no", fatal=True) as node:
            with pytest.raises(ProviderError) as raised:
                await said(node, "no")
            first = AcmeTTS.made[-1]
            spoken = seconds(await said(node, "yes"))
            assert AcmeTTS.made[-1] is not first
            return raised.value, spoken

    error, spoken = run_virtual(call())
    assert not error.retryable
    assert spoken == pytest.approx(3 * acme.LETTER)


def test_a_service_that_cannot_be_made_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    async def call() -> None:
        async with hosted("acme.offline.tts", allowed=True) as node:
            monkeypatch.setitem(node.settings, "allowed", False)
            await said(node, "hi")

    with pytest.raises(ProviderError, match=r"acme\.offline\.tts: cannot be made: voices are made of stone"):
        run_virtual(call())


def test_a_call_does_not_wait_for_a_service_to_start_or_to_end() -> None:
    async def call(service: str, *texts: str) -> tuple[float, float, float]:
        loop = asyncio.get_running_loop()
        async with hosted(service) as node:
            entered = loop.time()
            sound = await said(node, *texts)
            left = loop.time()
        return entered, seconds(sound), loop.time() - left

    entered, spoken, _ = run_virtual(call("acme.slow.tts", "hi"))
    assert entered == 0.0
    assert spoken == pytest.approx(2 * acme.LETTER)
    _, _, leaving = run_virtual(call("acme.stubborn.tts", "hi"))
    assert leaving < 5


# --- interrupts -------------------------------------------------------------------------------------------------------


async def interrupt(node: PipecatProcessor, *texts: str, heard: int = 1) -> float:
    """A reply of which so many chunks come before the interrupt. Returns how long the node takes to let go."""
    loop = asyncio.get_running_loop()
    sound = speak(node, *texts)
    for _ in range(heard):
        await anext(sound)
    waiting = asyncio.create_task(anext(sound))
    await asyncio.sleep(0.001)
    began = loop.time()
    waiting.cancel()
    await asyncio.wait([waiting])
    await sound.aclose()
    return loop.time() - began


def test_nobody_waits_for_a_service_that_reconnects_on_an_interrupt() -> None:
    async def call() -> tuple[float, float, float]:
        loop = asyncio.get_running_loop()
        async with hosted("acme.tts", reconnects=0.2, pause=0.01) as node:
            letting_go = await interrupt(node, "a long story")
            began = loop.time()
            sound = await said(node, "ok")
            return letting_go, loop.time() - began, seconds(sound)

    letting_go, next_reply, spoken = run_virtual(call())
    assert letting_go == 0.0
    assert next_reply < 0.1, "a new one speaks, since it was never told the old reply"
    assert spoken == pytest.approx(2 * acme.LETTER)


def test_the_service_is_told_of_an_interrupt() -> None:
    async def call() -> AcmeTTS:
        async with hosted("acme.tts", pause=0.01) as node:
            await said(node, "so")
            first = AcmeTTS.made[-1]
            await interrupt(node, "a long story")
            await asyncio.sleep(0.01)
            return first

    first = run_virtual(call())
    assert first.interruptions == 1
    assert first.chunks < len("so" + "a long story")


@pytest.mark.parametrize(("reconnects", "kept"), [(0.0, True), (0.2, True), (1.0, False)])
def test_what_pipecat_wrote_is_kept_if_it_lets_go_soon(reconnects: float, kept: bool) -> None:
    async def call() -> tuple[bool, float, float]:
        async with hosted("own.tts", reconnects=reconnects, pause=0.01) as node:
            await said(node, "so")
            first, began = AcmeTTS.made[-1], asyncio.get_running_loop().time()
            await interrupt(node, "a long story")
            sound = await said(node, "ok")
            took = asyncio.get_running_loop().time() - began
            return AcmeTTS.made[-1] is first, took, seconds(sound)

    same, took, spoken = run_virtual(call())
    assert same is kept
    assert spoken == pytest.approx(2 * acme.LETTER)
    assert took < CALM + 0.1


def test_a_reply_that_begins_before_the_last_has_let_go_is_its_own() -> None:
    async def call(service: str) -> tuple[float, float]:
        async with hosted(service, pause=0.01) as node, aclosing(speak(node, "a long story")) as old:
            await anext(old)
            spoken = seconds(await said(node, "ok"))
            return spoken, seconds([audio async for audio in old])

    for service in ("acme.tts", "own.tts"):
        spoken, rest = run_virtual(call(service))
        assert spoken == pytest.approx(2 * acme.LETTER)
        assert rest == 0.0


def test_what_it_says_late_is_dropped_by_its_label_and_it_is_not_asked_again() -> None:
    async def call() -> tuple[list[float], list[bool]]:
        async with hosted("own.tts", leaks=True) as node:
            spoken, same = [seconds(await said(node, "one"))], list[bool]()
            for _ in range(2):
                last = AcmeTTS.made[-1]
                spoken.append(seconds(await said(node, "two")))
                same.append(AcmeTTS.made[-1] is last)
            return spoken, same

    spoken, same = run_virtual(call())
    assert spoken == pytest.approx([3 * acme.LETTER] * 3)
    assert same == [True, False]


def test_a_service_gets_no_further_ahead_than_there_is_room() -> None:
    async def call() -> int:
        async with hosted("acme.tts") as node, aclosing(speak(node, *["x" * 40] * 100)) as sound:
            await anext(sound)
            await asyncio.sleep(5)
            return AcmeTTS.made[-1].chunks

    assert run_virtual(call()) <= 2 * ROOM * 40, "no more sentences are asked for while there is no room"


def test_a_text_without_sound_ends() -> None:
    assert seconds(run_node(PipecatProcessor, Sentence(" "), with_={"service": "acme.tts"})) == 0


# --- language models --------------------------------------------------------------------------------------------------


async def weather(city: str) -> str:
    """Tells the weather.

    city: where.
    """
    return f"Rain in {city}."


TALK = (Message("user", "Hi."), Message("assistant", "Hello, how"), Message("user", "the weather?"))


def test_a_model_is_told_the_conversation_as_it_was_heard() -> None:
    AcmeLLM.contexts.clear()
    AcmeLLM.instructions.clear()
    turn = UserTurn("the weather?", TALK)
    frames = run_node(PipecatProcessor, turn, with_={"service": "acme.llm", "system": "Be brief."})
    assert "".join(token.text for token in frames if isinstance(token, Token)) == "You said: the weather? "
    (context,) = AcmeLLM.contexts
    assert context.get_messages() == [{"role": each.role, "content": each.content} for each in TALK]
    assert AcmeLLM.instructions == ["Be brief."]


def test_a_model_calls_our_tools_within_its_turn() -> None:
    AcmeLLM.contexts.clear()
    with_ = {"service": "acme.llm", "tools": [weather]}
    frames = run_node(PipecatProcessor, UserTurn("the weather?", TALK), with_=with_)
    called, result, *words = frames
    assert isinstance(called, ToolCall)
    assert (called.name, called.arguments) == ("weather", '{"city": "Oslo"}')
    assert isinstance(result, ToolResult)
    assert result.content == "Rain in Oslo."
    assert "".join(token.text for token in words if isinstance(token, Token)) == "You said: Rain in Oslo. "
    asked, answered = AcmeLLM.contexts
    assert [tool.name for tool in cast("Any", asked.tools).standard_tools] == ["weather"]
    roles = [cast("Any", message)["role"] for message in answered.get_messages()]
    assert roles == ["user", "assistant", "user", "assistant", "tool"]


@dataclass
class Guest:
    """One who comes. friends: whom they bring."""

    name: str
    friends: list[Guest]


async def invite(guests: list[Guest]) -> str:
    """Invites them.

    guests: all of them.
    """
    return f"{len(guests)} invited."


def test_a_tools_types_are_told_where_they_stand() -> None:
    AcmeLLM.contexts.clear()
    run_node(PipecatProcessor, UserTurn("hi"), with_={"service": "acme.llm", "tools": [invite]})
    (tool,) = cast("Any", AcmeLLM.contexts[0].tools).standard_tools
    items = tool.properties["guests"]["items"]
    assert items["properties"]["name"]["type"] == "string"
    assert items["properties"]["friends"]["items"] == {}
    assert tool.required == ["guests"]


# --- transcribers -----------------------------------------------------------------------------------------------------

SPEECH = [Audio(bytes(640), at=index * 0.02) for index in range(20)]


def test_a_transcriber_hears_all_of_the_call_and_says_its_last_words() -> None:
    frames: list[Frame] = [*SPEECH[:5], SpeechStarted(0.0, 0.1), *SPEECH[5:], SpeechStopped(0.3, 0.4)]
    given_back = run_node(PipecatProcessor, *frames, with_={"service": "acme.stt"})
    assert [type(frame) for frame in given_back] == [Transcript] * 5, "what it was told is no news"
    texts = [frame.text for frame in given_back if isinstance(frame, Transcript)]
    assert texts == ["3200", "6400", "9600", "12800", "12800 in all"]


def test_a_transcriber_mends_its_own_connections() -> None:
    given_back = run_node(PipecatProcessor, *SPEECH, with_={"service": "acme.stt", "settings": {"fails_after": 9000}})
    assert [frame.text for frame in given_back if isinstance(frame, Transcript)][-1] == "12800 in all"


def test_a_transcriber_that_gave_up_is_a_fault() -> None:
    settings = {"fails_after": 9000, "fatal": True}
    with pytest.raises(ProviderError, match=r"acme\.stt: no connection"):
        run_node(PipecatProcessor, *SPEECH, with_={"service": "acme.stt", "settings": settings})
