"""What a node is: a function or a class under `@node`, whose annotations say what it takes, gives and can be told.

    @node("shout")
    async def shout(frame: Transcript) -> Transcript:
        "Upper-cases what the caller said."
        return Transcript(frame.text.upper())

A class's annotated fields are its configuration; state is set in `__post_init__`. Besides its handlers it may have,
all optional:

    call: Call = this_call()         the call that the instance serves
    def models(self)                 names of models (`voicegraph models`) that it needs on disk
    def warm(self)                   loads what is shared by all calls; run in a thread before the first call
    async __aenter__ / __aexit__     per call
    interrupted(self, reply: Reply)  tidies state after an interrupt of a reply that it worked on
"""

from __future__ import annotations

import dataclasses
import importlib.util
import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, TypeVar, dataclass_transform

from voicegraph.call import CALL_FIELD, this_call
from voicegraph.errors import BrokenNodeType, NodeDefinitionError, UnknownNodeType, VoicegraphError
from voicegraph.frames import Audio, Frame, TTSAudio, UserTurn
from voicegraph.ports import Form, Handler, read_handler

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from _typeshed import DataclassInstance
    from pydantic import TypeAdapter
    from typing_extensions import TypeIs

__all__ = ["NodeType", "lookup", "node", "node_type", "node_types", "this_call"]

ENTRY_POINTS = "voicegraph.nodes"
_LIFE_CYCLE = ("models", "warm", "interrupted", "clear", "drain", "pause", "resume", "doors", "attach", "observer")
_MARK = "__voicegraph_node__"

_registry: dict[str, NodeType] = {}

T = TypeVar("T")
Narrow = Callable[["NodeType", Mapping[str, Any]], "NodeType"]


@dataclass(frozen=True, eq=False)
class NodeType:
    """A registered kind of node.

    target: the class, or the function, under @node. extra: the pip extra that brings `packages`.
    packages: import names that must be there. env: environment variables that must be set (API keys). env_unless: a
    setting with which they need not be, such as the address of a server of one's own.
    concurrency: how many frames its asynchronous handlers may work on at once. line: it is the call's line.
    live: of a line, that its caller does not wait: audio that a node has no room for is dropped. False for a caller who
    can be made to wait, such as a file.
    narrow: tells what the node is with some settings, where its ports or what it needs depend on them. install: the
    command that brings `packages`, where it is not the extra's.
    """

    name: str
    target: Callable[..., Any]
    handlers: tuple[Handler, ...]
    extra: str | None = None
    packages: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    env_unless: str | None = None
    concurrency: int = 1
    line: bool = False
    live: bool = True
    narrow: Narrow | None = None
    install: str = ""

    def with_settings(self, settings: Mapping[str, Any]) -> NodeType:
        """What the node is with these settings. They may be wrong: that is told when it is configured."""
        return self.narrow(self, settings) if self.narrow else self

    @property
    def doc(self) -> str:
        """The docstring: what the node does, in its author's words."""
        return inspect.getdoc(self.target) or ""

    @property
    def module(self) -> str:
        return self.target.__module__

    @cached_property
    def takes(self) -> frozenset[type[Frame]]:
        return frozenset(frame_type for handler in self.handlers for frame_type in handler.takes)

    @cached_property
    def gives(self) -> frozenset[type[Frame]]:
        return frozenset(frame_type for handler in self.handlers for frame_type in handler.gives)

    @property
    def inline(self) -> bool:
        """Every handler runs in the stack of whoever gives the frame; no task, no inbox."""
        return all(handler.inline for handler in self.handlers)

    @property
    def source(self) -> Handler | None:
        return next((h for h in self.handlers if h.form is Form.SOURCE), None)

    @cached_property
    def fields(self) -> tuple[dataclasses.Field[Any], ...]:
        """The configuration, in the order of the class."""
        return tuple(f for f in dataclasses.fields(self.target) if f.init) if _is_dataclass(self.target) else ()

    @cached_property
    def adapter(self) -> TypeAdapter[Any]:
        """pydantic's view of the configuration: validation and JSON Schema."""
        from pydantic import TypeAdapter

        return TypeAdapter(self.target if inspect.isclass(self.target) else _NoConfiguration)

    def configure(self, values: Mapping[str, Any]) -> Any:
        """A new instance, for one call, with these values. For a function the instance is the function.

        Raises pydantic.ValidationError, which holds every mistake with its place.
        """
        instance = self.adapter.validate_python(dict(values))
        return instance if inspect.isclass(self.target) else self.target

    def variables(self, config: Mapping[str, Any]) -> tuple[str, ...]:
        """Environment variables that must be set for a node with these settings."""
        return () if self.env_unless and config.get(self.env_unless) else self.env

    def missing_packages(self) -> tuple[str, ...]:
        """Packages it needs that are not installed. Imports none of them."""
        return tuple(name for name in self.packages if not _installed(name))


