"""A function as a tool: what a model is told of it, and what it may write."""

from __future__ import annotations

import asyncio
import json
import math
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from enum import Enum
from functools import wraps
from typing import Annotated, Any, Literal, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from pydantic import BaseModel, Field

from voicegraph import Call, ToolError, tool
from voicegraph.errors import ToolDefinitionError
from voicegraph.tools.declaration import TIMEOUT, Options
from voicegraph.tools.reading import read_tool


@dataclass
class Slot:
    day: date
    at: time


class Patient(BaseModel):
    """Who comes."""

    title: str
    age: Annotated[int, Field(ge=0)] | None = None


class Colour(Enum):
    RED = "red"


async def book(
    slot: Slot,
    who: Annotated[Patient, "the patient"],
    call: Call,
    kind: Literal["check-up", "cleaning"] = "check-up",
    rooms: Annotated[tuple[int, ...], Field(description="where it may be")] = (),
    colour: Colour | None = None,
    odd: Any = object(),  # noqa: B008
) -> str:
    """Books an appointment.

    Only when the caller has said yes.

    Args:
        slot: When
            it is to be.
        who: Somebody.
        rooms: Anywhere.

    Returns:
        A number.
    """
    return repr((slot, who, kind, rooms, colour))


class Here:
    """The call, as far as these tools ask for it."""

    async def offload_stream(self, produce: Callable[[Callable[[Any], bool]], None]) -> AsyncGenerator[Any, None]:
        emitted: deque[Any] = deque()

        def emit(each: Any) -> bool:
            emitted.append(each)
            return True

        produce(emit)
        while emitted:
            yield emitted.popleft()


HERE = cast(Call, Here())


def run(function: Any, written: str = "{}") -> str:
    return asyncio.run(read_tool(function).run(written, HERE))


def properties(function: Any) -> dict[str, Any]:
    found: dict[str, Any] = read_tool(function).schema["parameters"]["properties"]
    return found


def test_the_schema_comes_from_the_signature_and_the_docstring() -> None:
    schema = read_tool(book).schema
    assert schema["name"] == "book"
    assert schema["description"] == "Books an appointment.\n\nOnly when the caller has said yes."
    parameters = schema["parameters"]
    Draft202012Validator.check_schema(parameters)
    assert parameters["required"] == ["slot", "who"]
    assert parameters["additionalProperties"] is False
    assert list(parameters["properties"]) == ["slot", "who", "kind", "rooms", "colour", "odd"]
    assert parameters["$defs"]["Slot"]["properties"]["day"] == {"type": "string", "format": "date"}
    assert properties(book)["kind"] == {"type": "string", "enum": ["check-up", "cleaning"], "default": "check-up"}
    assert "default" not in properties(book)["odd"]


def test_what_parameters_mean_is_said_at_their_type_or_in_the_docstring() -> None:
    told = {name: each.get("description") for name, each in properties(book).items()}
    assert told == {
        "slot": "When it is to be.", "who": "the patient", "kind": None, "rooms": "where it may be", "colour": None,
        "odd": None,
    }  # fmt: skip


@dataclass
class Range:
    least: float = -math.inf


def test_a_default_that_json_does_not_know_is_not_told() -> None:
    def search(range: Range, most: float = math.inf, mark: bytes = b"\xff") -> None:
        """Searches."""

    told = read_tool(search).schema["parameters"]
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert all("default" not in each for each in told["properties"].values())


def test_titles_are_left_out_but_not_a_parameter_of_that_name() -> None:
    def paint(title: str, picture: Patient) -> None:
        """Paints."""

    parameters = read_tool(paint).schema["parameters"]
    assert parameters["properties"]["title"] == {"type": "string"}
    assert list(parameters["$defs"]["Patient"]["properties"]) == ["title", "age"]
    assert '"title": "' not in json.dumps(parameters)


class Shelf(BaseModel):
    about: dict[str, str] = {"title": "kept"}


def test_neither_is_data_of_that_name() -> None:
    def put(shelf: Shelf, mark: Annotated[str, Field(examples=[{"title": "kept"}])]) -> None:
        """Puts."""

    assert json.dumps(read_tool(put).schema).count('{"title": "kept"}') == 2


