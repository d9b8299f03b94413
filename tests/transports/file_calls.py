"""A file.call to act on, and what became of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from pathlib import Path
from typing import Any, cast

from tests.transports.quiet_call import QuietCall
from voicegraph.audio.wav import read_wav, write_wav
from voicegraph.call import give_call
from voicegraph.frames import Audio, TTSAudio
from voicegraph.node import node_type
from voicegraph.transports.file import FileCall

RATE = 8_000


def line(tmp_path: Path, seconds: float = 1.0, **values: Any) -> tuple[Any, QuietCall]:
    """A line whose caller says so many seconds, and its call. To be made inside a running loop."""
    write_wav(tmp_path / "in.wav", b"\x01\x00" * round(RATE * seconds), RATE)
    made = node_type(FileCall).configure({"input": str(tmp_path / "in.wav"), "rate": RATE, **values})
    call = QuietCall()
    give_call(made, cast(Any, call))
    return made, call


def voice(seconds: float, turn: int = 1, sample: int = 7, *, must: bool = False) -> TTSAudio:
    """must: it must be said to its end."""
    pcm = sample.to_bytes(2, "little") * round(RATE * seconds)
    return TTSAudio(pcm, rate=RATE, turn=turn, interruptible=not must)


def runs(pcm: bytes) -> list[tuple[int, int]]:
    """A sound as (sample, how often it is repeated)."""
    found: list[tuple[int, int]] = []
    for sample in memoryview(pcm).cast("h"):
        if found and found[-1][0] == sample:
            found[-1] = sample, found[-1][1] + 1
        else:
            found.append((sample, 1))
    return found


async def listen(made: Any, until: float = float("inf")) -> list[tuple[float, Audio]]:
    """What the source gives, with the loop time of it."""
    heard: list[tuple[float, Audio]] = []
    async for frame in made.listen():
        heard.append((asyncio.get_running_loop().time(), frame))
        if frame.at >= until:
            break
    return heard


async def say(made: Any, chunks: Iterable[TTSAudio]) -> None:
    for chunk in chunks:
        await made.play(chunk)


async def recorded(
    tmp_path: Path, act: Callable[[Any, QuietCall], Coroutine[Any, Any, None]], lead: str = "10s"
) -> list[tuple[int, int]]:
    """What is recorded, as runs, in a call of two seconds or more in which somebody acts on the line."""
    made, call = line(tmp_path, lead=lead, output=str(tmp_path / "out.wav"))
    async with made:
        source = asyncio.create_task(listen(made))
        await asyncio.sleep(0)
        await act(made, call)
        await source
    return runs(read_wav(tmp_path / "out.wav", RATE))