@dataclass
class _NoConfiguration:
    """The configuration of a function: none."""

    __pydantic_config__ = {"extra": "forbid"}


@dataclass_transform(kw_only_default=True, field_specifiers=(field, this_call))
def node(
    name: str,
    *,
    extra: str | None = None,
    packages: tuple[str, ...] = (),
    env: tuple[str, ...] = (),
    env_unless: str | None = None,
    concurrency: int = 1,
    line: bool = False,
    live: bool = True,
    narrow: Narrow | None = None,
) -> Callable[[T], T]:
    """Registers a function or class as the node type `name`, for `use: name` in a graph file.

    A class becomes a dataclass with keyword-only fields. See NodeType for the arguments. Raises NodeDefinitionError
    when the annotations do not describe a node, or when another module has taken the name.
    """

    def register(target: T) -> T:
        made = _define(name, target)
        handlers = _read_handlers(name, made)
        kind = NodeType(name, made, handlers, extra, packages, env, env_unless, concurrency, line, live, narrow)
        _check_concurrency(kind)
        if line:
            _check_line(kind)
        _add(kind)
        setattr(made, _MARK, kind)
        return target

    return register


def node_type(target: object) -> NodeType:
    """The node type of a function or class under @node."""
    kind = getattr(target, _MARK, None)
    if not isinstance(kind, NodeType):
        raise NodeDefinitionError(f'{target!r} is no node: put @node("its.name") above it')
    return kind


def lookup(name: str) -> NodeType:
    """The node type of that name, from this process or from an installed package's entry point.

    Raises UnknownNodeType, BrokenNodeType when the package that offers it fails, and NodeDefinitionError when two
    offer it or a package offers what is defined elsewhere.
    """
    if name in (offered := _offered()):
        _load(name, offered[name])
    if name in _registry:
        return _registry[name]
    import difflib  # only to explain a mistake

    near = difflib.get_close_matches(name, [*_registry, *offered], n=1, cutoff=0.6)
    raise UnknownNodeType(name, near[0] if near else None)


def node_types() -> dict[str, NodeType]:
    """All registered node types by name, sorted, those of installed packages included.

    What a package offers and cannot define is left out, with a warning: it is no fault of the others.
    """
    for name, entries in _offered().items():
        try:
            _load(name, entries)
        except VoicegraphError as error:
            from loguru import logger  # only to tell of a mistake

            logger.warning("left out: {}", error)
    return dict(sorted(_registry.items()))


def _offered() -> dict[str, tuple[EntryPoint, ...]]:
    """Node types that installed packages offer, by name: more than one entry point if packages compete for it."""
    return _read_entry_points(tuple(sys.path))


@lru_cache(maxsize=1)
def _read_entry_points(path: tuple[str, ...]) -> dict[str, tuple[EntryPoint, ...]]:
    """path: where packages are looked for; the files there are read once."""
    from importlib.metadata import entry_points  # slow to import, and not needed to define a node

    found = entry_points(group=ENTRY_POINTS)
    return {name: tuple(entry for entry in found if entry.name == name) for name in sorted(found.names)}


def _load(name: str, entries: tuple[EntryPoint, ...]) -> None:
    """Lets the package that offers a node type define it."""
    first = entries[0]
    if len(entries) > 1:
        packages = " and by ".join(f"the package {_package(entry)}" for entry in entries)
        raise NodeDefinitionError(f"node type `{name}` is offered by {packages}. Uninstall one.")
    try:
        first.load()
    except NodeDefinitionError as error:  # such as a name that is taken
        raise NodeDefinitionError(f"the package {_package(first)}, which offers `{name}`: {error}") from error
    except (Exception, SystemExit) as error:
        raise BrokenNodeType(name, _package(first), f"cannot be imported: {type(error).__name__}: {error}") from error
    if name not in _registry:
        raise BrokenNodeType(name, _package(first), f"does not define it: its entry point is `{first.value}`")


def _package(entry: EntryPoint) -> str:
    """Name and version of the distribution that an entry point belongs to."""
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else entry.module


