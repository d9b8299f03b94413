"""`${env:X}`, `${env:X:-default}` and `${file:path}` in values. They are replaced after parsing, so always by text.

`$${` stands for `${`. A reference that cannot be replaced stays in its scalar as a fault, and is told only if that
scalar is still part of the graph when everything is merged.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from voicegraph.graph.codes import Code
from voicegraph.graph.diagnostics import Diagnostic, Note, Report
from voicegraph.graph.source import MAX_BYTES, Unreadable, read_source
from voicegraph.graph.tree import Map, Scalar, change, scalars
from voicegraph.graph.wording import did_you_mean, one_of, quote

_REFERENCE = re.compile(r"\$\$\{|\$\{(?P<inner>[^{}]*)\}|\$\{")
_VARIABLE = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(:-(?P<default>.*))?", re.DOTALL)
_SCHEMES = ("env", "file")


class _Fault(Exception):
    def __init__(self, code: Code, message: str, hint: str = "", notes: tuple[Note, ...] = ()) -> None:
        super().__init__(message)
        self.told = (code, message, hint, notes)


class References:
    """Replaces references. environment: where `${env:X}` looks. report: learns what it must not tell."""

    def __init__(self, environment: Mapping[str, str], report: Report) -> None:
        self._environment = environment
        self._report = report
        self._room = 4 * MAX_BYTES  # for the text of all files together

    def replace(self, tree: Map) -> Map:
        """The mapping with its references replaced, or with faults where that cannot be."""
        return change(tree, self._scalar)

    def _scalar(self, scalar: Scalar) -> Scalar:
        if "${" not in scalar.text:
            return scalar
        pieces: list[str] = []
        done = 0
        for match in _REFERENCE.finditer(scalar.text):
            pieces.append(scalar.text[done : match.start()])
            done = match.end()
            try:
                pieces.append(self._text_of(match, scalar))
            except _Fault as fault:
                code, message, hint, notes = fault.told
                place = scalar.span.part(scalar.text, match.start(), match.end())
                return replace(scalar, plain=False, fault=Diagnostic(code, message, place, hint, notes=notes))
        text = "".join(pieces) + scalar.text[done:]
        return replace(scalar, text=text, plain=False)

    def _text_of(self, match: re.Match[str], scalar: Scalar) -> str:
        if match[0] == "$${":
            return "${"
        inner = match["inner"]
        if inner is None:
            raise _Fault("bad-reference", "a reference `${` without its `}`", "close it, or write `$${` for `${`")
        scheme, colon, rest = inner.partition(":")
        if scheme == "env" and colon:
            return self._variable(rest)
        if scheme == "file" and colon:
            return self._file(rest, scalar)
        if re.fullmatch(r"\w+", inner):
            raise _Fault("bad-reference", f"no reference {quote(match[0])}", f"write `${{env:{inner}}}`, or `$${{`")
        hint = did_you_mean(scheme, _SCHEMES) or one_of(["${env:X}", "${env:X:-default}", "${file:path}"])
        raise _Fault("bad-reference", f"no reference {quote(match[0])}", hint)

    def _variable(self, rest: str) -> str:
        match = _VARIABLE.fullmatch(rest)
        if not match:
            raise _Fault("bad-reference", f"{quote(rest)} is no environment variable", "write `${env:NAME}`")
        name = match["name"]
        if name in self._environment:
            self._report.conceal(self._environment[name], f"${{env:{name}}}")
            return self._environment[name]
        if match["default"] is not None:
            return match["default"]
        hint = did_you_mean(name, self._environment) or f"export it, or write `${{env:{name}:-default}}`"
        raise _Fault("unset-variable", f"the environment variable {quote(name)} is not set", hint)

    def _file(self, name: str, scalar: Scalar) -> str:
        try:
            text = read_source(scalar.span.source.folder / name, name).text
        except Unreadable as error:
            notes = (Note(error.message, error.place),) if error.place else ()
            message = f"{quote(name)} cannot be read as text" if error.place else error.message
            raise _Fault(error.code, message, error.hint, notes) from error
        self._room -= len(text)
        if self._room < 0:
            raise _Fault("file-too-large", "the files that this graph refers to are larger than 4 MB together")
        return text.removesuffix("\n")


def report_faults(tree: Map, report: Report, *, ready: bool) -> None:
    """Tells of the references that could not be replaced. ready: an unset variable is an error, not a warning."""
    for scalar in scalars(tree):
        if fault := scalar.fault:
            lenient = fault.code == "unset-variable" and not ready
            report.add(replace(fault, severity="warning") if lenient else fault)
