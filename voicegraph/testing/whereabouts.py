# pyright: reportPrivateUsage=false
"""Which tasks a loop has, and where in the program each of them is: for errors that tell who waits and who runs."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

LIBRARY = str(Path(asyncio.__file__).parent)
METHODS = frozenset(dir(asyncio.Task))

CHAIN = (("cr_frame", "cr_await"), ("gi_frame", "gi_yieldfrom"), ("ag_frame", "ag_await"))
"""Of coroutines, of generators and of asynchronous generators: where it is, and what it awaits there."""


def tasks_of(loop: asyncio.AbstractEventLoop) -> list[asyncio.Task[Any]]:
    """The virtual tasks that are not done, in the order in which they were made."""
    return sorted(asyncio.all_tasks(loop), key=hash)


def task_of(handle: Any) -> asyncio.Task[Any] | None:
    """The task of which a handle is a step; None for a plain callback, be it a method of a task such as `cancel`."""
    if getattr(handle._callback, "__name__", None) in METHODS:
        return None
    owner: asyncio.Task[Any] | None = getattr(handle._callback, "__self__", None)  # or something else altogether
    return owner if isinstance(owner, asyncio.Task) else None


def told(handle: asyncio.Handle) -> str:
    """What a handle runs, for people."""
    task = task_of(handle)
    return repr(handle) if task is None else where(task)


def where(task: asyncio.Task[Any]) -> str:
    """A task's name and its innermost place that is not asyncio's own, for people."""
    frames = list(_frames(task.get_coro()))
    if not frames:
        return f"{task.get_name()} at its end"
    own = [frame for frame in frames if not frame.f_code.co_filename.startswith(LIBRARY)]
    place = (own or frames)[-1]
    return f"{task.get_name()} at {place.f_code.co_filename}:{place.f_lineno} in {place.f_code.co_name}"


def _frames(awaited: Any) -> Iterator[FrameType]:
    """Of a coroutine and of what it awaits, down to the innermost."""
    while awaited is not None:
        for frame, inner in CHAIN:
            if hasattr(awaited, frame):
                if (found := getattr(awaited, frame)) is not None:
                    yield found
                awaited = getattr(awaited, inner)
                break
        else:  # what `anext` gives keeps its generator to itself; the garbage collector knows it
            awaited = next((each for each in gc.get_referents(awaited) if hasattr(each, "ag_frame")), None)
