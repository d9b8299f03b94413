"""What the contenders of `benchmarks.providers` have in common: what is said, how fast, and what is written down.

The emulator's process and the contender's share a clock, and all that the emulator sends says in itself when that was:
each token and final transcript in its text, each 20 ms of sound in its first samples. So no message has to be matched
with a log, and what a client keeps back counts against it.
"""

from __future__ import annotations

import asyncio
import json
import os
import struct
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from contextlib import aclosing
from typing import Any

PACE = "PROVIDERS_PACE"
"""The variable that says how fast answers come: `paced`, or `flood` for as fast as they can."""
FLOOD = os.environ.get(PACE) == "flood"
FIRST = 0.02
"""Seconds from a request to the first token or sound of its answer."""
TOKENS, TOKEN = (400, 0.0) if FLOOD else (40, 0.0125)
"""Of an answer of the language model, and seconds between two: 80 a second."""
PIECES, PIECE, EVERY = (500, 0.02, 0.0) if FLOOD else (60, 0.02, 0.01)
"""Of a reply's sound: how many, of how many seconds, and how many seconds apart. Twice as fast as it is heard."""
FRAMES, FRAME, PARTIAL = 40, 0.02, 0.25
"""Of what the caller says: frames, seconds of each, and seconds between two partial transcripts. In real time."""
CALLER_RATE = 16_000

TAIL = 0.03
"""Seconds for what comes behind an answer: what it cost, and its end."""
IDLE = 1.0
"""Seconds for which the idle cost is measured."""

QUESTION = "And what else would you like to know about it?"
SENTENCE = "We are open today. " * (PIECES // 60)
"""15 letters for each second of sound."""
VOICE = "JBFqnCBsd6RMkjVDRZzb"
VOICE_RATES = {"elevenlabs.tts": 16_000, "elevenlabs.http": 16_000, "openai.tts": 24_000}
ENDS = b"\x01\x00"
"""The first sample of the frame behind which the vendor is to hear that the caller's turn is over."""

now = time.monotonic


def stamp(received: float) -> str:
    """When the request came and when this goes out, as a word."""
    return f"{received:.6f}:{now():.6f}"


def sound_stamp(received: float) -> bytes:
    """The same as 24 bytes of PCM, which do not begin like a file."""
    return struct.pack("<qdd", 0, received, now())


async def paced(count: int, first: float, every: float) -> AsyncIterator[int]:
    """Numbers from 0 on, each at its time whatever became of those before it."""
    loop = asyncio.get_running_loop()
    begin = loop.time() + first
    for number in range(count):
        await asyncio.sleep(begin + number * every - loop.time())
        yield number


class Record:
    """What one contender takes in of one answer at a time: seconds, and CPU seconds of its process.

    asking: from the request, or the end of speech, to the emulator. first, each: from the emulator's sending it to the
    consumer's having it, of the first token, sound or final transcript of an answer, and of all of them. cpu: for each
    token, or 20 ms of sound, behind the first. request: CPU for all of an answer up to its first item.

    Whoever compares says when: each line on stdin is an answer, whose figures are a line on stdout. After the line
    `idle` nothing is asked for, and what that costs is told.
    """

    def __init__(self, rate: int) -> None:
        self.whole = asyncio.Event()
        self._size = round(2 * PIECE * rate)
        self._begin()

    def _begin(self) -> None:
        self.whole.clear()
        self.figures: dict[str, Any] = {"each": []}
        self._sound = bytearray()
        self._bytes = self._count = self._at_first = 0
        self._cpu, self._asked = time.process_time(), now()

    async def _turns(self) -> AsyncGenerator[None, None]:
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := await reader.readline():
            self._begin()
            if line.strip() == b"idle":
                await asyncio.sleep(IDLE)
                self.figures["idle"] = (time.process_time() - self._cpu) / IDLE
            else:
                yield
                async with asyncio.timeout(10):
                    await self.whole.wait()
                await asyncio.sleep(TAIL)
            print(json.dumps(self.figures), flush=True)

    # --- answers: tokens, or sound -----------------------------------------------------------------------------------

    async def answers(self) -> AsyncIterator[None]:
        """The times at which to ask for one."""
        async with aclosing(self._turns()) as turns:
            async for _ in turns:
                yield

    def token(self, text: str) -> None:
        """A token came."""
        if FLOOD:
            self._counted(self._count + 1, TOKENS)
            return
        for word in text.split():
            received, _, sent = word.partition(":")
            self._item(float(received), float(sent), 1)
        self._done(TOKENS)

    def sound(self, pcm: bytes) -> None:
        """Some sound came."""
        if FLOOD:
            self._bytes += len(pcm)
            self._counted(self._bytes // self._size, PIECES)
            return
        self._sound += pcm
        fresh = len(self._sound) // self._size - self._count
        for number in range(self._count, self._count + fresh):
            _, received, sent = struct.unpack_from("<qdd", self._sound, number * self._size)
            self._item(received, sent, fresh)
        self._done(PIECES)

    def _item(self, received: float, sent: float, together: int) -> None:
        """together: how many came at this time."""
        self._count += 1
        took = now() - sent
        self.figures["each"].append(took)
        if self._count == 1:
            self.figures |= {"asking": received - self._asked, "first": took}
            self._first(together)

    def _counted(self, count: int, all_: int) -> None:
        """As little as can be done, where it is to cost nothing."""
        if count and not self._count:
            self._first(count)
        self._count = count
        self._done(all_)

    def _first(self, together: int) -> None:
        cpu = time.process_time()
        self.figures["request"] = cpu - self._cpu
        self._cpu, self._at_first = cpu, together

    def _done(self, all_: int) -> None:
        if self._count >= all_ and not self.whole.is_set():
            self.figures["cpu"] = (time.process_time() - self._cpu) / (all_ - self._at_first)
            self.whole.set()

    # --- what the caller says ----------------------------------------------------------------------------------------

    async def speech(self, *, marked: bool = False) -> AsyncIterator[bytes | None]:
        """Frames of sound at their time, and None where the caller falls silent.

        marked: the last frame tells the vendor that the turn is over.
        """
        silence = bytes(round(2 * FRAME * CALLER_RATE))
        async with aclosing(self._turns()) as turns:
            async for _ in turns:
                async for number in paced(FRAMES, FRAME, FRAME):
                    self._asked = now()
                    yield ENDS + silence[2:] if marked and number == FRAMES - 1 else silence
                self._asked = self._asked if marked else now()
                yield None

    def final(self, text: str) -> None:
        """A final transcript came."""
        if ":" not in text:
            return
        received, _, sent = text.split()[-1].partition(":")
        took = now() - float(sent)
        self.figures |= {"asking": float(received) - self._asked, "first": took, "each": [took]}
        self.nothing()

    def nothing(self) -> None:
        """No transcript is to come."""
        self.figures["cpu"] = (time.process_time() - self._cpu) / FRAMES
        self.whole.set()


def main(measures: dict[str, Callable[[str, Record], Coroutine[Any, Any, None]]]) -> None:
    """`CASE WAY`. measures: by case."""
    case, way = sys.argv[1], sys.argv[2]
    asyncio.run(measures[case](way, Record(VOICE_RATES.get(case, 0))))