STYLES = [
    "Looks up.\n\nArgs:\n    day (str): The day.",
    "Looks up.\n\n:param day: The day.",
    "Looks up.\n\nParameters\n----------\nday : str\n    The day.",
    "Looks up.\n\n@param day: The day.",
]


@pytest.mark.parametrize("docstring", STYLES)
def test_every_usual_style_of_docstrings_is_read(docstring: str) -> None:
    def look_up(day: str) -> None: ...

    look_up.__doc__ = docstring
    assert read_tool(look_up).description == "Looks up."
    assert properties(look_up) == {"day": {"type": "string", "description": "The day."}}


@settings(deadline=None)
@given(st.text() | st.lists(st.sampled_from([":", "@param", "Args:", "    x: y", "Returns", "----", "\n", "::"])))
def test_no_docstring_is_too_odd(docstring: str | list[str]) -> None:
    def look_up(day: str) -> None: ...

    look_up.__doc__ = docstring if isinstance(docstring, str) else "\n".join(docstring)
    try:
        assert read_tool(look_up).schema["parameters"]["required"] == ["day"]
    except ToolDefinitionError:
        assert not (look_up.__doc__ or "").strip()


# --- arguments --------------------------------------------------------------------------------------------------------


def test_arguments_come_as_the_types_of_the_parameters_and_defaults_are_the_functions_own() -> None:
    written = {"slot": {"day": "2026-11-23", "at": "09:30"}, "who": {"title": "Dr"}, "colour": "red"}
    slot, patient = Slot(date(2026, 11, 23), time(9, 30)), Patient(title="Dr")
    assert run(book, json.dumps(written)) == repr((slot, patient, "check-up", (), Colour.RED))


@pytest.mark.parametrize("written", ["", "  ", "null", "{}"])
def test_no_arguments_may_be_written_in_several_ways(written: str) -> None:
    def look() -> str:
        """Looks."""
        return "seen"

    assert run(look, written) == "seen"


def test_every_mistake_is_told_in_words() -> None:
    written = {"slot": {"day": "soon", "at": "9:30"}, "kind": "talk", "tim": 1}
    with pytest.raises(ToolError) as caught:
        run(book, json.dumps(written))
    told = str(caught.value)
    for words in (
        "`slot.day` should be a valid date", "`slot.at` should be in a valid time format", "`who` is missing",
        "`kind` should be 'check-up' or 'cleaning'", "there is no argument `tim`", "Mend them and call again",
    ):  # fmt: skip
        assert words in told
    assert caught.value.__cause__ is None


@settings(deadline=None)
@given(st.text() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps))
def test_whatever_a_model_writes_is_run_or_refused(written: str) -> None:
    def look(day: date = date(2026, 1, 1)) -> str:
        """Looks."""
        return "seen"

    told = "seen"
    try:
        told = run(look, written)
    except ToolError as refusal:
        told = str(refusal)
    assert told == "seen" or told.startswith("Wrong arguments: ")


@settings(deadline=None)
@given(st.dictionaries(st.from_regex(r"[a-z]{1,8}", fullmatch=True), st.integers() | st.text() | st.booleans()))
def test_any_names_and_values_come_through_unchanged(values: dict[str, Any]) -> None:
    names = [f"{name}_" for name in values] + ["json", "copy", "schema"]  # names that pydantic's models have, too
    signature = ", ".join(f"{name}: Any" for name in names)
    scope: dict[str, Any] = {"Any": Any}
    exec(f"def echo({signature}):\n    'Echoes.'\n    return dict(locals())", scope)
    given_values = dict(zip(names, [*values.values(), 1, None, "x"], strict=True))
    assert json.loads(run(scope["echo"], json.dumps(given_values))) == given_values


