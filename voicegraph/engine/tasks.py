"""What runs beside the nodes of a call: the session owns every task, and ends it with the call."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from voicegraph.engine.lanes import LET_GO
from voicegraph.engine.outlet import done


class Tasks:
    """Those of one call. failed: told of an exception. notice: told of a task that does not end, by its name."""

    def __init__(self, name: str, failed: Callable[[BaseException], None], notice: Callable[[str, str], None]) -> None:
        self._name = name
        self._failed = failed
        self._notice = notice
        self._grace: dict[asyncio.Task[Any], float] = {}

    def keep(self, work: Awaitable[None], *, grace: float = 0.0) -> asyncio.Task[None]:
        """Runs something. grace: seconds for which the end of the call waits for it."""
        task = asyncio.get_running_loop().create_task(
            work if asyncio.iscoroutine(work) else done(work), name=self._name
        )
        self._grace[task] = grace
        task.add_done_callback(self._ended)
        return task

    async def stop(self, working: list[asyncio.Task[Any]]) -> None:
        """Ends all of them, and those that work for nodes."""
        hasty = [task for task, grace in self._grace.items() if not grace]
        await self._cancel([*working, *hasty])
        if patient := {task: grace for task, grace in self._grace.items() if grace}:
            await asyncio.wait(patient, timeout=max(patient.values()))
            await self._cancel([task for task in patient if not task.done()])

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._grace.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._failed(error)

    async def _cancel(self, tasks: list[asyncio.Task[Any]]) -> None:
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=LET_GO)
        for task in tasks:
            if not task.done():
                self._notice(task.get_name(), "did not end with the call")
