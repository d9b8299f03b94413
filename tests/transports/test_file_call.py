"""file.call: pace, playback reports, room, and the recording."""

from __future__ import annotations

import asyncio
import gc
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.transports.file_calls import RATE, line, listen, runs, say, voice
from tests.transports.quiet_call import hold_up, run
from voicegraph.audio.wav import read_wav
from voicegraph.errors import AudioError
from voicegraph.frames import TTSAudio
from voicegraph.transports.file import FileCall

KEEPS = (bytes, list, tuple, dict)


def test_the_file_comes_at_the_pace_of_a_caller_and_then_the_tail(tmp_path: Path) -> None:
    async def call() -> None:
        made, call = line(tmp_path, seconds=0.99, tail="500ms", greeting="Hello.")
        async with made:
            heard = await listen(made)
        assert call.said == ["Hello."]
        assert [frame.at for _, frame in heard] == pytest.approx([n * 0.02 for n in range(75)])
        assert {(len(frame.pcm), frame.rate) for _, frame in heard} == {(320, RATE)}
        assert [when - call.made for when, _ in heard] == pytest.approx([(n + 1) * 0.02 for n in range(75)])
        assert runs(b"".join(frame.pcm for _, frame in heard)) == [(1, round(RATE * 0.99)), (0, 75 * 160 - 7_920)]

    run(call())


def test_a_taker_that_dawdles_does_not_shift_the_schedule(tmp_path: Path) -> None:
    async def call() -> None:
        made, call = line(tmp_path)
        async with made:
            times: list[float] = []
            async for _ in made.listen():
                times.append(call.now() - call.made)
                await asyncio.sleep(0.05 if len(times) == 10 else 0.001)
        assert times[9:12] == pytest.approx([0.2, 0.25, 0.251])
        assert times[-1] == pytest.approx(2.0)

    run(call())


def test_another_rate_is_converted(tmp_path: Path) -> None:
    async def call() -> None:
        made, _ = line(tmp_path, seconds=1.0, tail="0ms")
        made.rate = 16_000
        async with made:
            heard = await listen(made)
        assert len(heard) == 50
        assert {len(frame.pcm) for _, frame in heard} == {640}

    run(call())


def test_playback_is_reported_as_it_goes_and_adds_up_exactly(tmp_path: Path) -> None:
    async def call() -> None:
        made, call = line(tmp_path, lead="10s")
        async with made:
            await say(made, [voice(0.1), voice(0.07), voice(0.14)])
            await asyncio.sleep(0.5)
            for when, turn, seconds in call.played_at:
                assert turn == 1
                assert seconds == pytest.approx(when)
            steps = [0.0, *(when for when, *_ in call.played_at)]
            assert all(b - a < 0.021 for a, b in pairwise(steps))
            assert steps[-1] == pytest.approx(0.31)
            assert call.heard(1) == 2_480 / RATE

    run(call())


def test_more_to_say_is_no_reason_to_report_more_often(tmp_path: Path) -> None:
    async def call() -> None:
        made, call = line(tmp_path, lead="10s")
        async with made:
            for _ in range(10):
                await made.play(voice(0.1))
                await asyncio.sleep(0.007)
            before = len(call.played_at)
            await asyncio.sleep(0.5)
            assert 24 <= len(call.played_at) - before <= 26

    run(call())


def test_all_is_told_when_drain_returns_however_late(tmp_path: Path) -> None:
    async def call() -> None:
        made, call = line(tmp_path, lead="10s")
        async with made:
            await made.play(voice(0.1))
            hold_up(0.5)
            await made.drain()
            assert call.heard(1) == 0.1

    run(call())


def test_it_takes_no_more_than_its_lead(tmp_path: Path) -> None:
    async def call() -> None:
        made, call = line(tmp_path, lead="200ms")
        async with made:
            taken: list[float] = []
            for _ in range(5):
                await made.play(voice(0.15))
                taken.append(call.now() - call.made)
        assert taken == pytest.approx([0.0, 0.0, 0.1, 0.25, 0.4])

    run(call())


def test_what_is_heard_is_recorded_without_seams(tmp_path: Path) -> None:
    async def call() -> None:
        made, _ = line(tmp_path, output=str(tmp_path / "out.wav"))
        async with made:
            source = asyncio.create_task(listen(made, until=0.9))
            await asyncio.sleep(1 / 3)
            await say(made, [TTSAudio(b"\x07\x00" * 77, rate=RATE, turn=1) for _ in range(50)])
            await source
        assert [sample for sample, _ in runs(read_wav(tmp_path / "out.wav", RATE))] == [0, 7, 0]

    run(call())


def test_a_call_that_breaks_off_keeps_what_was_heard(tmp_path: Path) -> None:
    async def call() -> None:
        made, _ = line(tmp_path, lead="10s", output=str(tmp_path / "out.wav"))
        async with made:
            source = asyncio.create_task(listen(made))
            await asyncio.sleep(0.1)
            await made.play(voice(5.0))
            await asyncio.sleep(0.205)
            source.cancel()
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        run(call())
    assert runs(read_wav(tmp_path / "out.wav", RATE)) == [(0, 800), (7, 1_640)]


def held(kept: object) -> int:
    """Bytes of PCM that a line still holds of the agent's side."""
    referents = gc.get_referents(kept)
    return sum(len(each) if isinstance(each, bytes) else held(each) for each in referents if type(each) in KEEPS)


@pytest.mark.parametrize("recorded", [True, False])
def test_what_the_agent_said_is_kept_only_for_a_recording(recorded: bool, tmp_path: Path) -> None:
    async def call() -> None:
        made, call = line(tmp_path, output=str(tmp_path / "out.wav") if recorded else None)
        async with made:
            before = held(made.__dict__)
            await say(made, [voice(1.0), voice(1.0)])
            await made.drain()
            assert call.heard(1) == 2.0
            assert held(made.__dict__) - before == (4 * RATE if recorded else 0)

    run(call())


def test_a_call_that_never_began_writes_nothing(tmp_path: Path) -> None:
    async def call() -> None:
        made, _ = line(tmp_path, output=str(tmp_path / "out.wav"))
        async with made:
            pass

    run(call())
    assert not (tmp_path / "out.wav").exists()


def test_faults_of_the_files_are_found_before_the_call(tmp_path: Path) -> None:
    async def call(says: str, **values: Any) -> None:
        made, _ = line(tmp_path, **values)
        with pytest.raises(AudioError, match=says):
            made.warm()
        with pytest.raises(AudioError, match=says):
            await made.__aenter__()

    run(call("no file", input=str(tmp_path / "none.wav")))
    run(call("no directory", output=str(tmp_path / "none" / "out.wav")))


def test_without_an_input_it_says_how_to_give_one() -> None:
    with pytest.raises(AudioError, match=r"--in question\.wav"):
        FileCall().warm()
