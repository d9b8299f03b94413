"""YAML text -> a tree whose every part knows its place.

Built from the parser's events without recursion, and bounded: no aliases, no tags, one document, a limited depth. So
the cost is linear in the size of the file, whatever is in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from voicegraph.graph.codes import Code
from voicegraph.graph.diagnostics import Diagnostic, Note, Report
from voicegraph.graph.scalars import Value, meaning
from voicegraph.graph.source import Source, Span
from voicegraph.graph.syntax import explain
from voicegraph.graph.wording import quote

MAX_DEPTH = 32

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C parser gives the same marks, 12 times faster
_NOT_YAML = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Scalar:
    """text: its content, with references such as `${env:X}` replaced. written: the same as the file has it.

    plain: written without quotes, so that it may mean a number, a truth value or null. fault: the reference in it that
    could not be replaced.
    """

    span: Span
    text: str
    written: str
    plain: bool = False
    fault: Diagnostic | None = None

    @property
    def value(self) -> Value:
        return meaning(self.text) if self.plain else self.text


@dataclass(frozen=True, slots=True)
class Seq:
    span: Span
    items: tuple[Tree, ...] = ()


@dataclass(frozen=True, slots=True)
class Map:
    """keys: where each key stands. values: in the order of the file."""

    span: Span
    keys: dict[str, Span] = field(default_factory=dict[str, Span])
    values: dict[str, Tree] = field(default_factory=dict[str, "Tree"])


Tree = Scalar | Seq | Map


def read_tree(source: Source, report: Report, *, text: str | None = None) -> Tree | None:
    """The tree of a source, null for an empty one, or None if it has no usable one; the report says why.

    text: what to parse instead of all of the source's text, with the same columns.
    """
    text = source.text if text is None else text
    if wrong := _NOT_YAML.search(text):
        place = _place_of(source, wrong.start())
        report.error("control-character", f"the character U+{ord(wrong[0]):04X} cannot be in YAML", place, "remove it")
        return None
    builder = _Builder(source, report)
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            if not builder.feed(event):
                return None
    except yaml.MarkedYAMLError as error:
        report.add(explain(error, source))
        return None
    return builder.root or Scalar(source.start, "", "", plain=True)


def plain_data(tree: Tree) -> Any:
    """The tree as dictionaries, lists and values, without places."""
    match tree:
        case Scalar():
            return tree.value
        case Seq():
            return [plain_data(item) for item in tree.items]
        case Map():
            return {key: plain_data(value) for key, value in tree.values.items()}


def scalars(tree: Tree) -> Iterator[Scalar]:
    """Every scalar in it that is a value, in order."""
    match tree:
        case Scalar():
            yield tree
        case Seq():
            for item in tree.items:
                yield from scalars(item)
        case Map():
            for value in tree.values.values():
                yield from scalars(value)


def change(tree: Map, each: Callable[[Scalar], Scalar]) -> Map:
    """The same mapping with every scalar in it replaced by what `each` makes of it. Keys stay."""
    return replace(tree, values={key: _change(value, each) for key, value in tree.values.items()})


def _change(tree: Tree, each: Callable[[Scalar], Scalar]) -> Tree:
    match tree:
        case Scalar():
            return each(tree)
        case Seq():
            return replace(tree, items=tuple(_change(item, each) for item in tree.items))
        case Map():
            return change(tree, each)


def is_null(tree: Tree) -> bool:
    return isinstance(tree, Scalar) and tree.value is None


def items_of(tree: Tree) -> tuple[Tree, ...]:
    """The items of a list; of anything else, itself."""
    return tree.items if isinstance(tree, Seq) else (tree,)


def put(tree: Map, key: str, value: Tree, place: Span) -> Map:
    """The same mapping with a value under a key, which, if it is new, stands at this place."""
    return replace(tree, keys=tree.keys | {key: tree.keys.get(key, place)}, values=tree.values | {key: value})


def less(tree: Map, key: str) -> Map:
    """The same mapping without a key."""
    keys = {each: place for each, place in tree.keys.items() if each != key}
    return replace(tree, keys=keys, values={each: tree.values[each] for each in keys})


@dataclass(slots=True)
class _Open:
    """A list or mapping whose end has not come yet. key: the mapping's key that waits for its value."""

    span: Span
    mapping: Map | None
    items: list[Tree] = field(default_factory=list["Tree"])
    key: Scalar | None = None


