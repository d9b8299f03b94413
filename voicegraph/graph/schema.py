"""JSON Schema of graph files, so that an editor completes and checks them as they are written.

    # yaml-language-server: $schema=graph.schema.json

It knows each registered node type's settings. It is more lenient than `check`, which alone knows the node types that a
graph imports, and what flows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from voicegraph.durations import PATTERN, format_duration
from voicegraph.graph.builtin import register_builtin
from voicegraph.graph.flow import NAME
from voicegraph.node import NodeType, node_types

if TYPE_CHECKING:
    from pydantic.json_schema import GenerateJsonSchema

Schema = dict[str, Any]

_REFERENCE: Schema = {"type": "string", "pattern": r"\$\{"}
_DURATION: Schema = {"anyOf": [{"type": "string", "pattern": PATTERN, "examples": ["250ms", "2s"]}, _REFERENCE]}
_TEXT: Schema = {"type": "string"}
_TEXTS: Schema = {"anyOf": [_TEXT, {"type": "array", "items": _TEXT}]}
_NODE: Schema = {"$ref": "#/$defs/node"}


def json_schema() -> Schema:
    """The schema of a graph file (draft 2020-12), with the node types that are registered now."""
    register_builtin()
    kinds = [kind for kind in node_types().values() if kind.name.isprintable()]
    settings, definitions = _settings(kinds)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "voicegraph graph file",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "version": {"const": 1, "description": "The version of this format."},
            "name": _TEXT | {"description": "What the graph is called; its file's name by default."},
            "extends": _TEXT | {"description": "A graph file that this one changes."},
            "imports": _TEXTS | {"description": "Python files with nodes of your own, relative to this file."},
            "nodes": {
                "type": "object",
                "description": "name: type, or name: {use: type, with: {…}, recover: {…}}",
                "additionalProperties": _NODE,
                "propertyNames": {"pattern": f"^{NAME}$"},
            },
            "pipeline": {
                "type": "array",
                "description": "Nodes, each wired to the next.",
                "items": {"anyOf": [_TEXT, {"type": "object", "minProperties": 1, "maxProperties": 1}]},
            },
            "flow": _TEXTS | {"description": "Wires: a -> b -> c, a -> [b, c], a.dtmf -> b"},
            "budgets": {
                "type": "object",
                "description": "p95 limits on the answer, on barge_in, and on nodes.",
                "additionalProperties": _DURATION,
            },
        },
        "if": {"anyOf": [{"required": ["imports"]}, {"required": ["extends"]}]},
        "else": {"properties": {"nodes": {"additionalProperties": {"$ref": "#/$defs/known_node"}}}},
        "$defs": {
            "type": {"anyOf": [{"const": kind.name, "description": kind.doc} for kind in kinds]},
            "node": {"anyOf": [_TEXT, {"type": "null"}, _long_node(kinds, settings)]},
            "known_node": {
                "if": _TEXT,
                "then": {"$ref": "#/$defs/type"},
                "else": {"required": ["use"], "properties": {"use": {"anyOf": [{"$ref": "#/$defs/type"}, _REFERENCE]}}},
            },
            "recover": _RECOVER,
            **definitions,
        },
    }


_RECOVER: Schema = {
    "type": ["object", "null"],
    "additionalProperties": False,
    "properties": {
        "timeout": _DURATION | {"description": "How long the first output may take."},
        "stall": _DURATION | {"description": "How long the next output may take."},
        "retries": {"type": "integer", "minimum": 0, "maximum": 10, "description": "How often to try again."},
        "fallback": _TEXTS | {"description": "The node, or nodes in turn, that take over."},
        "say": _TEXT | {"description": "What the caller hears meanwhile."},
        "then": _TEXT | {"description": "What to do when nothing helps: line.transfer, line.hang_up, continue."},
    },
}


def _long_node(kinds: list[NodeType], settings: dict[str, Schema]) -> Schema:
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "use": {"anyOf": [{"$ref": "#/$defs/type"}, _TEXT], "description": "The node type."},
            "with": {"type": ["object", "null"], "description": "Its settings."},
            "recover": {"$ref": "#/$defs/recover"},
        },
        "allOf": [
            {
                "if": {"properties": {"use": {"const": kind.name}}, "required": ["use"]},
                "then": {"properties": {"with": {"anyOf": [settings[kind.name], {"type": "null"}]}}},
            }
            for kind in kinds
        ],
    }


def _settings(kinds: list[NodeType]) -> tuple[dict[str, Schema], Schema]:
    """For each node type the schema of its settings, and the definitions that these refer to."""
    from pydantic import TypeAdapter

    made, shared = TypeAdapter.json_schemas(
        [(kind.name, "validation", kind.adapter) for kind in kinds], schema_generator=_generator()
    )
    # the settings of a node may be incomplete in a file that others extend: `required` is left to `check`
    settings = {
        kind.name: {k: v for k, v in _resolved(made[kind.name, "validation"], shared).items() if k != "required"}
        for kind in kinds
    }
    definitions = {name: _lenient(schema) for name, schema in shared.get("$defs", {}).items()}
    return {name: _lenient(schema) for name, schema in settings.items()}, definitions


def _resolved(schema: Schema, shared: Schema) -> Schema:
    """The definition that a schema consists of a reference to."""
    reference = schema.get("$ref")
    found: Schema = shared["$defs"][reference.rpartition("/")[2]] if reference else schema
    return found


def _generator() -> type[GenerateJsonSchema]:
    """pydantic's generator, for which a type that JSON cannot express is anything at all."""
    from pydantic.json_schema import GenerateJsonSchema

    class Generator(GenerateJsonSchema):
        ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}

        def handle_invalid_for_json_schema(self, schema: Any, error_info: str) -> Schema:
            return {}

    return Generator


def _lenient(schema: Schema) -> Schema:
    """The same schema, letting `${env:X}` stand for any value that is not free text."""
    if schema.get("pattern") == PATTERN and isinstance(schema.get("default"), int | float):
        schema = schema | {"default": format_duration(schema["default"])}
    if schema.get("type") in ("integer", "number", "boolean") or {"enum", "const", "pattern"} & schema.keys():
        notes = {key: schema[key] for key in _NOTES if key in schema}
        return notes | {"anyOf": [{key: value for key, value in schema.items() if key not in notes}, _REFERENCE]}
    inside: Schema = {
        **{key: _lenient(schema[key]) for key in _ONE if isinstance(schema.get(key), dict)},
        **{key: [_lenient(each) for each in schema[key]] for key in _LIST if key in schema},
        **{key: {name: _lenient(each) for name, each in schema[key].items()} for key in _NAMED if key in schema},
    }
    return schema | inside


_NOTES = ("title", "description", "default", "examples")
"""What a schema says to people."""

_ONE, _LIST, _NAMED = ("items", "additionalProperties"), ("anyOf", "oneOf", "allOf", "prefixItems"), ("properties",)
"""Where schemas stand inside a schema: one, a list of them, or by name."""
