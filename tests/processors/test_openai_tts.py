"""The node openai.tts: in a call of its own, with the emulator behind it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.emulators.openai_server import emulated
from voicegraph.emulators.faults import After, Drop, Stall, WrongFormat
from voicegraph.errors import CallFailed, ProviderError
from voicegraph.frames import Frame, Sentence, TTSAudio
from voicegraph.processors.openai_tts import LONGEST, OpenAITTS
from voicegraph.providers.openai_errors import Asked
from voicegraph.providers.openai_sound import sound_of
from voicegraph.providers.sound import is_file, wav
from voicegraph.testing import hear, run_node

ASKED = Asked("OpenAI", "tts-1")


def sound(frames: list[Frame]) -> bytes:
    return b"".join(cast(TTSAudio, frame).pcm for frame in frames)


def test_a_sentence_is_spoken_in_small_frames_with_its_words_in_the_first() -> None:
    with emulated(voice="words"):
        frames = run_node(OpenAITTS, Sentence("Good morning to you."), warmed=True)
    assert [word.text for word in hear(sound(frames), rate=24_000)] == ["Good", "morning", "to", "you."]
    assert max(cast(TTSAudio, frame).seconds for frame in frames) <= LONGEST
    assert [cast(TTSAudio, frame).text for frame in frames if cast(TTSAudio, frame).text] == ["Good morning to you."]
    assert cast(TTSAudio, frames[0]).text
    assert {cast(TTSAudio, frame).rate for frame in frames} == {24_000}


def test_the_first_sound_does_not_wait_for_the_next() -> None:
    async def first() -> TTSAudio:
        speech = OpenAITTS().on_sentence(Sentence("Good morning."))
        async with aclosing(cast("AsyncGenerator[TTSAudio]", speech)) as frames:
            return await anext(frames)

    with emulated(Stall(after=After(messages=1))) as server:
        assert asyncio.run(first()).pcm
        assert server.next_ended().outcome == "left"


@pytest.mark.parametrize("text", ["…", "👍", " — "])
def test_what_has_no_word_is_not_asked_for(text: str) -> None:
    with emulated() as server:
        assert run_node(OpenAITTS, Sentence(text)) == []
        assert not server.emulators.exchanges


@pytest.mark.parametrize("how", ["rst", "fin"])
def test_speech_that_breaks_off_is_an_error(how: str) -> None:
    fault = Drop(after=After(messages=2), how=how)  # type: ignore[arg-type]
    with emulated(fault), pytest.raises(CallFailed, match="the connection broke") as raised:
        run_node(OpenAITTS, Sentence("Good morning to you."))
    assert cast(ProviderError, raised.value.__cause__).retryable


def test_sound_of_another_format_is_never_heard() -> None:
    with emulated(WrongFormat()), pytest.raises(CallFailed, match="not the PCM that was asked for"):
        run_node(OpenAITTS, Sentence("Good morning."))


async def whole(pieces: list[bytes]) -> list[bytes]:
    async def give() -> AsyncGenerator[bytes, None]:
        for piece in pieces:
            yield piece

    return [piece async for piece in cast("AsyncIterator[bytes]", sound_of(give(), ASKED))]


@given(st.lists(st.binary(max_size=7)))
def test_samples_are_never_torn(pieces: list[bytes]) -> None:
    stream = bytes(4) + b"".join(pieces)
    given = asyncio.run(whole([stream[:1], stream[1:4], *pieces]))
    assert all(len(piece) % 2 == 0 for piece in given)
    assert b"".join(given) == stream[: len(stream) & ~1]


def test_no_sound_at_all_is_an_error() -> None:
    with pytest.raises(ProviderError, match="there was no sound in it"):
        asyncio.run(whole([]))


STARTS = [b'{"er', b"<!DO", b"ID3\4", b"OggS", b"fLaC", b"\xff\xfb\x90\x64", wav(b"", 24_000)[:4]]


@pytest.mark.parametrize("start", STARTS)
def test_files_are_known_by_their_beginning(start: bytes) -> None:
    assert is_file(start)


@given(st.lists(st.integers(-500, 500), min_size=2, max_size=2))
def test_quiet_pcm_is_no_file(samples: list[int]) -> None:
    assert not is_file(b"".join(sample.to_bytes(2, "little", signed=True) for sample in samples))
