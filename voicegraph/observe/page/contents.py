"""What the page shows, as plain data: figures are reckoned here and in `observe.bench`, and the page only draws them.

All times are seconds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from voicegraph.observe.bench.figures import Figures, figures
from voicegraph.observe.page.layout import Layout, lay_out
from voicegraph.observe.page.spread import Spread, rounded, spread
from voicegraph.observe.page.turns import chosen, named, on_its_clock
from voicegraph.observe.timeline import Node, Part, Struct, Timeline, Turn

EARS = {"pause noticed", "text final", "turn given", "turn committed"}
"""Milestones of hearing the caller; what comes after them is answering."""


class Does(Struct, frozen=True, kw_only=True):
    """A share of the mean answer: one node, doing one thing."""

    what: str
    mean: float


class Worked(Struct, frozen=True, kw_only=True):
    """Seconds in all of a node's work, as in `Totals` and `Stage`."""

    own: float = 0.0
    waited: float = 0.0
    blocked: float = 0.0
    starved: float = 0.0


class NodeShown(Struct, frozen=True, kw_only=True):
    """A node over all calls. hears: it works on the caller's speech, not on the reply.

    mean, share: of the critical path. does: what that consists of.
    """

    name: str
    use: str = ""
    kind: str = ""
    converter: bool = False
    standby: bool = False
    hears: bool = False
    mean: float = 0.0
    share: float = 0.0
    does: tuple[Does, ...] = ()
    queue: Spread | None = None
    first: Spread | None = None
    total: Spread | None = None
    worked: Worked = Worked()
    items: int = 0
    given: int = 0
    dropped: int = 0
    errors: int = 0


class Budget(Struct, frozen=True, kw_only=True):
    """A limit for a p95. measured: None if there was nothing to measure. place: where it is written, file and line."""

    name: str
    limit: float
    measured: float | None = None
    place: str = ""


class Tally(Struct, frozen=True, kw_only=True):
    """How many turns there were, and of them. recovered: in which something failed, and was made up for."""

    turns: int
    answers: int
    interrupted: int
    recovered: int


class Contents(Struct, frozen=True, kw_only=True):
    """All that is shown of calls. names: of `turns`. left_out: how many turns are not in it."""

    answer: Spread | None
    barge_in: Spread | None
    nodes: tuple[NodeShown, ...]
    layout: Layout
    budgets: tuple[Budget, ...]
    turns: tuple[Turn, ...]
    names: tuple[str, ...]
    tally: Tally
    left_out: int = 0
    line: str = ""


def contents(rounds: Sequence[Sequence[Timeline]], places: Mapping[str, str] = MappingProxyType({})) -> Contents:
    """rounds: calls on one graph, in the groups in which they were made. places: where each budget is written."""
    calls = [call for each in rounds for call in each]
    found = figures(calls)
    limits = {name: limit for call in calls for name, limit in call.budgets.items()}
    every = named(rounds)
    shown = chosen(every)
    line = next((call.line for call in calls), "")
    nodes = _nodes(calls, found, limits)
    known = {node.name: node for call in calls for node in call.nodes}
    wires = dict.fromkeys(wire for call in calls for wire in call.wires)
    return Contents(
        answer=spread(found.answers, limits.get("answer")),
        barge_in=spread(found.barge_ins, limits.get("barge_in")),
        nodes=nodes,
        layout=lay_out([*known.values()], wires, line, {node.name: node.share for node in nodes}),
        budgets=tuple(_budget(name, limit, found, places.get(name, "")) for name, limit in limits.items()),
        turns=tuple(on_its_clock(turn) for turn, _ in shown),
        names=tuple(name for _, name in shown),
        tally=_tally([turn for turn, _ in every]),
        left_out=len(every) - len(shown),
        line=line,
    )


def _tally(turns: Sequence[Turn]) -> Tally:
    return Tally(
        turns=len(turns),
        answers=sum(turn.answer is not None for turn in turns),
        interrupted=sum(turn.interrupted is not None for turn in turns),
        recovered=sum(any(each.what != "error" for each in turn.happened) for turn in turns),
    )