class _Builder:
    """Puts one event after the other into place."""

    def __init__(self, source: Source, report: Report) -> None:
        self.root: Tree | None = None
        self._source = source
        self._report = report
        self._open: list[_Open] = []

    def feed(self, event: Event) -> bool:
        """Takes the parser's next event. False: the rest cannot be used, and the report says why."""
        match event:
            case NodeEvent() if wrong := self._refuse(event):
                self._report.error(*wrong)
                return False
            case ScalarEvent():
                span = self._span(event, event)
                self._put(Scalar(span, event.value, event.value, plain=event.implicit[0]))
            case MappingStartEvent() | SequenceStartEvent():
                span = self._span(event, event)
                self._open.append(_Open(span, Map(span) if isinstance(event, MappingStartEvent) else None))
            case MappingEndEvent() | SequenceEndEvent():
                self._close(event)
            case DocumentStartEvent() if self.root is not None:
                place = self._span(event, event)
                self._report.error("second-document", "a second document begins here", place, "put it in its own file")
                return False
            case _:
                pass
        return True

    def _refuse(self, event: NodeEvent) -> tuple[Code, str, Span, str] | None:
        """Parts of YAML that a graph file does not have."""
        place = self._span(event, event)
        top = self._open[-1] if self._open else None
        tag: str | None = getattr(event, "tag", None)  # an alias has none
        if isinstance(event, AliasEvent) or event.anchor is not None:
            hint = "write the value out, or put what graphs share in a file that they extend"
            return "alias", "a graph file has no anchors and aliases", place, hint
        if tag is not None:
            return "tag", f"a graph file has no tags such as {quote(tag)}", place, "to force text, quote it"
        if isinstance(event, ScalarEvent):
            return None
        if len(self._open) >= MAX_DEPTH:
            return "too-deep", f"nested more than {MAX_DEPTH} deep", place, "no node needs that"
        if top is not None and top.mapping is not None and top.key is None:
            return "key-not-text", "a list or mapping cannot be a key", place, "keys are text"
        return None

    def _close(self, event: Event) -> None:
        done = self._open.pop()
        inside = list(done.mapping.values.values()) if done.mapping is not None else done.items
        end = self._span(event, event)
        span = done.span
        if end.text in ("]", "}"):
            span = replace(span, end_line=end.end_line, end_column=end.end_column)
        elif inside:
            last = inside[-1].span
            span = replace(span, end_line=last.end_line, end_column=last.end_column)
        self._put(Seq(span, tuple(done.items)) if done.mapping is None else replace(done.mapping, span=span))

    def _put(self, tree: Tree) -> None:
        if not self._open:
            self.root = tree
            return
        top = self._open[-1]
        if top.mapping is None:
            top.items.append(tree)
        elif top.key is None:
            assert isinstance(tree, Scalar)  # _refuse has seen to it
            top.key = tree
        else:
            self._enter(top.mapping, top.key, tree)
            top.key = None

    def _enter(self, mapping: Map, key: Scalar, value: Tree) -> None:
        if key.text in mapping.keys:
            first = Note("first given here", mapping.keys[key.text])
            self._report.error("duplicate-key", f"{quote(key.text)} is given twice", key.span, "remove one", (first,))
            return
        mapping.keys[key.text] = key.span
        mapping.values[key.text] = value

    def _span(self, first: Any, last: Any) -> Span:
        start, end = first.start_mark, last.end_mark
        return Span(self._source, start.line + 1, start.column + 1, end.line + 1, end.column + 1)


def _place_of(source: Source, index: int) -> Span:
    """The one character at this index of the source's text."""
    before = Source("", source.text[:index], source.folder).lines
    return Span(source, len(before), len(before[-1]) + 1, len(before), len(before[-1]) + 2)
