"""The times of a call on a session, as plain data."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from voicegraph.engine.milestones import Milestone, TurnTimes
from voicegraph.engine.session import Session
from voicegraph.engine.timing import KEEP, NodeTiming, TurnAtNode
from voicegraph.graph.formats import CONVERTER
from voicegraph.graph.plan import PlannedNode
from voicegraph.node import NodeType
from voicegraph.observe.critical_path import critical_path
from voicegraph.observe.tables import is_timed
from voicegraph.observe.timeline import Happened, Node, Part, Stage, Timeline, Totals, Turn


def timeline(session: Session, *, words: bool = False) -> Timeline:
    """Of a call that has run, or runs still. words: what was said is in it."""
    plan, began = session.plan, session.began or 0.0
    timings = session.timings()
    return Timeline(
        graph=plan.name,
        call=session.id,
        line=plan.line or "",
        seconds=(session.now() if session.ended is None else session.ended) - began,
        nodes=(
            *(_node(node) for node in plan.nodes.values()),
            *(_node(node, standby=True) for node in plan.standby.values()),
        ),
        wires=tuple(dict.fromkeys((edge.giver, edge.taker) for edge in plan.edges)),
        budgets=dict(plan.budgets),
        turns=tuple(turn_of(session, times, words=words) for _, times in sorted(session.turn_times.turns.items())),
        totals=tuple(_totals(name, plan.nodes[name].kind, timing) for name, timing in timings.items()),
    )


def _node(planned: PlannedNode, *, standby: bool = False) -> Node:
    kind = planned.kind
    form = "source" if kind.source else "inline" if kind.inline else "asynchronous"
    return Node(name=planned.name, use=kind.name, kind=form, converter=kind.name == CONVERTER, standby=standby)


def turn_of(session: Session, times: TurnTimes, *, words: bool = False) -> Turn:
    """One turn of a call, as far as it is known. words: what was said is in it."""
    began = session.began or 0.0
    reply = session.reply(times.turn)
    worked = ((name, node.timing.turns.get(times.turn)) for name, node in session.nodes.items())
    at = {name: work for name, work in worked if work is not None}
    steps, position = list[Part](), times.speech_end or 0.0
    for milestone, seconds in times.parts():
        by = session.plan.line or "" if milestone is Milestone.HEARD else times.reached_by.get(milestone, "")
        node = by if by in session.nodes else ""  # the call itself speaks too
        steps.append(Part(node=node, what=milestone.value, start=position, end=position + seconds))
        position += seconds
    return Turn(
        turn=times.turn,
        began=times.began - began,
        speech_end=None if times.speech_end is None else times.speech_end - began,
        marks={milestone.value: at - began for milestone, at in times.marks.items()},
        answer=times.answer,
        barge_in=times.barge_in,
        interrupted=None if times.interrupted is None else times.interrupted - began,
        seconds=reply.seconds,
        heard_seconds=reply.heard_seconds,
        steps=_since(began, steps),
        path=_since(began, critical_path(times, at, session.plan.edges, session.plan.line or "")),
        stages=tuple(_stage(name, each, began) for name, each in at.items()),
        happened=tuple(Happened(at=each.at - began, node=each.node, what=each.what) for each in times.happened),
        asked=times.asked if words else None,
        heard=reply.heard if words else None,
        unheard=" ".join(word.text for word in reply.words if word.state != "heard") if words else None,
    )


def _since(began: float, parts: Iterable[Part]) -> tuple[Part, ...]:
    return tuple(msgspec.structs.replace(each, start=each.start - began, end=each.end - began) for each in parts)


def _stage(name: str, at: TurnAtNode, began: float) -> Stage:
    def since(time: float | None) -> float | None:
        return None if time is None else time - began

    spent = at.spent
    return Stage(
        node=name,
        came=since(at.came),
        taken=since(at.taken),
        first=since(at.first),
        last=since(at.last),
        items=spent.items,
        given=spent.given,
        queued=0.0 if at.came is None or at.taken is None else at.taken - at.came,
        blocked=spent.blocked,
        starved=spent.starved,
        own=spent.own,
        waited=max(0.0, spent.busy - spent.blocked - spent.starved),
    )


def _totals(name: str, kind: NodeType, timing: NodeTiming) -> Totals:
    timed = is_timed(kind)
    return Totals(
        node=name,
        items=timing.items,
        given=timing.given,
        dropped=timing.dropped,
        errors=timing.errors,
        blocked=timing.blocked,
        starved=timing.starved,
        own=timing.own,
        queue=tuple(timing.queue[-KEEP:]),
        first=tuple(timing.first[-KEEP:]) if timed else (),
        total=tuple(timing.total[-KEEP:]) if timed else (),
    )
