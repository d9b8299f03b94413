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
from voicegraph.graph.plan import GOODBYE, SORRY, Watchdog
from voicegraph.graph.recovery import CONTINUE
from voicegraph.node import NodeType, node_types

if TYPE_CHECKING:
    from pydantic.json_schema import GenerateJsonSchema

Schema = dict[str, Any]

_REFERENCE: Schema = {"type": "string", "pattern": r"\$\{"}
_DURATION: Schema = {"anyOf": [{"type": "string", "pattern": PATTERN, "examples": ["250ms", "2s"]}, _REFERENCE]}
_TEXT: Schema = {"type": "string"}
_BOOLEAN: Schema = {"anyOf": [{"type": "boolean"}, _REFERENCE]}
_COUNT: Schema = {"anyOf": [{"type": "integer", "minimum": 0, "maximum": 10}, _REFERENCE]}
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
                "description": "name: type, or name: {use: type, with: {…}, recover: {…}, cache: true}",
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
            "watchdog": _WATCHDOG,
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


def _optional(description: str, schema: Schema, **notes: Any) -> Schema:
    """Of this form, or null: not given, or taken away from a graph that is extended."""
    return {"description": description, "anyOf": [schema, {"type": "null"}], **notes}


_ACTION: Schema = {
    "type": "object",
    "minProperties": 1,
    "maxProperties": 1,
    "additionalProperties": {"type": ["object", "null"]},
}

_RECOVER: Schema = {
    "type": ["object", "null"],
    "additionalProperties": False,
    "description": "What is done when the node fails.",
    "properties": {
        "timeout": _optional("How long the first output may take.", _DURATION),
        "stall": _optional("How long the next output may take.", _DURATION),
        "hedge": _optional("How late the first output may be before the fallback is started too.", _DURATION),
        "retries": _optional("How often to try again.", _COUNT),
        "fallback": _optional("The node, or nodes in turn, that take over.", _TEXTS),
        "say": _optional("What the caller hears meanwhile.", _TEXT),
        "then": _optional(
            "What to do when nothing helps: line.hang_up, {line.transfer: {to: …}}, a tool, or continue.",
            {"anyOf": [_TEXT, _ACTION]},
            default=CONTINUE,
        ),
        "retry_primary_after": _optional("How long a fallback stays; to the end of the call by default.", _DURATION),
    },
}

_WATCHDOG: Schema = {
    "type": ["object", "null"],
    "additionalProperties": False,
    "description": "What is done for a caller who hears nothing although a reply is due.",
    "properties": {
        "silence": _optional(
            "How long that lasts before it is an incident.", _DURATION, default=format_duration(Watchdog.silence)
        ),
        "say": _optional("What the caller hears then.", _TEXT),
        "sorry": _optional("What they hear of a reply that will not come; null for nothing.", _TEXT, default=SORRY),
        "goodbye": _optional("Last words of a call that cannot go on; null for none.", _TEXT, default=GOODBYE),
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
            "cache": _optional("Of a voice: keep the sound of every sentence.", _BOOLEAN, default=False),
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
