"""Virtual time: its clock, its timers, and asyncio on top of them."""

from __future__ import annotations

import asyncio
import math
import sys
import weakref
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voicegraph.testing import VirtualLoop, run_virtual
from voicegraph.testing.virtual import Deadlock

TICK = 1e-6


def now() -> float:
    return asyncio.get_running_loop().time()


def test_a_year_passes_at_once_and_to_the_tick() -> None:
    async def main() -> list[float]:
        times = [now()]
        for seconds in (0.02, 86_400 * 365, 0.02):
            await asyncio.sleep(seconds)
            times.append(now())
        return times

    assert run_virtual(main()) == [0.0, 0.02, 31_536_000.02, 31_536_000.04]


@given(st.lists(st.sampled_from([0.0, 0.01, 0.02, 0.03]), min_size=1, max_size=40))
def test_timers_fire_at_their_deadlines_and_equal_ones_in_the_order_they_were_set(delays: list[float]) -> None:
    fired: list[tuple[float, int]] = []

    async def main() -> None:
        for index, delay in enumerate(delays):
            asyncio.get_running_loop().call_later(delay, lambda index: fired.append((now(), index)), index)
        await asyncio.sleep(1)

    run_virtual(main())
    assert fired == sorted((delay, index) for index, delay in enumerate(delays))


@given(st.floats(0, 1e6), st.lists(st.floats(0, 10), max_size=20))
def test_the_clock_is_never_more_than_a_tick_past_a_deadline_and_never_before_it(
    began: float, delays: list[float]
) -> None:
    async def main() -> None:
        await asyncio.sleep(began)
        for delay in delays:
            deadline = now() + delay
            await asyncio.sleep(delay)
            assert deadline - 1e-9 <= now() < deadline + 1.001 * TICK

    run_virtual(main())


@pytest.mark.parametrize("began", [0.0, 1.0, 86_400.0, 1e7])
def test_a_wait_that_a_float_can_hardly_hold_is_over(began: float) -> None:
    """Without ticks the clock stays where it is, and the wait is begun again and again."""

    async def main() -> int:
        await asyncio.sleep(began)
        waits = 0
        deadline = math.nextafter(now(), math.inf)
        while now() < deadline and waits < 10:
            await asyncio.sleep(deadline - now())
            waits += 1
        return waits

    assert run_virtual(main()) <= 1


def test_a_sum_of_seconds_is_the_time_that_was_meant() -> None:
    fired: list[str] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        assert 0.1 + 0.2 > 0.3
        loop.call_later(0.1 + 0.2, fired.append, "first")
        loop.call_later(0.3, fired.append, "second")
        await asyncio.sleep(0.3)
        assert now() == 0.3

    run_virtual(main())
    assert fired == ["first", "second"]


def test_deadlines_in_the_past_come_in_their_order() -> None:
    fired: list[str] = []

    async def main() -> None:
        await asyncio.sleep(10)
        for when in (5, 3, -math.inf, 10):
            asyncio.get_running_loop().call_at(when, fired.append, str(when))
        await asyncio.sleep(0.001)

    run_virtual(main())
    assert fired == ["-inf", "3", "5", "10"]


def test_infinity_never_comes_and_what_is_no_number_is_refused() -> None:
    async def main() -> None:
        asyncio.get_running_loop().call_later(math.inf, pytest.fail)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.sleep(math.inf), 5)
        assert now() == 5
        with pytest.raises(ValueError, match="NaN"):
            asyncio.get_running_loop().call_later(math.nan, pytest.fail)
        await asyncio.sleep(math.inf)

    with pytest.raises(Deadlock, match="at 5 s"):
        run_virtual(main())


# --- cancelled timers -----------------------------------------------------------------------------------------------


def test_a_cancelled_timer_does_not_move_the_clock() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        early, late = loop.call_later(1, pytest.fail), loop.call_later(100, pytest.fail)
        seen: list[float] = []
        loop.call_later(2, late.cancel)
        loop.call_later(2, lambda: seen.append(now()))
        early.cancel()
        await asyncio.sleep(2)
        assert seen == [2.0]
        await asyncio.Event().wait()

    with pytest.raises(Deadlock, match="at 2 s"):
        run_virtual(main())


def test_cancelled_timers_are_thrown_away() -> None:
    """A call makes one with every timeout that it does not need. There are others, which stay."""

    async def main() -> int:
        loop = asyncio.get_running_loop()
        kept: list[int] = []
        for index in range(100):
            loop.call_later(1 + index * 37 % 100, kept.append, index * 37 % 100)

        def cancelled(delay: float) -> weakref.ref[asyncio.TimerHandle]:
            handle = loop.call_later(delay, pytest.fail)
            handle.cancel()
            return weakref.ref(handle)

        handles = [cancelled(index * 13 % 101) for index in range(10_000)]
        left = sum(handle() is not None for handle in handles)
        await asyncio.sleep(100)
        assert kept == list(range(100))
        return left

    assert run_virtual(main()) < 1000


# --- what asyncio makes of it ---------------------------------------------------------------------------------------


