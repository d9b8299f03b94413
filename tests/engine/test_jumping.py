"""The loop whose clock jumps over idle waits."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from hypothesis import given
from hypothesis import strategies as st

from voicegraph.engine.jumping import JumpingLoop

T = TypeVar("T")


def run(main: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        return runner.run(main)


def now() -> float:
    return asyncio.get_running_loop().time()


def test_ten_minutes_pass_at_once() -> None:
    """A test that sat through them would not end before its reader lost patience."""

    async def main() -> float:
        began = now()
        await asyncio.sleep(600)
        return now() - began

    assert 600 <= run(main()) < 660


@given(st.lists(st.integers(1, 10_000), min_size=1, max_size=30, unique=True))
def test_timers_fire_in_their_order(delays: list[int]) -> None:
    fired: list[int] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        for delay in delays:
            loop.call_later(delay, fired.append, delay)
        await asyncio.sleep(10_001)

    run(main())
    assert fired == sorted(delays)


def test_the_clock_never_runs_backwards() -> None:
    async def main() -> None:
        last = now()
        for delay in (0.0, 1e-12, 1e-6, 0.02, 3600, 1e-9):
            await asyncio.sleep(delay)
            assert now() >= last + delay - 1e-9
            last = now()

    run(main())


def test_work_in_a_thread_is_waited_for() -> None:
    """While a thread works, a timer of an hour does not fire."""
    release = threading.Event()

    async def main() -> list[str]:
        order: list[str] = []
        loop = asyncio.get_running_loop()
        loop.call_later(3600, order.append, "timer")
        work = loop.run_in_executor(None, release.wait)
        loop.call_later(0.01, release.set)
        await work
        order.append("work")
        await asyncio.sleep(3600)
        return order

    assert run(main()) == ["work", "timer"]


def test_the_clock_jumps_again_after_the_work() -> None:
    async def main() -> float:
        await asyncio.to_thread(lambda: None)
        began = now()
        await asyncio.sleep(600)
        return now() - began

    assert run(main()) >= 600


def test_cancelled_work_does_not_hold_the_clock() -> None:
    release = threading.Event()

    async def main() -> float:
        work = asyncio.get_running_loop().run_in_executor(None, release.wait)
        work.cancel()
        began = now()
        await asyncio.sleep(600)
        release.set()
        return now() - began

    assert run(main()) >= 600


def test_a_socket_is_waited_for() -> None:
    """With somebody outside, it is a loop like any other: what the peer sends comes before the hour is over."""
    ours, theirs = socket.socketpair()

    async def main() -> bytes:
        reader, writer = await asyncio.open_connection(sock=ours)
        loop = asyncio.get_running_loop()
        loop.call_later(0.01, theirs.send, b"hello\n")
        try:
            return await asyncio.wait_for(reader.readline(), 3600)
        finally:
            writer.close()
            await writer.wait_closed()

    with theirs:
        assert run(main()) == b"hello\n"
