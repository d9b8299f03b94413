"""Signals that end the process: the calls are let go on first.

Web servers close every WebSocket as soon as they are told to go. So the app takes the signal, and hands it on to
whoever had it before when the calls are over.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Awaitable, Callable, Sequence
from types import FrameType
from typing import Any


class Signals:
    """A context manager. drain: waits for the calls. Only a process's main thread gets signals; elsewhere it is idle.

    Ctrl-C is handed on at once while it waits.
    """

    def __init__(self, signals: Sequence[signal.Signals], drain: Callable[[], Awaitable[None]]) -> None:
        self._signals = signals if threading.current_thread() is threading.main_thread() else ()
        self._drain = drain
        self._before: dict[signal.Signals, Any] = {}
        self._loop = asyncio.get_running_loop()
        self._draining: asyncio.Task[None] | None = None

    def __enter__(self) -> Signals:
        for each in self._signals:
            self._before[each] = signal.signal(each, self._came)
        return self

    def __exit__(self, *_: object) -> None:
        for each, handler in self._before.items():
            signal.signal(each, handler if handler is not None else signal.SIG_DFL)
        if self._draining is not None:
            self._draining.cancel()

    def _came(self, number: int, frame: FrameType | None) -> None:
        """Called between two bytecodes of whatever runs: the loop does the rest."""
        self._loop.call_soon_threadsafe(self._take, signal.Signals(number))

    def _take(self, number: signal.Signals) -> None:
        if self._draining is None:
            self._draining = self._loop.create_task(self._end(number))
        elif number is signal.SIGINT:
            self._hand_on(number)

    async def _end(self, number: signal.Signals) -> None:
        await self._drain()
        self._hand_on(number)

    def _hand_on(self, number: signal.Signals) -> None:
        before = self._before[number]
        if callable(before):
            before(number, None)
        elif before == signal.SIG_DFL:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
