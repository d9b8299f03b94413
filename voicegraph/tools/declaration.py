"""`@tool`: what a plain function cannot say of itself, when a language model is to call it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, overload

from voicegraph.errors import ToolDefinitionError

NAME = r"[A-Za-z0-9_-]{1,64}"
"""What OpenAI, and others after them, let functions be called."""
TIMEOUT = 10.0
"""Seconds that a tool has, if it says nothing else."""
_MARK = "__voicegraph_tool__"

F = TypeVar("F", bound=Callable[..., Any])


@dataclass(frozen=True)
class Options:
    """What `@tool` says. See there."""

    name: str = ""
    timeout: float = TIMEOUT
    interruptible: bool = True
    phrase: str = ""


@overload
def tool(function: F, /) -> F: ...
@overload
def tool(
    *, name: str = "", timeout: float = TIMEOUT, interruptible: bool = True, phrase: str = ""
) -> Callable[[F], F]: ...
def tool(
    function: Callable[..., Any] | None = None,
    /,
    *,
    name: str = "",
    timeout: float = TIMEOUT,
    interruptible: bool = True,
    phrase: str = "",
) -> Callable[..., Any]:
    """Says how a function is to be run when a language model calls it. A function without it is a tool as well.

    name: what the model calls it; the function's own name otherwise. timeout: seconds until the model is told that it
    did not answer. interruptible: False for what must not be broken off when the caller interrupts, such as a booking.
    phrase: a sentence to be said if it takes longer than a second. Raises ToolDefinitionError.
    """
    lacks = [
        words
        for words, wrong in (
            ("its `name` is at most 64 letters, digits, _ and -", name and not re.fullmatch(NAME, name)),
            ("its `timeout` is more than 0 seconds", not timeout > 0),
        )
        if wrong
    ]

    def mark(function: F) -> F:
        if lacks:
            raise ToolDefinitionError(name_of(function), lacks)
        setattr(function, _MARK, Options(name, timeout, interruptible, phrase))
        return function

    return mark if function is None else mark(function)


def options_of(function: object) -> Options:
    """What `@tool` says of a function, or the defaults."""
    options = getattr(function, _MARK, None)
    return options if isinstance(options, Options) else Options()


def name_of(function: object) -> str:
    """How people know it."""
    return str(getattr(function, "__name__", function))
