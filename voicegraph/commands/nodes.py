"""`voicegraph nodes`: the node types there are, and a page about each."""

from __future__ import annotations

import dataclasses
import json
import re
import types
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

import typer

from voicegraph.commands import terminal
from voicegraph.durations import Duration, format_duration
from voicegraph.frames import Audio, Frame, TTSAudio
from voicegraph.node import NodeType, lookup, node_types
from voicegraph.ports import Rate

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

UNIT = get_args(Duration)[1]
"""The note that makes a duration of a number."""
LONGEST_DEFAULT = 60
"""Letters of a default that an example shows; a longer one is left out."""


class Setting(NamedTuple):
    """One field of a configuration. kind: its type in words. default: as a graph file would have it."""

    name: str
    kind: str
    default: str | None
    doc: str


def _names(incomplete: str) -> list[str]:
    return [name for name in _every() if name.startswith(incomplete)]


def nodes(
    type: Annotated[
        str | None, typer.Argument(metavar="[TYPE]", help="A node type to read about.", autocompletion=_names)
    ] = None,
) -> None:
    """Lists the node types, or tells all about one."""
    if type is None:
        terminal.show(_list())
        terminal.notice("\nvoicegraph nodes TYPE tells all about one of them")
    else:
        _every()
        terminal.show(*_page(lookup(type)))


def _every() -> dict[str, NodeType]:
    from voicegraph.graph.builtin import register_builtin

    register_builtin()
    return node_types()


def _list() -> Table:
    from rich.text import Text

    from voicegraph.observe.tables import plain_table

    table = plain_table("node type", "what it does", "extra", left=3)
    table.columns[1].no_wrap = False
    for name, kind in _every().items():
        first = " ".join(kind.doc.partition("\n\n")[0].split())
        missing = bool(kind.missing_packages())
        extra = Text(kind.extra or "", "yellow" if missing else "dim").append(" (not installed)" if missing else "")
        table.add_row(Text(name, "bold"), Text(first), extra)
    return table


def _page(kind: NodeType) -> Iterator[RenderableType]:
    """Everything about one node type: from its annotations, its fields and its docstring."""
    from rich.syntax import Syntax
    from rich.text import Text

    from voicegraph.observe.tables import plain_table

    settings = list(settings_of(kind))
    named = {setting.name for setting in settings}
    prose = [paragraph for paragraph in kind.doc.split("\n\n") if not _documents(paragraph, named)]
    yield Text.assemble((kind.name, "bold"), (", a line" if kind.line else "", "dim"))
    yield Text("\n\n".join(" ".join(paragraph.split()) for paragraph in prose) + "\n")
    facts = plain_table("", "", left=2)
    facts.show_header, facts.columns[1].no_wrap = False, False
    for name, fact in _facts(kind):
        facts.add_row(Text(name, "dim"), Text(fact))
    yield facts
    if settings:
        table = plain_table("setting", "type", "default", "", left=4)
        table.columns[3].no_wrap = False
        for setting in settings:
            default = Text("required", "yellow") if setting.default is None else Text(setting.default)
            table.add_row(Text(setting.name, "bold"), Text(setting.kind), default, Text(setting.doc))
        yield terminal.headline("Settings")
        yield table
    yield terminal.headline("In a graph")
    yield Syntax(example(kind).rstrip(), "yaml", background_color="default", word_wrap=True)


def _facts(kind: NodeType) -> Iterator[tuple[str, str]]:
    handlers = kind.handlers
    yield "takes", _frames((t, h.takes_rate) for h in handlers for t in h.takes) or "nothing: it is a source"
    yield "gives", _frames((t, h.gives_rate) for h in handlers for t in h.gives) or "nothing"
    yield "runs", "inline, in the step of whoever gives the frame" if kind.inline else "in a task of its own"
    if kind.packages:
        missing = kind.missing_packages()
        lacks = f"; not installed: {', '.join(missing)}" if missing else "; installed"
        yield "needs", (f'pip install "voicegraph[{kind.extra}]"' if kind.extra else ", ".join(kind.packages)) + lacks
    if kind.env:
        yield "environment", ", ".join(kind.env) + (f"; none with `{kind.env_unless}`" if kind.env_unless else "")
    yield "defined in", kind.module


def _frames(ports: Iterable[tuple[type[Frame], Rate | None]]) -> str:
    """Frame types, and of sound the rate."""
    words: dict[str, None] = {}
    for frame_type, rate in ports:
        sound = frame_type in (Audio, TTSAudio)
        at = f" at {rate.hz} Hz" if rate and isinstance(rate.hz, int) else f" at `{rate.hz}` Hz" if rate else ""
        words[frame_type.__name__ + (at if sound else "")] = None
    return ", ".join(words)


# --- settings -------------------------------------------------------------------------------------------------------


def settings_of(kind: NodeType) -> Iterator[Setting]:
    """The configuration of a node type, settings inside settings with a dot."""
    if kind.fields:
        yield from _settings(kind.target, kind.doc, "")


