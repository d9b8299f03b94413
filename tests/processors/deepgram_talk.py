"""A Deepgram node in conversation with the emulator, over a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random
from typing import Any, cast

import pytest

from voicegraph.call import Call, give_call
from voicegraph.emulators.faults import AnyFault, Faults
from voicegraph.emulators.scripted import Latencies, Script, scripted
from voicegraph.emulators.server import Emulators
from voicegraph.frames import Audio, Frame, Transcript
from voicegraph.node import node_type
from voicegraph.processors.deepgram_stt import DeepgramSTT
from voicegraph.testing.speech import utter

RATE = 16_000
PATIENCE = 5.0
"""Seconds after which a test has failed."""

AT_ONCE = Script(latency=Latencies(transcript=0.0))


class _Call:
    """As much of a call as the nodes ask for."""

    random = Random(7)

    def now(self) -> float:
        return asyncio.get_running_loop().time()


def made(kind: type[Any], config: dict[str, Any]) -> Any:
    """A node for one call, configured as a graph would."""
    node = node_type(kind).configure(config)
    give_call(node, cast(Call, _Call()))
    return node


class Talk:
    """What a caller says to the node, and what it gives. at: position of the next sample. said: where texts are."""

    def __init__(self, node: Any, emulators: Emulators) -> None:
        self.given: list[Frame] = []
        self.emulators = emulators
        self.at = 0.0
        self.said: list[tuple[float, float]] = []
        self._rate = node.sample_rate
        self._frames: asyncio.Queue[Frame | None] = asyncio.Queue()
        self._news = asyncio.Event()
        self._listening = asyncio.create_task(self._listen(node))

    def say(self, text: str, *, silence: float = 0.0) -> Talk:
        """A text, with silence behind it, in frames of 20 ms."""
        speech = utter(text, rate=self._rate, origin=1)
        self.said.append((round(self.at, 3), round(self.at + len(speech) / (2 * self._rate), 3)))
        return self.sound(speech + bytes(2 * round(silence * self._rate)))

    def silence(self, seconds: float) -> Talk:
        return self.sound(bytes(2 * round(seconds * self._rate)))

    def sound(self, pcm: bytes) -> Talk:
        size = self._rate // 50 * 2
        for begin in range(0, len(pcm), size):
            frame = Audio(pcm[begin : begin + size], self._rate, self.at)
            self.at += frame.seconds
            self._frames.put_nowait(frame)
        return self

    def frame(self, frame: Frame) -> Talk:
        self._frames.put_nowait(frame)
        return self

    async def until(self, happened: Callable[[], object]) -> None:
        """Waits for something to be so."""
        async with asyncio.timeout(PATIENCE):
            while not happened():
                if self._listening.done():
                    await self._listening
                self._news.clear()
                waiting = asyncio.create_task(self._news.wait())
                await asyncio.wait([waiting, self._listening], return_when="FIRST_COMPLETED", timeout=0.005)
                waiting.cancel()

    async def until_silent(self, happened: Callable[[], object]) -> None:
        """The same while the caller is silent, which they are for as long as it takes."""

        def still() -> bool:
            if happened():
                return True
            self.silence(0.1)
            return False

        await self.until(still)

    async def hears(self, text: str) -> None:
        """Waits until this stands in a transcript."""
        await self.until(lambda: any(text in each.text for each in self.transcripts))

    async def over(self) -> list[Frame]:
        """The call ends. Returns all that was given."""
        self._frames.put_nowait(None)
        async with asyncio.timeout(PATIENCE):
            await self._listening
        return self.given

    async def fails(self) -> BaseException:
        """What the node raises, with the call going on."""
        async with asyncio.timeout(PATIENCE):
            await asyncio.wait([self._listening])
        error = self._listening.exception()
        assert error is not None
        return error

    def of(self, kind: type[Any]) -> list[Any]:
        return [frame for frame in self.given if type(frame) is kind]

    @property
    def transcripts(self) -> list[Transcript]:
        return self.of(Transcript)

    @property
    def finals(self) -> list[Transcript]:
        return [each for each in self.transcripts if each.final]

    def text(self) -> str:
        """All that was said: of final transcripts with the same start the last counts."""
        return " ".join({each.start: each.text for each in self.finals}.values())

    async def close(self) -> None:
        """The call is cut."""
        self._listening.cancel()
        await asyncio.wait([self._listening])

    async def _listen(self, node: Any) -> None:
        given = node.listen(self._read())
        try:
            async for frame in given:
                self.given.append(frame)
                self._news.set()
        finally:
            await given.aclose()

    async def _read(self) -> AsyncIterator[Frame]:
        while (frame := await self._frames.get()) is not None:
            yield frame


@asynccontextmanager
async def talking(
    kind: type[Any] = DeepgramSTT, *faults: AnyFault, script: Script = AT_ONCE, **config: Any
) -> AsyncGenerator[Talk]:
    """A node that is listening, and an emulator with these faults to come."""
    async with Emulators(["deepgram"], backend=scripted(script), faults=Faults(faults)) as emulators:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in emulators.environment.items():
                patch.setenv(name, value)
            talk = Talk(made(kind, config), emulators)
            try:
                yield talk
            finally:
                await talk.close()
