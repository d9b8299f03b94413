"""What the YAML parser stumbled over, in words that help."""

from __future__ import annotations

import re

from yaml import Mark, MarkedYAMLError

from voicegraph.graph.diagnostics import Diagnostic, Note
from voicegraph.graph.source import Source, Span

_HERE, _BEGIN = False, True
_EXPLAINED = (
    # how the parser's words begin, ours, what to do, and where: at the place where it stopped, or where that part began
    ("mapping values are not allowed", "a `:` where no key can be", "quote the value, or mend the indentation", _HERE),
    ("found character", "a value cannot begin with this character", "quote the value", _HERE),
    ("did not find expected ',' or ']'", "this list `[` has no end", "close it with `]`", _BEGIN),
    ("did not find expected ',' or '}'", "this mapping `{` has no end", "close it with `}`", _BEGIN),
    ("expected ',' or ']'", "this list `[` has no end", "close it with `]`", _BEGIN),
    ("expected ',' or '}'", "this mapping `{` has no end", "close it with `}`", _BEGIN),
    ("could not find expected ':'", "a key without a `:`", "write `key: value`", _BEGIN),
    ("found unexpected end of stream", "the quotes are not closed", "close them", _BEGIN),
    ("did not find expected key", "this line does not fit the lines above", "mend the indentation", _HERE),
    ("did not find expected '-' indicator", "this line does not fit the list above", "mend the indentation", _HERE),
    ("did not find expected <document start>", "text behind the end of the graph", "mend the indentation", _HERE),
)
"""The words of the C parser and of the Python parser."""


def explain(error: MarkedYAMLError, source: Source) -> Diagnostic:
    """A located diagnostic for a syntax error of either parser."""
    place = _place(error.problem_mark or error.context_mark, source)
    if slip := _slip(place):
        return Diagnostic("yaml-syntax", slip[0], place, slip[1])
    problem = str(error.problem or error.context or "not YAML")
    words = (row[1:] for row in _EXPLAINED if problem.startswith(row[0]))
    message, hint, where = next(words, (problem, "", _HERE))
    if error.context_mark is None:
        return Diagnostic("yaml-syntax", message, place, hint)
    begin = _place(error.context_mark, source)
    if where is _BEGIN:
        return Diagnostic("yaml-syntax", message, begin, hint)
    notes = (Note(str(error.context), begin),) if begin.line != place.line else ()
    return Diagnostic("yaml-syntax", message, place, hint, notes=notes)


def _slip(place: Span) -> tuple[str, str] | None:
    """Slips that are told by where the parser stopped."""
    line = place.source.lines[place.line - 1]
    before, rest = line[: place.column - 1], line[place.column - 1 :]
    if rest.startswith("\t"):
        return "a tab cannot indent", "indent with spaces"
    if rest.startswith("->"):
        return "a line of the flow that begins with `[` needs quotes", 'write "[a, b] -> c"'
    if re.search(r": +>[\d= ]*$", before) or (before.endswith(": ") and rest.startswith(">")):
        return "a value that begins with `>` needs quotes", 'write ">= 1"'
    if before.endswith("$") and rest.startswith("{"):
        return "inside brackets a reference needs quotes", 'write "${env:X}"'
    return None


def _place(mark: Mark | None, source: Source) -> Span:
    """One character at the parser's mark; marks behind the last line point at the end of it."""
    if mark is None:
        return source.start
    line = min(mark.line, len(source.lines) - 1)
    column = mark.column if line == mark.line else len(source.lines[line])
    return Span(source, line + 1, column + 1, line + 1, column + 2)
