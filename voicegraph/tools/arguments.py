"""The arguments of a tool: the JSON Schema that a model is shown of them, and the check of what it then writes.

Both are pydantic's, of a typed dictionary with the function's parameters as its keys: a function's defaults stay its
own, and parameters may have any name.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, NotRequired, cast, get_args, get_origin

from voicegraph.errors import ToolError

if TYPE_CHECKING:
    from pydantic import TypeAdapter, ValidationError
    from pydantic_core import ErrorDetails

Schema = dict[str, Any]

MOST_MISTAKES = 10
"""That a model is told of at a time."""
NO_DEFAULT = inspect.Parameter.empty
_NAMED, _DATA = ("properties", "$defs"), ("default", "examples", "enum", "const")
"""Where a JSON Schema has names, which may be `title`, and where it has any data."""


@dataclass(frozen=True)
class Parameter:
    """One that a model is to give. hint: its type. default: or `NO_DEFAULT`. told: what the docstring says of it."""

    hint: Any
    default: Any = NO_DEFAULT
    told: str = ""

    @property
    def described(self) -> Any:
        """Its type, with what is told of it: by `Annotated[date, "which day"]`, by pydantic's Field, or else `told`."""
        from pydantic import Field

        notes = get_args(self.hint)[1:] if get_origin(self.hint) is Annotated else ()
        if any(getattr(note, "description", None) for note in notes):
            return self.hint
        words = next((note for note in notes if isinstance(note, str)), self.told)
        return Annotated[self.hint, Field(description=words)] if words else self.hint


class Arguments:
    """parameters: by name. Raises one of pydantic's errors for a type that no JSON can be; `unwritable` tells which."""

    def __init__(self, parameters: Mapping[str, Parameter]) -> None:
        self._adapter = _adapter(parameters)
        self.schema = _without_titles(_as_json(self._adapter.json_schema()))
        for name, each in parameters.items():
            if (default := _as_json(each.default)) is not None:
                self.schema["properties"][name]["default"] = default

    def read(self, written: str) -> dict[str, Any]:
        """The arguments that a model wrote: one JSON object, or nothing. Raises ToolError, which says what to mend."""
        from pydantic import ValidationError

        written = written.strip()
        try:
            return self._adapter.validate_json("{}" if written in ("", "null") else written)
        except ValidationError as error:
            raise ToolError(_to_mend(error)) from None

    def check(self, values: Mapping[str, Any]) -> None:
        """Raises pydantic's ValidationError for arguments that do not fit, as a graph file gives them."""
        self._adapter.validate_json(json.dumps(values))


def unwritable(parameters: Mapping[str, Parameter]) -> list[str]:
    """The names of those whose type no JSON can be."""
    found: list[str] = []
    for name, each in parameters.items():
        try:
            Arguments({name: each})
        except Exception:  # noqa: BLE001 - pydantic raises several kinds
            found.append(name)
    return found


def _adapter(parameters: Mapping[str, Parameter]) -> TypeAdapter[dict[str, Any]]:
    from pydantic import ConfigDict, TypeAdapter
    from typing_extensions import TypedDict  # before Python 3.12 pydantic insists on this one, and brings it

    fields = {
        name: each.described if each.default is NO_DEFAULT else NotRequired[each.described]
        for name, each in parameters.items()
    }
    made: Any = TypedDict  # with fields that no type checker knows
    arguments = made("Arguments", fields)
    arguments.__pydantic_config__ = ConfigDict(extra="forbid")
    return TypeAdapter(arguments)


def _as_json(default: Any) -> Any:
    """None if there is no default, or none that JSON knows, such as infinity."""
    from pydantic_core import PydanticSerializationError, to_jsonable_python

    if default is NO_DEFAULT:
        return None
    try:
        return to_jsonable_python(default, inf_nan_mode="null")
    except (PydanticSerializationError, UnicodeDecodeError):
        return None


def _without_titles(schema: Schema) -> Schema:
    """The same schema, without the titles that pydantic makes of names: they tell a model nothing new."""
    bare: Schema = {}
    for key, value in schema.items():
        if key in _NAMED:
            bare[key] = {name: _without_titles(each) for name, each in value.items()}
        elif isinstance(value, dict) and key not in _DATA:
            bare[key] = _without_titles(cast("Schema", value))
        elif isinstance(value, list) and key not in _DATA:
            items = cast("list[object]", value)
            bare[key] = [_without_titles(cast("Schema", each)) if isinstance(each, dict) else each for each in items]
        elif key != "title":
            bare[key] = value
    return bare


def _to_mend(error: ValidationError) -> str:
    """What is wrong, in words for a model."""
    mistakes = [_words(each) for each in error.errors(include_url=False, include_input=False)]
    return f"Wrong arguments: {'; '.join(mistakes[:MOST_MISTAKES])}. Mend them and call again, or ask the caller."


def _words(error: ErrorDetails) -> str:
    name = f"`{'.'.join(map(str, error['loc']))}`"
    match error["type"]:
        case "missing":
            return f"{name} is missing"
        case "extra_forbidden":
            return f"there is no argument {name}"
        case "json_invalid" | "dict_type":
            return "they are not one JSON object"
        case _:
            said = error["msg"].removeprefix("Value error, ").removeprefix("Input ")
            return f"{name} {said}" if said.startswith("should") else f"{name}: {said}"
