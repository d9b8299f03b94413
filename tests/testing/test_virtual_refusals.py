"""Virtual time: what comes from outside is refused or done at once, and what would last for ever is told."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from typing import Any

import pytest

from voicegraph.engine.offload import AHEAD, offload, offload_stream
from voicegraph.testing import VirtualLoop, run_virtual
from voicegraph.testing.virtual import Deadlock, Livelock, VirtualTimeError


def now() -> float:
    return asyncio.get_running_loop().time()


def virtually(main: Callable[[], Awaitable[Any]], **options: Any) -> Any:
    """Runs it on a loop with these options."""

    async def run() -> Any:
        return await main()

    with asyncio.Runner(loop_factory=lambda: VirtualLoop(**options)) as runner:
        return runner.run(run())


# --- threads ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["call_soon_threadsafe", "call_soon", "call_later"])
def test_a_thread_that_calls_in_is_refused_there_and_in_the_loop(way: str) -> None:
    refused: list[str] = []

    def call_in(loop: asyncio.AbstractEventLoop) -> None:
        arguments = (1, print) if way == "call_later" else (print,)
        try:
            getattr(loop, way)(*arguments)
        except VirtualTimeError as error:
            refused.append(str(error))

    async def main() -> None:
        thread = threading.Thread(target=call_in, args=[asyncio.get_running_loop()], name="a library's")
        thread.start()
        thread.join()
        await asyncio.sleep(3600)

    with pytest.raises(VirtualTimeError, match=r"thread `a library's` called into a virtual loop.*offload") as caught:
        run_virtual(main())
    assert refused == [str(caught.value)]
    assert isinstance(caught.value.__cause__, VirtualTimeError)


def test_another_thread_may_prepare_a_loop_that_does_not_run_yet() -> None:
    told: list[int] = []
    loop = VirtualLoop()
    thread = threading.Thread(target=lambda: loop.call_soon_threadsafe(told.append, 1))
    thread.start()
    thread.join()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    assert told == [1]


def test_work_in_an_executor_is_done_in_the_loops_thread_and_takes_its_virtual_time() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor())
        ways: list[Callable[[], Awaitable[int]]] = [
            lambda: loop.run_in_executor(None, threading.get_ident),
            lambda: loop.run_in_executor(ThreadPoolExecutor(), threading.get_ident),
            lambda: asyncio.to_thread(threading.get_ident),
            lambda: offload(threading.get_ident),
        ]
        for number, work in enumerate(ways, start=1):
            assert await work() == threading.get_ident()
            assert now() == number * 0.25

    virtually(main, offload=0.25)


def test_work_takes_no_time_unless_it_is_said_but_its_result_is_awaited() -> None:
    async def main() -> None:
        told: list[str] = []

        async def other() -> None:
            told.append("other")

        task = asyncio.create_task(other())
        await offload(told.append, "work")
        assert (told, now()) == (["work", "other"], 0)
        await task

    run_virtual(main())


def test_a_fault_of_the_work_is_its_awaiters() -> None:
    async def main() -> None:
        with pytest.raises(ZeroDivisionError):
            await offload(divmod, 1, 0)

    run_virtual(main())


def test_nobody_is_told_of_work_that_was_given_up() -> None:
    faults: list[object] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, fault: faults.append(fault))
        for function in (divmod, pow):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(offload(function, 1, 0), 1)
        await asyncio.sleep(10)

    virtually(main, offload=2)
    assert faults == []


def test_work_has_a_context_of_its_own() -> None:
    name = ContextVar("name", default="nobody")

    async def main() -> None:
        name.set("caller")
        assert await offload(name.get) == "nobody"
        await offload(name.set, "work")
        assert name.get() == "caller"

    run_virtual(main())


def test_a_stream_of_work_comes_in_order_however_long_it_is() -> None:
    """The loop's thread must not wait for room: nobody could make any."""
    count = AHEAD * 5

    def produce(emit: Callable[[int], bool]) -> None:
        assert [emit(item) for item in range(count)] == [True] * count
        raise LookupError("and then it broke")

    async def main() -> list[int]:
        stream = offload_stream(produce)
        items = [await anext(stream) for _ in range(count)]
        with pytest.raises(LookupError, match="then it broke"):
            await anext(stream)
        return items

    assert run_virtual(main()) == list(range(count))


def test_a_stream_of_work_can_be_left() -> None:
    def produce(emit: Callable[[str], bool]) -> None:
        for item in "abc":
            emit(item)

    async def main() -> None:
        stream = offload_stream(produce)
        assert await anext(stream) == "a"
        await stream.aclose()
        await asyncio.sleep(5)

    virtually(main, offload=1)


# --- sockets, processes, signals --------------------------------------------------------------------------------------

