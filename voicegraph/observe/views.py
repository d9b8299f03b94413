"""What is shown of a call to somebody who watches it, as small messages with a `type`. Times are in seconds."""

from __future__ import annotations

from typing import Literal

import msgspec

from voicegraph.graph.formats import CONVERTER
from voicegraph.graph.plan import Plan

State = Literal["listening", "thinking", "speaking"]
Outcome = Literal["open", "heard", "interrupted", "cut", "void"]


class View(msgspec.Struct, frozen=True, tag_field="type", rename="camel"):
    """Base of what is shown."""


class Row(msgspec.Struct, frozen=True):
    """A node. use: its type. converter: put there for the audio formats. standby: for when another one fails."""

    name: str
    use: str
    converter: bool = False
    standby: bool = False


class Graph(View, frozen=True, tag="graph"):
    """rows: in the order in which frames come to them, the line first; it is the last too. wires: giver, taker."""

    name: str
    line: str | None
    rows: tuple[Row, ...]
    wires: tuple[tuple[str, str], ...]


class Said(View, frozen=True, tag="caller"):
    """The caller's words. entry: place in the transcript. final: no longer a guess."""

    entry: int
    text: str
    final: bool


class Spoken(View, frozen=True, tag="agent"):
    """The agent's words in three: heard, on their way to be spoken, and no more than thought.

    state: `open` while it goes on; `heard` to its end; `interrupted`, or `cut` by the end of the call, with the rest
    unheard; `void` for what was begun too early and taken back.
    """

    entry: int
    turn: int
    heard: str
    spoken: str
    thought: str
    state: Outcome


class Does(View, frozen=True, tag="state"):
    """What the agent does, and whether the caller speaks."""

    state: State
    caller: bool


class Active(View, frozen=True, tag="active"):
    """Nodes that gave something lately, the caller's audio aside."""

    nodes: tuple[str, ...]


class Share(msgspec.Struct, frozen=True):
    """A part of an answer's time. node: that the caller waited for. what: it did. start, end: in the answer."""

    node: str
    what: str
    start: float
    end: float


class Answered(View, frozen=True, tag="answer"):
    """Where the time of an answer went, from the end of the caller's speech to its first sound at the line."""

    entry: int
    seconds: float
    shares: tuple[Share, ...]


class Trouble(View, frozen=True, tag="trouble"):
    """Something fails, or helps itself. node: that has. step: `error`, or of a Recovery. No text of a fault's own."""

    node: str
    step: str


def graph(plan: Plan) -> Graph:
    """The plan as it is drawn."""
    rows = [Row(node.name, node.kind.name, converter=node.kind.name == CONVERTER) for node in plan.nodes.values()]
    rows += [Row(node.name, node.kind.name, standby=True) for node in plan.standby.values()]
    wires = dict.fromkeys((edge.giver, edge.taker) for edge in plan.edges)
    return Graph(plan.name, plan.line, tuple(rows), tuple(wires))
