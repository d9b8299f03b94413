"""The node openai.stt: in a call of its own, with the emulator behind it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import cast

import pytest

from tests.emulators.openai_server import emulated
from voicegraph.emulators.faults import After, Drop, Garbage, Status
from voicegraph.errors import ProviderError
from voicegraph.frames import Audio, Frame, SpeechStarted, SpeechStopped, Transcript
from voicegraph.processors.openai_stt import OpenAISTT
from voicegraph.providers.sound import wav
from voicegraph.testing import run_node, utter

RATE = 16_000
FRAME = 640
SILENCE = bytes(RATE)  # half a second


def spoken(*texts: str, pause: float = 2.0) -> list[Frame]:
    """Utterances, as a line and its VAD tell them. pause: seconds behind each."""
    frames: list[Frame] = []
    sound = SILENCE
    events: list[SpeechStarted | SpeechStopped] = []
    for text in texts:
        words = utter(text, rate=RATE, origin=1)
        events.append(SpeechStarted(len(sound) / (2 * RATE)))
        sound += words
        events.append(SpeechStopped(len(sound) / (2 * RATE)))
        sound += bytes(2 * int(pause * RATE))
    for begin in range(0, len(sound), FRAME):
        at = begin / (2 * RATE)
        while events and events[0].at <= at:
            frames.append(events.pop(0))
        frames.append(Audio(sound[begin : begin + FRAME], at=at))
    return frames


def transcripts(frames: list[Frame]) -> list[str]:
    return [cast(Transcript, frame).text for frame in frames]


def test_each_utterance_is_written_down_once_it_is_over() -> None:
    with emulated():
        frames = run_node(OpenAISTT, *spoken("what time is it", "thank you"), warmed=True)
    assert transcripts(frames) == ["what time is it", "thank you"]
    first, second = cast("list[Transcript]", frames)
    assert first.final
    assert second.final
    assert first.start == 0.5
    assert second.start is not None
    assert first.end < second.start < second.end


def test_what_goes_on_after_a_short_pause_is_not_final_before() -> None:
    frames = spoken("what time", "is it", pause=0.6)
    again = [number for number, frame in enumerate(frames) if isinstance(frame, SpeechStarted)][1]

    async def written() -> list[Transcript]:
        heard: list[Transcript] = []
        first = asyncio.Event()

        async def give() -> AsyncIterator[Audio | SpeechStarted | SpeechStopped]:
            for number, frame in enumerate(frames):
                if number == again:
                    await server.asked()
                elif number == again + 1:
                    await first.wait()
                yield cast(Audio, frame)

        async for transcript in OpenAISTT().listen(give()):
            heard.append(transcript)
            first.set()
        return heard

    with emulated() as server:
        begin, whole = asyncio.run(written())
    assert (begin.text, begin.final) == ("what time", False)
    assert (whole.text, whole.final, whole.start) == ("what time is it", True, begin.start)


def test_silence_says_nothing() -> None:
    with emulated(unscripted=""):
        events: list[Frame] = [SpeechStarted(0.0), Audio(SILENCE), SpeechStopped(0.4)]
        assert run_node(OpenAISTT, *events) == []


def test_what_is_asked_for_and_comes_back() -> None:
    settings = {"language": "de", "prompt": "Zahnarzt", "model": "whisper-1", "extra": {"temperature": 0}}
    with emulated() as server:
        (frame,) = run_node(OpenAISTT, *spoken("guten tag"), with_=settings)
        assert server.next_ended().status == 200
    assert cast(Transcript, frame).language == "de"


def test_what_was_said_is_not_lost_with_a_connection() -> None:
    with emulated(Drop(after=After(bytes=0), how="rst")):
        assert transcripts(run_node(OpenAISTT, *spoken("hello"))) == ["hello"]


def test_a_refusal_that_lasts_is_not_asked_about_again() -> None:
    with emulated(Status(status=401)) as server:
        with pytest.raises(ProviderError, match="does not accept the key"):
            run_node(OpenAISTT, *spoken("hello"))
        assert len(server.emulators.exchanges) == 1


def test_a_short_sound_is_made_as_long_as_openai_wants_it() -> None:
    node = OpenAISTT(pre_roll=0.0)
    files: list[bytes] = []

    async def listened() -> None:
        async def give() -> AsyncIterator[Audio | SpeechStarted | SpeechStopped]:
            yield SpeechStarted(0.0)
            yield Audio(bytes(320))

        async for _ in node.listen(give()):
            pass

    def kept(pcm: bytes, rate: int) -> bytes:
        files.append(pcm)
        return wav(pcm, rate)

    with emulated(unscripted=""), pytest.MonkeyPatch.context() as patch:
        patch.setattr("voicegraph.processors.openai_stt.wav", kept)
        asyncio.run(listened())
    assert [len(pcm) for pcm in files] == [2 * RATE // 10]


def test_a_refusal_is_told() -> None:
    refusal = Status(status=429, retry_after=2.0, count=2)
    with emulated(refusal), pytest.raises(ProviderError, match="asks to wait for 2 s"):
        run_node(OpenAISTT, *spoken("hello"))


def test_an_answer_that_is_none() -> None:
    with emulated(Garbage(count=2)), pytest.raises(ProviderError, match="sent something that is no transcription"):
        run_node(OpenAISTT, *spoken("hello"))
