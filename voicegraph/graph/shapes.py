"""Values in the shapes that a graph file has them in. What has another one is told, and read as None or as nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from voicegraph.durations import parse_duration
from voicegraph.graph.diagnostics import Report
from voicegraph.graph.model import Word
from voicegraph.graph.tree import Map, Scalar, Seq, Tree, is_null, items_of
from voicegraph.graph.wording import did_you_mean, one_of, quote

T = TypeVar("T")
Shape = TypeVar("Shape", Scalar, Seq, Map)
_SHAPES: dict[type[Tree], str] = {Scalar: "a single value", Seq: "a list", Map: "a mapping"}
_LONGEST = 24 * 3600.0


def check_keys(tree: Map, known: tuple[str, ...], what: str, report: Report) -> None:
    """Tells of the keys that are not known. what: the mapping, as people call it."""
    for key, span in tree.keys.items():
        if key not in known:
            hint = did_you_mean(key, known) or one_of(known)
            report.error("unknown-key", f"{what} has no {quote(key)}", span, hint)


def shaped(tree: Map, key: str, shape: type[Shape], report: Report) -> Shape | None:
    """The value under a key if it has this shape; None also for null."""
    value = tree.values.get(key)
    if isinstance(value, shape):
        return None if is_null(value) else value
    if value is not None and not is_null(value):
        report.error("wrong-shape", f"{quote(key)} is {_SHAPES[shape]}", value.span, f"not {shape_of(value)}")
    return None


def shape_of(tree: Tree) -> str:
    """What it is, in words."""
    return _SHAPES[type(tree)]


def read_value(tree: Map, key: str, reader: Callable[[Scalar], T], report: Report) -> T | None:
    """The value under a key; None if there is none, or a wrong one.

    reader: raises ValueError with a hint.
    """
    scalar = shaped(tree, key, Scalar, report)
    if scalar is None or scalar.fault:
        return None
    try:
        return reader(scalar)
    except ValueError as error:
        report.error("bad-value", f"{quote(key)} cannot be {quote(scalar.written)}", scalar.span, str(error))
        return None


def duration(tree: Scalar) -> float:
    """Reads seconds."""
    seconds = parse_duration(tree.value)
    if not 0 < seconds <= _LONGEST:
        raise ValueError("more than 0ms and at most 24h")
    return seconds


def read_word(tree: Tree, key: str, report: Report) -> Word | None:
    """A name, which stands under a key."""
    if isinstance(tree, Scalar) and tree.fault:
        report.add(tree.fault)  # an error even where an unset variable is only a warning: nothing goes on without it
        return None
    if isinstance(tree, Scalar) and isinstance(tree.value, str) and tree.text:
        return Word(tree.text, tree.span, tree.written)
    found = "" if is_null(tree) else f", not {shape_of(tree)}"
    report.error("wrong-shape", f"{quote(key)} is a name{found}", tree.span, "if it is meant as text, quote it")
    return None


def read_words(tree: Tree | None, key: str, report: Report) -> Iterator[Word]:
    """One name, or a list of them."""
    if tree is None or is_null(tree):
        return
    for item in items_of(tree):
        if word := read_word(item, key, report):
            yield word


def read_text(tree: Map, key: str, report: Report) -> str | None:
    """A text, whatever is in it."""
    scalar = shaped(tree, key, Scalar, report)
    return scalar.text if scalar else None
