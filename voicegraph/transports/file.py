"""A call whose caller is a sound file, at the pace of a real one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from math import inf, isfinite
from typing import Annotated, Any

from voicegraph.audio.wav import check_readable, check_writable, read_wav, write_wav
from voicegraph.call import Call, this_call
from voicegraph.durations import Duration
from voicegraph.errors import AudioError
from voicegraph.frames import Audio, TTSAudio
from voicegraph.node import node
from voicegraph.ports import Rate
from voicegraph.settings import Spoken
from voicegraph.transports.playout import Playout

FRAMES_PER_SECOND = 50
REPORT_EVERY = 0.02
"""Seconds between two reports of what has been played."""


@node("file.call", line=True, live=False)
class FileCall:
    """Plays a WAV file as the caller, and records what the caller would have heard.

    input: any WAV file; `voicegraph run --in` names it. output: a WAV file of the agent's side, from the beginning of
    the call and as long as it, with silence where the agent is silent; where the agent was interrupted it is cut.
    rate: of both directions, in Hz. lead: how much audio is taken ahead of what is being heard. tail: silence after the
    input, so that the end of its speech can be noticed; the call ends when it is over and all was said. greeting: what
    the agent says first.
    """

    input: str | None = None
    output: str | None = None
    rate: int = 16_000
    lead: Duration = 0.2
    tail: Duration = 1.0
    greeting: Spoken = ""
    call: Call = this_call()

    def __post_init__(self) -> None:
        self._caller = b""
        self._began: float | None = None
        self._recorded: list[tuple[float, bytes]] = []  # what was heard of the agent, with the loop time of it
        self._playout = Playout(self.rate, self._record if self.output is not None else None)
        self._reporting: asyncio.TimerHandle | None = None
        self._moved = asyncio.Event()  # what is queued will be heard sooner than it seemed

    def warm(self) -> None:
        """Finds fault with the files before models are loaded."""
        check_readable(self._input())
        if self.output is not None:
            check_writable(self.output)

    async def __aenter__(self) -> FileCall:
        if self.output is not None:
            check_writable(self.output)
        self._caller = await self.call.offload(read_wav, self._input(), self.rate)
        return self

    async def __aexit__(self, *_: Any) -> None:
        self.pause()
        if self.output is not None and self._began is not None:
            await self.call.offload(self._save, self.output, self._began, self.call.now())

    async def listen(self) -> AsyncIterator[Annotated[Audio, Rate("rate")]]:
        """20 ms at a time, each when its last sample has been spoken."""
        self._began = began = self.call.now()
        if self.greeting:
            self.call.say(self.greeting)
        size = 2 * (self.rate // FRAMES_PER_SECOND)
        sound = self._caller + bytes(2 * int(self.tail * self.rate))
        for start in range(0, len(sound), size):
            frame = Audio(sound[start : start + size].ljust(size, b"\0"), rate=self.rate, at=start / (2 * self.rate))
            await asyncio.sleep(began + frame.at + frame.seconds - self.call.now())
            yield frame

    async def play(self, audio: Annotated[TTSAudio, Rate("rate")]) -> None:
        """Waits until there is room."""
        await self._until(self.lead)
        self._playout.add(audio, self.call.now())
        self._report()

    def clear(self) -> None:
        self._tell(self._playout.clear(self.call.now()))
        self._moved.set()

    def pause(self) -> None:
        self._tell(self._playout.pause(self.call.now()))

    def resume(self) -> None:
        self._playout.resume(self.call.now())
        self._report()
        self._moved.set()

    async def drain(self) -> None:
        await self._until(0.0)
        self._report()

    async def _until(self, left: float) -> None:
        """Waits until no more than so many seconds are still to be heard, whenever that comes to be."""
        while (when := self._playout.room_at(left)) > self.call.now():
            self._moved.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout_at(when if when < inf else None):
                    await self._moved.wait()

    def _input(self) -> str:
        if self.input is None:
            raise AudioError("file.call has nothing to play: run the graph with --in question.wav, or give it `input`")
        return self.input

    def _report(self) -> None:
        self._tell(self._playout.advance(self.call.now()))

    def _tell(self, heard: dict[int, float]) -> None:
        """Tells the call what has been heard, and will again while there is more to hear."""
        for turn, seconds in heard.items():
            self.call.played(turn, seconds)
        if self._reporting is not None:
            self._reporting.cancel()
            self._reporting = None
        if isfinite(self._playout.end):
            when = min(self.call.now() + REPORT_EVERY, self._playout.end)
            self._reporting = asyncio.get_running_loop().call_at(when, self._report)

    def _record(self, at: float, turn: int, pcm: bytes) -> None:
        self._recorded.append((at, pcm))

    def _save(self, path: str, began: float, ended: float) -> None:
        """Writes the agent's side of the call, silence included."""
        sound = bytearray()
        for at, pcm in (*self._recorded, (ended, b"")):
            position = round(at * self.rate) - round(began * self.rate)
            sound += bytes(max(0, 2 * position - len(sound))) + pcm
        write_wav(path, bytes(sound), self.rate)
