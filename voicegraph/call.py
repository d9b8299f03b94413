"""What a node may know and ask of the call that it serves."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from random import Random
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

import msgspec

if TYPE_CHECKING:
    import asyncio

T = TypeVar("T")


SLACK = 0.001
"""Seconds. Lines count samples or marks, and sums of chunk lengths are not exact: nearer than this is the same."""


class Word(msgspec.Struct, frozen=True):
    """One word of a reply. queued: the line has it, the caller not yet. discarded: an interrupt came before it."""

    text: str
    state: Literal["queued", "heard", "discarded"]


class Reply(msgspec.Struct, frozen=True):
    """One reply as the heard ledger knows it now.

    said: its text as far as it was sent to the line. heard: the part of it that the caller has heard, cut at a word.
    seconds, heard_seconds: the same as durations of audio, without what was discarded. ended: nothing more comes to
    the line. interrupted: it was cut short. kept: but for a part that must be said to its end. words: of `said`, in
    order.
    """

    turn: int
    said: str = ""
    heard: str = ""
    seconds: float = 0.0
    heard_seconds: float = 0.0
    ended: bool = False
    interrupted: bool = False
    kept: bool = False
    words: tuple[Word, ...] = ()

    @property
    def over(self) -> bool:
        """Heard to its end, or cut short."""
        if self.interrupted and not self.kept:
            return True
        return self.ended and self.heard_seconds >= self.seconds - SLACK


class Call(Protocol):
    """The call that a node's instance serves. A node class asks for it with a field `call: Call = this_call()`."""

    @property
    def id(self) -> str:
        """Name of the call, unique in the process."""
        ...

    @property
    def random(self) -> Random:
        """The call's own source of randomness, seeded by whoever started the call."""
        ...

    @property
    def variables(self) -> dict[str, str]:
        """What came with the call, such as a carrier's parameters or a page's query. Filled by the line, for all nodes.

        Empty until the line knows: a carrier tells with its first message.
        """
        ...

    def now(self) -> float:
        """Loop time in seconds. Nodes read no other clock."""
        ...

    def reply(self, turn: int) -> Reply:
        """What was said and heard of a turn so far. A turn that cannot reach a line is over when it begins."""
        ...

    def replies(self) -> list[Reply]:
        """The same of every turn of the call, in order."""
        ...

    def speaking(self) -> bool:
        """Whether a reply is not over: being thought of, made, or heard."""
        ...

    def say(self, text: str, *, interruptible: bool = True) -> None:
        """Speaks a text as a turn of its own, such as a greeting."""
        ...

    def played(self, turn: int, seconds: float) -> None:
        """For lines: of this turn, so many seconds in all have now been heard."""
        ...

    @property
    def line(self) -> Any:
        """The instance of the call's line, for what only some lines know or can do; None in a graph without one."""
        ...

    def hang_up(self, reason: str, *, after_speaking: bool = False) -> None:
        """Ends the call at once: nothing more is said. For lines whose caller is gone, and for tools.

        after_speaking: let the caller hear what is being said first; an interrupt of that calls it off.
        """
        ...

    async def committed(self, turn: int) -> bool:
        """Waits until a turn is surely to be answered, which a speculative one is not yet. False: it was given up."""
        ...

    def keep(self, work: Awaitable[None], *, grace: float = 0.0) -> asyncio.Task[None]:
        """Runs something beside the nodes, which no interrupt cancels. Its exception ends the call.

        grace: seconds for which the end of the call waits for it, before it cancels that too.
        """
        ...

    async def offload(self, function: Callable[..., T], *args: Any) -> T:
        """Runs a blocking function in a thread and awaits its result. The only way from a node to a thread.

        When the caller of this is cancelled, the thread goes on to its end and its result is dropped.
        """
        ...

    def offload_stream(self, produce: Callable[[Callable[[T], bool]], None]) -> AsyncGenerator[T, None]:
        """Runs `produce(emit)` in a thread and yields what it emits, as it comes.

        `emit(item)` returns False once nobody listens any more (closed or interrupted): `produce` should then return.
        """
        ...


CALL_FIELD = "__voicegraph_call__"


class _ThisCall:
    """Stands in a node class for the call until the engine puts the real one into the instance."""

    def __set_name__(self, owner: type, name: str) -> None:
        setattr(owner, CALL_FIELD, name)


def this_call(*, init: Literal[False] = False) -> Any:
    """The field of a node class that the engine fills with the `Call` being served; it is no configuration."""
    return _ThisCall()


def give_call(instance: object, call: Call) -> None:
    """Fills the instance's `this_call()` field, if its class has one."""
    name = getattr(instance, CALL_FIELD, None)
    if name is not None:
        setattr(instance, name, call)
