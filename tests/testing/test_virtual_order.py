"""Virtual time: one seed, one order of events, wherever in memory the things are; another seed, another order."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

from voicegraph.testing import VirtualLoop, run_virtual

MANY = 60
"""So many things of which the order is never by chance the same twice."""

Told = list[str]
Program = Callable[[Told, list[Any]], Coroutine[Any, Any, None]]


def runs(program: Program, count: int = 3, seed: int | None = None) -> list[Told]:
    """What a program tells in each of some runs. What it keeps stays alive, so each has other addresses."""
    kept: list[Any] = []
    told: list[Told] = [[] for _ in range(count)]
    for each in told:
        run_virtual(program(each, kept), seed=seed)
        kept.append(bytearray(len(kept) * 1000))
    return told


def all_alike(told: list[Told]) -> bool:
    assert all(len(each) >= MANY for each in told)
    return all(each == told[0] for each in told)


# --- what is hashed by its address ------------------------------------------------------------------------------------


def test_a_set_of_tasks() -> None:
    async def program(told: Told, kept: list[Any]) -> None:
        tasks = {asyncio.create_task(asyncio.sleep(0), name=str(index)) for index in range(MANY)}
        kept.append(tasks)
        done, _ = await asyncio.wait(tasks)
        told += [task.get_name() for task in done]

    assert all_alike(runs(program))


def test_a_set_of_futures() -> None:
    async def program(told: Told, kept: list[Any]) -> None:
        futures = {asyncio.get_running_loop().create_future(): index for index in range(MANY)}
        kept.append(futures)
        told += [str(futures[future]) for future in set(futures)]

    assert all_alike(runs(program))


def test_a_task_group_that_aborts() -> None:
    async def program(told: Told, kept: list[Any]) -> None:
        async def work(name: str) -> None:
            try:
                await asyncio.sleep(10)
            finally:
                told.append(name)

        async def fail() -> None:
            raise LookupError

        try:
            async with asyncio.TaskGroup() as group:
                kept += [group.create_task(work(str(index))) for index in range(MANY)]
                await asyncio.sleep(1)
                group.create_task(fail())
        except* LookupError:
            pass

    assert all_alike(runs(program))


def test_tasks_that_are_left_at_the_end() -> None:
    """asyncio takes them from the set of all tasks of the process; where in it they are depends on all the others."""

    async def program(told: Told, kept: list[Any]) -> None:
        async def work(name: str) -> None:
            try:
                await asyncio.sleep(10)
            finally:
                told.append(name)

        for index in range(MANY):
            kept.append(asyncio.create_task(work(str(index))))
            for _ in range(63):
                await asyncio.create_task(asyncio.sleep(0))

    [alone] = runs(program, count=1)
    with asyncio.Runner(loop_factory=VirtualLoop) as other:
        loop = other.get_loop()
        others = [loop.create_task(asyncio.sleep(0)) for _ in range(20_000)]
        assert all_alike([alone, *runs(program, count=1)])
        del others


def test_generators_that_are_left_at_the_end() -> None:
    async def program(told: Told, kept: list[Any]) -> None:
        async def numbers(name: str) -> AsyncIterator[int]:
            try:
                yield 1
            finally:
                told.append(name)

        for index in range(MANY):
            kept.append(numbers(str(index)))
            await anext(kept[-1])

    assert all_alike(runs(program))


def test_generators_that_are_garbage() -> None:
    """When garbage is collected depends on all that the process has done before."""

    async def program(told: Told, kept: list[Any]) -> None:
        async def numbers(name: str, ring: list[Any]) -> AsyncIterator[int]:
            try:
                yield 1
            finally:
                told.append(f"{name} ends")
            ring.clear()

        for index in range(MANY):
            ring: list[Any] = []
            ring.append(numbers(str(index), ring))
            await anext(ring[0])
            del ring
            await asyncio.sleep(0.1)
            told.append(str(index))
            rubbish = [[index] for _ in range(100)]  # makes work for the collector
            del rubbish

    told: list[Told] = []
    threshold = gc.get_threshold()
    try:
        for young in (10, 100, 1000):
            gc.set_threshold(young, 2, 2)
            told += runs(program, count=1)
    finally:
        gc.set_threshold(*threshold)
    assert gc.isenabled()
    assert all_alike(told)


def test_garbage_is_collected_all_the_same() -> None:
    """At fixed points, so that long simulations stay small."""
    alive = 0

    class Ring:
        def __init__(self) -> None:
            nonlocal alive
            alive += 1
            self.ring = self

        def __del__(self) -> None:
            nonlocal alive
            alive -= 1

    async def main() -> int:
        for _ in range(110):
            await asyncio.sleep(1)
            for _ in range(1000):
                Ring()
                await asyncio.sleep(0)
        return alive

    assert run_virtual(main()) < 20_000


# --- what a seed changes ----------------------------------------------------------------------------------------------


def ready_at_once(seed: int | None) -> Told:
    """Tasks and callbacks that are all ready in one round, as they run."""
    told: Told = []

    async def work(name: str, gate: asyncio.Event) -> None:
        await gate.wait()
        told.append(name)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        gate = asyncio.Event()
        tasks = [asyncio.create_task(work(f"task {index}", gate)) for index in range(5)]
        await asyncio.sleep(1)
        loop.call_soon(told.append, "callback 0")
        gate.set()
        loop.call_soon(told.append, "callback 1")
        loop.call_soon(tasks[0].set_name, "a callback, although a task's own")
        loop.call_soon(told.append, "callback 2")
        await asyncio.gather(*tasks)

    run_virtual(main(), seed=seed)
    return told


IN_ORDER = ["callback 0", "task 0", "task 1", "task 2", "task 3", "task 4", "callback 1", "callback 2"]


def test_without_a_seed_the_order_is_that_of_asyncio() -> None:
    assert ready_at_once(None) == IN_ORDER


def test_a_seed_changes_the_order_of_tasks_and_of_nothing_else() -> None:
    orders = [ready_at_once(seed) for seed in range(300)]
    assert orders == [ready_at_once(seed) for seed in range(300)]
    assert all(sorted(order) == sorted(IN_ORDER) for order in orders)
    assert len({tuple(order) for order in orders}) > 100  # of 120
    for order in orders:
        callbacks = [place for place, name in enumerate(order) if name.startswith("callback")]
        assert callbacks == [0, 6, 7]


def test_a_cancel_that_was_called_for_is_no_step_of_the_task() -> None:
    """It keeps its place before the callback behind it, whatever the seed."""

    async def main() -> list[bool]:
        loop = asyncio.get_running_loop()
        told: list[bool] = []
        tasks = [asyncio.create_task(asyncio.sleep(10)) for _ in range(5)]
        await asyncio.sleep(1)
        for task in tasks:
            loop.call_soon(task.cancel)
            loop.call_soon(lambda task: told.append(task.cancelling() == 1), task)
        await asyncio.wait(tasks)
        return told

    assert all(all(run_virtual(main(), seed=seed)) for seed in range(20))


def test_timers_with_one_deadline_keep_their_order_whatever_the_seed() -> None:
    async def main() -> list[int]:
        told: list[int] = []
        for index in range(20):
            asyncio.get_running_loop().call_later(1, told.append, index)
        await asyncio.sleep(2)
        return told

    assert all(run_virtual(main(), seed=seed) == list(range(20)) for seed in range(20))


def test_loops_with_one_seed_do_not_share_their_chances() -> None:
    """Each begins at the beginning, also within one run of the other."""

    async def main() -> Told:
        told: Told = []

        async def work(name: str) -> None:
            await asyncio.sleep(0)
            told.append(name)

        await asyncio.gather(*(work(str(index)) for index in range(MANY)))
        return told

    def runner() -> asyncio.Runner:
        return asyncio.Runner(loop_factory=lambda: VirtualLoop(5))

    with runner() as one, runner() as other:
        assert one.run(main()) == other.run(main()) != one.run(main())
