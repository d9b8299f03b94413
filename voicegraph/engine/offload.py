"""The one way from the loop to a thread: for models that compute and libraries that block."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")

_producers = ThreadPoolExecutor(max_workers=256, thread_name_prefix="voicegraph-stream")
"""Apart from the loop's own pool: a producer holds its thread while it waits for room, and must not starve the rest."""

AHEAD = 64
"""Items that a producing thread may be ahead of its consumer before it has to wait."""


async def offload(function: Callable[..., T], *args: Any) -> T:
    """Runs a blocking function in a thread. A cancelled caller drops its result."""
    return await asyncio.get_running_loop().run_in_executor(None, lambda: function(*args))


async def offload_stream(produce: Callable[[Callable[[T], bool]], None]) -> AsyncGenerator[T, None]:
    """Runs `produce(emit)` in a thread and yields what it emits. `emit` returns False when nobody listens any more."""
    loop = asyncio.get_running_loop()
    items: asyncio.Queue[tuple[T] | None] = asyncio.Queue()
    room = threading.Semaphore(AHEAD)
    closed = threading.Event()
    consumer = threading.get_ident()

    def emit(item: T) -> bool:
        # A loop in virtual time runs `produce` in its consumer's thread: then nobody can make room meanwhile.
        while threading.get_ident() != consumer and not room.acquire(timeout=0.05):
            if closed.is_set():
                return False
        if not closed.is_set():
            loop.call_soon_threadsafe(items.put_nowait, (item,))
        return not closed.is_set()

    done = loop.run_in_executor(_producers, produce, emit)
    done.add_done_callback(lambda _: items.put_nowait(None))
    try:
        while (item := await items.get()) is not None:
            room.release()
            yield item[0]
        await done  # raises what `produce` raised
    finally:
        closed.set()
        # The thread is on its way out by itself; if it fails doing so, nobody is left to be told.
        done.add_done_callback(lambda future: future.cancelled() or future.exception())
