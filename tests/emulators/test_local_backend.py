"""The local backend: models in this process behind the protocols of the emulators."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.models.fetched import fetched
from tests.recordings import HELP, PASSWORD, RATE, silence, speech
from voicegraph.emulators import local_hearing
from voicegraph.emulators.backend import FLUSH, Began, Heard, Paused, Said, Sound
from voicegraph.emulators.local import local
from voicegraph.emulators.local_hearing import LocalHearing
from voicegraph.processors.silero import SileroVAD
from voicegraph.providers.whisper import Reading, Recognised
from voicegraph.testing.scripted.hearing import Gate
from voicegraph.turn_taking.words import plain

BACKEND = local()
LOUD = bytes.fromhex("1010") * (RATE // 10)
"""A tenth of a second of sound."""
QUIET = silence(0.1)


def heard(hearing: Any, *pieces: bytes, pause: float = 0.3, rate: int = RATE) -> list[Heard]:
    """All that is heard in the pieces of a sound, each once the one before has been taken in."""

    async def sound() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece
            await asyncio.sleep(0)

    async def listen() -> list[Heard]:
        async with aclosing(hearing.hear(sound(), rate, pause=pause)) as stream:
            return [each async for each in stream]

    return asyncio.run(listen())


def finals(everything: Sequence[Heard]) -> list[Said]:
    return [each for each in everything if isinstance(each, Said) and each.final]


# --- with a recogniser that tells how much it was given ---------------------------------------------------------------


class Echo:
    """Stands for Whisper."""

    def __init__(self, folder: Path, threads: int) -> None:
        """Loads nothing."""

    def read(self, pcm: bytes, reading: Reading) -> Recognised | None:
        return Recognised(f"{len(pcm) / (2 * RATE):.1f}", 0.9, "en") if any(pcm) else None


class Ear(SileroVAD):
    """Stands for Silero: silence is zeros."""

    def __init__(self, pause: float) -> None:
        self._gate_of_zeros = Gate(0.06, pause)

    async def __aenter__(self) -> Ear:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Has nothing to let go of."""

    def hear(self, audio: Any) -> Any:
        return self._gate_of_zeros.hear(audio)


async def soon(function: Callable[..., Any], *args: Any) -> Any:
    """Stands for a thread."""
    await asyncio.sleep(0)
    return function(*args)


@pytest.fixture
def hearing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> LocalHearing:
    monkeypatch.setattr(local_hearing, "Whisper", Echo)
    monkeypatch.setattr(local_hearing, "offload", soon)
    monkeypatch.setattr("voicegraph.models.path", tmp_path.joinpath)
    return LocalHearing("any", Ear)


def test_an_utterance(hearing: LocalHearing) -> None:
    began, final, paused = heard(hearing, QUIET * 5, LOUD * 4, QUIET * 5)
    assert began == Began(0.5)
    assert isinstance(final, Said)
    assert (final.text, round(final.end, 3), final.final, final.flushed) == ("1.0", 0.9, True, False)
    assert final.words[0].confidence == 0.9
    assert isinstance(paused, Paused)
    assert round(paused.at, 3) == 0.9


def test_partials_while_it_lasts(hearing: LocalHearing) -> None:
    everything = heard(hearing, *[LOUD] * 16, *[QUIET] * 5)
    partials = [each for each in everything if isinstance(each, Said) and not each.final]
    assert [round(each.end, 1) for each in partials] == [0.5, 1.0, 1.5]


def test_a_flush_in_the_midst_of_speech(hearing: LocalHearing) -> None:
    everything = heard(hearing, LOUD * 4, FLUSH, LOUD * 3, QUIET * 5)
    assert [(each.flushed, each.start, round(each.end, 2)) for each in finals(everything)] == [
        (True, 0.0, 0.4),
        (False, 0.4, 0.7),
    ]


def test_a_flush_behind_speech_marks_what_is_being_read(hearing: LocalHearing) -> None:
    everything = heard(hearing, LOUD * 4 + QUIET * 5, FLUSH)
    assert [(each.text, each.flushed) for each in finals(everything)] == [("0.7", True)]


@given(st.lists(st.sampled_from([LOUD, LOUD * 7, QUIET, QUIET * 6, FLUSH]), max_size=25))
@settings(max_examples=30, deadline=None)
def test_whatever_comes_the_order_is_right(pieces: list[bytes]) -> None:
    """Starts and pauses take turns, each final goes on behind the one before, and each flush has its answer."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(local_hearing, "Whisper", Echo)
        patch.setattr("voicegraph.models.path", Path)
        everything = heard(LocalHearing("any", Ear), *pieces)
    edges = [each for each in everything if not isinstance(each, Said)]
    assert [isinstance(each, Began) for each in edges] == [True, False] * (len(edges) // 2)
    assert [each.at for each in edges] == sorted(each.at for each in edges)
    ends = [0.0, *(each.end for each in finals(everything))]
    assert [each.start for each in finals(everything)] == pytest.approx(ends[:-1])
    assert sum(each.flushed for each in finals(everything)) == pieces.count(FLUSH)


def test_a_long_speech_is_cut_before_whisper_s_window_is_full(hearing: LocalHearing) -> None:
    everything = heard(hearing, *[LOUD * 10] * 40, QUIET * 5)
    assert [round(each.end) for each in finals(everything)] == [29, 40]
    assert max(float(each.text) for each in finals(everything)) < 30


def test_sound_of_another_rate(hearing: LocalHearing) -> None:
    pytest.importorskip("numpy")
    began, *_, paused = heard(hearing, bytes(8_000), bytes.fromhex("1010") * 8_000, bytes(8_000), rate=8_000)
    assert isinstance(began, Began)
    assert isinstance(paused, Paused)
    assert (round(began.at, 1), round(paused.at, 1)) == (0.5, 1.5)


# --- with the models --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def models_here() -> None:
    for name in BACKEND.models:
        fetched(name)


@pytest.mark.usefixtures("models_here")
def test_it_hears_speech() -> None:
    sound = silence(0.5) + speech(HELP) + silence(1) + speech(PASSWORD) + silence(1)
    said = finals(heard(BACKEND.hearing, *(sound[at : at + 3200] for at in range(0, len(sound), 3200)), pause=0.5))
    assert [plain(each.text) for each in said] == [plain(HELP), plain(PASSWORD + " Please try again.")]


@pytest.mark.usefixtures("models_here")
def test_it_answers_and_follows_the_system_message() -> None:
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": "Answer in one short sentence."},
        {"role": "user", "content": [{"type": "text", "text": "What is the capital of France?"}]},
    ]

    async def ask() -> str:
        return "".join([str(each) async for each in BACKEND.thinking.answer(messages)])

    assert "Paris" in asyncio.run(ask())


@pytest.mark.usefixtures("models_here")
@pytest.mark.parametrize("rate", [8_000, 24_000])
def test_it_speaks_and_places_the_words(rate: int) -> None:
    text = "Hello there, this is a voice that was made on this machine."

    async def speak() -> list[Sound]:
        return [each async for each in BACKEND.speaking.speak(text, rate)]

    sounds = asyncio.run(speak())
    seconds = sum(len(each.pcm) for each in sounds) / (2 * rate)
    words = [word for each in sounds for word in each.words]
    assert 2.0 < seconds < 5.0
    assert " ".join(word.text for word in words) == text
    assert [word.start for word in words] == sorted(word.start for word in words)
    assert words[-1].start < seconds
