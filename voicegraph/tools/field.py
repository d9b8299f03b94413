"""The field of a node by which it is told its tools.

    class MyLLM:
        tools: Tools = ()

In a graph file it is a list of names, such as `[clinic.book, line.hang_up]`, which the check of the graph finds among
the functions of the modules that the graph imports. In Python it is a list of functions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, cast, get_args, get_type_hints

from voicegraph.errors import ToolDefinitionError
from voicegraph.node import NodeType
from voicegraph.tools.reading import Tool, read_tool

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic_core import CoreSchema


@dataclass(frozen=True)
class _Functions:
    """Makes tools of functions, without importing pydantic until a configuration is validated."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(_read)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        one = {"type": "string", "examples": ["clinic.book", "line.hang_up"]}
        return {"type": "array", "items": one}


Tools = Annotated[Sequence[Tool], _Functions()]
"""The type of the field; its values are tuples of `Tool`."""


def tool_fields(kind: NodeType) -> list[str]:
    """The names of a node type's fields that are `Tools`."""
    try:
        hints = get_type_hints(kind.target, include_extras=True)
    except Exception:  # noqa: BLE001 - what is wrong with them is told when the node is configured
        return []
    return [field.name for field in kind.fields if _Functions() in get_args(hints[field.name])[1:]]


def _read(value: Any) -> tuple[Tool, ...]:
    if not isinstance(value, list | tuple):
        raise ValueError("should be a list of functions, such as [clinic.book]")
    functions = cast("Sequence[object]", value)
    if texts := [each for each in functions if isinstance(each, str)]:
        raise ValueError(f"`{texts[0]}` is a name, which only a graph file can look up: give the function itself")
    try:
        return tuple(map(read_tool, functions))
    except ToolDefinitionError as error:
        raise ValueError(str(error)) from error