def test_timeouts_groups_and_queues_work() -> None:
    async def main() -> list[str]:
        told: list[str] = []
        queue: asyncio.Queue[int] = asyncio.Queue(2)

        async def give() -> None:
            for item in range(5):
                await queue.put(item)
                await asyncio.sleep(0.5)

        async def take() -> None:
            try:
                async with asyncio.timeout(10):
                    while True:
                        told.append(f"{await queue.get()} at {now():g}")
            except TimeoutError:
                told.append(f"no more at {now():g}")

        async def fail() -> None:
            await asyncio.sleep(20)
            raise LookupError("enough")

        async def be_cancelled() -> None:
            try:
                await asyncio.sleep(1000)
            finally:
                told.append(f"cancelled at {now():g}")

        try:
            async with asyncio.TaskGroup() as group:
                for work in (give, take, fail, be_cancelled):
                    group.create_task(work())
        except* LookupError:
            told.append("failed")
        return told

    assert run_virtual(main()) == [
        *("0 at 0", "1 at 0.5", "2 at 1", "3 at 1.5", "4 at 2", "no more at 10", "cancelled at 20", "failed")
    ]


@pytest.mark.parametrize("debug", [False, True])
def test_a_runner_cleans_up(debug: bool) -> None:
    told: list[str] = []
    kept: list[Any] = []

    async def numbers() -> AsyncIterator[int]:
        try:
            yield 1
        finally:
            await asyncio.sleep(1)
            told.append(f"generator at {now():g}")

    async def forgotten() -> None:
        try:
            await asyncio.sleep(100)
        finally:
            await asyncio.sleep(1)
            told.append(f"task at {now():g}")

    async def main() -> float:
        generator = numbers()
        await anext(generator)
        kept.extend([generator, asyncio.create_task(forgotten())])
        await asyncio.sleep(2)
        return now()

    with asyncio.Runner(loop_factory=VirtualLoop, debug=debug) as runner:
        assert runner.run(main()) == 2
        assert runner.run(main()) == 4
        assert told == []
    assert told == ["task at 5", "task at 5", "generator at 6", "generator at 6"]


def test_debug_mode_tells_of_mistakes() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        coroutine: Any = asyncio.sleep
        with pytest.raises(TypeError, match="coroutines cannot be used with call_at"):
            loop.call_later(1, coroutine, 1)

    with asyncio.Runner(loop_factory=VirtualLoop, debug=True) as runner:
        runner.run(main())


def test_a_fault_in_a_callback_goes_to_the_loops_handler() -> None:
    faults: list[dict[str, Any]] = []

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, fault: faults.append(fault))
        loop.call_later(1, int, "no number")
        await asyncio.sleep(2)

    run_virtual(main())
    assert [type(fault["exception"]) for fault in faults] == [ValueError]


def test_an_exit_leaves_nobody_behind() -> None:
    """What was to run in the same round runs in the clean-up."""
    told: list[str] = []

    async def wait(event: asyncio.Event) -> None:
        try:
            await event.wait()
            told.append("woken")
        finally:
            told.append("gone")

    async def main() -> None:
        event = asyncio.Event()
        for _ in range(3):
            asyncio.create_task(wait(event))  # noqa: RUF006 - nobody is to hold it
        await asyncio.sleep(1)
        asyncio.get_running_loop().call_soon(sys.exit, 3)
        event.set()
        await asyncio.sleep(1)

    with pytest.raises(SystemExit):
        run_virtual(main())
    assert told.count("gone") == 3


def test_stop_does_not_move_the_clock() -> None:
    loop = VirtualLoop()
    loop.call_later(5, pytest.fail)
    loop.call_soon(loop.stop)
    loop.run_forever()
    loop.stop()
    loop.run_forever()
    assert loop.time() == 0
    loop.close()
    with pytest.raises(RuntimeError, match="closed"):
        loop.call_soon(pytest.fail)
    with pytest.raises(RuntimeError, match="closed"):
        loop.call_later(1, pytest.fail)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with Python 3.12")
def test_eager_tasks_begin_at_once_and_are_virtual() -> None:
    told: list[str] = []

    async def work(name: str) -> None:
        told.append(name)
        await asyncio.sleep(1)
        told.append(f"{name} at {now():g}")

    async def main() -> list[int]:
        factory: Callable[..., Any] = getattr(asyncio, "eager_task_factory")  # noqa: B009 - Python 3.11 has none
        asyncio.get_running_loop().set_task_factory(factory)
        tasks = [asyncio.create_task(work(name), name=name) for name in "ab"]
        told.append("made")
        await asyncio.gather(*tasks)
        assert [task.get_name() for task in tasks] == ["a", "b"]
        return [hash(task) for task in tasks]

    assert run_virtual(main()) == [1, 2]
    assert told == ["a", "b", "made", "a at 1", "b at 1"]


def test_tasks_have_the_names_they_were_given_or_their_numbers() -> None:
    async def main() -> list[str]:
        work = partial(asyncio.sleep, 0)
        tasks = [asyncio.create_task(work()), asyncio.create_task(work(), name="line"), asyncio.create_task(work())]
        await asyncio.gather(*tasks)
        return [task.get_name() for task in tasks]

    assert run_virtual(main()) == run_virtual(main()) == ["Task-1", "line", "Task-3"]
