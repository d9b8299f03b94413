"""When a connection to Deepgram is given up because nothing comes back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from types import SimpleNamespace
from typing import Any, cast

import pytest

from voicegraph.frames import Audio
from voicegraph.providers.deepgram_link import Link
from voicegraph.providers.deepgram_tape import Tape
from voicegraph.testing.virtual import run_virtual

STALL = 3.0
FRAME = bytes(640)


class Wire:
    """A socket and its transport. stuck: the network takes nothing."""

    def __init__(self, *, stuck: bool = False) -> None:
        self.transport = self
        self.answers: asyncio.Queue[str] = asyncio.Queue()
        self.sent: list[str | bytes] = []
        self.lost_at: float | None = None
        self._stuck = stuck

    async def send(self, message: str | bytes) -> None:
        self.sent.append(message)

    async def __aiter__(self) -> AsyncIterator[str]:
        while True:
            yield await self.answers.get()

    def get_write_buffer_size(self) -> int:
        return int(self._stuck)

    def is_closing(self) -> bool:
        return self.lost_at is not None

    def abort(self) -> None:
        self.lost_at = asyncio.get_running_loop().time()


def lost_at(sounds: Callable[[float], bool], *, stuck: bool = False, answers: Callable[[float], bool]) -> float | None:
    """When a connection is given up within a minute, of whose seconds some have sound and some, at their end, an answer
    to it."""

    async def read(link: Link) -> None:
        async for _ in link.messages():
            pass

    async def call() -> float | None:
        wire, tape = Wire(stuck=stuck), Tape(16_000)
        loop = asyncio.get_running_loop()
        clock = SimpleNamespace(now=loop.time)
        link = Link(cast(Any, wire), tape.reel(), cast(Any, clock), STALL)
        tasks = [asyncio.create_task(read(link)), asyncio.create_task(link.watch(lambda seconds: None))]
        began = loop.time()
        for second in range(60):
            for _ in range(50):
                if sounds(second):
                    tape.keep(Audio(FRAME, at=tape.head))
                    await link.push()
                await asyncio.sleep(0.02)
            if answers(second):
                wire.answers.put_nowait("{}")
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        return None if wire.lost_at is None else wire.lost_at - began

    return run_virtual(call())


def always(second: float) -> bool:
    return True


def never(second: float) -> bool:
    return False


def test_sound_is_owed_an_answer() -> None:
    assert lost_at(always, answers=never) == pytest.approx(STALL, abs=0.6)
    assert lost_at(always, answers=always) is None
    assert lost_at(always, answers=lambda second: second < 10) == pytest.approx(10 + STALL, abs=0.6)


def test_silence_of_the_line_is_not() -> None:
    assert lost_at(lambda second: second < 1, answers=never) is None
    assert lost_at(lambda second: second < 3, answers=lambda second: second == 1) is None


def test_silences_of_the_line_do_not_hide_that_nothing_comes_back() -> None:
    assert lost_at(lambda second: second % 10 == 0, answers=never) == pytest.approx(30, abs=0.6)


def test_a_network_that_takes_nothing_is_lost_though_nothing_was_sent() -> None:
    assert lost_at(always, stuck=True, answers=never) == pytest.approx(STALL, abs=0.6)
