"""How the nodes of a call are joined: where each type of frame goes, and how many ends each node has to wait for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from voicegraph.engine.milestones import CALLER_MILESTONES
from voicegraph.engine.outlet import Outlet, Push, Route
from voicegraph.engine.running import Policy, RunningNode
from voicegraph.engine.timing import SOUND
from voicegraph.engine.turns import Turns
from voicegraph.frames import Commit, End, Frame, Interrupt, Pause, Resume
from voicegraph.graph.plan import Edge


def join(edges: Iterable[Edge], nodes: Mapping[str, RunningNode], policy: Policy) -> None:
    """Joins the nodes: after this every outlet knows where each type of frame goes, and where ends do."""
    edges = tuple(edges)
    policy.signals |= {
        Interrupt: Route([policy.interrupt]),
        Commit: Route([policy.turn_times.committed, policy.commit]),
        Pause: Route([policy.pause]),
        Resume: Route([policy.resume]),
    }
    for node in nodes.values():
        if len({edge.giver for edge in edges if edge.taker == node.name and edge.frame.side == "reply"}) > 1:
            node.keep_replies_apart()
    givers = Givers(edges, nodes, policy.turns)
    for node in nodes.values():
        policy.turn_times.timings[node.name] = node.timing
        if node.kind.line:
            policy.turn_times.line = node.name
        told = [each for each in CALLER_MILESTONES if each in node.kind.gives]
        clocks = {each: [partial(policy.turn_times.given, node.name)] for each in told}
        lay(node.outlet, edges, nodes, clocks)
        node.givers = givers


def lay(
    outlet: Outlet,
    edges: Iterable[Edge],
    nodes: Mapping[str, RunningNode],
    clocks: Mapping[type[Frame], Sequence[Push]] = {},
) -> None:
    """Leads an outlet to the inlets of the nodes that take from it. clocks: take some frames before all others."""
    out = [edge for edge in edges if edge.giver == outlet.node]
    gives = {edge.frame for edge in out}
    if outlet.node in nodes:
        own = (given for given in nodes[outlet.node].kind.gives if given.side != "control")  # those go to the call
        gives.update(own)  # what nobody takes goes nowhere, and is no mistake
    for given in gives:
        inlets = [nodes[edge.taker].inlets[given] for edge in out if edge.frame is given]
        measured = (*clocks.get(given, ()), outlet.timing.gives, *(inlet.measured for inlet in inlets))
        if given in SOUND:
            outlet.routes[given] = Route(tuple(inlet.push for inlet in inlets), measured)
        else:
            outlet.routes[given] = Route(measured)
    outlet.ends = tuple(nodes[taker].arrive for taker in _takers(out, None))
    outlet.reply_ends = tuple(nodes[taker].arrive for taker in _takers(out, "reply"))


def _takers(edges: Iterable[Edge], side: str | None) -> list[str]:
    """Names of the takers of these edges, each once, in their order."""
    return list(dict.fromkeys(edge.taker for edge in edges if side in (None, edge.frame.side)))


class Givers:
    """How many end markers each node has to wait for: one from each giver that the end can come through.

    The end of the call comes through all of them, and from the node's own source. The end of a reply comes through
    those that the reply's origin reaches.
    """

    def __init__(self, edges: tuple[Edge, ...], nodes: Mapping[str, RunningNode], turns: Turns) -> None:
        self._edges = edges
        self._nodes = nodes
        self._turns = turns
        self._known: dict[tuple[str, str], int] = {}

    def of(self, node: str, end: Frame) -> int:
        """For such an end."""
        origin = "" if isinstance(end, End) else self._turns.origin(end.turn)
        if (node, origin) not in self._known:
            self._known[node, origin] = self._of_reply(node, origin) if origin else self._of_call(node)
        return self._known[node, origin]

    def _of_call(self, node: str) -> int:
        own = self._nodes[node].source is not None and not self._nodes[node].kind.line
        return len({edge.giver for edge in self._edges if edge.taker == node and edge.giver in self._nodes}) + own

    def _of_reply(self, node: str, origin: str) -> int:
        replies = [edge for edge in self._edges if edge.frame.side == "reply"]
        reached = reachable(replies, origin)
        return len({edge.giver for edge in replies if edge.taker == node and edge.giver in reached})


def reachable(edges: Iterable[Edge], start: str) -> set[str]:
    """Names of the nodes that frames from `start` can come to along these edges, itself among them."""
    edges = tuple(edges)
    found, new = {start}, {start}
    while new:
        new = {edge.taker for edge in edges if edge.giver in new} - found
        found |= new
    return found
