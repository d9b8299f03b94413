"""A plan: a checked graph, ready for the engine. Compiled once per graph file; a session is made from it per call."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from voicegraph.frames import Frame
from voicegraph.node import NodeType

if TYPE_CHECKING:
    from voicegraph.tools.reading import Tool


@dataclass(frozen=True)
class Action:
    """What is done when nothing else has helped: a tool, what it is called with, and its name in the file."""

    tool: Tool
    arguments: Mapping[str, Any] = field(default_factory=dict[str, Any])
    name: str = field(default="", compare=False)


@dataclass(frozen=True)
class Recover:
    """What the engine does when a node fails. Durations in seconds; None means not asked for.

    timeout: to the first output of a request. stall: between outputs, while more is due; by default like timeout.
    hedge: after so long without an output the fallback is started too, and the first to give something goes on.
    retries: further requests to the same node. fallback: names of nodes that stand in, in their order. say: what the
    caller is told meanwhile. then: if nothing helped; None: the call goes on. retry_primary_after: for how long a
    fallback stays; None: to the call's end.
    """

    timeout: float | None = None
    stall: float | None = None
    hedge: float | None = None
    retries: int = 0
    fallback: tuple[str, ...] = ()
    say: str | None = None
    then: Action | None = None
    retry_primary_after: float | None = None


SORRY = "I am sorry, that did not work. Could you say it again?"
GOODBYE = "I am sorry, something has gone wrong here. Please call again later. Goodbye."


@dataclass(frozen=True)
class Watchdog:
    """What is done for a caller who hears nothing although a reply is due.

    silence: seconds without a sound that are an incident. say: what the caller hears then. sorry: what they hear of a
    reply that will not come. goodbye: the last words of a call that cannot go on. None for nothing.
    """

    silence: float = 5.0
    say: str | None = None
    sorry: str | None = SORRY
    goodbye: str | None = GOODBYE


@dataclass(frozen=True)
class PlannedNode:
    """One node of the graph: its type, and its configuration as it was validated.

    cache: of a voice: the sound of every sentence is kept, and replayed when it is to be said again. place: where it
    stands, such as `graphs/cloud.yaml:24:10`; empty for one that is in no file.
    """

    name: str
    kind: NodeType
    config: Mapping[str, Any] = field(default_factory=dict[str, Any])
    recover: Recover | None = None
    cache: bool = False
    place: str = field(default="", compare=False)

    def make(self) -> Any:
        """A fresh instance, for one call."""
        return self.kind.configure(self.config)


@dataclass(frozen=True)
class Edge:
    """`giver` gives frames of one type to `taker`. Edges of one giver are in the order of the file."""

    giver: str
    taker: str
    frame: type[Frame]


@dataclass(frozen=True)
class Plan:
    """What a session is made from.

    nodes: in topological order, the line first. Converters that the audio formats ask for are nodes like any other.
    line: name of the line node, or None for a graph without one (a test of a part).
    standby: nodes outside the flow that a `fallback` names, and the converters that only they need.
    standby_edges: the edges of each standby node, as if it stood in the place of the node that it stands in for, with
    their converters. An edge into a standby node is to be used only while it stands in.
    budgets: p95 limits in seconds by name (`answer`, `barge_in`, or a node's).
    phrases: what is known before a call to be said in it, such as a greeting. Its sound is kept and replayed.
    """

    name: str
    nodes: Mapping[str, PlannedNode]
    edges: tuple[Edge, ...]
    line: str | None = None
    standby: Mapping[str, PlannedNode] = field(default_factory=dict[str, PlannedNode])
    budgets: Mapping[str, float] = field(default_factory=dict[str, float])
    standby_edges: tuple[Edge, ...] = ()
    phrases: tuple[str, ...] = ()
    watchdog: Watchdog = Watchdog()

    def named(self, node: str) -> str:
        """A node's name behind its place in the file, for who is to mend something there."""
        planned = self.nodes.get(node) or self.standby.get(node)
        return f"{planned.place}: {node}" if planned is not None and planned.place else node
