"""Finds in the file the setting that pydantic names, and among a node type's fields the keys that there could be."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, cast

from voicegraph.graph.source import Span
from voicegraph.graph.tree import Map, Seq, Tree
from voicegraph.node import NodeType


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


def known_keys(kind: NodeType, path: tuple[str, ...]) -> list[str]:
    """The keys that a node type knows at a place in its configuration, from its JSON Schema."""
    if not path:
        return [field.name for field in kind.fields]
    try:
        schema = kind.adapter.json_schema()
    except Exception:  # noqa: BLE001 - pydantic raises several kinds for types that JSON cannot express
        return []
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
