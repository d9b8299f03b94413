"""Tasks and futures hashed by their number in the loop, not by their address: sets of them are the same in each run.

asyncio itself goes through such sets: when a task group aborts, in `asyncio.wait`, and at the end of a run.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from typing import Any, Protocol, TypeVar
from weakref import WeakKeyDictionary

T = TypeVar("T")


class NumberingLoop(Protocol):
    """A loop that counts what is made on it."""

    numbers: Iterator[int]


class VirtualTask(asyncio.Task[T]):
    """A task with the next number."""

    def __init__(self, coro: Coroutine[Any, Any, T], *, loop: Any, name: str | None = None, **options: Any) -> None:
        numbering: NumberingLoop = loop
        self._number = next(numbering.numbers)
        super().__init__(coro, loop=loop, name=name or f"Task-{self._number}", **options)

    def __hash__(self) -> int:
        return self._number


class VirtualFuture(asyncio.Future[T]):
    """A future that takes its number when it is first hashed; most never are."""

    _number = -1

    def __hash__(self) -> int:
        if self._number < 0:
            numbering: Any = self.get_loop()
            self._number = next(numbering.numbers)
        return self._number


class InOrder(WeakKeyDictionary[Any, None]):
    """A set of weak references, in the order in which they came. For generators, whose hash is their address."""

    def add(self, item: Any) -> None:
        self[item] = None

    def discard(self, item: Any) -> None:
        self.pop(item, None)
