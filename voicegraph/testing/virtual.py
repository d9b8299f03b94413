# pyright: reportPrivateUsage=false
"""Virtual time: a loop whose clock stands still while anything can run, and then jumps to the next timer.

    result = run_virtual(main(), seed=7)

A simulation, unlike `voicegraph.engine.jumping`: nothing depends on how fast the machine is. One seed gives one order
of events, another seed another order that asyncio allows. Nothing comes in from outside: sockets, processes, signals
and threads are refused, and blocking work (`Call.offload`) is done in the loop's own thread.
"""

# A loop is made of asyncio's protected parts: its handles have no public way to be run, and a subclass of BaseEventLoop
# none to say what runs next. Those used here are the same from Python 3.11 to 3.14.

from __future__ import annotations

import asyncio
import gc
import heapq
import itertools
import math
import sys
import threading
from collections import Counter, deque
from collections.abc import Callable, Coroutine
from contextvars import Context
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, TypeVarTuple, Unpack

from voicegraph.errors import VoicegraphError
from voicegraph.testing.numbered import InOrder, VirtualFuture, VirtualTask
from voicegraph.testing.whereabouts import task_of, tasks_of, told, where

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

SECOND = 1_000_000
"""Ticks. The clock counts them, since a wait too short for a float to tell `now` from its end would never be over."""
NOISE = 1e-3
"""Ticks. A deadline so little behind a tick is that tick: sums of seconds are not exact."""
COLLECT_EVERY = 100_000
"""Iterations of the loop between two collections of garbage."""
WATCHED = 100
"""Iterations before a livelock is told in which it is noted who runs."""

OUTSIDE = {
    "sockets": """create_connection create_server create_datagram_endpoint create_unix_connection create_unix_server
        connect_accepted_socket start_tls sendfile getaddrinfo getnameinfo add_reader remove_reader add_writer
        remove_writer sock_recv sock_recv_into sock_recvfrom sock_recvfrom_into sock_sendall sock_sendto sock_connect
        sock_accept sock_sendfile""",
    "processes or pipes": "subprocess_exec subprocess_shell connect_read_pipe connect_write_pipe",
    "signals": "add_signal_handler remove_signal_handler",
}
"""The methods of a loop that are refused, by what they would bring in."""


class VirtualTimeError(VoicegraphError):
    """Something that cannot be in virtual time."""


class Deadlock(VirtualTimeError):
    """Nothing can run, no timer is set, and the main task is not done."""


class Livelock(VirtualTimeError):
    """The loop runs on and on, and its clock does not move."""


def run_virtual(main: Coroutine[Any, Any, T], *, seed: int | None = None) -> T:
    """Runs a coroutine to its end, and returns its result: `asyncio.run` for tests. Time begins at 0.0.

    seed: of the order in which tasks run that could run at the same time; None for the order that asyncio has.
    Raises VirtualTimeError for what cannot be simulated.
    """
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(seed)) as runner:
        try:
            return runner.run(main)
        finally:  # the runner cancels what is left, too, but in the order of a set that knows of earlier runs
            for task in tasks_of(runner.get_loop()):
                task.cancel()


