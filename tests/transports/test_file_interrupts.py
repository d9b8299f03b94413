"""file.call: interrupts and pauses, to the sample."""

from __future__ import annotations

import asyncio
from array import array
from itertools import count, islice, pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.transports.file_calls import RATE, line, listen, recorded, runs, say, voice
from tests.transports.quiet_call import QuietCall, run
from voicegraph.audio.wav import read_wav
from voicegraph.frames import TTSAudio


def test_clear_silences_it_at_once(tmp_path: Path) -> None:
    async def call() -> None:
        made, call = line(tmp_path, lead="10s", output=str(tmp_path / "out.wav"))
        async with made:
            source = asyncio.create_task(listen(made))
            await asyncio.sleep(0.5)
            await say(made, [voice(0.2), voice(0.2), voice(0.2)])
            await asyncio.sleep(0.25)
            made.clear()
            reported = len(call.played_at)
            assert call.heard(1) == pytest.approx(0.25)
            await made.drain()
            assert call.now() - call.made == pytest.approx(0.75)
            await asyncio.sleep(0.25)
            assert len(call.played_at) == reported
            await made.play(voice(0.1, turn=2, sample=9))
            await made.drain()
            assert call.heard(2) == 0.1
            await source
        expected = [(0, 4_000), (7, 2_000), (0, 2_000), (9, 800), (0, 7_200)]
        assert runs(read_wav(tmp_path / "out.wav", RATE)) == expected

    run(call())


def test_a_pause_in_the_middle_is_silence_and_then_the_next_sample(tmp_path: Path) -> None:
    async def act(made: Any, call: QuietCall) -> None:
        await say(made, [voice(0.2, sample=7), voice(0.2, sample=8)])
        await asyncio.sleep(0.25)
        made.pause()
        assert call.heard(1) == 0.25
        made.pause()
        reported = len(call.played_at)
        await asyncio.sleep(0.5)
        assert len(call.played_at) == reported
        made.resume()
        made.resume()
        await asyncio.sleep(0.1)
        assert call.heard(1) == pytest.approx(0.35)
        await made.drain()
        assert call.now() - call.made == pytest.approx(0.9)
        assert call.heard(1) == 0.4

    assert run(recorded(tmp_path, act)) == [(7, 1_600), (8, 400), (0, 4_000), (8, 1_200), (0, 8_800)]


def test_a_clear_while_paused_drops_what_was_to_come(tmp_path: Path) -> None:
    async def act(made: Any, call: QuietCall) -> None:
        await made.play(voice(1.0))
        await asyncio.sleep(0.25)
        made.pause()
        draining = asyncio.create_task(made.drain())
        await asyncio.sleep(0.25)
        assert not draining.done()
        made.clear()
        await draining
        made.resume()
        assert call.now() - call.made == pytest.approx(0.5)
        await made.play(voice(0.25, turn=2, sample=9))
        await made.drain()
        assert (call.heard(1), call.heard(2)) == (0.25, 0.25)

    assert run(recorded(tmp_path, act)) == [(7, 2_000), (0, 2_000), (9, 2_000), (0, 10_000)]


@pytest.mark.parametrize("paused", [False, True])
def test_what_must_be_said_survives_an_interrupt_and_moves_up(paused: bool, tmp_path: Path) -> None:
    async def act(made: Any, call: QuietCall) -> None:
        await say(made, [voice(0.5), voice(0.25, sample=8, must=True), voice(0.5, sample=9)])
        await asyncio.sleep(0.25)
        if paused:
            made.pause()
        made.clear()
        made.resume()
        assert call.heard(1) == 0.25
        await made.play(voice(0.25, turn=2, sample=10))
        await made.drain()
        assert call.now() - call.made == pytest.approx(0.75)
        assert (call.heard(1), call.heard(2)) == (0.5, 0.25)

    assert run(recorded(tmp_path, act)) == [(7, 2_000), (8, 2_000), (10, 2_000), (0, 10_000)]


def test_what_must_be_said_is_not_touched_where_it_is_being_said(tmp_path: Path) -> None:
    async def act(made: Any, call: QuietCall) -> None:
        await say(made, [voice(0.5, must=True), voice(0.5, sample=8)])
        await asyncio.sleep(0.25)
        made.clear()
        await made.drain()
        assert call.now() - call.made == pytest.approx(0.5)

    assert run(recorded(tmp_path, act)) == [(7, 4_000), (0, 12_000)]


def test_who_waits_for_room_waits_through_a_pause_and_no_longer(tmp_path: Path) -> None:
    async def call() -> None:
        made, call = line(tmp_path, lead="200ms")
        async with made:
            await made.play(voice(0.5))
            taken = asyncio.create_task(made.play(voice(0.1)))  # there will be room at 0.3
            await asyncio.sleep(0.1)
            made.pause()
            await asyncio.sleep(1.0)
            assert not taken.done()
            made.resume()
            await taken
            assert call.now() - call.made == pytest.approx(1.3)
            await made.drain()
            assert call.now() - call.made == pytest.approx(1.6)

    run(call())


