"""What a test expects, as it is written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar, cast, get_args

from voicegraph.frames import Frame
from voicegraph.graph.model import Word
from voicegraph.graph.source import Span
from voicegraph.graph.tree import Map, Scalar, Tree
from voicegraph.testing.conversations import shapes
from voicegraph.testing.conversations.happened import By
from voicegraph.testing.conversations.shapes import Comparison, Reading
from voicegraph.testing.conversations.wording import words_of

T = TypeVar("T")
ROLES = ("user", "assistant", "system", "tool")


@dataclass(frozen=True, slots=True)
class FrameCount:
    """node: whose frames count; None for everybody's."""

    frame: type[Frame]
    node: Word | None
    limit: Comparison
    place: Span


@dataclass(frozen=True, slots=True)
class Line:
    """role: of an entry of the history."""

    text: str
    place: Span
    role: str = ""

    @property
    def words(self) -> list[str]:
        return words_of(self.text)


def value(read: Callable[[Scalar], T]) -> Callable[[str, Tree, Reading], T | None]:
    return lambda key, tree, reading: reading.value(tree, key, read)


def lines(key: str, tree: Tree, reading: Reading) -> tuple[Line, ...] | None:
    """Several texts, or one."""
    if isinstance(tree, Scalar):
        line = reading.value(tree, key, _line)
        return None if line is None else (line,)
    return reading.values(tree, key, _line)


def _line(scalar: Scalar) -> Line:
    return Line(shapes.text(scalar), scalar.span)


def who(scalar: Scalar) -> By:
    return cast("By", shapes.choice(scalar, get_args(By)))


def frames(key: str, tree: Tree, reading: Reading) -> tuple[FrameCount, ...]:
    counts = reading.shaped(tree, key, Map)
    found = (_frame_count(name, counts, reading) for name in counts.keys) if counts else ()
    return tuple(each for each in found if each is not None)


def _frame_count(written: str, counts: Map, reading: Reading) -> FrameCount | None:
    place = counts.keys[written]
    node, dot, frame_name = written.rpartition(".")
    frame = reading.frame_type(frame_name, place.part(written, len(node) + len(dot), len(written)))
    name = Scalar(place.part(written, 0, len(node)), node, node)
    giver = reading.value(name, written, reading.node) if dot else None
    limit = reading.value(counts.values[written], written, shapes.of_number)
    return FrameCount(frame, giver, limit, place) if frame and limit else None


def history(key: str, tree: Tree, reading: Reading) -> tuple[Line, ...]:
    lines: list[Line] = []
    for item in reading.items(tree, key):
        entry = reading.shaped(item, "history", Map)
        roles = reading.known(entry, ROLES, "a history has no role") if entry else []
        if entry and len(entry.keys) != 1:
            reading.report.error("wrong-shape", "an entry of `history` is a role and its words", item.span,
                                 'write `- user: "When do you open?"`')  # fmt: skip
        elif entry and roles and (line := reading.value(entry.values[roles[0]], roles[0], _line)):
            lines.append(Line(line.text, line.place, roles[0]))
    return tuple(lines)
