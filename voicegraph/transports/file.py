"""A call whose caller is a sound file, at the pace of a real one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

from voicegraph.audio.wav import check_readable, check_writable, read_wav, write_wav
from voicegraph.call import Call, this_call
from voicegraph.durations import Duration
from voicegraph.errors import AudioError
from voicegraph.frames import Audio, TTSAudio
from voicegraph.node import node
from voicegraph.ports import Rate
from voicegraph.transports.playout import Playout

FRAMES_PER_SECOND = 50
REPORT_EVERY = 0.02
"""Seconds between two reports of what has been played."""
LEAST_GAP = 0.001
"""Seconds. Two pieces of a reply nearer to each other than this were meant to join; rounding would make them click."""


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
    greeting: str = ""
    call: Call = this_call()

    def __post_init__(self) -> None:
        self._caller = b""
        self._began: float | None = None
        self._playout = Playout()
        self._agent: list[tuple[float, bytes]] = []  # what is recorded, with when (loop time) it begins to be heard
        self._reporting: asyncio.TimerHandle | None = None
        self._silent = asyncio.Event()
        self._silent.set()

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
        self.clear()
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
        wait = self._playout.room_at(self.lead) - self.call.now()
        if wait > 0:
            await asyncio.sleep(wait)
        start = self._playout.add(audio.turn, audio.seconds, self.call.now())
        if self.output is not None:
            self._agent.append((start, audio.pcm))
        self._silent.clear()
        if self._reporting is None:
            self._report()

    def clear(self) -> None:
        now = self.call.now()
        self._tell(self._playout.clear(now))
        while self._agent and self._agent[-1][0] >= now:
            self._agent.pop()
        if self._agent:
            start, pcm = self._agent[-1]
            self._agent[-1] = start, pcm[: 2 * round((now - start) * self.rate)]
        if self._reporting is not None:
            self._reporting.cancel()
            self._reporting = None
        self._silent.set()

    async def drain(self) -> None:
        await self._silent.wait()

    def _input(self) -> str:
        if self.input is None:
            raise AudioError("file.call has nothing to play: run the graph with --in question.wav, or give it `input`")
        return self.input

    def _report(self) -> None:
        """Tells the call what has been heard, again and again until there is no more."""
        now = self.call.now()
        self._tell(self._playout.advance(now))
        if self._playout.end > now:
            when = min(now + REPORT_EVERY, self._playout.end)
            self._reporting = asyncio.get_running_loop().call_at(when, self._report)
        else:
            self._reporting = None
            self._silent.set()

    def _tell(self, heard: dict[int, float]) -> None:
        for turn, seconds in heard.items():
            self.call.played(turn, seconds)

    def _save(self, path: str, began: float, ended: float) -> None:
        """Writes the agent's side of the call, silence included."""
        sound = bytearray()
        for start, pcm in (*self._agent, (ended, b"")):
            gap = round((start - began) * self.rate) - len(sound) // 2
            if gap > LEAST_GAP * self.rate:
                sound += bytes(2 * gap)
            sound += pcm
        write_wav(path, bytes(sound), self.rate)
