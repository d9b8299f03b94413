"""Parts of a test file, read one by one: a wrong one is told with its place, and the reading goes on."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from operator import eq, ge, gt, le, lt
from typing import TypeVar, cast, get_args

from voicegraph.durations import format_duration, parse_duration
from voicegraph.frames import FRAME_TYPES, End, Frame, ReplyEnd
from voicegraph.graph.codes import Code
from voicegraph.graph.diagnostics import Report
from voicegraph.graph.model import Word
from voicegraph.graph.source import Span
from voicegraph.graph.tree import Map, Scalar, Seq, Tree, is_null
from voicegraph.graph.wording import did_you_mean, one_of, quote
from voicegraph.testing.faults import Kind

T = TypeVar("T")
Shape = TypeVar("Shape", Scalar, Seq, Map)

LONGEST = 24 * 3600.0
"""Seconds. Nothing in a test lasts longer."""

_SHAPES: dict[type[Tree], str] = {Scalar: "a single value", Seq: "a list", Map: "a mapping"}
_SIGNS: dict[str, Callable[[float, float], bool]] = {"<=": le, ">=": ge, "<": lt, ">": gt, "": eq}
_COMPARISON = re.compile(r"(<=|>=|<|>|)\s*(\S.*)", re.DOTALL)
_SEEN = [name for name, frame_type in FRAME_TYPES.items() if frame_type not in (End, ReplyEnd)]
"""Frames that nodes give; the engine's own markers are seen by nobody outside."""


@dataclass
class Reading:
    """What is found while a file is read. report: its mistakes. nodes: every node that it names."""

    report: Report
    nodes: list[Word] = field(default_factory=list[Word])

    def shaped(self, tree: Tree | None, what: str, shape: type[Shape]) -> Shape | None:
        """The tree if it has this shape. Null, like nothing, is None and no mistake."""
        if tree is None or is_null(tree):
            return None
        if isinstance(tree, shape):
            return tree
        self.report.error("wrong-shape", f"{quote(what)} is {_SHAPES[shape]}", tree.span, f"not {_SHAPES[type(tree)]}")
        return None

    def value(self, tree: Tree | None, what: str, reader: Callable[[Scalar], T]) -> T | None:
        """What the reader makes of a single value; it raises ValueError with what to write instead."""
        scalar = self.shaped(tree, what, Scalar)
        if scalar is None:
            return None
        try:
            return reader(scalar)
        except ValueError as error:
            self.report.error("bad-value", f"{quote(what)} cannot be {quote(scalar.written)}", scalar.span, str(error))
            return None

    def values(self, tree: Tree | None, what: str, reader: Callable[[Scalar], T]) -> tuple[T, ...]:
        """Those items of a list that are right."""
        found = (self.value(item, what, reader) for item in self.items(tree, what))
        return tuple(each for each in found if each is not None)

    def needed(self, tree: Map, key: str, what: str, place: Span, hint: str) -> Tree | None:
        """The value under a key that must be there."""
        value = tree.values.get(key)
        if value is None or is_null(value):
            self.report.error("missing-key", f"{what} has no {quote(key)}", value.span if value else place, hint)
            return None
        return value

    def known(self, tree: Map, keys: Iterable[str], no: str, code: Code = "unknown-key") -> list[str]:
        """The keys that there are; tells every other one. no: how to say so, as in "a test has no"."""
        known = list(keys)
        for key, place in tree.keys.items():
            if key not in known:
                hint = did_you_mean(key, known) or one_of(known)
                self.report.error(code, f"{no} {quote(key)}", place, hint)
        return [key for key in tree.keys if key in known]

    def items(self, tree: Tree | None, what: str) -> tuple[Tree, ...]:
        """The items of a list."""
        found = self.shaped(tree, what, Seq)
        return found.items if found else ()

    def node(self, scalar: Scalar) -> Word:
        """A node's name, whose node is looked for when the graph is there."""
        word = name(scalar)
        self.nodes.append(word)
        return word

    def frame_type(self, text: str, place: Span) -> type[Frame] | None:
        """The frame type of this name."""
        if text in _SEEN:
            return FRAME_TYPES[text]
        hint = did_you_mean(text, _SEEN) or one_of(_SEEN)
        self.report.error("unknown-frame", f"no frame type {quote(text)}", place, hint)
        return None


# --- single values --------------------------------------------------------------------------------------------------


def text(scalar: Scalar) -> str:
    if not scalar.text.strip():
        raise ValueError("the words")
    return scalar.text


def name(scalar: Scalar) -> Word:
    return Word(text(scalar), scalar.span)


def duration(scalar: Scalar) -> float:
    seconds = parse_duration(scalar.value)
    if not 0 < seconds <= LONGEST:
        raise ValueError("more than 0ms and at most 24h")
    return seconds


def count(scalar: Scalar) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,5}", scalar.text):
        raise ValueError("a whole number from 1 on")
    return int(scalar.text)


def whole(scalar: Scalar) -> int:
    if not re.fullmatch(r"[0-9]{1,18}", scalar.text):
        raise ValueError("a whole number from 0 on")
    return int(scalar.text)


def choice(scalar: Scalar, known: Sequence[str]) -> str:
    if scalar.text not in known:
        raise ValueError(did_you_mean(scalar.text, known) or one_of(known))
    return scalar.text


def fault_kind(scalar: Scalar) -> Kind:
    return cast("Kind", choice(scalar, get_args(Kind)))


def amount(scalar: Scalar) -> int | float:
    """A number of tokens, or a duration."""
    return count(scalar) if isinstance(scalar.value, int) else duration(scalar)


def digits(scalar: Scalar) -> str:
    """Keys of a phone; blanks between them are for the reader."""
    keys = re.sub(r"\s", "", scalar.text).upper()
    if not re.fullmatch(r"[0-9*#A-D]+", keys):
        raise ValueError('keys of a phone, in quotes: "12#"')
    return keys


# --- comparisons ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Comparison:
    """`< 150ms`, `>= 1`, or just `2`."""

    sign: str
    limit: float
    written: str

    def holds(self, value: float) -> bool:
        return _SIGNS[self.sign](value, self.limit)


def of_time(scalar: Scalar) -> Comparison:
    """`< 150ms`. Of times, nobody wants to know whether they are equal."""
    sign, value = split(scalar, "< 150ms")
    if not sign:
        raise ValueError(f"compare it: < {scalar.text}" if is_duration(value) else "such as < 150ms")
    return Comparison(sign, parse_duration(value), scalar.text)


def of_number(scalar: Scalar) -> Comparison:
    sign, value = split(scalar, '2, or ">= 1"')
    if not re.fullmatch(r"[0-9]{1,9}", value):
        raise ValueError('a whole number, compared or not: 2, or ">= 1"')
    return Comparison(sign, int(value), scalar.text)


def split(scalar: Scalar, example: str) -> tuple[str, str]:
    """The sign, if there is one, and what is behind it."""
    match = _COMPARISON.fullmatch(scalar.text.strip())
    if match is None:
        raise ValueError(f"such as {example}")
    return match[1], match[2]


def is_duration(value: str) -> bool:
    """Whether this reads as one."""
    try:
        return format_duration(parse_duration(value)) != ""
    except ValueError:
        return False
