"""A call as spans: one for the call, one for each turn, one for each node that worked on it. Made from a `Timeline`.

Plain data, for whoever sends or keeps them (voicegraph.observe.otel, voicegraph.observe.exporting). What both sides
said is in a span only if it is in the timeline's turns.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any, Literal

import msgspec

from voicegraph.graph.plan import Plan
from voicegraph.observe.genai import (
    AGENT,
    ANSWERED,
    ASKED,
    CONVERSATION,
    FIRST_CHUNK,
    OPERATION,
    Attributes,
    Value,
    models,
)
from voicegraph.observe.timeline import Stage, Turn

Kind = Literal["server", "client", "internal"]

FIGURES = ("items", "given", "queued", "blocked", "starved", "waited", "own")
"""Of a `Stage`: attributes of a node's span, by the same names behind `voicegraph.`."""


class Event(msgspec.Struct, frozen=True, omit_defaults=True):
    """at: seconds since 1970."""

    name: str
    at: float
    attributes: Attributes = {}


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """start, end: seconds since 1970. error: why it is one, as a short name. children: in the order of their start."""

    name: str
    kind: Kind = "internal"
    start: float
    end: float
    attributes: Attributes
    events: tuple[Event, ...] = ()
    error: str | None = None
    children: tuple[Span, ...] = ()


class Spans:
    """Makes those of one call. began: seconds since 1970. served: somebody called a server."""

    def __init__(self, call: str, plan: Plan, began: float, *, served: bool) -> None:
        self.began = began
        self.name = f"call {plan.name}"
        self.kind: Kind = "server" if served else "internal"
        self._graph = plan.name
        self._use = {node.name: node.kind.name for node in (*plan.nodes.values(), *plan.standby.values())}
        self._models = models(plan)
        self._common: dict[str, Value] = {CONVERSATION: call, AGENT: plan.name}

    def call(self, seconds: float, ended: str, more: Attributes, *, failed: bool = False) -> Span:
        """The whole call, without its turns. ended: why it is over, as a short name. more: attributes."""
        attributes = {**self._common, "voicegraph.call.end": ended, **more}
        end, error = self._at(seconds), ended if failed else None
        return Span(name=self.name, kind=self.kind, start=self.began, end=end, attributes=attributes, error=error)

    def turn(self, turn: Turn) -> Span:
        """One reply, from the end of the caller's speech, with a child for each node that worked on it."""
        worked = [self._worked(stage, turn) for stage in turn.stages if _begin(stage) is not None]
        listened = self._listened(turn, {stage.node for stage in turn.stages})
        children = tuple(sorted((*worked, *listened), key=lambda span: span.start))
        ends = [turn.began, *turn.marks.values(), *(each.at for each in turn.happened)]
        if "heard" in turn.marks:
            ends.append(turn.marks["heard"] + turn.heard_seconds)
        return Span(
            name=f"invoke_agent {self._graph}",
            start=self._at(turn.began if turn.speech_end is None else min(turn.began, turn.speech_end)),
            end=max(self._at(max(ends)), *(child.end for child in children), 0.0),
            attributes={**self._common, OPERATION: "invoke_agent", **_of_turn(turn)},
            events=self._events(turn),
            error=next((each.what for each in turn.happened if each.what == "give_up"), None),
            children=children,
        )

    def _events(self, turn: Turn) -> tuple[Event, ...]:
        found = [Event(f"voicegraph.{name.replace(' ', '_')}", self._at(at)) for name, at in turn.marks.items()]
        if turn.interrupted is not None:
            found.append(Event("voicegraph.interrupted", self._at(turn.interrupted)))
        found += [
            Event(f"voicegraph.{each.what}", self._at(each.at), {"voicegraph.node": each.node})
            for each in turn.happened
        ]
        return tuple(sorted(found, key=lambda event: event.at))

    def _worked(self, stage: Stage, turn: Turn) -> Span:
        """One node's work, from the moment its first frame came in, or the answer's time was its own."""
        begin = _begin(stage) or 0.0
        start = min((begin, *(part.start for part in turn.path if part.node == stage.node)))
        end = max(each for each in (begin, stage.first, stage.last) if each is not None)
        span = self._of_node(stage.node, start, end, turn)
        attributes = {**span.attributes, **{f"voicegraph.{name}": getattr(stage, name) for name in FIGURES}}
        events: tuple[Event, ...] = ()
        if stage.first is not None:
            events = (Event("voicegraph.first_output", self._at(stage.first)),)
            attributes["voicegraph.first_output"] = took = stage.first - (begin if stage.taken is None else stage.taken)
            if span.attributes.get(OPERATION) == "chat":
                attributes[FIRST_CHUNK] = took
        failed = any(each.what == "error" and each.node == stage.node for each in turn.happened)
        error = "error" if failed else None
        return msgspec.structs.replace(span, attributes=attributes, events=events, error=error)

    def _listened(self, turn: Turn, known: set[str]) -> Iterator[Span]:
        """Nodes that took a part of the answer's time and work for the whole call: what hears the caller."""
        parts = sorted((part for part in turn.path if part.node and part.node not in known), key=lambda part: part.node)
        for node, group in groupby(parts, key=lambda part: part.node):
            times = [(part.start, part.end) for part in group]
            yield self._of_node(node, min(start for start, _ in times), max(end for _, end in times), turn)

    def _of_node(self, node: str, start: float, end: float, turn: Turn) -> Span:
        """What is known of any."""
        model = self._models.get(node)
        use = self._use.get(node, node)
        attributes: dict[str, Value] = {
            CONVERSATION: self._common[CONVERSATION],
            "voicegraph.turn": turn.turn,
            "voicegraph.node": node,
            "voicegraph.node.type": use,
            **(model.attributes if model else {}),
        }
        if share := sum(part.seconds for part in turn.path if part.node == node):
            attributes["voicegraph.answer.share"] = share
        return Span(
            name=model.span if model else use,
            kind="client" if model and model.remote else "internal",
            start=self._at(start),
            end=self._at(end),
            attributes=attributes,
        )

    def _at(self, seconds: float) -> float:
        return self.began + seconds


def _begin(stage: Stage) -> float | None:
    known = [each for each in (stage.came, stage.taken, stage.first) if each is not None]
    return min(known) if known else None


def _of_turn(turn: Turn) -> dict[str, Value]:
    told: dict[str, Value | None] = {
        "voicegraph.turn": turn.turn,
        "voicegraph.turn.end": end_of(turn),
        "voicegraph.turn.answer": turn.answer,
        "voicegraph.turn.barge_in": turn.barge_in,
        "voicegraph.turn.seconds": turn.seconds,
        "voicegraph.turn.heard_seconds": turn.heard_seconds,
        "voicegraph.turn.unheard": turn.unheard,
        ASKED: _messages("user", turn.asked),
        ANSWERED: _messages("assistant", turn.heard),
    }
    return {name: value for name, value in told.items() if value is not None}


def end_of(turn: Turn) -> str:
    """`heard` to its end, `interrupted`, or `void`: given up before anything of it was heard."""
    if turn.interrupted is None:
        return "heard" if "heard" in turn.marks else "unheard"
    return "interrupted" if turn.heard_seconds else "void"


def _messages(role: str, words: str | None) -> str | None:
    """As the conventions want what was said: JSON, in a string."""
    if words is None:
        return None
    said: list[dict[str, Any]] = [{"role": role, "parts": [{"type": "text", "content": words}]}]
    return msgspec.json.encode(said).decode()
