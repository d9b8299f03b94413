"""Reads a node's ports from the annotations of its handlers.

A handler takes one frame, or a stream of frames, or nothing (a source); what it gives stands in its return type.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Generator, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin, get_type_hints

from voicegraph.errors import NodeDefinitionError
from voicegraph.frames import FRAME_TYPES, Audio, Commit, Frame, Interrupt, Pause, ReplyEnd, Resume, TTSAudio

ASYNC_STREAMS = (AsyncIterator, AsyncGenerator, AsyncIterable)
SYNC_STREAMS = (Iterator, Generator, Iterable)
SOUND = (Audio, TTSAudio)
SIGNALS = (Interrupt, Commit, Pause, Resume)
"""What a node may ask of the engine by giving it."""


class Rate(NamedTuple):
    """Sample rate of a port: `Annotated[Audio, Rate(16_000)]`, or the name of a field or property that holds it.

    A taker without one takes any rate; a giver without one may give any.
    """

    hz: int | str


class Form(Enum):
    """What a handler is called with."""

    FRAME = "one frame"
    STREAM = "a stream of frames"
    SOURCE = "nothing: it is a source"


class Style(Enum):
    """How a handler is written."""

    FUNCTION = "function"
    GENERATOR = "generator"
    COROUTINE = "coroutine"
    ASYNC_GENERATOR = "async generator"


@dataclass(frozen=True)
class Handler:
    """One handler: what it takes, what it gives, how to call it. The rates are for Audio and TTSAudio only."""

    name: str
    form: Form
    style: Style
    takes: tuple[type[Frame], ...]
    gives: tuple[type[Frame], ...]
    takes_rate: Rate | None = None
    gives_rate: Rate | None = None

    @property
    def inline(self) -> bool:
        """Runs to its end without awaiting, so in the stack of whoever gives the frame."""
        return self.form is Form.FRAME and self.style in (Style.FUNCTION, Style.GENERATOR)


def read_handler(function: Callable[..., Any], where: str) -> Handler | None:
    """The handler that a function is by its annotations, or None for one that takes and gives no frames.

    where: how to name it in an error. Raises NodeDefinitionError for one that is nearly a handler.
    """
    try:
        hints = get_type_hints(function, include_extras=True)
    except NameError as error:
        raise NodeDefinitionError(
            f"{where}: cannot read its annotations: {error}. Import the name at the top of the module, not under "
            "TYPE_CHECKING or inside a function."
        ) from error
    returns = hints.pop("return", None)
    parameters = [p for p in inspect.signature(function).parameters.values() if p.name != "self"]
    gives, gives_rate = _frames(_yielded(returns), where)
    if not parameters:
        if not gives or get_origin(returns) not in ASYNC_STREAMS:
            return None
        return Handler(function.__name__, Form.SOURCE, _style(function, where), (), gives, None, gives_rate)
    taken = hints.get(parameters[0].name)
    form = Form.STREAM if get_origin(taken) in ASYNC_STREAMS else Form.FRAME
    takes, takes_rate = _frames(get_args(taken)[0] if form is Form.STREAM else taken, where)
    if not takes:
        return None
    if len(parameters) > 1:
        raise NodeDefinitionError(f"{where}: a handler takes one argument, a frame or a stream of frames")
    handler = Handler(function.__name__, form, _style(function, where), takes, gives, takes_rate, gives_rate)
    _check(handler, returns, where)
    return handler


def _check(handler: Handler, returns: Any, where: str) -> None:
    if not handler.gives and returns not in (None, types.NoneType):
        raise NodeDefinitionError(
            f"{where}: returns {inspect.formatannotation(returns)}, which is no frame. Annotate it with the frames it "
            "gives (`-> Sentence`, `-> AsyncIterator[Token]`, `-> None`), or start its name with _ if it is no handler."
        )
    if handler.form is Form.STREAM and handler.style in (Style.FUNCTION, Style.GENERATOR):
        raise NodeDefinitionError(f"{where}: takes a stream, so it must be `async def`")
    for frame_type in handler.takes:
        if frame_type.side == "control" and frame_type is not ReplyEnd:
            raise NodeDefinitionError(f"{where}: {frame_type.__name__} is the engine's; of control frames a node "
                                      "takes only ReplyEnd")  # fmt: skip
    for frame_type in handler.gives:
        if frame_type.side == "control" and frame_type not in SIGNALS:
            raise NodeDefinitionError(f"{where}: {frame_type.__name__} is the engine's; of control frames a node "
                                      "gives only Interrupt, Commit, Pause and Resume")  # fmt: skip


def _style(function: Callable[..., Any], where: str) -> Style:
    if inspect.isasyncgenfunction(function):
        return Style.ASYNC_GENERATOR
    if inspect.iscoroutinefunction(function):
        return Style.COROUTINE
    if inspect.isgeneratorfunction(function):
        return Style.GENERATOR
    if get_origin(get_type_hints(function).get("return")) in (*ASYNC_STREAMS, *SYNC_STREAMS):
        raise NodeDefinitionError(f"{where}: is annotated as a generator but has no `yield`")
    return Style.FUNCTION


def _yielded(annotation: Any) -> Any:
    """The type of one thing that a handler gives: `AsyncIterator[Token]` -> `Token`."""
    return get_args(annotation)[0] if get_origin(annotation) in (*ASYNC_STREAMS, *SYNC_STREAMS) else annotation


def _frames(annotation: Any, where: str) -> tuple[tuple[type[Frame], ...], Rate | None]:
    """The concrete frame types in an annotation (unions and families spread out), and the rate written on it."""
    rates: list[Rate] = []
    found: dict[type[Frame], None] = {}

    def walk(part: Any) -> None:
        origin = get_origin(part)
        if origin is Annotated:
            inner, *notes = get_args(part)
            rates.extend(note for note in notes if isinstance(note, Rate))
            walk(inner)
        elif origin in (Union, types.UnionType):
            for each in get_args(part):
                walk(each)
        elif isinstance(part, type) and issubclass(part, Frame):
            found.update(dict.fromkeys(_concrete(part)))

    walk(annotation)
    if rates and not any(sound in found for sound in SOUND):
        raise NodeDefinitionError(f"{where}: a Rate goes with Audio or TTSAudio only")
    if len(set(rates)) > 1:
        raise NodeDefinitionError(f"{where}: names two sample rates; a handler takes, and gives, sound at one rate")
    return tuple(found), rates[0] if rates else None


def _concrete(frame_type: type[Frame]) -> list[type[Frame]]:
    """A type itself, or for a family (`Frame`, `ReplyFrame`) all of its members that flow along wires."""
    if frame_type in FRAME_TYPES.values():
        return [frame_type]
    return [t for t in FRAME_TYPES.values() if issubclass(t, frame_type) and t.side != "control"]
