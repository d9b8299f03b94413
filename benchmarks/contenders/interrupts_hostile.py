"""Random interrupts of random graphs of hostile nodes, under virtual time: does anything of the old reply get through?

    python -m benchmarks.contenders.interrupts_hostile COUNT SEED [BUG]     prints its results as JSON

The sound of a reply says in each of its samples which turn it was made for, and every node makes its sound from what it
was given, so no header is believed: a stale chunk that is given the number of the new turn is found. Each call has a
graph of its own: one that thinks, up to four nodes behind each other or two beside each other, and a line. Half of the
pauses are multiples of 5 ms, so that many things happen at the same moment, in an order that the seed decides.

BUG plants a mistake in the engine, which has to be found.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Any

from loguru import logger
from msgspec.structs import force_setattr

from benchmarks.contenders.plans import plan_of
from voicegraph import Audio, Interrupt, SpeechStarted, SpeechStopped, TTSAudio, UserTurn, node, this_call
from voicegraph.engine.outlet import Outlet
from voicegraph.engine.session import Session
from voicegraph.engine.turns import Turns
from voicegraph.graph.plan import Plan
from voicegraph.testing.virtual import VirtualTimeError, run_virtual

logger.remove()
CALL = 100
"""Interrupts in one call."""
LEAD = 0.05


class Record:
    """What was really made for which turn, and what got through.

    interrupts: those that hit a reply. chunks: what the line has played. tried: chunks that a node made of a reply that
    had been given up. line, nodes: those that came to the line, and to any node before it.
    """

    def __init__(self) -> None:
        self.turn = 0
        self.floor = 1
        self.interrupts = self.chunks = self.tried = self.line = self.nodes = 0

    def begin(self) -> int:
        self.turn += 1
        return self.turn

    def interrupt(self) -> Interrupt:
        self.interrupts += self.floor <= self.turn
        self.floor = self.turn + 1
        return Interrupt()

    def stale(self, audio: TTSAudio) -> bool:
        return int.from_bytes(audio.pcm[:4], "little") < self.floor


def sound(turn: int) -> TTSAudio:
    """10 ms."""
    return TTSAudio(turn.to_bytes(4, "little") * 80)


def a_while(random: Random) -> float:
    return random.choice((0.005, 0.01, 0.02, 0.05)) if random.random() < 0.5 else random.uniform(0.0, 0.05)


@dataclass(kw_only=True, eq=False)
class Hostile:
    """What the nodes have in common: each looks at what it is given, and makes its sound from that."""

    record: Any
    call = this_call()

    def _again(self, audio: TTSAudio) -> TTSAudio:
        self.record.tried += self.record.stale(audio)
        return TTSAudio(audio.pcm)

    def _see(self, audio: TTSAudio) -> None:
        self.record.nodes += self.record.stale(audio)

    async def _wait(self) -> None:
        await asyncio.sleep(a_while(self.call.random))


# --- the line and who decides ----------------------------------------------------------------------------------------


@node("hostile.line", line=True)
class Line(Hostile):
    """Takes 50 ms of sound ahead. Its caller speaks over the agent at random, and sometimes twice."""

    def __post_init__(self) -> None:
        self._end = 0.0

    async def listen(self) -> AsyncIterator[Audio | SpeechStarted | SpeechStopped]:
        random = self.call.random
        while self.record.interrupts < CALL:
            yield SpeechStopped(at=0.0)
            await asyncio.sleep(a_while(random) * random.choice((0, 1, 2, 10, 20)))
            for _ in range(random.choice((1, 1, 1, 2))):
                yield SpeechStarted(at=0.0)
            if random.random() < 0.5:
                await asyncio.sleep(a_while(random) * random.choice((1, 10)))
        self.call.hang_up("enough")

    async def play(self, audio: TTSAudio) -> None:
        self._look(audio)
        await asyncio.sleep(self._end - LEAD - self.call.now())
        self._look(audio)
        self._end = max(self._end, self.call.now()) + audio.seconds
        self.record.chunks += 1

    def clear(self) -> None:
        self._end = self.call.now()

    async def drain(self) -> None:
        """Nobody listens to the end."""

    def _look(self, audio: TTSAudio) -> None:
        self.record.line += self.record.stale(audio)


@node("hostile.decides")
class Decides(Hostile):
    """Speech interrupts; its end is a turn."""

    def on_speech(self, frame: SpeechStarted | SpeechStopped) -> UserTurn | Interrupt:
        return self.record.interrupt() if isinstance(frame, SpeechStarted) else UserTurn(str(self.record.begin()))


@node("hostile.decides_in_a_task")
class DecidesInATask(Hostile):
    """The same, as the aggregator does it."""

    async def listen(self, frames: AsyncIterator[SpeechStarted | SpeechStopped]) -> AsyncIterator[UserTurn | Interrupt]:
        async for frame in frames:
            yield self.record.interrupt() if isinstance(frame, SpeechStarted) else UserTurn(str(self.record.begin()))


@node("hostile.thinks")
class Thinks(Hostile):
    """Speaks for ever."""

    async def on_turn(self, turn: UserTurn) -> AsyncIterator[TTSAudio]:
        while True:
            await self._wait()
            yield sound(int(turn.text))


@node("hostile.thinks_at_once")
class ThinksAtOnce(Hostile):
    """Speaks for ever, in the stack of who asks."""

    def on_turn(self, turn: UserTurn) -> Iterator[TTSAudio]:
        while True:
            yield sound(int(turn.text))


# --- the nodes between -----------------------------------------------------------------------------------------------


@node("hostile.same")
class Same(Hostile):
    """Passes the very frame on."""

    def on_audio(self, audio: TTSAudio) -> TTSAudio:
        self._see(audio)
        return audio


@node("hostile.twice")
class Twice(Hostile):
    """Gives two for one."""

    def on_audio(self, audio: TTSAudio) -> Iterator[TTSAudio]:
        self._see(audio)
        yield self._again(audio)
        yield self._again(audio)


@node("hostile.interrupts")
class Interrupts(Hostile):
    """Now and then it is the one who interrupts, and speaks on."""

    def on_audio(self, audio: TTSAudio) -> Iterator[TTSAudio | Interrupt]:
        self._see(audio)
        yield self._again(audio)
        if self.call.random.random() < 0.02:
            yield self.record.interrupt()
            yield self._again(audio)


@node("hostile.slow", concurrency=3)
class Slow(Hostile):
    """Takes its time, and longer to let go. Three at once."""

    async def on_audio(self, audio: TTSAudio) -> AsyncIterator[TTSAudio]:
        self._see(audio)
        try:
            await self._wait()
            yield self._again(audio)
        finally:
            await asyncio.sleep(0.03)


@node("hostile.hangs")
class Hangs(Hostile):
    """Never lets go."""

    async def on_stream(self, stream: AsyncIterator[TTSAudio]) -> AsyncIterator[TTSAudio]:
        try:
            async for audio in stream:
                self._see(audio)
                yield self._again(audio)
        except asyncio.CancelledError:
            await asyncio.Event().wait()


@node("hostile.raises")
class Raises(Hostile):
    """Fails now and then, and whenever it is to let go."""

    async def on_audio(self, audio: TTSAudio) -> AsyncIterator[TTSAudio]:
        self._see(audio)
        try:
            await self._wait()
            yield self._again(audio)
            if self.call.random.random() < 0.05:
                raise ValueError("no")
        except asyncio.CancelledError:
            raise RuntimeError("no") from None


@node("hostile.swallows")
class Swallows(Hostile):
    """Swallows its cancellation, and speaks on."""

    async def on_audio(self, audio: TTSAudio) -> AsyncIterator[TTSAudio]:
        self._see(audio)
        for _ in range(4):
            with suppress(asyncio.CancelledError):
                await self._wait()
            yield self._again(audio)


@node("hostile.reads_on")
class ReadsOn(Hostile):
    """Swallows its cancellation, says again what it read before, and reads on."""

    async def on_stream(self, stream: AsyncIterator[TTSAudio]) -> AsyncIterator[TTSAudio]:
        kept: list[TTSAudio] = []
        with suppress(asyncio.CancelledError):
            async for audio in stream:
                self._see(audio)
                kept.append(audio)
                await self._wait()
                yield self._again(audio)
        for audio in kept[-3:]:
            yield self._again(audio)
        async for audio in stream:
            self._see(audio)
            yield self._again(audio)


@node("hostile.late")
class Late(Hostile):
    """Speaks when it has been cancelled, at once and later."""

    async def on_audio(self, audio: TTSAudio) -> AsyncIterator[TTSAudio]:
        self._see(audio)
        try:
            await self._wait()
            yield self._again(audio)
        except asyncio.CancelledError:
            yield self._again(audio)
            await asyncio.sleep(0.1)
            yield self._again(audio)


@node("hostile.keeps")
class Keeps(Hostile):
    """Gives frames of the reply before."""

    def __post_init__(self) -> None:
        self._kept: list[TTSAudio] = []

    async def on_audio(self, audio: TTSAudio) -> AsyncIterator[TTSAudio]:
        self._see(audio)
        self._kept.append(audio)
        yield self._kept.pop(0) if len(self._kept) > 3 else audio


@node("hostile.socket")
class Socket(Hostile):
    """Its sound comes from callbacks that nobody cancels, and the first cancellation it does not heed."""

    async def on_stream(self, stream: AsyncIterator[TTSAudio]) -> AsyncIterator[TTSAudio]:
        arrived: asyncio.Queue[TTSAudio] = asyncio.Queue()
        loop, heedless = asyncio.get_running_loop(), True
        async for audio in stream:
            self._see(audio)
            loop.call_later(a_while(self.call.random), arrived.put_nowait, self._again(audio))
            try:
                yield await arrived.get()
            except asyncio.CancelledError:
                if not heedless:
                    raise
                heedless = False


@node("hostile.thread")
class Thread(Hostile):
    """Its sound comes from a thread that does not heed that nobody listens."""

    async def on_audio(self, audio: TTSAudio) -> AsyncIterator[TTSAudio]:
        def produce(emit: Callable[[TTSAudio], bool]) -> None:
            for _ in range(3):
                emit(self._again(audio))

        self._see(audio)
        async for made in self.call.offload_stream(produce):
            yield made
            with suppress(asyncio.CancelledError):
                await self._wait()


DECIDERS = (Decides, DecidesInATask)
THINKERS = (Thinks, ThinksAtOnce)
BETWEEN = (Same, Twice, Interrupts, Slow, Hangs, Raises, Swallows, ReadsOn, Late, Keeps, Socket, Thread)


# --- running them ----------------------------------------------------------------------------------------------------


def graph(random: Random, record: Record) -> Plan:
    kinds: dict[str, Any] = {"line": Line, "decides": random.choice(DECIDERS), "thinks": random.choice(THINKERS)}
    between = [f"n{index}" for index in range(random.randint(0, 4))]
    kinds.update({name: random.choice(BETWEEN) for name in between})
    rows = [" -> ".join(("thinks", *between, "line"))]
    if len(between) == 2 and random.random() < 0.5:
        rows = [f"thinks -> {name} -> line" for name in between]
    nodes = {name: (kind, {"record": record}) for name, kind in kinds.items()}
    return plan_of(nodes, "line -> decides -> thinks", *rows)


async def call(seed: int, record: Record) -> None:
    random = Random(seed)
    async with asyncio.timeout(3600):
        await Session(graph(random, record), seed=seed).run()


def nothing_is_void() -> None:
    """Every reply lives for ever."""
    Turns.void = lambda self, each: False  # type: ignore[method-assign]


def relabels() -> None:
    """What a node gives is of the turn that is alive then: no header is ever stale."""
    stamp = Outlet._stamp  # pyright: ignore[reportPrivateUsage]

    def stamped(self: Outlet, frame: Any, cause: Any) -> None:
        stamp(self, frame, cause)
        if isinstance(frame, TTSAudio):
            force_setattr(frame, "turn", self.turns.latest)

    Outlet._stamp = stamped  # type: ignore[method-assign]


BUGS = {"nothing is void": nothing_is_void, "relabels": relabels}


def main(count: int, seed: int, bug: str | None = None) -> None:
    if bug is not None:
        BUGS[bug]()
    totals = dict.fromkeys(("interrupts", "chunks", "tried", "line", "nodes", "calls", "stuck"), 0)
    began = time.process_time()
    while totals["interrupts"] < count:
        record = Record()
        number = seed * 1_000_000 + totals["calls"]
        try:
            run_virtual(call(number, record), seed=number)
        except (VirtualTimeError, TimeoutError):
            totals["stuck"] += 1
        totals["calls"] += 1
        for name in ("interrupts", "chunks", "tried", "line", "nodes"):
            totals[name] += getattr(record, name)
    print(json.dumps({**totals, "cpu_seconds": round(time.process_time() - began, 2)}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:4])