def _settings(target: Any, doc: str, prefix: str) -> Iterator[Setting]:
    fields = [field for field in dataclasses.fields(target) if field.init]
    docs = _docs(doc, {field.name for field in fields})
    hints = get_type_hints(target, include_extras=True)
    for field in fields:
        default = _default(field)
        if dataclasses.is_dataclass(default):
            yield from _settings(type(default), type(default).__doc__ or "", f"{prefix}{field.name}.")
            continue
        hint = hints[field.name]
        shown = None if default is dataclasses.MISSING else _yaml(default, hint)
        yield Setting(prefix + field.name, _words(hint), shown, docs.get(field.name, ""))
        parts = [part for part in get_args(hint) if dataclasses.is_dataclass(part)]
        for part in parts if default is None else ():  # it may be left out as a whole
            yield from _settings(part, part.__doc__ or "", f"{prefix}{field.name}.")


def _default(field: dataclasses.Field[Any]) -> Any:
    return field.default_factory() if field.default_factory is not dataclasses.MISSING else field.default


def _words(hint: Any) -> str:
    """A type as a graph's author thinks of it: `duration`, `int >= 1`, `text | null`, `list of text`."""
    origin, parts = get_origin(hint), get_args(hint)
    if isinstance(hint, type) and hint in _WORDS:
        return _WORDS[hint]
    if origin is Annotated:
        base, show = ("duration", format_duration) if UNIT in parts else (_words(parts[0]), str)
        return " ".join([base, *_bounds(parts[1:], show)])
    if origin in (Union, types.UnionType):
        return " | ".join(map(_words, parts))
    if origin is Literal:
        return " | ".join(map(str, parts))
    if origin in (list, tuple, set, frozenset, Sequence):
        return f"list of {_words(parts[0])}"
    if origin in (dict, Mapping):
        return "mapping"
    name: str = getattr(hint, "__name__", str(hint))
    return "mapping" if dataclasses.is_dataclass(hint) else name


_WORDS: dict[Any, str] = {str: "text", bool: "true | false", types.NoneType: "null", Path: "path"}


def _bounds(notes: Iterable[Any], show: Callable[[Any], str]) -> list[str]:
    """The limits of a number, from annotated_types' notes."""
    signs = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
    limits = ((sign, getattr(note, name, None)) for note in notes for name, sign in signs.items())
    return [f"{sign} {show(limit)}" for sign, limit in limits if limit is not None]


def _is_duration(hint: Any) -> bool:
    """Whether numbers of this type are written with a unit: `Duration`, with limits or without, or null."""
    return UNIT in get_args(hint) or any(map(_is_duration, get_args(hint)))


def _yaml(value: Any, hint: Any) -> str:
    """A default as a graph file writes it."""
    if isinstance(value, int | float) and _is_duration(hint):
        return format_duration(value)
    if isinstance(value, str | Path) and re.fullmatch(r"[A-Za-z][\w./-]*", str(value)) and value not in _YAML_WORDS:
        return str(value)
    return json.dumps(value, ensure_ascii=False, default=str)


_YAML_WORDS = ("true", "false", "null")


def _docs(doc: str, names: set[str]) -> dict[str, str]:
    """What a docstring says of each setting: `rate: in Hz. lead, tail: in seconds.`"""
    any_name = "|".join(map(re.escape, sorted(names, key=len, reverse=True))) or "(?!)"
    heading = re.compile(rf"(?:^|(?<=[.:;] ))((?:{any_name})(?:, (?:{any_name}))*): ")
    told: dict[str, str] = {}
    for paragraph in doc.split("\n\n"):
        _, *parts = heading.split(" ".join(paragraph.split()))
        for heads, body in zip(parts[::2], parts[1::2], strict=True):
            told |= dict.fromkeys(heads.split(", "), body.strip().rstrip("."))
    return told


def _documents(paragraph: str, names: set[str]) -> bool:
    """Whether a paragraph does nothing but explain settings."""
    return paragraph.split(":")[0].split(",")[0].strip() in names


def example(kind: NodeType) -> str:
    """The node in a graph file, with what it needs and what it would do anyway."""
    name = "line" if kind.line else re.sub(r"\W+", "_", kind.name.rpartition(".")[2]).strip("_") or "node"
    settings = list(settings_of(kind))
    left_out = {s.name for s in settings if s.default == "null"}
    settings = [s for s in settings if s.name.rpartition(".")[0] not in left_out]
    shown = [s for s in settings if s.default is None or len(s.default) <= LONGEST_DEFAULT]
    if not shown:
        return f"nodes:\n  {name}: {kind.name}\n"
    lines = ["nodes:", f"  {name}:", f"    use: {kind.name}", "    with:"]
    above: list[str] = []
    for setting in shown:
        *outer, inner = setting.name.split(".")
        for depth, key in enumerate(outer):
            if above[: depth + 1] != outer[: depth + 1]:
                lines.append(f"{'  ' * (3 + depth)}{key}:")
        above = outer
        value = "...  # required" if setting.default is None else setting.default
        lines.append(f"{'  ' * (3 + len(outer))}{inner}: {value}")
    return "\n".join(lines) + "\n"
