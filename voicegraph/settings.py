"""Notes on the fields of a configuration, for what plain types cannot express.

`OrText` and `ToldApart` teach pydantic ways of writing it, without importing pydantic until a configuration is
validated. `Spoken` marks words that a call may hear as they are.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final, cast, get_args, get_origin, get_type_hints

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


@dataclass(frozen=True)
class _Spoken:
    """The note on a field whose text is said to the caller, word for word."""


SPOKEN: Final = _Spoken()
Spoken = Annotated[str, SPOKEN]
"""A field with words for the caller, such as a greeting: known before the call, so their sound can be, too."""


def spoken(configuration: object) -> tuple[str, ...]:
    """The words in the `Spoken` fields of a node's instance, and of dataclasses, lists and mappings inside it."""
    return tuple(dict.fromkeys(_of_fields(configuration)))


def _of_fields(instance: object) -> Iterator[str]:
    if not dataclasses.is_dataclass(instance) or isinstance(instance, type):
        return
    try:
        hints = get_type_hints(type(instance), include_extras=True)
    except Exception:  # noqa: BLE001 - annotations are the user's code, and pydantic may know names that are not here
        return
    for field in dataclasses.fields(instance):
        yield from _of_value(hints.get(field.name), getattr(instance, field.name, None))


def _of_value(hint: Any, value: object) -> Iterator[str]:
    """The words in a value of that type; the same ones again where several of its parts may be meant."""
    parts = get_args(hint)
    if get_origin(hint) is Annotated and SPOKEN in parts:
        yield from [value] if isinstance(value, str) else []
    elif parts:
        for each in [value, *_inside(value)]:
            for part in parts:
                yield from _of_value(part, each)
    else:
        yield from _of_fields(value)


def _inside(value: object) -> Collection[object]:
    if isinstance(value, Mapping):
        return cast("Mapping[object, object]", value).values()
    return cast("Collection[object]", value) if isinstance(value, list | tuple | set | frozenset) else ()
