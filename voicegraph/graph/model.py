"""A graph as it is written, every part with its place (`GraphFile`), and as it is once checked (`Graph`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from voicegraph.frames import Frame
from voicegraph.graph.diagnostics import Diagnostic
from voicegraph.graph.plan import Action, Edge, Recover, Watchdog
from voicegraph.graph.source import Span
from voicegraph.graph.tree import Map, Scalar
from voicegraph.node import NodeType

# --- as written -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Word:
    """A name or a short text, and where it stands. written: with its references, as in the file."""

    text: str
    span: Span
    written: str = ""


@dataclass(frozen=True, slots=True)
class WrittenAction:
    """What a `then` says: a tool's name, and its arguments if it is given any."""

    tool: Scalar
    arguments: Map | None = None


@dataclass(frozen=True, slots=True)
class WrittenRecover:
    """The policy but for its `then`, where each of its parts stands, the fallbacks as words, and what `then` says."""

    policy: Recover
    tree: Map
    fallback: tuple[Word, ...] = ()
    then: WrittenAction | None = None


@dataclass(frozen=True, slots=True)
class WrittenWatchdog:
    """The policy, and where each of its parts stands; no tree where the file says nothing of it."""

    policy: Watchdog = field(default_factory=Watchdog)
    tree: Map | None = None


@dataclass(frozen=True, slots=True)
class WrittenNode:
    """use: the node type; empty where the file gives none that can be read. cache: where that is said to be true."""

    name: Word
    use: Word
    config: Map | None = None
    recover: WrittenRecover | None = None
    cache: Span | None = None


@dataclass(frozen=True, slots=True)
class Wire:
    """`giver -> taker`, or `giver.output -> taker`. span: from one to the other."""

    giver: Word
    taker: Word
    span: Span
    output: Word | None = None


@dataclass(frozen=True, slots=True)
class Budget:
    """A p95 limit in seconds on the answer, on barging in, or on a node."""

    name: Word
    seconds: float


@dataclass(frozen=True, slots=True)
class GraphFile:
    """All that a graph file says. start: its first place. unclear: names that may be in use, for all
    that can be read of the flow.
    """

    name: str
    start: Span
    imports: tuple[Word, ...] = ()
    nodes: Mapping[str, WrittenNode] = field(default_factory=dict[str, WrittenNode])
    wires: tuple[Wire, ...] = ()
    unclear: frozenset[str] = frozenset()
    budgets: tuple[Budget, ...] = ()
    watchdog: WrittenWatchdog = WrittenWatchdog()


# --- as checked -----------------------------------------------------------------------------------------------------

Rates = Mapping[type[Frame], int | None]
"""Sample rates in Hz by Audio and TTSAudio. None: any, or not known before the call."""


@dataclass(frozen=True, slots=True)
class Node:
    """A node whose type is known and whose configuration is valid.

    spoken: what its configuration has for the caller, word for word. then: what its `recover` ends in.
    """

    written: WrittenNode
    kind: NodeType
    config: Mapping[str, Any] = field(default_factory=dict[str, Any])
    takes_rates: Rates = field(default_factory=dict[type[Frame], "int | None"])
    gives_rates: Rates = field(default_factory=dict[type[Frame], "int | None"])
    spoken: tuple[str, ...] = ()
    then: Action | None = None

    @property
    def name(self) -> str:
        return self.written.name.text

    @property
    def recover(self) -> Recover | None:
        return replace(self.written.recover.policy, then=self.then) if self.written.recover else None


@dataclass(frozen=True, slots=True)
class Graph:
    """A graph without a mistake. `compile_plan` makes it ready for the engine.

    tree: the merged YAML that `file` was read from. nodes: all of them, in the order of the file. edges: likewise,
    before formats are negotiated.
    line: the line's name, if there is one. warnings: what does not stop it from running.
    """

    file: GraphFile
    tree: Map
    nodes: Mapping[str, Node]
    edges: tuple[Edge, ...]
    line: str | None
    warnings: tuple[Diagnostic, ...] = ()

    @property
    def name(self) -> str:
        return self.file.name

    def stand_ins(self) -> dict[str, tuple[str, ...]]:
        """For each node in the flow the nodes that may stand in for it, fallbacks of fallbacks included."""
        wired = {name for edge in self.edges for name in (edge.giver, edge.taker)}
        return {name: found for name in self.nodes if name in wired and (found := fallbacks_of(name, self.file))}


def fallbacks_of(name: str, file: GraphFile) -> tuple[str, ...]:
    """The nodes that stand in for a node, nearest first: its fallbacks, their fallbacks, and so on, each once."""
    found: dict[str, None] = {}
    waiting = [name]
    while waiting:
        node = file.nodes.get(waiting.pop(0))
        for word in node.recover.fallback if node and node.recover else ():
            if word.text not in found and word.text != name:
                found[word.text] = None
                waiting.append(word.text)
    return tuple(found)