def _budget(name: str, limit: float, found: Figures, place: str) -> Budget:
    measured = spread(found.judged(name))
    return Budget(name=name, limit=limit, measured=measured.p95 if measured else None, place=place)


# --- nodes -----------------------------------------------------------------------------------------------------------


def _nodes(calls: Sequence[Timeline], found: Figures, limits: Mapping[str, float]) -> tuple[NodeShown, ...]:
    """In the order of the graph; what is no node of it but took a part of an answer comes last."""
    known = {node.name: node for call in calls for node in call.nodes}
    turns = [turn for call in calls for turn in call.turns]
    does = _does(part for turn in turns for part in turn.path)
    answers = sum(1 for turn in turns if turn.path) or 1
    whole = sum(sum(each.values()) for each in does.values()) or 1.0
    ears = _ears(calls, turns)
    worked = _worked(calls, turns)
    given = _sums((each.node, each.given) for call in calls for each in call.totals)
    shown: list[NodeShown] = []
    for name in dict.fromkeys([*known, *found.nodes, *does]):
        node = known.get(name) or Node(name=name, use="")
        of_all = found.nodes.get(name)
        taken = sum(does.get(name, {}).values())
        shown.append(
            NodeShown(
                name=name,
                use=node.use,
                kind=node.kind,
                converter=node.converter,
                standby=node.standby,
                hears=name in ears,
                mean=rounded(taken / answers),
                share=rounded(taken / whole),
                does=tuple(Does(what=w, mean=rounded(s / answers)) for w, s in does.get(name, {}).items()),
                queue=spread(of_all.queue) if of_all else None,
                first=spread(of_all.first, limits.get(name)) if of_all else None,
                total=spread(of_all.total, None if of_all.first else limits.get(name)) if of_all else None,
                worked=worked.get(name, Worked()),
                items=of_all.items if of_all else 0,
                given=int(given.get(name, 0)),
                dropped=of_all.dropped if of_all else 0,
                errors=of_all.errors if of_all else 0,
            )
        )
    return tuple(shown)


def _does(parts: Iterable[Part]) -> Mapping[str, Mapping[str, float]]:
    """Seconds on critical paths, by node and by what it did."""
    found: defaultdict[str, defaultdict[str, float]] = defaultdict(lambda: defaultdict(float))
    for part in parts:
        found[part.node][part.what] += part.seconds
    return found


def _worked(calls: Iterable[Timeline], turns: Iterable[Turn]) -> Mapping[str, Worked]:
    totals = [each for call in calls for each in call.totals]
    own, blocked, starved = (
        _sums((each.node, getattr(each, name)) for each in totals) for name in ("own", "blocked", "starved")
    )
    waited = _sums((stage.node, stage.waited) for turn in turns for stage in turn.stages)
    return {
        name: Worked(
            own=rounded(own.get(name, 0.0)),
            waited=rounded(waited.get(name, 0.0)),
            blocked=rounded(blocked.get(name, 0.0)),
            starved=rounded(starved.get(name, 0.0)),
        )
        for name in {*own, *waited}
    }


def _sums(pairs: Iterable[tuple[str, float]]) -> Mapping[str, float]:
    found: defaultdict[str, float] = defaultdict(float)
    for name, value in pairs:
        found[name] += value
    return found


def _ears(calls: Sequence[Timeline], turns: Iterable[Turn]) -> set[str]:
    """Nodes that work on the caller's speech: those that reached such a milestone, and all before them."""
    look = {part.node for turn in turns for part in turn.path if part.what in EARS}
    lines = {call.line for call in calls}
    givers: defaultdict[str, set[str]] = defaultdict(set)
    for giver, taker in (wire for call in calls for wire in call.wires):
        givers[taker].add(giver)
    found = set[str]()
    while look := look - found - lines:
        found |= look
        look = {giver for name in look for giver in givers[name]}
    return found