def test_who_waits_for_room_is_let_in_by_a_clear_even_in_a_pause(tmp_path: Path) -> None:
    async def call() -> None:
        made, call = line(tmp_path, lead="200ms")
        async with made:
            await made.play(voice(0.5))
            taken = asyncio.create_task(made.play(voice(0.1, turn=2)))
            await asyncio.sleep(0.1)
            made.pause()
            made.clear()
            await taken
            assert call.now() - call.made == pytest.approx(0.1)
            made.resume()
            await made.drain()
            assert call.now() - call.made == pytest.approx(0.2)

    run(call())


def test_a_pause_is_waited_for_and_not_timed(tmp_path: Path) -> None:
    async def call() -> None:
        made, _ = line(tmp_path)
        async with made:
            made.pause()
            await made.play(voice(0.5))
            await asyncio.gather(made.play(voice(0.5)), made.drain())

    with pytest.raises(AssertionError, match="everybody waits for nothing"):
        run(call())


def test_room_counts_what_survives_a_clear(tmp_path: Path) -> None:
    async def call() -> None:
        made, call = line(tmp_path, lead="200ms")
        async with made:
            await say(made, [voice(0.2), voice(1.0, must=True)])
            taken = asyncio.create_task(made.play(voice(0.1, turn=2)))  # there will be room at 1.0
            await asyncio.sleep(0.1)
            made.clear()
            await taken
            assert call.now() - call.made == pytest.approx(0.9)

    run(call())


def test_who_gives_up_waiting_for_room_has_queued_nothing(tmp_path: Path) -> None:
    async def call() -> None:
        made, call = line(tmp_path, lead="200ms")
        async with made:
            await made.play(voice(0.5))
            waiting = asyncio.create_task(made.play(voice(5.0, turn=2)))
            await asyncio.sleep(0.1)
            waiting.cancel()
            await made.drain()
            assert call.now() - call.made == pytest.approx(0.5)
            assert call.heard(2) == 0.0

    run(call())


PIECES = st.lists(st.tuples(st.integers(1, 1_600), st.booleans()), min_size=1, max_size=10)
"""Samples, and whether they must be said."""
ACTS = st.lists(st.tuples(st.floats(0, 0.4), st.sampled_from(["pause", "resume", "clear"])), max_size=10)


def numbered(pieces: list[tuple[int, bool]]) -> list[TTSAudio]:
    """Turns in which every sample is another number, from 1."""
    numbers = count(1)
    sounds = [array("h", islice(numbers, samples)).tobytes() for samples, _ in pieces]
    return [
        TTSAudio(pcm, rate=RATE, turn=turn, interruptible=not must)
        for turn, (pcm, (_, must)) in enumerate(zip(sounds, pieces, strict=True), 1)
    ]


@settings(max_examples=60, deadline=None)
@given(PIECES, ACTS)
def test_whatever_is_done_to_it_the_recording_is_what_was_heard(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[tuple[int, bool]], acts: list[tuple[float, str]]
) -> None:
    folder = tmp_path_factory.mktemp("call")
    chunks = numbered(pieces)
    pauses: list[tuple[int, int]] = []  # samples of the call
    played: list[tuple[float, int, float]] = []

    async def act(made: Any, call: QuietCall) -> None:
        saying = asyncio.create_task(say(made, chunks))
        paused: int | None = None
        for wait, deed in [*acts, (0.0, "resume")]:
            await asyncio.sleep(wait)
            getattr(made, deed)()
            position = round(call.now() * RATE) - round(call.made * RATE)
            if deed == "pause" and paused is None:
                paused = position
            elif deed == "resume" and paused is not None:
                pauses.append((paused, position))
                paused = None
        await saying
        await made.drain()
        played.extend(call.played_at)

    run(recorded(folder, act, lead="200ms"))
    sound = array("h", read_wav(folder / "out.wav", RATE))
    heard = [sample for sample in sound if sample]
    assert all(a < b for a, b in pairwise(heard)), "twice, or out of order"
    must = {sample for chunk in chunks if not chunk.interruptible for sample in array("h", chunk.pcm)}
    assert must <= set(heard)
    assert ("clear" in {deed for _, deed in acts}) or len(heard) == sum(samples for samples, _ in pieces)
    assert not any(any(sound[first:last]) for first, last in pauses)
    for chunk in chunks:
        told = [0.0, *(seconds for _, turn, seconds in played if turn == chunk.turn)]
        assert all(a < b for a, b in pairwise(told))
        assert told[-1] == len(set(heard) & set(array("h", chunk.pcm))) / RATE
