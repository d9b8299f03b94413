"""Settings of a node, and arguments of a tool: pydantic's findings, put at their places in the file."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from voicegraph.graph.codes import Code
from voicegraph.graph.diagnostics import Report
from voicegraph.graph.source import Span
from voicegraph.graph.tree import Map, Scalar, Seq, Tree, change
from voicegraph.graph.wording import did_you_mean, one_of, quote
from voicegraph.node import NodeType

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

_UNKNOWN = ("unexpected_keyword_argument", "extra_forbidden")
_MISSING = ("missing", "missing_argument", "missing_keyword_only_argument")
_TEXT_WANTED = ("string_type", "literal_error", "enum")
_PREFIXES = ("Value error, ", "Assertion failed, ", "Input ")


class Taker(NamedTuple):
    """Who is given values, and how its mistakes are told.

    place: where it is named. word: what it calls one of them. code: of a value that is wrong. known: the keys that it
    knows at a path. add: what to do about one that is missing.
    """

    name: str
    place: Span
    word: str
    code: Code
    known: Callable[[tuple[str, ...]], list[str]]
    add: str


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting under `with`. tree: its value. key: where its name stands. path: the keys that lead to it."""

    path: tuple[str, ...]
    key: Span | None = field(compare=False)
    tree: Tree = field(compare=False)

    @property
    def name(self) -> str:
        return ".".join(self.path)


def locate(settings: Map, steps: Iterable[int | str]) -> Setting:
    """The innermost setting on pydantic's way to an error. Steps that are no part of the file (the branch of a union,
    a missing key) are left out.
    """
    tree: Tree = settings
    key: Span | None = None
    path: list[str] = []
    for step in steps:
        if isinstance(tree, Map) and str(step) in tree.values:
            key, tree = tree.keys[str(step)], tree.values[str(step)]
            path.append(str(step))
        elif isinstance(tree, Seq) and isinstance(step, int) and step < len(tree.items):
            tree = tree.items[step]
            key = None
            path.append(str(step))
    return Setting(tuple(path), key, tree)


def meant_as_text(settings: Map, error: ValidationError) -> Map:
    """The same settings with numbers as they are written (`model: 4.10`) where text is wanted."""
    places = {
        found.tree.span
        for each in error.errors()
        if each["type"] in _TEXT_WANTED and isinstance((found := locate(settings, each["loc"])).tree, Scalar)
    }
    return change(settings, lambda s: replace(s, plain=False) if s.span in places and s.value is not None else s)


def tell(error: ValidationError, settings: Map, taker: Taker, report: Report) -> None:
    """Every mistake, at its place."""
    told: dict[Setting, list[str]] = {}
    for each in error.errors():
        setting = locate(settings, each["loc"])
        if isinstance(setting.tree, Scalar) and setting.tree.fault:
            continue
        if each["type"] in _UNKNOWN:
            known = taker.known(setting.path[:-1])
            hint = did_you_mean(setting.path[-1], known) or (one_of(known) if known else f"it takes no {taker.word}s")
            message = f"{quote(taker.name)} has no {taker.word} {quote(setting.name)}"
            report.error("unknown-key", message, setting.key or taker.place, hint)
        elif each["type"] in _MISSING:
            name = ".".join((*setting.path, str(each["loc"][-1])))
            place = setting.tree.span if setting.path else taker.place
            report.error("missing-key", f"{quote(taker.name)} needs {quote(name)}", place, taker.add)
        else:
            told.setdefault(setting, []).append(_words(each))
    for setting, words in told.items():  # several for one setting are the branches of a union
        first, *others = dict.fromkeys(words)
        message = " or ".join([first, *(other.removeprefix("should be ") for other in others)])
        colon = "" if first.startswith("should ") else ":"
        subject = quote(setting.name) if setting.path else quote(taker.name)
        place = setting.tree.span if setting.path else taker.place
        report.error(taker.code, f"{subject}{colon} {message}", place)


def _words(error: ErrorDetails) -> str:
    words = error["msg"]
    for prefix in _PREFIXES:
        words = words.removeprefix(prefix)
    return words


def known_keys(kind: NodeType, path: tuple[str, ...]) -> list[str]:
    """The keys that a node type knows at a place in its configuration."""
    if not path:
        return [field.name for field in kind.fields]
    try:
        return keys_in(kind.adapter.json_schema(), path)
    except Exception:  # noqa: BLE001 - pydantic raises several kinds for types that JSON cannot express
        return []


def keys_in(schema: dict[str, Any], path: tuple[str, ...]) -> list[str]:
    """The keys that a JSON Schema knows at a place."""
    found = [schema]
    for step in path:
        found = [inner for each in found for inner in _step(each, step, schema)]
    return list(dict.fromkeys(key for each in found for key in each.get("properties", {})))


def _step(schema: dict[str, Any], step: str, root: dict[str, Any]) -> list[dict[str, Any]]:
    """The schemas that one key, or one index, leads to."""
    candidates = [schema.get("properties", {}).get(step), schema.get("additionalProperties"), schema.get("items")]
    found = [cast("dict[str, Any]", each) for each in candidates if isinstance(each, dict)]
    return [branch for each in found for branch in _branches(each, root)]


def _branches(schema: dict[str, Any], root: dict[str, Any]) -> list[dict[str, Any]]:
    """A schema itself, or what it refers to, or the alternatives that it lists."""
    if "$ref" in schema:
        return _branches(root["$defs"][schema["$ref"].rpartition("/")[2]], root)
    for word in ("anyOf", "oneOf", "allOf"):
        if word in schema:
            return [branch for each in schema[word] for branch in _branches(each, root)]
    return [schema]