class VirtualLoop(asyncio.BaseEventLoop):
    """See the head of the file. For `asyncio.Runner(loop_factory=...)`, where `run_virtual` is not enough.

    seed: see there. offload: virtual seconds that work in an executor takes. patience: iterations without a move of the
    clock that are a livelock. A task factory of one's own should make `VirtualTask`s.
    """

    if TYPE_CHECKING:  # what BaseEventLoop has and its types leave out
        _debug: bool
        _ready: deque[asyncio.Handle]
        _stopping: bool
        _thread_id: int | None

        def _check_callback(self, callback: object, method: str) -> None: ...
        def _check_closed(self) -> None: ...

    def __init__(self, seed: int | None = None, *, offload: float = 0.0, patience: int = 100_000) -> None:
        super().__init__()
        self.numbers = itertools.count()  # of tasks and futures
        self._random = None if seed is None else Random(seed)
        self._offload = offload
        self._patience = patience
        self._now = 0  # ticks
        self._timers: list[tuple[float, int, asyncio.TimerHandle]] = []  # a heap: due (ticks), number, handle
        self._timer_numbers = itertools.count()  # equal deadlines keep their order
        self._many_timers = WATCHED
        self._intrusion: VirtualTimeError | None = None
        self._iterations = 0
        self._still = 0  # iterations since the clock moved
        self._ran: Counter[str] = Counter()
        self._asyncgens = InOrder()

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._now / SECOND

    def create_future(self) -> asyncio.Future[Any]:
        return VirtualFuture(loop=self)

    def create_task(self, coro: Any, **options: Any) -> asyncio.Task[Any]:
        if self.get_task_factory() is not None:
            return super().create_task(coro, **options)
        self._check_closed()
        return VirtualTask(coro, loop=self, **options)

    def set_task_factory(self, factory: Any) -> None:
        """As every loop's; asyncio's factory of eager tasks makes virtual ones."""
        if sys.version_info >= (3, 12) and factory is asyncio.eager_task_factory:
            factory = asyncio.create_eager_task_factory(VirtualTask)
        super().set_task_factory(factory)

    # --- what comes in -----------------------------------------------------------------------------------------------

    def call_soon(
        self, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.Handle:
        if self._debug or self._thread_id != threading.get_ident():
            self._refuse_other_threads()
            return super().call_soon(callback, *args, context=context)
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    call_soon_threadsafe = call_soon

    def call_at(
        self, when: float, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """At the first tick that is not before `when`."""
        self._check_closed()
        self._refuse_other_threads()
        if self._debug:
            self._check_callback(callback, "call_at")
        if len(self._timers) > self._many_timers:
            self._timers = [entry for entry in self._timers if not entry[2].cancelled()]
            heapq.heapify(self._timers)
            self._many_timers = 2 * len(self._timers) + WATCHED
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        heapq.heappush(self._timers, (self._due(when), next(self._timer_numbers), handle))
        return handle

    def _due(self, when: float) -> float:
        try:
            due = math.ceil(when * SECOND - NOISE)
        except OverflowError:  # at infinity
            return when
        return self._now + 1 if due <= self._now and when > self.time() else due

    def run_in_executor(self, executor: Any, func: Callable[[Unpack[Ts]], T], *args: *Ts) -> asyncio.Future[T]:
        """Runs it here and now, whatever the executor; the result comes when its virtual time is over.

        It has to end by itself: meanwhile nothing else can happen.
        """
        self._check_closed()
        future: asyncio.Future[T] = self.create_future()
        try:
            settle = partial(future.set_result, Context().run(func, *args))  # a thread has a context of its own
        except Exception as error:  # noqa: BLE001 - it is the future's
            settle = partial(future.set_exception, error)
        self.call_later(self._offload, lambda: None if future.done() else settle())
        return future

    def set_default_executor(self, executor: Any) -> None:
        """Accepted, and not used."""

    def _refuse_other_threads(self) -> None:
        if self._thread_id is None or self._thread_id == threading.get_ident():
            return
        self._intrusion = VirtualTimeError(
            f"the thread `{threading.current_thread().name}` called into a virtual loop. When it does is up to the "
            "machine, so no two runs would be alike: let `Call.offload` or `loop.run_in_executor` do blocking work, or "
            "run this on a real loop"
        )
        raise self._intrusion

    # --- running it --------------------------------------------------------------------------------------------------

    def run_forever(self) -> None:
        # Garbage is collected at fixed points: forgotten generators go with it, and what they do at their end is seen.
        automatic = gc.isenabled()
        gc.disable()
        try:
            super().run_forever()
        finally:
            if automatic:
                gc.enable()

    def _run_once(self) -> None:
        self._iterations += 1
        self._still += 1
        if self._iterations % COLLECT_EVERY == 0:
            gc.collect()
        ready = self._ready
        if not ready or (self._timers and self._timers[0][0] <= self._now):
            self._look_at_timers()
        if self._random is not None and len(ready) > 1:
            self._shuffle(self._random)
        watched = self._still > self._patience - WATCHED
        for _ in range(len(ready)):  # what these make ready is for the next iteration
            handle = ready.popleft()
            if handle._cancelled:
                continue
            if watched:
                self._ran[told(handle)] += 1
            handle._run()
        if self._intrusion is not None:
            intrusion, self._intrusion = self._intrusion, None
            raise VirtualTimeError(str(intrusion)) from intrusion  # with the place in the thread
        if self._still >= self._patience:
            self._tell_livelock()

    def _look_at_timers(self) -> None:
        """Makes those ready that are due. While there is nothing to do, the clock moves to the next."""
        timers = self._timers
        while True:
            while timers and (timers[0][0] <= self._now or timers[0][2].cancelled()):
                self._ready.append(heapq.heappop(timers)[2])
            if self._ready or self._stopping:
                return
            if not timers or timers[0][0] == math.inf:
                self._tell_deadlock()
            self._now = int(timers[0][0])
            self._still = 0
            self._ran.clear()

    def _shuffle(self, random: Random) -> None:
        """Steps of tasks change places among themselves. Plain callbacks keep theirs, as asyncio promises."""
        handles = list(self._ready)
        places = [place for place, handle in enumerate(handles) if task_of(handle) is not None]
        if len(places) < 2:
            return
        for place, step in zip(places, random.sample(places, len(places)), strict=True):
            self._ready[place] = handles[step]

    def _tell_deadlock(self) -> NoReturn:
        waiting = "".join(f"\n  {where(task)}" for task in tasks_of(self)) or " nobody"
        raise Deadlock(
            f"at {self.time():g} s of virtual time nothing can run and no timer is set: this would last for ever. If "
            f"something from outside would end it, let `Call.offload` or a scripted node do it. Waiting:{waiting}"
        )

    def _tell_livelock(self) -> NoReturn:
        often = "".join(f"\n  {count} times {who}" for who, count in self._ran.most_common(5))
        self._still = 0
        self._ran.clear()
        raise Livelock(
            f"at {self.time():g} s of virtual time the loop goes round and round, {self._patience} times, and the "
            "clock stands still: somebody must wait for something. If it is only much work, give it more `patience`. "
            f"In the last {WATCHED} rounds there ran:{often}"
        )


def _refusal(name: str, what: str) -> Callable[..., NoReturn]:
    def refuse(self: VirtualLoop, *args: Any, **options: Any) -> NoReturn:
        raise VirtualTimeError(
            f"loop.{name}: there are no {what} in virtual time. Put a scripted node in the place of the one that needs "
            "them, or run this on a real loop: asyncio.run, or voicegraph.engine.jumping.JumpingLoop"
        )

    return refuse


for _what, _names in OUTSIDE.items():
    for _name in _names.split():
        setattr(VirtualLoop, _name, _refusal(_name, _what))
