"""`recovery`, an expectation: which steps the engine took when a node failed, to what, and what of it was heard."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import get_args, get_type_hints

from voicegraph.durations import format_duration
from voicegraph.frames import Recovery
from voicegraph.graph.model import Word
from voicegraph.graph.source import Span
from voicegraph.graph.tree import Map, Scalar, Tree
from voicegraph.graph.wording import did_you_mean, one_of, quote
from voicegraph.testing.conversations import shapes
from voicegraph.testing.conversations.happened import Finding, Happened
from voicegraph.testing.conversations.record import told
from voicegraph.testing.conversations.shapes import Comparison, Reading
from voicegraph.testing.conversations.wording import words_of

STEPS: tuple[str, ...] = get_args(get_type_hints(Recovery)["step"])
TIMED = ("recovered", "incident")
"""Steps that know for how long the caller heard nothing."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Some steps of one kind. node: whose; None for everybody's. One of the rest says what is wanted of them.

    count: how many there are. silence: for how long the caller heard nothing. to: the node, the words or the tool.
    """

    step: str
    node: Word | None
    place: Span
    count: Comparison | None = None
    silence: Comparison | None = None
    to: str = ""

    @property
    def name(self) -> str:
        return f"{self.node.text}.{self.step}" if self.node else self.step


def read(key: str, tree: Tree, reading: Reading) -> tuple[Wanted, ...]:
    """`{tts.fallback: tts_backup, llm.retry: 0, recovered: < 500ms}`: those of them that are right."""
    written = reading.shaped(tree, key, Map)
    found = (_wanted(name, written, reading) for name in written.keys) if written else ()
    return tuple(each for each in found if each is not None)


def _wanted(written: str, tree: Map, reading: Reading) -> Wanted | None:
    place, value = tree.keys[written], tree.values[written]
    node, dot, step = written.rpartition(".")
    if step not in STEPS:
        hint = did_you_mean(step, STEPS) or one_of(STEPS)
        at = place.part(written, len(node) + len(dot), len(written))
        reading.report.error("unknown-key", f"a recovery has no step {quote(step)}", at, hint)
        return None
    name = Scalar(place.part(written, 0, len(node)), node, node)
    giver = reading.value(name, written, reading.node) if dot else None
    return reading.value(value, written, lambda scalar: _read_value(scalar, step, giver))


def _read_value(scalar: Scalar, step: str, node: Word | None) -> Wanted:
    sign, rest = shapes.split(scalar, "1, or what it went to")
    if rest.isdigit():
        return Wanted(step, node, scalar.span, count=shapes.of_number(scalar))
    if sign or shapes.is_duration(rest):
        limit = shapes.of_time(scalar)
        if step not in TIMED:
            raise ValueError(f"only {' and '.join(map(quote, TIMED))} have a time")
        return Wanted(step, node, scalar.span, silence=limit)
    return Wanted(step, node, scalar.span, to=shapes.text(scalar))


def check(wanted: tuple[Wanted, ...], call: Happened) -> Iterator[Finding]:
    """What of it did not happen so."""
    hint = ", ".join(map(told, call.record.recoveries)) or "no node had to be recovered from"
    for each in wanted:
        if message := _differs(each, _steps(each, call)):
            yield Finding(message, hint, each.place)


def _steps(wanted: Wanted, call: Happened) -> list[Recovery]:
    of_step = (step for step in call.record.recoveries if step.step == wanted.step)
    return [step for step in of_step if wanted.node is None or wanted.node.text == step.node]


def _differs(wanted: Wanted, steps: list[Recovery]) -> str:
    """What is not as it should be; empty if nothing is."""
    if wanted.count is not None:
        met = wanted.count.holds(len(steps))
        return "" if met else f"{quote(wanted.name)} happened {_times(len(steps))}, not {wanted.count.written}"
    if not steps:
        return f"{quote(wanted.name)} did not happen"
    if wanted.silence is None:
        others = " and ".join(dict.fromkeys(quote(step.to) for step in steps))
        return "" if any(_is(wanted.to, step.to) for step in steps) else f"{quote(wanted.name)} was to {others}"
    broken = [step.silence for step in steps if not wanted.silence.holds(step.silence)]
    silence = format_duration(round(max(broken, default=0.0), 3))
    return f"the caller heard nothing for {silence}, not {wanted.silence.written}" if broken else ""


def _is(wanted: str, to: str) -> bool:
    """A node or a tool by its name, with or without the tool's file; words as always."""
    return to in (wanted, wanted.rpartition(".")[2]) or words_of(wanted) == words_of(to)


def _times(number: int) -> str:
    return {0: "never", 1: "once"}.get(number, f"{number} times")
