"""Virtual time: whatever programs of tasks, timers and queues do, the same seed gives the same trace."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from voicegraph.testing import run_virtual

Step = tuple[Any, ...]
Program = list[list[Step]]
Event = tuple[Any, ...]

QUEUES = 2
AT_ONCE = st.just(0.0)
DELAYS = st.sampled_from([0.0, 0.01, 0.02, 0.025, 1.0]) | st.floats(0, 2, allow_subnormal=True)


def programs(delays: st.SearchStrategy[float], *more: st.SearchStrategy[Step]) -> st.SearchStrategy[Program]:
    """What some tasks do, one step after the other."""
    queues, tasks = st.integers(0, QUEUES - 1), st.integers(0, 5)
    steps = st.one_of(
        st.tuples(st.just("sleep"), delays),
        st.tuples(st.just("call"), delays),
        st.tuples(st.just("put"), queues),
        st.tuples(st.just("get"), queues, delays),
        st.tuples(st.just("cancel"), tasks),
        st.tuples(st.just("group"), st.lists(delays, max_size=3)),
        *more,
    )
    return st.lists(st.lists(steps, max_size=6), min_size=1, max_size=6)


ANY = programs(DELAYS, st.tuples(st.just("wait"), st.sets(st.integers(0, 5), min_size=1), DELAYS))


class Simulation:
    """Carries a program out, and notes what happens and when."""

    def __init__(self, program: Program, *, at_once: bool = False) -> None:
        self.program = program
        self.at_once = at_once
        self.events: list[Event] = []
        self.timers: list[tuple[int, int]] = []  # due in microseconds, number
        self.fired: list[int] = []
        self.do: dict[str, Callable[..., Coroutine[Any, Any, None]]] = {
            "sleep": self.sleep,
            "call": self.call,
            "put": self.put,
            "get": self.get,
            "cancel": self.cancel,
            "wait": self.wait,
            "group": self.group,
        }

    async def run(self) -> None:
        self.queues = [asyncio.Queue[int](3) for _ in range(QUEUES)]
        self.tasks = [asyncio.create_task(self.work(index)) for index in range(len(self.program))]
        for delay in (0.0,) * 100 if self.at_once else (100.0,):
            await asyncio.sleep(delay)
        for task in self.tasks:
            task.cancel()
        await asyncio.wait(self.tasks)

    def note(self, *event: Any) -> None:
        self.events.append((asyncio.get_running_loop().time(), *event))

    async def work(self, index: int) -> None:
        try:
            for name, *arguments in self.program[index]:
                await self.do[name](index, *arguments)
                self.note(index, name)
        finally:
            self.note(index, "ends")

    async def sleep(self, index: int, delay: float) -> None:
        began = asyncio.get_running_loop().time()
        await asyncio.sleep(delay)
        late = asyncio.get_running_loop().time() - began - delay
        assert self.at_once or -1e-9 <= late < 1.01e-6, "not woken at its deadline"

    async def call(self, index: int, delay: float) -> None:
        loop = asyncio.get_running_loop()
        number = len(self.timers)
        when = loop.call_later(delay, self.fire, number).when()
        tick = math.ceil(when * 1e6 - 1e-3)  # but for what is only a float's noise
        self.timers.append((max(tick, round(loop.time() * 1e6) + (when > loop.time())), number))

    def fire(self, number: int) -> None:
        self.fired.append(number)
        self.note("timer", number)

    async def put(self, index: int, queue: int) -> None:
        await self.queues[queue].put(index)

    async def get(self, index: int, queue: int, patience: float) -> None:
        try:
            async with asyncio.timeout(patience):
                self.note(index, "got", await self.queues[queue].get())
        except TimeoutError:
            self.note(index, "got nothing")

    async def cancel(self, index: int, task: int) -> None:
        if task < len(self.tasks):
            self.tasks[task].cancel()

    async def wait(self, index: int, wanted: set[int], patience: float) -> None:
        others = {self.tasks[other] for other in wanted if other < len(self.tasks) and other != index}
        if others:
            done, _ = await asyncio.wait(others, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
            self.note(index, "saw", *(self.tasks.index(task) for task in done))

    async def group(self, index: int, delays: list[float]) -> None:
        async with asyncio.TaskGroup() as group:
            for delay in delays:
                group.create_task(self.sleep(index, delay)).add_done_callback(lambda _: self.note(index, "one"))


def carry_out(program: Program, seed: int | None) -> Simulation:
    simulation = Simulation(program)
    run_virtual(simulation.run(), seed=seed)
    return simulation


@given(ANY, st.none() | st.integers(0, 3))
def test_one_seed_gives_one_trace(program: Program, seed: int | None) -> None:
    first = carry_out(program, seed)
    assert carry_out(program, seed).events == first.events


@given(ANY, st.none() | st.integers(0, 3))
def test_time_goes_on_and_timers_keep_their_order(program: Program, seed: int | None) -> None:
    simulation = carry_out(program, seed)
    times = [time for time, *_ in simulation.events]
    assert times == sorted(times)
    assert simulation.fired == [number for _, number in sorted(simulation.timers)]


@given(programs(AT_ONCE))
def test_without_a_seed_all_happens_in_the_order_of_asyncios_own_loop(program: Program) -> None:
    virtual, real = Simulation(program, at_once=True), Simulation(program, at_once=True)
    run_virtual(virtual.run())
    asyncio.run(real.run())
    assert [what for _, *what in virtual.events] == [what for _, *what in real.events]
