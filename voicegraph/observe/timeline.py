"""A call's times as plain data: what `run --trace` writes and `trace`, `bench`, `top` and the exporters read.

Made from a session by `voicegraph.observe.call_times`. All times are seconds since the call began, on the loop's clock.
"""

from __future__ import annotations

import msgspec

VERSION = 1
"""Of what is written to files. A file of another version is refused."""


class Struct(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Base of what is told."""


class Node(Struct, frozen=True, kw_only=True):
    """A node of the graph. use: its type. converter: made for the audio formats. standby: for when another fails."""

    name: str
    use: str
    kind: str = "asynchronous"  # or "inline", "source"
    converter: bool = False
    standby: bool = False


class Part(Struct, frozen=True, kw_only=True):
    """A part of an answer's time. node: that took it; "" where it is nobody's. what: it was doing, or reached."""

    node: str
    what: str
    start: float
    end: float

    @property
    def seconds(self) -> float:
        return self.end - self.start


class Stage(Struct, frozen=True, kw_only=True):
    """One node's work on one turn. A figure that is not known is None.

    came: its first frame of the turn came to it. taken: its handler took that. first, last: its first output, and the
    end of its work. items, given: frames taken and given. queued: seconds that its first frame waited for it. blocked:
    seconds in which it was held because whoever takes its frames was full. starved: seconds for which it waited for
    more input. own: seconds of its own in synchronous code (of inline nodes; measured in samples, so an estimate).
    waited: seconds for which its asynchronous handlers were at work without being blocked or starved: mostly waiting
    for a provider.
    """

    node: str
    came: float | None = None
    taken: float | None = None
    first: float | None = None
    last: float | None = None
    items: int = 0
    given: int = 0
    queued: float = 0.0
    blocked: float = 0.0
    starved: float = 0.0
    own: float = 0.0
    waited: float = 0.0


class Happened(Struct, frozen=True, kw_only=True):
    """Something out of the usual: a recovery's step ("retry", "fallback", …) or an "error"."""

    at: float
    node: str
    what: str


class Turn(Struct, frozen=True, kw_only=True):
    """One reply. The first and last of its times, and where the time between them went.

    speech_end: the caller's last voiced sample came in; None if it answers nobody, as a greeting. began: of the turn.
    marks: milestones by name ("pause noticed", "text final", "turn given", "turn committed", "first token", "first
    sentence", "first audio", "heard"). answer: seconds from speech_end to heard. steps: the answer by milestones; path:
    the critical path, by node. Both add up to `answer`. barge_in: seconds that the caller heard of it after the
    interrupt. words: what was heard of it, and the caller's, only where they were asked for.
    """

    turn: int
    began: float
    speech_end: float | None = None
    marks: dict[str, float] = {}
    answer: float | None = None
    barge_in: float | None = None
    interrupted: float | None = None
    seconds: float = 0.0
    heard_seconds: float = 0.0
    steps: tuple[Part, ...] = ()
    path: tuple[Part, ...] = ()
    stages: tuple[Stage, ...] = ()
    happened: tuple[Happened, ...] = ()
    asked: str | None = None
    heard: str | None = None
    unheard: str | None = None


class Totals(Struct, frozen=True, kw_only=True):
    """One node over a whole call: counts, seconds in all, and samples in seconds (the newest 10,000)."""

    node: str
    items: int = 0
    given: int = 0
    dropped: int = 0
    errors: int = 0
    blocked: float = 0.0
    starved: float = 0.0
    own: float = 0.0
    queue: tuple[float, ...] = ()
    first: tuple[float, ...] = ()
    total: tuple[float, ...] = ()


class Timeline(Struct, frozen=True, kw_only=True, omit_defaults=False):
    """A whole call. began: when, in seconds since 1970, if that is known. seconds: how long it lasted, or has so far.

    wires: giver and taker. budgets: of the graph, in seconds. cpu: seconds of CPU of the process over the call, if
    nothing else ran in it.
    """

    graph: str
    version: int = VERSION
    call: str = ""
    file: str = ""
    line: str = ""
    began: float | None = None
    seconds: float = 0.0
    nodes: tuple[Node, ...] = ()
    wires: tuple[tuple[str, str], ...] = ()
    budgets: dict[str, float] = {}
    turns: tuple[Turn, ...] = ()
    totals: tuple[Totals, ...] = ()
    cpu: float | None = None