# --- results ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("result", "text"),
    [
        ("as it is", "as it is"),
        (None, "Done."),
        (["a", 1, None], '["a",1,null]'),
        ({"day": date(2026, 11, 23)}, '{"day":"2026-11-23"}'),
        (Slot(date(2026, 11, 23), time(9)), '{"day":"2026-11-23","at":"09:00:00"}'),
        (Patient(title="Dr"), '{"title":"Dr","age":null}'),
        (Decimal("1.50"), '"1.50"'),
        ({1: Colour.RED}, '{"1":"red"}'),
        ([ValueError("odd")], '["odd"]'),
    ],
    ids=repr,
)
def test_any_result_becomes_text(result: object, text: str) -> None:
    def get() -> object:
        """Gets."""
        return result

    assert run(get) == text


def test_a_wrapper_is_read_as_what_it_wraps() -> None:
    async def look(day: date) -> str:
        """Looks."""
        return day.isoformat()

    @wraps(look)
    def logged(**arguments: Any) -> Any:
        return look(**arguments)

    assert run(logged, '{"day": "2026-11-23"}') == "2026-11-23"


def test_a_method_of_an_object_is_a_function_too() -> None:
    class Desk:
        def look(self, day: date) -> str:
            """Looks."""
            return f"{day:%A}"

    assert run(Desk().look, '{"day": "2026-11-23"}') == "Monday"


# --- what cannot be one -----------------------------------------------------------------------------------------------


def test_everything_that_it_lacks_is_told_at_once() -> None:
    scope: dict[str, Any] = {"Event": asyncio.Event, "Call": Call}
    exec("def bad(a, /, b, *c: int, d: Event, call: Call): ...", scope)
    with pytest.raises(ToolDefinitionError) as caught:
        read_tool(scope["bad"])
    assert [words.split(":")[0] for words in caught.value.lacks] == [
        "it has no docstring, which tells the model what it does and when to call it",
        "a model gives arguments by name, which `a` does not take",
        "its parameter `b` has no type hint",
        "a model gives arguments by name, which `*c",
        "a `def` runs in a thread, where it cannot use the call `call`",
        "no model can write `d`",
    ]


def test_hints_that_cannot_be_read() -> None:
    def look(day: str) -> None:
        """Looks."""

    look.__annotations__["day"] = "Nowhere"
    with pytest.raises(ToolDefinitionError, match=r"name 'Nowhere' is not defined\. Import what they name"):
        read_tool(look)


def generate() -> Iterator[int]:
    """Yields."""
    yield 1


async def stream() -> AsyncIterator[int]:
    """Yields."""
    yield 1


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (Slot, "it is no function but a class"),
        (print, "it is no function but `builtin_function_or_method`"),
        (json, "it is no function but `module`"),
        (7, "it is no function but `int`"),
        (generate, "it yields; a tool returns its result"),
        (stream, "it yields; a tool returns its result"),
    ],
)
def test_what_is_no_function(value: object, words: str) -> None:
    with pytest.raises(ToolDefinitionError) as caught:
        read_tool(value)
    assert caught.value.lacks == (words,)


def test_a_name_that_models_do_not_know_needs_another() -> None:
    def größe() -> str:
        """Tells the size."""
        return "big"

    with pytest.raises(ToolDefinitionError, match=r"@tool\(name=\.\.\.\)"):
        read_tool(größe)
    assert read_tool(tool(name="size")(größe)).name == "size"


# --- the decorator ----------------------------------------------------------------------------------------------------


def test_the_decorator_leaves_the_function_as_it_is() -> None:
    @tool(timeout=3, interruptible=False, phrase="One moment.")
    def add(a: int, b: int) -> int:
        """Adds."""
        return a + b

    assert add(1, 2) == 3
    assert read_tool(add).options == Options(timeout=3, interruptible=False, phrase="One moment.")
    assert read_tool(tool(bare)).options == read_tool(book).options == Options(timeout=TIMEOUT)


def bare() -> None:
    """Does nothing, under a decorator without brackets."""


@pytest.mark.parametrize("wrong", [{"name": "a b"}, {"name": "x" * 65}, {"timeout": 0}, {"timeout": -1.0}])
def test_wrong_options_are_told_where_they_are_written(wrong: dict[str, Any]) -> None:
    with pytest.raises(ToolDefinitionError, match=f"`book` cannot be a tool: its `{next(iter(wrong))}` is"):
        tool(**wrong)(book)


def test_a_tool_is_a_tool() -> None:
    made = read_tool(book)
    assert read_tool(made) is made
