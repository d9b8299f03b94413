"""The floor: a bare chain of calls, or of asyncio queues and tasks. `python hop_floor.py call|queue NODES FRAMES`."""

from __future__ import annotations

import asyncio
import itertools
import sys
import time
from collections.abc import Callable
from typing import Any

PCM = bytes(640)


def calls(length: int, frames: int) -> float:
    count = 0

    def sink(frame: Any) -> None:
        nonlocal count
        count += 1

    def hop(onward: Callable[[Any], None]) -> Callable[[Any], None]:
        return lambda frame: onward(frame)

    push: Callable[[Any], None] = sink
    for _ in range(length):
        push = hop(push)
    began = time.process_time()
    for _ in range(frames):
        push(PCM)
    took = time.process_time() - began
    assert count == frames
    return took


async def queues(length: int, frames: int) -> float:
    row: list[asyncio.Queue[bytes | None]] = [asyncio.Queue(16) for _ in range(length + 1)]

    async def hop(inbox: asyncio.Queue[bytes | None], onward: asyncio.Queue[bytes | None]) -> None:
        while True:
            frame = await inbox.get()
            await onward.put(frame)
            if frame is None:
                return

    async def source() -> None:
        for _ in range(frames):
            await row[0].put(PCM)
        await row[0].put(None)

    began = time.process_time()
    tasks = [asyncio.create_task(hop(a, b)) for a, b in itertools.pairwise(row)]
    tasks.append(asyncio.create_task(source()))
    count = 0
    while await row[-1].get() is not None:
        count += 1
    await asyncio.gather(*tasks)
    assert count == frames
    return time.process_time() - began


if __name__ == "__main__":
    style, length, frames = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    print(calls(length, frames) if style == "call" else asyncio.run(queues(length, frames)))
