"""What is wrong with a graph, told so that it can be mended: a stable code, a place, a message, a hint.

    graphs/broken.yaml:10:10: error[unknown-node-type]: no node type `deepgram.sst`
       |
    10 |     use: deepgram.sst
       |          ^^^^^^^^^^^^ did you mean `deepgram.stt`?

How they are printed is in `render.py`; every code is in `codes.py` and explained in docs/errors.md.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

from voicegraph.errors import VoicegraphError
from voicegraph.graph.codes import Code
from voicegraph.graph.source import Span
from voicegraph.graph.wording import LONGEST_WORD

Severity = Literal["error", "warning"]

LIMIT = 100
"""Diagnostics of one file. Who has more mends the first ones first."""


@dataclass(frozen=True)
class Note:
    """Something that helps to understand a diagnostic, usually another place: where a name was first given."""

    message: str
    span: Span | None = None


@dataclass(frozen=True)
class Diagnostic:
    """One mistake.

    place: where it is, or the name of a file that is wrong as a whole. hint: what to do; printed beside the caret.
    """

    code: Code
    message: str
    place: Span | str
    hint: str = ""
    severity: Severity = "error"
    notes: tuple[Note, ...] = ()

    @property
    def span(self) -> Span | None:
        return None if isinstance(self.place, str) else self.place

    @property
    def file(self) -> str:
        return self.place if isinstance(self.place, str) else self.place.source.name

    @property
    def order(self) -> tuple[Any, ...]:
        """Sorts by file, place and code."""
        at = (self.place.line, self.place.column) if isinstance(self.place, Span) else (0, 0)
        return (self.file, *at, self.code, self.message)


class GraphError(VoicegraphError):
    """A graph file is wrong. diagnostics: everything that is, sorted by place, warnings included."""

    def __init__(self, diagnostics: Iterable[Diagnostic]) -> None:
        self.diagnostics = tuple(diagnostics)
        super().__init__(self.diagnostics)

    def __str__(self) -> str:
        from voicegraph.graph.render import as_text

        return as_text(self.diagnostics)


class Report:
    """Collects diagnostics while a graph is read and checked."""

    def __init__(self) -> None:
        self._found: dict[Diagnostic, None] = {}
        self._secrets: dict[str, str] = {}

    def conceal(self, secret: str, written: str) -> None:
        """From now on no message tells this text, which came from the environment: it may be a key."""
        for line in secret.splitlines():
            if len(line) >= 6:  # a shorter one would be found in other words
                self._secrets |= {line: written, line[:LONGEST_WORD]: written}

    def add(self, diagnostic: Diagnostic) -> None:
        """Notes a diagnostic. Raises GraphError when there are too many."""
        for secret, written in self._secrets.items():
            message, hint = (text.replace(secret, written) for text in (diagnostic.message, diagnostic.hint))
            diagnostic = replace(diagnostic, message=message, hint=hint)
        self._found[diagnostic] = None
        if len(self._found) >= LIMIT:
            message = f"{LIMIT} mistakes so far; the rest of the graph is not looked at"
            raise GraphError([*self.sorted, Diagnostic("too-many", message, diagnostic.file)])

    def error(self, code: Code, message: str, place: Span | str, hint: str = "", notes: tuple[Note, ...] = ()) -> None:
        self.add(Diagnostic(code, message, place, hint, "error", notes))

    def warning(self, code: Code, message: str, place: Span | str, hint: str = "") -> None:
        self.add(Diagnostic(code, message, place, hint, "warning"))

    @property
    def sorted(self) -> tuple[Diagnostic, ...]:
        return tuple(sorted(self._found, key=lambda diagnostic: diagnostic.order))

    @property
    def failed(self) -> bool:
        return any(diagnostic.severity == "error" for diagnostic in self._found)

    def raise_errors(self) -> None:
        if self.failed:
            raise GraphError(self.sorted)
