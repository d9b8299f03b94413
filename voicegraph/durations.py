"""Durations as people write them: `250ms`, `2s`, `1.5m`. In Python they are seconds, as a float."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic_core import CoreSchema

PATTERN = r"^\d+(\.\d+)?(ms|s|m|h)$"
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def parse_duration(text: object) -> float:
    """Seconds of a duration such as `500ms`. Raises ValueError, which says how to write it."""
    if isinstance(text, int | float) and not isinstance(text, bool):
        raise ValueError(f"a duration needs its unit: write {text}ms or {text}s")
    if not isinstance(text, str) or not re.fullmatch(PATTERN, text, re.ASCII):
        raise ValueError("a duration is a number and a unit: 250ms, 2s, 1.5m or 1h")
    number, unit = re.split(r"(?<=[\d.])(?=[a-z])", text, maxsplit=1)
    return float(number) * _SECONDS[unit]


def format_duration(seconds: float) -> str:
    """The shortest exact way to write a duration: 0.25 -> 250ms, 2.0 -> 2s."""
    return f"{seconds:g}s" if seconds >= 1 else f"{seconds * 1000:g}ms"


class _WrittenWithUnit:
    """Teaches pydantic the text form, without importing pydantic until a configuration is validated."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        from pydantic_core import core_schema

        return core_schema.no_info_plain_validator_function(
            parse_duration, serialization=core_schema.plain_serializer_function_ser_schema(format_duration)
        )

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string", "pattern": PATTERN, "examples": ["250ms", "2s"]}


Duration = Annotated[float, _WrittenWithUnit()]
"""A configuration field in seconds. Written with its unit in a graph file; a float of seconds in Python."""
