"""Diagnostics for people, programs and GitHub: three functions of one shape, listed in `FORMATS`."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from voicegraph.graph.diagnostics import Diagnostic, Note
from voicegraph.graph.source import Span

WIDTH = 100
"""Columns of a source line that are shown; of a longer one, the part around the mistake."""


def as_text(diagnostics: Iterable[Diagnostic]) -> str:
    """For a terminal: each with its line of the source, a caret under the place, and the hint beside it."""
    return "\n\n".join(_text(diagnostic) for diagnostic in diagnostics)


def as_json(diagnostics: Iterable[Diagnostic]) -> str:
    """One JSON array. Lines and columns count from 1, the end exclusive; null where the whole file is meant."""
    entries = [
        {
            "code": each.code,
            "severity": each.severity,
            "message": each.message,
            "hint": each.hint,
            **_json_place(each.file, each.span),
            "notes": [
                {"message": note.message, **_json_place(note.span.source.name if note.span else None, note.span)}
                for note in each.notes
            ],
        }
        for each in diagnostics
    ]
    return json.dumps(entries, indent=2)


def as_github(diagnostics: Iterable[Diagnostic]) -> str:
    """GitHub's workflow commands: one `::error file=…::` line each, which GitHub shows beside the changed line.

    Source: GitHub Docs, "Workflow commands for GitHub Actions".
    """
    return "\n".join(_github(diagnostic) for diagnostic in diagnostics)


FORMATS: Mapping[str, Callable[[Iterable[Diagnostic]], str]] = {"text": as_text, "json": as_json, "github": as_github}


def _text(diagnostic: Diagnostic) -> str:
    head = f"{diagnostic.severity}[{diagnostic.code}]: {_printable(diagnostic.message)}"
    lines = [f"{_where(diagnostic.file, diagnostic.span)}: {head}"]
    if diagnostic.span is not None:
        lines += _excerpt(diagnostic.span, diagnostic.hint)
    elif diagnostic.hint:
        lines.append(f"   {_printable(diagnostic.hint)}")
    for note in diagnostic.notes:
        lines += _note(note)
    return "\n".join(lines)


def _note(note: Note) -> list[str]:
    if note.span is None:
        return [f"note: {_printable(note.message)}"]
    at = _where(note.span.source.name, note.span)
    return [f"note: {at}: {_printable(note.message)}", *_excerpt(note.span, "")]


def _where(file: str, span: Span | None) -> str:
    return _printable(file) + (f":{span.line}:{span.column}" if span else "")


def _excerpt(span: Span, label: str) -> list[str]:
    """The line of the source with a caret under the place."""
    lines = span.source.lines
    line = lines[span.line - 1] if span.line <= len(lines) else ""
    first = span.column - 1
    last = span.end_column - 1 if span.end_line == span.line else len(line.rstrip())
    cut = max(0, min(first - WIDTH // 4, len(line) - WIDTH))
    left = ("..." if cut else "") + _printable(line[cut:first])
    marked = _printable(line[first : min(last, cut + WIDTH)])
    right = _printable(line[last : cut + WIDTH]) + ("..." if len(line) > cut + WIDTH else "")
    margin = " " * len(str(span.line))
    caret = " " * _columns(left) + "^" * max(1, _columns(marked))
    return [
        f"{margin} |",
        f"{span.line} | {left}{marked}{right}".rstrip(),
        f"{margin} | {caret} {_printable(label)}".rstrip(),
    ]


def _printable(text: str) -> str:
    """Tabs as spaces, and everything that could move a terminal's cursor, or not be encoded, as an escape."""
    text = text.replace("\t", "    ")
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode() for c in text)


def _columns(text: str) -> int:
    """How wide a terminal shows it: an East Asian character takes two columns, a combining one none."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _json_place(file: str | None, span: Span | None) -> dict[str, Any]:
    if span is None:
        return {"file": file, "line": None, "column": None, "end_line": None, "end_column": None}
    return {
        "file": file,
        "line": span.line,
        "column": span.column,
        "end_line": span.end_line,
        "end_column": span.end_column,
    }


def _github(diagnostic: Diagnostic) -> str:
    properties = {"file": diagnostic.file}
    if span := diagnostic.span:
        properties |= {"line": str(span.line), "endLine": str(span.end_line), "col": str(span.column)}
        if span.line == span.end_line:
            properties["endColumn"] = str(span.end_column)
    properties["title"] = diagnostic.code
    message = diagnostic.message + (f" ({diagnostic.hint})" if diagnostic.hint else "")
    listed = ",".join(f"{key}={_escape(value, ':,')}" for key, value in properties.items())
    return f"::{diagnostic.severity} {listed}::{_escape(message)}"


def _escape(text: str, also: str = "") -> str:
    escaped = text.encode("utf-8", "backslashreplace").decode()
    for character in f"%\r\n{also}":
        escaped = escaped.replace(character, f"%{ord(character):02X}")
    return escaped
