"""The steps of a test, as they are written: one table of those there are, and one of what `after` waits for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from voicegraph.graph.source import Span
from voicegraph.graph.tree import Map, Scalar, Tree, is_null
from voicegraph.graph.wording import did_you_mean, listed, one_of
from voicegraph.testing.conversations import shapes
from voicegraph.testing.conversations.model import (
    Agent,
    AgentAudio,
    AgentWords,
    Caller,
    CallerAudio,
    Cough,
    Dtmf,
    Fault,
    Given,
    HangUp,
    Silence,
    Step,
    Time,
)
from voicegraph.testing.conversations.shapes import Reading

T = TypeVar("T")

Reader = Callable[[Tree, Span, Reading], Step | None]
"""Reads the value under a key, which stands at this place."""


def read_steps(tree: Tree | None, reading: Reading) -> tuple[Step, ...]:
    """Those steps that are right, in order."""
    steps: list[Step] = []
    for item in reading.items(tree, "steps"):
        step = _step(item, reading)
        if isinstance(step, CallerAudio) and not any(isinstance(each, Caller | Cough) for each in steps):
            message = "the caller has said nothing yet, to count from"
            reading.report.error("missing-key", message, step.place, "put a `caller:` step before it")
        if step is not None:
            steps.append(step)
    return tuple(steps)


def _step(item: Tree, reading: Reading) -> Step | None:
    if isinstance(item, Scalar) and item.text in STEPS:  # `- hang_up`, which needs no value
        item = Map(item.span, {item.text: item.span}, {item.text: Scalar(item.span, "", "", plain=True)})
    if not isinstance(item, Map) or not item.keys:
        meant = did_you_mean(item.text, STEPS) if isinstance(item, Scalar) else ""
        hint = meant or 'write `- caller: "..."`, `- agent: "..."` and so on'
        reading.report.error("wrong-shape", "a step is its kind and a value", item.span, hint)
        return None
    kinds = reading.known(item, STEPS, "there is no step", "unknown-step")
    if len(kinds) > 1:
        message = f"a step is one thing, not {listed(kinds, ' and ')}"
        reading.report.error("two-steps", message, item.keys[kinds[1]], "begin it with a `-` of its own")
    return STEPS[kinds[0]](item.values[kinds[0]], item.keys[kinds[0]], reading) if len(kinds) == 1 else None


def _one(key: str, read: Callable[[Scalar], T], make: Callable[[Span, T], Step], example: str) -> Reader:
    """Reads a step, or a condition, with a single value."""

    def reader(tree: Tree, place: Span, reading: Reading) -> Step | None:
        if is_null(tree):
            reading.report.error("missing-key", f"`{key}` needs a value", place, f"write {example}")
            return None
        value = reading.value(tree, key, read)
        return None if value is None else make(tree.span, value)

    return reader


def _hang_up(tree: Tree, place: Span, reading: Reading) -> Step | None:
    if not is_null(tree):
        reading.report.error("wrong-shape", "`hang_up` has no value", tree.span, "write `- hang_up:`")
    return HangUp(place)


def _after(tree: Tree, place: Span, reading: Reading) -> Step | None:
    example = "write `after: {agent_audio: 300ms}`"
    if is_null(tree):
        reading.report.error("missing-key", "`after` needs to know what", place, example)
        return None
    conditions = reading.shaped(tree, "after", Map)
    if conditions is None:
        return None
    found = reading.known(conditions, (*AFTER, "node"), "`after` has no")
    kinds = [key for key in found if key != "node"]
    if not kinds:
        if found or not conditions.keys:
            reading.report.error("missing-key", "`after` waits for something", tree.span, one_of(AFTER))
        return None
    if len(kinds) > 1:
        message = f"`after` waits for one thing, not {listed(kinds, ' and ')}"
        reading.report.error("two-steps", message, conditions.keys[kinds[1]], "write an `after` for each")
        return None
    step = AFTER[kinds[0]](conditions.values[kinds[0]], conditions.keys[kinds[0]], reading)
    if "node" not in found:
        return step
    if kinds != ["frame"]:
        reading.report.error("unknown-key", "only a `frame` has a `node`", conditions.keys["node"], "take it out")
    node = reading.value(conditions.values["node"], "node", reading.node)
    return replace(step, node=node) if isinstance(step, Given) else step


def _frame(tree: Tree, place: Span, reading: Reading) -> Step | None:
    word = reading.value(tree, "frame", shapes.name)
    frame = reading.frame_type(word.text, word.span) if word else None
    return Given(tree.span, frame) if frame else None


def _fault(tree: Tree, place: Span, reading: Reading) -> Step | None:
    if is_null(tree):
        reading.report.error("missing-key", "`fault` has no node", place, "write `fault: {node: tts, kind: error}`")
        return None
    fault = reading.shaped(tree, "fault", Map)
    if fault is None:
        return None
    reading.known(fault, ("node", "kind", "after", "count", "skip"), "`fault` has no")
    example = "write `fault: {node: tts, kind: error}`"
    node = reading.value(reading.needed(fault, "node", "`fault`", place, example), "node", reading.node)
    kind = reading.value(reading.needed(fault, "kind", "`fault`", place, example), "kind", shapes.fault_kind)
    read = {"after": shapes.amount, "count": shapes.count, "skip": shapes.whole}
    settings = {key: reading.value(fault.values.get(key), key, reader) for key, reader in read.items()}
    given = {key: value for key, value in settings.items() if value is not None}
    return Fault(tree.span, node, kind, given) if node and kind else None


AFTER: dict[str, Reader] = {
    "agent_audio": _one("agent_audio", shapes.duration, AgentAudio, "`agent_audio: 300ms`"),
    "agent_words": _one("agent_words", shapes.count, AgentWords, "`agent_words: 3`"),
    "caller_audio": _one("caller_audio", shapes.duration, CallerAudio, "`caller_audio: 300ms`"),
    "time": _one("time", shapes.duration, Time, "`time: 10s`"),
    "frame": _frame,
}
STEPS: dict[str, Reader] = {
    "caller": _one("caller", shapes.text, Caller, '`caller: "When do you open?"`'),
    "agent": _one("agent", shapes.text, Agent, '`agent: "From nine to five."`'),
    "after": _after,
    "silence": _one("silence", shapes.duration, Silence, "`silence: 2s`"),
    "cough": _one("cough", shapes.duration, Cough, "`cough: 300ms`"),
    "dtmf": _one("dtmf", shapes.digits, Dtmf, '`dtmf: "12#"`'),
    "fault": _fault,
    "hang_up": _hang_up,
}