ANY: Any = None
OUTSIDE: dict[str, Callable[[], Any]] = {
    "create_connection": lambda: asyncio.open_connection("localhost", 80),
    "create_server": lambda: asyncio.start_server(print, "localhost", 0),
    "getaddrinfo": lambda: asyncio.get_running_loop().getaddrinfo("localhost", 80),
    "sock_connect": lambda: asyncio.get_running_loop().sock_connect(ANY, ("localhost", 80)),
    "add_reader": lambda: asyncio.get_running_loop().add_reader(0, print),
    "subprocess_exec": lambda: asyncio.create_subprocess_exec("true"),
    "subprocess_shell": lambda: asyncio.create_subprocess_shell("true"),
    "connect_read_pipe": lambda: asyncio.get_running_loop().connect_read_pipe(asyncio.Protocol, ANY),
    "add_signal_handler": lambda: asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, print),
}


@pytest.mark.parametrize("name", OUTSIDE)
def test_what_comes_from_outside_is_refused_with_what_to_do(name: str) -> None:
    async def main() -> None:
        with pytest.raises(VirtualTimeError, match=rf"loop.{name}: there are no .* in virtual time.*scripted node"):
            await OUTSIDE[name]()

    run_virtual(main())


def test_nothing_of_a_loop_is_left_that_only_says_it_is_not_implemented() -> None:
    loop = VirtualLoop()
    abstract = asyncio.AbstractEventLoop
    public = [name for name in dir(abstract) if not name.startswith("_") and callable(getattr(abstract, name))]
    left = [name for name in public if getattr(type(loop), name) is getattr(abstract, name)]
    loop.close()
    assert left == []


# --- what would last for ever -----------------------------------------------------------------------------------------


async def never() -> None:
    await asyncio.Event().wait()


async def silence() -> AsyncIterator[int]:
    await never()
    yield 1


async def listen() -> None:
    async for _ in silence():
        pass


def test_a_deadlock_names_who_waits_and_where() -> None:
    told: list[str] = []

    async def main() -> None:
        try:
            await asyncio.sleep(1.5)
            async with asyncio.TaskGroup() as group:
                group.create_task(never(), name="the caller")
                group.create_task(listen(), name="stt")
                group.create_task(asyncio.Event().wait(), name="asyncio's own")
        finally:
            told.append("cleaned up")

    with pytest.raises(Deadlock) as caught:
        run_virtual(main())
    first, *waiting = str(caught.value).splitlines()
    assert first.startswith("at 1.5 s of virtual time nothing can run")
    assert [line.split()[0] for line in waiting] == ["Task-0", "the", "stt", "asyncio's"]
    assert waiting[0].endswith(" in main")
    line = never.__code__.co_firstlineno + 1
    assert waiting[1].endswith(f"test_virtual_refusals.py:{line} in never")
    assert waiting[2].endswith(f"test_virtual_refusals.py:{line} in never"), "found behind two generators"
    assert waiting[3].endswith(" in wait")
    assert told == ["cleaned up"]


def test_a_deadlock_without_tasks() -> None:
    loop = VirtualLoop()
    with pytest.raises(Deadlock, match="Waiting: nobody"):
        loop.run_forever()
    loop.close()


def test_who_will_not_go_is_named_again() -> None:
    async def stubborn() -> None:
        while True:
            try:
                await never()
            except asyncio.CancelledError:
                await never()

    async def main() -> None:
        task = asyncio.create_task(stubborn(), name="stubborn")
        await task

    with pytest.raises(Deadlock, match="stubborn at") as caught:
        run_virtual(main())
    assert isinstance(caught.value.__context__, Deadlock)
    del caught


def test_a_livelock_names_who_runs() -> None:
    told: list[str] = []

    async def poll() -> None:
        try:
            while True:  # noqa: ASYNC110 - that is the mistake
                await asyncio.sleep(0)
        finally:
            told.append("cleaned up")

    def again() -> None:
        asyncio.get_running_loop().call_soon(again)

    async def main() -> None:
        await asyncio.sleep(2)
        again()
        asyncio.create_task(poll(), name="the pacer")  # noqa: RUF006 - it is meant to be forgotten
        await asyncio.sleep(1)

    with pytest.raises(Livelock) as caught:
        run_virtual(main())
    first, *ran = str(caught.value).splitlines()
    assert first.startswith("at 2 s of virtual time the loop goes round and round, 100000 times")
    assert len(ran) == 2
    assert all(line.startswith("  100 times ") for line in ran)
    assert "again" in ran[0]
    assert "the pacer at" in ran[1]
    assert ran[1].endswith(" in poll")
    assert told == ["cleaned up"]


@pytest.mark.parametrize(("rounds", "fits"), [(90, True), (110, False)])
def test_patience_is_counted_from_when_the_clock_moved(rounds: int, fits: bool) -> None:
    async def main() -> str:
        for _ in range(5):
            await asyncio.sleep(1)
            for _ in range(rounds):
                await asyncio.sleep(0)
        return "done"

    if fits:
        assert virtually(main, patience=100) == "done"
    else:
        with pytest.raises(Livelock, match="100 times"):
            virtually(main, patience=100)
