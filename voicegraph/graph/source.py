"""Where text comes from: a file or an option with its lines, and places in it that a diagnostic can point at."""

from __future__ import annotations

import re
import stat
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from voicegraph.graph.codes import Code
from voicegraph.graph.wording import did_you_mean, quote

MAX_BYTES = 1_000_000
"""No graph, and no file that a graph refers to, is larger."""

_LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")  # the ones that YAML counts
_BOMS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16"}


@dataclass(frozen=True, eq=False)
class Source:
    """A text with the name that people know it by. folder: what relative paths in it are relative to."""

    name: str
    text: str = field(repr=False)
    folder: Path

    @cached_property
    def lines(self) -> list[str]:
        return _LINE_BREAK.split(self.text)

    @property
    def start(self) -> Span:
        return Span(self, 1, 1, 1, 1)


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of a source, counted as editors do: lines and columns (in characters) from 1, the end exclusive."""

    source: Source
    line: int
    column: int
    end_line: int
    end_column: int

    @property
    def text(self) -> str:
        """What stands there; of several lines, the first."""
        line = self.source.lines[self.line - 1] if self.line <= len(self.source.lines) else ""
        return line[self.column - 1 : self.end_column - 1 if self.line == self.end_line else None]

    def part(self, content: str, start: int, end: int) -> Span:
        """The place of `content[start:end]`, where `content` is what the parser made of this stretch.

        The whole stretch if the two do not match letter by letter, as in folded or escaped text.
        """
        inside = self.text.find(content) if self.line == self.end_line else -1
        if inside < 0:
            return self
        first = self.column + inside
        return Span(self.source, self.line, first + start, self.line, first + end)


class Unreadable(Exception):
    """A file cannot be used. place: where in that very file, if it is about its content."""

    def __init__(self, code: Code, message: str, hint: str, place: Span | None = None) -> None:
        super().__init__(message)
        self.code: Code = code
        self.message = message
        self.hint = hint
        self.place = place


_noted: ContextVar[set[Path] | None] = ContextVar("voicegraph_files", default=None)


@contextmanager
def noting_files() -> Generator[set[Path]]:
    """Gathers the files that are read within it, those that could not be read included: what a graph is made of."""
    files: set[Path] = set()
    token = _noted.set(files)
    try:
        yield files
    finally:
        _noted.reset(token)


def read_source(path: Path, name: str) -> Source:
    """The text of a file, by the name under which the user knows it. Raises Unreadable."""
    if (files := _noted.get()) is not None:
        files.add(path.absolute())
    return decode(_read_bytes(path, name), name, path.parent)


def decode(data: bytes, name: str, folder: Path) -> Source:
    """Bytes as UTF-8 text, without a byte order mark. Raises Unreadable, which points at the first wrong byte."""
    if len(data) > MAX_BYTES:
        raise _too_large(name)
    if encoding := _BOMS.get(data[:2]):
        raise Unreadable("not-utf8", f"{quote(name)} is {encoding}, not UTF-8", "save it as UTF-8")
    try:
        return Source(name, data.decode("utf-8-sig"), folder)
    except UnicodeDecodeError as error:
        before = error.object[: error.start].decode("utf-8-sig", "replace")
        source = Source(name, error.object.decode("utf-8-sig", "replace"), folder)
        lines = _LINE_BREAK.split(before)
        place = Span(source, len(lines), len(lines[-1]) + 1, len(lines), len(lines[-1]) + 2)
        message = f"byte 0x{error.object[error.start]:02x} is not UTF-8"
        raise Unreadable("not-utf8", message, "save the file as UTF-8", place) from error


def _read_bytes(path: Path, name: str) -> bytes:
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise Unreadable("not-a-file", f"{quote(name)} is a directory", _graph_inside(path, name))
        if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode)):
            raise Unreadable("not-a-file", f"{quote(name)} is not a file", "name a text file")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise Unreadable("file-not-found", f"there is no file {quote(name)}", _near_file(path)) from error
    except (OSError, ValueError) as error:  # ValueError: a NUL byte in the path
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise Unreadable("file-unreadable", f"cannot read {quote(name)}: {reason}", "") from error
    if len(data) > MAX_BYTES:
        raise _too_large(name)
    return data


def _too_large(name: str) -> Unreadable:
    return Unreadable(
        "file-too-large", f"{quote(name)} is larger than {MAX_BYTES // 1_000_000} MB", "is it the right file?"
    )


def _graph_inside(folder: Path, name: str) -> str:
    """A hint for someone who gave the folder of a graph."""
    inside = sorted(p.name for p in folder.glob("*.yaml"))[:1]
    return f"give the file in it, such as {quote(str(Path(name) / inside[0]))}" if inside else "give a file"


def _near_file(path: Path) -> str:
    try:
        return did_you_mean(path.name, [sibling.name for sibling in path.parent.iterdir()][:1000])
    except FileNotFoundError:
        return f"there is no folder {quote(str(path.parent))} either"
    except OSError:
        return ""
