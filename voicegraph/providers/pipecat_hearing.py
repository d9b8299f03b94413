"""A hosted transcriber: the caller's sound goes in, and what was said comes out, for as long as the call lasts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator

from voicegraph.frames import Audio, EndOfTurn, SpeechStarted, SpeechStopped, Transcript
from voicegraph.providers.pipecat_exchange import Exchange
from voicegraph.providers.pipecat_frames import from_pipecat, to_pipecat
from voicegraph.providers.pipecat_host import Host
from voicegraph.providers.pipecat_pipe import Pipe

Heard = Audio | SpeechStarted | SpeechStopped
Given = Transcript | SpeechStarted | SpeechStopped | EndOfTurn

LAST_WORDS = 2.0
"""Seconds that the service has at the end of a call to tell what it has heard last."""


GIVEN = "voicegraph"
"""Marks, among a frame's metadata, what the service was told: it hands that on, and it is no news."""


class _Ear:
    """at: seconds of the caller's sound that the service was given."""

    def __init__(self) -> None:
        self.at = 0.0


async def hear(host: Host, frames: AsyncIterator[Heard]) -> AsyncGenerator[Given]:
    """What the service makes of the caller's sound."""
    async with host.request() as (pipe, exchange):
        ear = _Ear()
        telling = asyncio.create_task(_tell(pipe, exchange, frames, ear))
        try:
            while (frame := await exchange.get()) is not None:
                made = None if GIVEN in frame.metadata else from_pipecat(frame, ear.at)
                if isinstance(made, Given):
                    yield made
            exchange.whole = True
        finally:
            telling.cancel()


async def _tell(pipe: Pipe, exchange: Exchange, frames: AsyncIterator[Heard], ear: _Ear) -> None:
    try:
        async for frame in frames:
            theirs = to_pipecat(frame)
            assert theirs is not None
            theirs.metadata[GIVEN] = True
            if isinstance(frame, Audio):
                ear.at = frame.at + frame.seconds
            await pipe.give(theirs)
        await pipe.finish()
        await asyncio.sleep(LAST_WORDS)
        exchange.over()
    except Exception as error:  # noqa: BLE001 - raised where the words are awaited
        exchange.fail(error)
