"""Notes on the fields of a configuration, for ways of writing it that plain types cannot express.

They teach pydantic without importing it until a configuration is validated.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic_core import CoreSchema


@dataclass(frozen=True)
class OrText:
    """A value that may also be written as one text, and what to make of that: `Annotated[list[str], OrText(one)]`."""

    read: Callable[[str], Any]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core import core_schema

        def before(value: Any) -> Any:
            return self.read(value) if isinstance(value, str) else value

        return core_schema.no_info_before_validator_function(before, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"anyOf": [{"type": "string"}, handler(schema)]}


@dataclass(frozen=True)
class ToldApart:
    """One of several dataclasses, told apart by the field `by`, which is a `Literal` in each of them.

    `Annotated[Silence | Model, ToldApart("by")]`
    """

    by: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core import core_schema

        kinds = {name: kind for kind in get_args(source) for name in get_args(get_type_hints(kind)[self.by])}
        return core_schema.tagged_union_schema(
            {name: handler.generate_schema(kind) for name, kind in kinds.items()},
            self.by,
            custom_error_type="told_apart",
            custom_error_message=f"`{self.by}` is one of {', '.join(kinds)}",
        )
