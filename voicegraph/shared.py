"""Things that a process loads once and all its calls use: a model, a connection pool."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

T = TypeVar("T")

_lock = threading.Lock()
_slots: dict[Hashable, _Slot] = {}


class _Slot:
    """One shared thing and the lock under which it is made, so that two things can load at the same time."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.made = False
        self.value: Any = None


def shared(key: Hashable, make: Callable[[], T]) -> T:
    """The process's one object for `key`; the first caller makes it, others wait for that.

    A node calls this from `warm()` (in a thread, before the first call) and again where it uses the object, when it is
    there already. An exception of `make` goes to its caller, and the next caller tries again.
    """
    with _lock:
        slot = _slots.setdefault(key, _Slot())
    with slot.lock:
        if not slot.made:
            slot.value = make()
            slot.made = True
    value: T = slot.value
    return value