def _define(name: str, target: object) -> Callable[..., Any]:
    if inspect.isclass(target):
        target.__pydantic_config__ = {"extra": "forbid", "arbitrary_types_allowed": True}  # type: ignore[attr-defined]
        call_field = getattr(target, CALL_FIELD, None)
        target.__annotations__ = {k: v for k, v in inspect.get_annotations(target).items() if k != call_field}
        return dataclass(kw_only=True, eq=False)(target)
    if inspect.isfunction(target):
        return target
    raise NodeDefinitionError(f"@node({name!r}) goes above a function or a class, not {target!r}")


def _read_handlers(name: str, target: Callable[..., Any]) -> tuple[Handler, ...]:
    if not inspect.isclass(target):
        found = [read_handler(target, f"node `{name}`")]
    else:
        found = [
            read_handler(member, f"node `{name}`: {attribute}")
            for attribute, member in _methods(target)
            if not attribute.startswith("_") and attribute not in _LIFE_CYCLE
        ]
    handlers = tuple(handler for handler in found if handler)
    if not handlers:
        raise NodeDefinitionError(
            f"node `{name}` has no handler. Annotate what it takes and gives: "
            "`async def on_text(self, frame: Transcript) -> Sentence`."
        )
    _check_once(name, handlers)
    return handlers


def _methods(cls: type) -> list[tuple[str, Callable[..., Any]]]:
    """Plain methods in the order in which they are written, inherited ones first."""
    seen: dict[str, Callable[..., Any]] = {}
    for base in reversed(cls.__mro__[:-1]):
        seen.update({k: v for k, v in vars(base).items() if inspect.isfunction(v)})
    return list(seen.items())


def _check_once(name: str, handlers: tuple[Handler, ...]) -> None:
    """One handler per frame type, and one source at most: otherwise the order of handling is nobody's to tell."""
    taken: dict[type[Frame], str] = {}
    for handler in handlers:
        for frame_type in handler.takes:
            if frame_type in taken:
                raise NodeDefinitionError(
                    f"node `{name}`: both {taken[frame_type]} and {handler.name} take {frame_type.__name__}"
                )
            taken[frame_type] = handler.name
    if sum(handler.form is Form.SOURCE for handler in handlers) > 1:
        raise NodeDefinitionError(f"node `{name}` has two sources; a node has one at most")


def _check_concurrency(kind: NodeType) -> None:
    """Replies are told apart by their turns, which follow each other; who answers the caller begins one each time."""
    for handler in kind.handlers:
        begins = any(given.side == "reply" and given is not UserTurn for given in handler.gives)
        if kind.concurrency > 1 and begins and any(taken.side == "caller" for taken in handler.takes):
            raise NodeDefinitionError(
                f"node `{kind.name}`: {handler.name} answers the caller, one answer at a time, so `concurrency` cannot "
                f"be {kind.concurrency}; let it take a UserTurn, or leave `concurrency` out"
            )


def _check_line(kind: NodeType) -> None:
    source = kind.source
    pauses, resumes = hasattr(kind.target, "pause"), hasattr(kind.target, "resume")
    lacks = [
        what
        for what, there in (
            ("a source of Audio", source is not None and Audio in source.gives),
            ("a handler that takes TTSAudio", TTSAudio in kind.takes),
            ("`clear(self) -> None`", hasattr(kind.target, "clear")),
            ("`async drain(self) -> None`", hasattr(kind.target, "drain")),
            ("`pause(self) -> None` to its `resume`", pauses or not resumes),
            ("`resume(self) -> None` to its `pause`", resumes or not pauses),
        )
        if not there
    ]
    if lacks:
        raise NodeDefinitionError(f"line `{kind.name}` lacks {', '.join(lacks)}")
    (play,) = (handler for handler in kind.handlers if TTSAudio in handler.takes)
    if play.form is Form.STREAM:
        raise NodeDefinitionError(
            f"line `{kind.name}`: {play.name} takes a stream, but a line takes TTSAudio one frame at a time: "
            f"`async def {play.name}(self, audio: TTSAudio) -> None`, which waits until there is room."
        )


def _add(kind: NodeType) -> None:
    known = _registry.get(kind.name)
    same = known is not None and (known.module, known.target.__qualname__) == (kind.module, kind.target.__qualname__)
    if known is not None and not same:
        raise NodeDefinitionError(
            f"node type `{kind.name}` is defined twice: by {known.module} and by {kind.module}. Rename one."
        )
    _registry[kind.name] = kind


def _is_dataclass(target: object) -> TypeIs[type[DataclassInstance]]:
    return isinstance(target, type) and dataclasses.is_dataclass(target)


def _installed(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:  # the parent of a dotted name is missing
        return False
