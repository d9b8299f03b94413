"""The lines of a flow: `line -> vad -> aggregator`, `a -> [b, c] -> d`, `line.dtmf -> keys`.

chain  =  group ("->" group)+
group  =  end | "[" end ("," end)* "]"
end    =  NAME ("." NAME)?
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from voicegraph.graph.diagnostics import Report
from voicegraph.graph.model import Wire, Word
from voicegraph.graph.source import Span
from voicegraph.graph.tree import Scalar
from voicegraph.graph.wording import quote

NAME = r"[A-Za-z_][A-Za-z0-9_]*(?:-[A-Za-z0-9_]+)*"
_TOKEN = re.compile(rf"\s*(?:(?P<name>{NAME})|(?P<sign>->|[\[\],.])|(?P<wrong>[-=~]*>|\S))")
MAX_LINE = 4000
"""Characters in a line of the flow; finding the places of its words takes quadratic time."""

_EXAMPLE = "write `a -> b`, `a -> [b, c]` or `a.dtmf -> b`"


@dataclass(frozen=True, slots=True)
class End:
    """One end of a wire. output: the frames of it that are meant, where it gives."""

    node: Word
    output: Word | None = None


class _Wrong(Exception):
    def __init__(self, message: str, place: Word) -> None:
        super().__init__(message)
        self.message = message
        self.place = place


def read_chain(line: Scalar, report: Report) -> list[list[End]]:
    """The groups of one line, or none if it is wrong, which the report tells."""
    if len(line.text) > MAX_LINE:
        report.error("too-large", f"a line of more than {MAX_LINE} characters", line.span, "make it several lines")
        return []
    groups: list[list[End]] = []
    try:
        tokens = _Tokens(line)
        groups.append(_group(tokens))
        while tokens.take("->"):
            groups.append(_group(tokens))
        if tokens.next.text or len(groups) < 2:
            raise _Wrong("expected `->`", tokens.next)
    except _Wrong as wrong:
        report.error("flow-syntax", wrong.message, wrong.place.span, _EXAMPLE)
        return []
    return groups


def wires_of(groups: list[list[End]]) -> Iterator[Wire]:
    """Each end of a group wired to each end of the next."""
    for givers, takers in pairwise(groups):
        for giver in givers:
            for taker in takers:
                yield Wire(giver.node, taker.node, _between(giver.node.span, taker.node.span), giver.output)


def _between(first: Span, last: Span) -> Span:
    if (first.source, first.line) != (last.source, last.line) or last.end_column <= first.column:
        return last
    return replace(first, end_line=last.end_line, end_column=last.end_column)


def _group(tokens: _Tokens) -> list[End]:
    if not tokens.take("["):
        return [_end(tokens)]
    ends = [_end(tokens)]
    while tokens.take(","):
        ends.append(_end(tokens))
    if not tokens.take("]"):
        raise _Wrong("expected `,` or `]`", tokens.next)
    return ends


def _end(tokens: _Tokens) -> End:
    node = tokens.name("a node's name")
    return End(node, tokens.name("the type of frames that it gives") if tokens.take(".") else None)


class _Tokens:
    """The words and signs of a line, one after the other; behind the last one stands an empty word."""

    def __init__(self, line: Scalar) -> None:
        self._line = line
        self._at = 0
        self._is_name = False
        self.next = Word("", line.span)
        self._advance()

    def take(self, sign: str) -> bool:
        """Goes on if the next token is this sign."""
        if self.next.text != sign:
            return False
        self._advance()
        return True

    def name(self, what: str) -> Word:
        if not self._is_name:
            found = f", not {quote(self.next.text)}" if self.next.text else ""
            raise _Wrong(f"expected {what}{found}", self.next)
        word = self.next
        self._advance()
        return word

    def _advance(self) -> None:
        text = self._line.text
        match = _TOKEN.match(text, self._at)
        if match is None:
            end = len(text.rstrip())
            self.next, self._is_name = Word("", self._line.span.part(text, end, end + 1)), False
            return
        kind = str(match.lastgroup)
        self._at = match.end()
        self._is_name = kind == "name"
        self.next = Word(match[kind], self._line.span.part(text, *match.span(kind)))
        if kind == "wrong":
            raise _Wrong(f"{quote(match[kind])} is no part of a flow line", self.next)
