"""The emulated multi-context WebSocket: its messages, and the rules by which it closes on those who break them."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, TypeVar

import pytest
from elevenlabs.types import AudioOutputMulti, FinalOutputMulti, WebsocketTtsServerMessageMulti
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.exceptions import InvalidStatus

from tests.emulators.elevenlabs_server import RACHEL, RATE, Emulated, Gate, Json, Talk, emulated, talking
from voicegraph.emulators.backend import Word
from voicegraph.emulators.elevenlabs_timing import Letters, in_message
from voicegraph.emulators.faults import After, AnyFault, Drop, UnknownMessage, WrongFormat
from voicegraph.testing import hear

NO_CLOSE = 1006
"""What a connection without one counts as (RFC 6455, section 7.1.5)."""
TEXT = "Hello there, my friend. "
SETTINGS = {"stability": 0.5, "speed": 1.1}

T = TypeVar("T")


def told(scene: Callable[[Emulated], Coroutine[Any, Any, T]], *faults: AnyFault, **options: Any) -> T:
    """What a scene with an emulator tells."""
    with emulated(*faults, **options) as server:
        return asyncio.run(scene(server))


async def one_context(server: Emulated, **query: Any) -> list[Json]:
    async with talking(server, **query) as talk:
        await talk.say(text=" ", context_id="a", voice_settings=SETTINGS)
        await talk.say(text=TEXT, context_id="a", flush=True)
        await talk.say(context_id="a", close_context=True)
        return await talk.until_final("a")


def sound_of(messages: list[Json]) -> bytes:
    return b"".join(base64.b64decode(each["audio"]) for each in messages if "audio" in each)


async def closed_for(server: Emulated, *messages: Json, **query: Any) -> tuple[str, int]:
    """The error that these messages end in, and the code of the close."""
    async with talking(server, **query) as talk:
        for message in messages:
            await talk.say(**message)
        last = (await talk.rest())[-1]
        assert last["code"] == talk.ws.close_code
        return last["error"], last["code"]


# --- what it says -----------------------------------------------------------------------------------------------------


def test_a_text_becomes_sound_and_an_end() -> None:
    messages = told(one_context, voice="words")
    assert [word.text for word in hear(sound_of(messages), RATE)] == TEXT.split()
    assert messages[-1] == {"isFinal": True, "contextId": "a"}
    assert {each["contextId"] for each in messages} == {"a"}


@pytest.mark.parametrize("sync_alignment", ["true", "false"])
def test_every_message_is_what_the_sdk_says_it_is(sync_alignment: str) -> None:
    messages = told(lambda server: one_context(server, sync_alignment=sync_alignment))
    for each in messages[:-1]:
        AudioOutputMulti.model_validate(each)
        assert set(each) == {"audio", "alignment", "normalizedAlignment", "contextId"}
        WebsocketTtsServerMessageMulti.model_validate(each)
    FinalOutputMulti.model_validate(messages[-1])


def test_letters_come_with_the_sound_in_which_they_begin() -> None:
    messages = told(lambda server: one_context(server, sync_alignment="true"))
    text = ""
    for each in messages[:-2]:
        alignment, seconds = each["alignment"], len(base64.b64decode(each["audio"])) / (2 * RATE)
        assert len(alignment["chars"]) == len(alignment["charStartTimesMs"]) == len(alignment["charDurationsMs"])
        assert all(0 <= start <= 1000 * seconds for start in alignment["charStartTimesMs"]), "times restart"
        text += "".join(alignment["chars"])
    assert text.startswith(TEXT.strip())
    assert "".join(messages[0]["normalizedAlignment"]["chars"]).startswith(" Hello"[:2])


@given(
    st.lists(st.tuples(st.text("abcdé", min_size=1, max_size=8), st.integers(20, 900)), max_size=8),
    st.integers(20, 300),
)
@settings(max_examples=50, deadline=None)
def test_no_letter_is_lost_or_told_twice(words: list[tuple[str, int]], step: int) -> None:
    letters, at = Letters(), 0.0
    given_words: list[Word] = []
    for word, milliseconds in words:
        given_words.append(Word(word, at, at + milliseconds / 1000))
        at += milliseconds / 1000
    letters.add(given_words)
    chars: list[str] = []
    for number in range(int(at * 1000 / step)):
        begin = number * step / 1000
        message = in_message(letters.until(begin + step / 1000), begin, begin + step / 1000)
        assert all(0 <= start <= step for start in message["charStartTimesMs"])
        assert sum(message["charDurationsMs"]) == step - min(message["charStartTimesMs"], default=step)
        chars += message["chars"]
    chars += [letter.char for letter in letters.rest()]
    assert "".join(chars) == "".join(f"{word} " for word, _ in words)


def test_without_a_flush_it_waits_for_enough_text() -> None:
    async def scene(server: Emulated) -> tuple[set[str], Json]:
        async with talking(server) as talk:
            await talk.say(text=" ", context_id="a", generation_config={"chunk_length_schedule": [50]})
            await talk.say(text="Too little to begin. ", context_id="a")
            await talk.say(text="Two. ", context_id="b", flush=True)
            await talk.say(context_id="b", close_context=True)
            before = {each["contextId"] for each in await talk.until_final("b")}
            await talk.say(text="Now there is enough of it. " * 2, context_id="a")
            return before, await talk.next()

    before, after = told(scene)
    assert (before, after["contextId"]) == ({"b"}, "a")


def test_each_piece_may_need_more_text_than_the_one_before() -> None:
    async def scene(server: Emulated) -> list[Json]:
        async with talking(server) as talk:
            await talk.say(text=" ", context_id="a", generation_config={"chunk_length_schedule": [5, 100]})
            for _ in range(3):
                await talk.say(text="Enough. ", context_id="a")
            await talk.say(close_socket=True)
            return await talk.rest()

    told_all = [each for each in told(scene) if each.get("alignment")]
    assert "".join(char for each in told_all for char in each["alignment"]["chars"]) == "Enough. " * 3
    begins = [each for each in told_all if len(each["normalizedAlignment"]["chars"]) > len(each["alignment"]["chars"])]
    assert len(begins) == 2, "the sound of one, and of two together"


def test_in_auto_mode_every_text_is_spoken_at_once() -> None:
    async def scene(server: Emulated) -> Json:
        async with talking(server, auto_mode="true") as talk:
            await talk.say(text=TEXT, context_id="a")
            return await talk.next()

    assert told(scene)["contextId"] == "a"


def test_a_flush_ends_nothing_and_a_close_lets_all_be_spoken() -> None:
    async def scene(server: Emulated) -> tuple[list[Json], list[Json]]:
        async with talking(server) as talk:
            await talk.say(text="One. ", context_id="a", flush=True)
            await talk.say(text="Two. ", context_id="b", flush=True)
            await talk.say(context_id="b", close_context=True)
            first = await talk.until_final("b")
            await talk.say(text="Three. ", context_id="a")
            await talk.say(context_id="a", close_context=True)
            return first, await talk.until_final("a")

    first, second = told(scene, voice="words")
    assert not any(each.get("isFinal") and each["contextId"] == "a" for each in first)
    spoken = sound_of([each for each in (*first, *second) if each["contextId"] == "a"])
    assert [word.text for word in hear(spoken, RATE)] == ["One.", "Three."]


def test_sound_comes_after_the_close_and_before_the_end() -> None:
    gate = Gate()

    async def scene(server: Emulated) -> list[Json]:
        async with talking(server) as talk:
            await talk.say(text=TEXT, context_id="a", flush=True)
            await talk.next()
            await talk.say(context_id="a", close_context=True)
            gate.open()
            return await talk.until_final("a")

    late = told(scene, speaking=gate)
    assert len(sound_of(late)) == 2 * RATE // 10 * (len(TEXT.split()) - 1)


def test_a_context_of_the_same_name_is_another_one() -> None:
    async def scene(server: Emulated) -> list[Json]:
        async with talking(server) as talk:
            for settings_ in (SETTINGS, {"stability": 0.1}):
                await talk.say(text="Hi. ", context_id="a", voice_settings=settings_, flush=True)
                await talk.say(context_id="a", close_context=True)
            return [*await talk.until_final("a"), *await talk.until_final("a")]

    assert sum(each.get("isFinal", False) for each in told(scene)) == 2


def test_the_whole_connection_can_be_closed() -> None:
    async def scene(server: Emulated) -> tuple[list[Json], int | None]:
        async with talking(server) as talk:
            await talk.say(text="One. ", context_id="a", flush=True)
            await talk.say(text="Two. ", context_id="b")
            await talk.say(close_socket=True)
            return await talk.rest(), talk.ws.close_code

    messages, code = told(scene)
    assert sorted(each["contextId"] for each in messages if each.get("isFinal")) == ["a", "b"]
    assert code == 1000


@pytest.mark.parametrize("output_format", ["pcm_8000", "pcm_24000", "ulaw_8000", "alaw_8000"])
def test_formats(output_format: str) -> None:
    kind, rate = output_format.split("_")
    sound = sound_of(told(lambda server: one_context(server, output_format=output_format)))
    pcm = sound_of(told(one_context))
    assert len(sound) == pytest.approx(len(pcm) * int(rate) / RATE / (1 if kind == "pcm" else 2), rel=0.01)


# --- its rules --------------------------------------------------------------------------------------------------------

INIT: Json = {"text": " ", "context_id": "a", "voice_settings": SETTINGS}
RULES: dict[str, tuple[list[Json], str]] = {
    "a sixth context": (
        [{"text": " ", "context_id": name} for name in "abcdef"],
        "max_active_conversations",
    ),
    "a flush of six unknown contexts": (
        [{"flush": True, "context_id": name} for name in "abcdef"],
        "max_active_conversations",
    ),
    "settings after a keep-alive": ([{"text": "", "context_id": "a"}, INIT], "invalid_voice_settings"),
    "settings that change": ([INIT, {**INIT, "voice_settings": {"speed": 0.9}}], "invalid_voice_settings"),
    "no JSON object": ([{"text": 5, "context_id": "a"}], "invalid_input_message"),
}


@pytest.mark.parametrize("rule", RULES)
def test_a_broken_rule_is_told_and_closes_the_connection(rule: str) -> None:
    messages, error = RULES[rule]
    assert told(lambda server: closed_for(server, *messages)) == (error, 1008)


@pytest.mark.parametrize("again", [INIT, {"text": "", "context_id": "a"}, {"text": ""}])
def test_the_same_settings_and_keep_alives_break_none(again: Json) -> None:
    async def scene(server: Emulated) -> list[Json]:
        async with talking(server) as talk:
            for message in (INIT, again, again, {"context_id": "a", "close_context": True}):
                await talk.say(**message)
            return await talk.until_final("a")

    assert told(scene) == [{"isFinal": True, "contextId": "a"}]


def test_a_closed_context_keeps_its_place_until_its_end() -> None:
    async def scene(server: Emulated, *, wait: bool) -> str:
        async with talking(server) as talk:
            for name in "abcde":
                await talk.say(text=TEXT, context_id=name, flush=True)
                await talk.say(context_id=name, close_context=True)
            if wait:
                await talk.next()
                gate.open()
                await talk.until_final("a")
            await talk.say(text="One more. ", context_id="f", flush=True)
            await talk.say(context_id="f", close_context=True)
            while "error" not in (message := await talk.next()):
                if message.get("isFinal") and message["contextId"] == "f":
                    return "spoken"
            return str(message["error"])

    for wait, outcome in ((False, "max_active_conversations"), (True, "spoken")):
        gate = Gate()
        assert told(partial(scene, wait=wait), speaking=gate) == outcome


def test_silence_closes_the_connection() -> None:
    told_last = told(lambda server: closed_for(server, INIT, inactivity_timeout=0.05))
    assert told_last == ("input_timeout_exceeded", 1008)


def test_a_context_is_closed_to_which_nothing_is_said() -> None:
    async def scene(server: Emulated) -> Json:
        async with talking(server, inactivity_timeout=0.1) as talk:
            for name in "ab":
                await talk.say(**{**INIT, "context_id": name})
            final = asyncio.create_task(talk.next())
            while not final.done():
                await talk.say(text="", context_id="b")
                await asyncio.wait([final], timeout=0.02)
            return final.result()

    assert told(scene) == {"isFinal": True, "contextId": "a"}


def test_what_was_closed_for_silence_begins_anew() -> None:
    async def scene(server: Emulated) -> Json:
        async with talking(server, inactivity_timeout=0.1) as talk:
            await talk.say(**INIT)
            final = asyncio.create_task(talk.next())
            while not final.done():
                await talk.say(text="")
                await asyncio.wait([final], timeout=0.02)
            await talk.say(text="Again. ", context_id="a", voice_settings={"speed": 0.9}, flush=True)
            return await talk.next()

    assert "audio" in told(scene)


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ({"voice": "Rachel"}, "voice_id_does_not_exist"),
        ({"model_id": "gpt-4"}, "model_not_found"),
    ],
)
def test_what_it_does_not_have_it_says_on_the_connection(query: Json, error: str) -> None:
    assert told(lambda server: closed_for(server, **query)) == (error, 1008)


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ({"key": ""}, 401),
        ({"model_id": "eleven_v3"}, 403),
        ({"output_format": "mp3_44100_128"}, 400),
        ({"inactivity_timeout": "long"}, 422),
    ],
)
def test_what_it_refuses_at_the_handshake(query: Json, status: int) -> None:
    async def scene(server: Emulated) -> tuple[int, Json]:
        with pytest.raises(InvalidStatus) as refused:
            async with server.connect(**query):
                pass
        return refused.value.response.status_code, json.loads(refused.value.response.body or b"")

    got, body = told(scene)
    assert got == status
    assert body["detail"]["message"]


# --- its faults, through the one seam ---------------------------------------------------------------------------------


def test_faults_strike_by_word_and_by_message() -> None:
    async def scene(server: Emulated) -> tuple[list[Json], bool]:
        async with server.connect() as ws:
            talk = Talk(ws)
            await talk.say(text=TEXT, context_id="a", flush=True)
            messages = await talk.rest()
            return messages, ws.close_code == NO_CLOSE

    messages, dropped = told(scene, Drop(after=After(words=2)), voice="words")
    assert dropped
    assert len(hear(sound_of(messages), RATE)) <= 2
    assert any("audio" not in each for each in told(one_context, UnknownMessage(after=After(messages=1))))


def test_sound_can_be_of_the_wrong_format() -> None:
    assert sound_of(told(one_context, WrongFormat())).startswith(b"\xff\xfb")


def test_a_client_that_is_gone_ends_the_speech() -> None:
    async def scene(server: Emulated) -> None:
        async with talking(server) as talk:
            await talk.say(text=TEXT, context_id="a", flush=True)
            await talk.next()

    with emulated(speaking=Gate()) as server:
        asyncio.run(scene(server))
        ended = server.next_ended()
    assert (ended.outcome, ended.closed) == ("done", 1000)
    assert ended.path.endswith(f"{RACHEL}/multi-stream-input")
