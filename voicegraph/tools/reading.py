"""Reads a function as a tool: its name, what it does and what its parameters mean, for a language model.

All of it comes from the function: types from the signature, words from the docstring, in which parameters may be
described in the style of Google, reST, NumPy or Epydoc.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from voicegraph.call import Call
from voicegraph.errors import ToolDefinitionError
from voicegraph.tools.arguments import Arguments, Parameter, Schema, unwritable
from voicegraph.tools.declaration import NAME, Options, name_of, options_of

DONE = "Done."
"""The result of a function that returns nothing."""
_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


@dataclass(frozen=True)
class Tool:
    """A function that a language model may call.

    name, description: what the model is told of it. call: name of the parameter that is given the call, or empty.
    """

    function: Callable[..., Any] = field(repr=False)
    options: Options
    name: str
    description: str = field(repr=False)
    arguments: Arguments = field(repr=False, compare=False)
    call: str

    @property
    def lasts(self) -> bool:
        """Whether it goes on when the caller interrupts. A thread cannot be broken off, so a plain `def` does."""
        return not (self.options.interruptible and inspect.iscoroutinefunction(self.function))

    @property
    def schema(self) -> Schema:
        """As OpenAI, and others after them, want to be told of a function."""
        return {"name": self.name, "description": self.description, "parameters": self.arguments.schema}

    async def run(self, written: str, call: Call) -> str:
        """Calls the function with the arguments that a model wrote; in a thread, if it is a plain `def`.

        Returns its result as text. Raises ToolError for wrong arguments, and whatever the function raises.
        """
        arguments = self.arguments.read(written)
        if self.call:
            arguments[self.call] = call
        if inspect.iscoroutinefunction(self.function):
            return _as_text(await self.function(**arguments))
        result = await _in_thread(partial(self.function, **arguments), call)
        return _as_text(await result if inspect.isawaitable(result) else result)


def read_tool(function: object) -> Tool:
    """The tool that a function is. Raises ToolDefinitionError, which tells everything that it lacks."""
    if isinstance(function, Tool):
        return function
    if not (inspect.isfunction(function) or inspect.ismethod(function)):
        kind = "a class" if inspect.isclass(function) else f"`{type(function).__name__}`"
        raise ToolDefinitionError(name_of(function), [f"it is no function but {kind}"])
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise ToolDefinitionError(name_of(function), ["it yields; a tool returns its result"])
    options = options_of(function)
    reading = _Reading(function)
    name = reading.read_name(options)
    description, told = reading.read_docstring()
    parameters = reading.read_parameters(told)
    call = reading.take_call(parameters)
    arguments = reading.read_arguments(parameters)
    if reading.lacks or arguments is None:
        raise ToolDefinitionError(name_of(function), reading.lacks)
    return Tool(function, options, name, description, arguments, call)


class _Reading:
    """Reads one function, and gathers what it lacks."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.lacks: list[str] = []

    def read_name(self, options: Options) -> str:
        name = options.name or self.function.__name__
        if not re.fullmatch(NAME, name):
            self.lacks.append("models know functions by ASCII letters, digits, _ and -: give it one by @tool(name=...)")
        return name

    def read_docstring(self) -> tuple[str, Mapping[str, str]]:
        """What the function does, and what its parameters mean."""
        text = (inspect.getdoc(self.function) or "").strip()
        if not text:
            self.lacks.append("it has no docstring, which tells the model what it does and when to call it")
            return "", {}
        from docstring_parser import parse

        try:
            parsed = parse(text)
        except Exception:  # noqa: BLE001 - it raises several kinds at odd marks
            return text, {}
        told = {each.arg_name: " ".join(each.description.split()) for each in parsed.params if each.description}
        return (parsed.description or text).strip(), told

    def read_parameters(self, told: Mapping[str, str]) -> dict[str, Parameter]:
        hints: Mapping[str, Any] | None = None
        try:
            hints = get_type_hints(self.function, include_extras=True)
        except Exception as error:  # noqa: BLE001 - annotations are the user's code
            self.lacks.append(f"its type hints cannot be read: {error}. Import what they name at the top of the module")
        found: dict[str, Parameter] = {}
        for name, each in inspect.signature(self.function).parameters.items():
            if each.kind not in _BY_NAME:
                self.lacks.append(f"a model gives arguments by name, which `{each}` does not take")
            elif each.annotation is inspect.Parameter.empty:
                self.lacks.append(f"its parameter `{name}` has no type hint")
            elif hints is not None:
                found[name] = Parameter(hints[name], each.default, told.get(name, ""))
        return found

    def take_call(self, parameters: dict[str, Parameter]) -> str:
        """Takes the one out that is given the call, of which a model knows nothing. Returns its name."""
        name = next((name for name, each in parameters.items() if _is_call(each.hint)), "")
        if name:
            del parameters[name]
            if not inspect.iscoroutinefunction(self.function):
                self.lacks.append(
                    f"a `def` runs in a thread, where it cannot use the call `{name}`: make it `async def`"
                )
        return name

    def read_arguments(self, parameters: Mapping[str, Parameter]) -> Arguments | None:
        try:
            return Arguments(parameters)
        except Exception:
            if not (names := unwritable(parameters)):
                raise
        which = ", ".join(f"`{name}`" for name in names)
        self.lacks.append(
            f"no model can write {which}: use text, numbers, dates, lists, dataclasses or pydantic models"
        )
        return None


def _is_call(hint: Any) -> bool:
    return hint is Call or (get_origin(hint) is Annotated and get_args(hint)[0] is Call)


async def _in_thread(function: Callable[[], Any], call: Call) -> Any:
    """As a stream of one result, since streams have many threads: `offload` has few, and models compute in those."""

    def produce(emit: Callable[[Any], bool]) -> None:
        try:
            emit(function())
        except StopIteration as error:  # which a future cannot hold: whoever awaits it would wait for ever
            raise RuntimeError("StopIteration") from error

    async with aclosing(call.offload_stream(produce)) as results:
        (result,) = [each async for each in results]
    return result


def _as_text(result: Any) -> str:
    """A result as a model reads it."""
    from pydantic_core import to_json

    if result is None:
        return DONE
    return result if isinstance(result, str) else to_json(result, fallback=str).decode()
