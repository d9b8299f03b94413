"""The node whisper.stt: with a recogniser that says what it was given, and on a real call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any, cast

import pytest
from pydantic import ValidationError

from tests.engine.calls import plan, run
from tests.models.fetched import fetched
from tests.recordings import HELP, PASSWORD, RATE, chunked, silence, speech
from voicegraph.call import Call, give_call
from voicegraph.errors import ModelError
from voicegraph.frames import Audio, SpeechStarted, SpeechStopped, Transcript
from voicegraph.node import node, node_type
from voicegraph.processors import whisper
from voicegraph.processors.silero import SileroVAD
from voicegraph.processors.whisper import WhisperSTT
from voicegraph.providers.whisper import Reading, Recognised
from voicegraph.testing import run_node

Heard = Audio | SpeechStarted | SpeechStopped


class Echo:
    """Stands for the model: writes how much sound it was given."""

    def __init__(self, folder: Path, threads: int) -> None:
        self.folder = folder

    def read(self, pcm: bytes, reading: Reading) -> Recognised | None:
        return Recognised(f"{len(pcm) / (2 * RATE):.1f} s", 0.87654, "en") if any(pcm) else None


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    monkeypatch.setattr(whisper, "Whisper", Echo)
    return str(tmp_path)


def sound(begin: float, end: float, level: int = 1) -> list[Audio]:
    """Tenths of a second."""
    return chunked(bytes([level]) * round(2 * RATE * (end - begin)), RATE // 10, at=begin)


CALL: list[Heard] = [*sound(0, 2), SpeechStarted(1.0), *sound(2, 3.2), SpeechStopped(3.0, 3.2)]


def transcripts(model: str, *frames: Heard, **config: Any) -> list[Transcript]:
    return cast(list[Transcript], run_node(WhisperSTT, *frames, with_={"model": model, "partials": None, **config}))


def test_a_pause_gives_a_final_transcript_with_its_place_in_the_call(model: str) -> None:
    (said,) = transcripts(model, *CALL, *sound(3.2, 4))
    assert (said.text, said.final) == ("2.5 s", True)
    assert (said.start, said.end) == (1.0, 3.0)
    assert (said.confidence, said.language) == (0.877, "en")


def test_speech_that_goes_on_replaces_what_was_said(model: str) -> None:
    more: list[Heard] = [SpeechStarted(3.5), *sound(3.2, 5), SpeechStopped(4.8, 5.0), *sound(5, 6)]
    *_, last = transcripts(model, *CALL, *more)
    assert (last.start, last.end, last.final) == (1.0, 4.8, True)


def test_no_words_give_no_transcript(model: str) -> None:
    assert transcripts(model, *sound(0, 2, level=0), SpeechStarted(0.5), SpeechStopped(1.5, 2.0)) == []


def test_the_end_of_the_call_reads_what_is_left(model: str) -> None:
    (said,) = transcripts(model, *CALL[:-1])
    assert (said.start, said.end, said.final) == (1.0, 3.2, True)


class Slow:
    """A call whose threads take as many steps of the loop as the test says, and which notes what runs at a time."""

    def __init__(self, steps: int) -> None:
        self.steps = steps
        self.running = 0

    async def offload(self, function: Callable[..., Any], *args: Any) -> Any:
        self.running += 1
        assert self.running == 1, "one decode at a time"
        for _ in range(self.steps):
            await asyncio.sleep(0)
        self.running -= 1
        return function(*args)


async def arriving(frames: Sequence[Heard]) -> AsyncIterator[Heard]:
    """One frame each step of the loop."""
    for frame in frames:
        yield frame
        await asyncio.sleep(0)


def live(model: str, frames: Sequence[Heard], *, steps: int, **config: Any) -> list[Transcript]:
    """What the node gives while frames arrive and reading takes so many of them."""

    async def call() -> list[Transcript]:
        stt = WhisperSTT(model=model, **config)
        give_call(stt, cast(Call, Slow(steps)))
        return [said async for said in stt.listen(arriving(frames))]

    return asyncio.run(call())


def test_partials_come_while_the_caller_speaks(model: str) -> None:
    said = live(model, [SpeechStarted(0.0), *sound(0, 3), SpeechStopped(2.8, 3.0)], steps=1)
    partials = [each for each in said if not each.final]
    assert [round(each.end, 1) for each in partials[:3]] == [0.3, 0.6, 0.9]
    assert {each.start for each in said} == {0.0}
    assert [each.final for each in said] == [False] * len(partials) + [True]


def test_slow_reading_skips_partials_and_loses_no_sound(model: str) -> None:
    said = live(model, [SpeechStarted(0.0), *sound(0, 3), SpeechStopped(2.8, 3.0), *sound(3, 4)], steps=20)
    assert len([each for each in said if not each.final]) == 2
    assert (said[-1].text, said[-1].final) == ("3.0 s", True)


def test_a_final_that_speech_has_overtaken_is_a_partial(model: str) -> None:
    """Nobody is to answer what the caller is still saying."""
    frames: list[Heard] = [
        SpeechStarted(0.0),
        *sound(0, 1),
        SpeechStopped(0.8, 1.0),
        *sound(1, 1.3),
        SpeechStarted(1.1),
    ]
    frames += [*sound(1.3, 3), SpeechStopped(2.8, 3.0)]
    overtaken, final = live(model, frames, steps=10, partials=None)
    assert (overtaken.start, overtaken.end, overtaken.final) == (0.0, 0.8, False)
    assert (final.start, final.end, final.final) == (0.0, 2.8, True)


def test_closing_leaves_no_task_behind(model: str) -> None:
    async def call() -> int:
        stt = WhisperSTT(model=model)
        give_call(stt, cast(Call, Slow(1)))
        listening = cast("AsyncGenerator[Transcript]", stt.listen(arriving([SpeechStarted(0.0), *sound(0, 9)])))
        await anext(listening)
        await listening.aclose()
        return len(asyncio.all_tasks()) - 1

    assert asyncio.run(call()) == 0


def test_a_failure_is_not_swallowed(model: str) -> None:
    async def broken() -> AsyncIterator[Heard]:
        yield SpeechStarted(0.0)
        raise OSError("the line is cut")

    async def call() -> None:
        stt = WhisperSTT(model=model)
        give_call(stt, cast(Call, Slow(1)))
        async for _ in stt.listen(broken()):
            pass

    with pytest.raises(OSError, match="the line is cut"):
        asyncio.run(call())


# --- configuration ---------------------------------------------------------------------------------------------------


def test_the_model_is_named_for_the_store() -> None:
    assert node_type(WhisperSTT).configure({}).models() == ["whisper-tiny.en"]


@pytest.mark.parametrize(
    "config",
    [{"beam": 0}, {"partials": "50ms"}, {"pre_roll": "2s"}, {"threads": 0}, {"floor": 2}, {"window": "short"}],
)
def test_a_mistake_in_the_configuration_is_refused(config: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        node_type(WhisperSTT).configure(config)


def test_partials_may_be_off() -> None:
    assert node_type(WhisperSTT).configure({"partials": None}).partials is None


def test_a_model_that_is_not_there_is_told_before_the_call(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="not a Whisper model"):
        WhisperSTT(model=str(tmp_path)).warm()


def test_a_language_that_the_model_does_not_know_is_told_before_the_call() -> None:
    fetched("whisper-tiny.en")
    with pytest.raises(ModelError, match="English only"):
        WhisperSTT(language="de").warm()


# --- a real call -----------------------------------------------------------------------------------------------------


@node("test.recording")
async def recording() -> AsyncIterator[Audio]:
    """A caller who says two things, in chunks of 20 ms as fast as they are taken."""
    pcm = silence(0.5) + speech(HELP) + silence(2.5) + speech(PASSWORD) + silence(1.0)
    for audio in chunked(pcm, RATE // 50):
        yield audio
        await asyncio.sleep(0)


def test_a_call_is_written_down() -> None:
    fetched("whisper-tiny.en")
    fetched("silero-vad")
    made = plan({"line": recording, "vad": SileroVAD, "stt": WhisperSTT}, "line -> vad -> stt", "line -> stt")
    session, log = run(made)
    assert not session.faults
    finals = {said.start: said for said in log.of(Transcript) if said.final}
    said, asked = (finals[start] for start in sorted(finals))
    assert said.text.removesuffix(".") == HELP.removesuffix(".")
    assert asked.text.startswith("That password does not meet the minimum requirements for this mailbox")
    assert asked.text.removesuffix(".").endswith("lease try again")
    assert 0.5 <= said.start < 1.0
    assert said.end < 3.7 < 6.1 < asked.start
