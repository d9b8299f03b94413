"""The emulators' YAML files: settings checked by pydantic, and every mistake told at its place, as in a graph file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from voicegraph.graph import GraphError
from voicegraph.graph.checks.settings import locate
from voicegraph.graph.diagnostics import Diagnostic, Report
from voicegraph.graph.source import Unreadable, read_source
from voicegraph.graph.tree import Map, is_null, plain_data, read_tree
from voicegraph.graph.wording import quote

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

T = TypeVar("T")

_UNKNOWN = ("unexpected_keyword_argument", "extra_forbidden")
_MISSING = ("missing", "missing_argument", "missing_keyword_only_argument")


def read_settings(path: str | Path, kind: type[T], begin: str) -> T:
    """What a file says, as a dataclass. begin: how such a file begins. Raises GraphError."""
    report = Report()
    try:
        source = read_source(Path(path), str(path))
    except Unreadable as error:
        raise GraphError([Diagnostic(error.code, error.message, error.place or str(path), error.hint)]) from None
    tree = read_tree(source, report)
    if tree is not None and not isinstance(tree, Map):
        message = "the file is empty" if is_null(tree) else "the file is no mapping"
        report.error("wrong-shape", message, tree.span, begin)
    made = _validate(tree, kind, report) if isinstance(tree, Map) else None
    report.raise_errors()
    assert made is not None
    return made


def _validate(tree: Map, kind: type[T], report: Report) -> T | None:
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(kind).validate_python(plain_data(tree))
    except ValidationError as error:
        for each in error.errors():
            _tell(each, tree, report)
        return None


def _tell(error: ErrorDetails, tree: Map, report: Report) -> None:
    setting = locate(tree, error["loc"])
    place = setting.tree.span
    if error["type"] in _UNKNOWN:
        report.error("unknown-key", f"there is no setting {quote(setting.name)}", setting.key or place)
    elif error["type"] in _MISSING:
        who = quote(setting.name) if setting.path else "the file"
        report.error("missing-key", f"{who} needs {quote(str(error['loc'][-1]))}", place)
    else:
        words = error["msg"].removeprefix("Value error, ").removeprefix("Input ")
        colon = "" if words.startswith("should ") else ":"
        report.error("bad-value", f"{quote(setting.name)}{colon} {words}", place)
