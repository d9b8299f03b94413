"""The floor: `python framework_floor.py calls|idle call|queue COUNT [uvloop]`. Prints one JSON object.

What ten steps at 50 frames of 20 ms a second cost without any framework, paced by the same sleeps as the contenders.
call: ten Python functions that call one another. queue: ten tasks with an asyncio.Queue(16) before each.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable
from typing import Any

from benchmarks.contenders.framework_shape import SECONDS, Growth, main

PCM = bytes(640)
FRAMES = round(SECONDS * 50)

Give = Callable[[bytes], Awaitable[None]]


class Sink:
    def __init__(self) -> None:
        self.count = 0

    def take(self, frame: bytes) -> None:
        self.count += 1


def by_call(sink: Sink) -> tuple[Give, list[asyncio.Task[None]]]:
    def hop(onward: Callable[[bytes], None]) -> Callable[[bytes], None]:
        return lambda frame: onward(frame)

    push: Callable[[bytes], None] = sink.take
    for _ in range(10):
        push = hop(push)

    async def give(frame: bytes) -> None:
        push(frame)

    return give, []


def by_queue(sink: Sink) -> tuple[Give, list[asyncio.Task[None]]]:
    row: list[asyncio.Queue[bytes]] = [asyncio.Queue(16) for _ in range(11)]

    async def hop(inbox: asyncio.Queue[bytes], onward: asyncio.Queue[bytes]) -> None:
        while True:
            await onward.put(await inbox.get())

    async def drain() -> None:
        while True:
            sink.take(await row[-1].get())

    tasks = [asyncio.create_task(hop(a, b)) for a, b in itertools.pairwise(row)]
    return row[0].put, [*tasks, asyncio.create_task(drain())]


STYLES = {"call": by_call, "queue": by_queue}


async def paced(give: Give, late: float) -> None:
    """20 ms of sound every 20 ms."""
    loop = asyncio.get_running_loop()
    began = loop.time() + late
    for index in range(FRAMES):
        await asyncio.sleep(began + index * 0.02 - loop.time())
        await give(PCM)


async def calls(style: str, count: int) -> dict[str, Any]:
    sinks = [Sink() for _ in range(count)]
    made = [STYLES[style](sink) for sink in sinks]
    clock = asyncio.get_running_loop().time
    began, since = time.process_time(), clock()
    await asyncio.gather(*(paced(give, 0.02 * index / count) for index, (give, _) in enumerate(made)))
    while any(sink.count < FRAMES for sink in sinks):  # noqa: ASYNC110 - an event for each frame would cost
        await asyncio.sleep(0.01)
    took, behind = time.process_time() - began, clock() - since - SECONDS
    for _, tasks in made:
        for task in tasks:
            task.cancel()
    return {"cpu_ms_per_call_second": took * 1000 / count / SECONDS, "behind_ms": behind * 1000}


async def idle(style: str, count: int) -> dict[str, Any]:
    async def silent(give: Give) -> None:
        await asyncio.sleep(3600)
        await give(PCM)

    def start(number: int) -> list[asyncio.Task[None]]:
        made = [STYLES[style](Sink()) for _ in range(number)]
        return [each for give, tasks in made for each in (*tasks, asyncio.create_task(silent(give)))]

    running = start(count)  # they fill what the imports have left of the heap
    await asyncio.sleep(0.2)
    growth = Growth()
    running += start(count)
    await asyncio.sleep(0.5)
    found = growth.told(count)
    for task in running:
        task.cancel()
    return found


if __name__ == "__main__":
    main({"calls": calls, "idle": idle})
