"""Runs the Python files that a graph imports: once per file and process, under a private module name.

An exception in such a file is the user's mistake: told as a diagnostic at the line of their file, without a traceback.
"""

from __future__ import annotations

import hashlib
import importlib.util
import re
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

from voicegraph.errors import VoicegraphError
from voicegraph.graph.diagnostics import Note, Report
from voicegraph.graph.model import GraphFile, Word
from voicegraph.graph.source import Source, Span, Unreadable, read_source
from voicegraph.graph.wording import quote

_PRIVATE = re.compile(r"\b_voicegraph_\w+_[0-9a-f]{8}\b")


def run_imports(file: GraphFile, report: Report) -> bool:
    """Runs what the graph imports and has not run yet. False: something failed, and types may be missing."""
    done = [_run_import(word, report) for word in file.imports]  # all of them, even if one fails
    return all(done)


def imported_modules(file: GraphFile) -> dict[str, list[ModuleType | None]]:
    """What the graph imports, once it has run, by the names of the files without `.py`. None: that file failed."""
    found: dict[str, list[ModuleType | None]] = {}
    for word in file.imports:
        try:
            path = (word.span.source.folder / word.text).resolve()
        except (OSError, ValueError, RuntimeError):  # told when it was to run
            continue
        module = sys.modules.get(_module_name(path))
        known = found.setdefault(path.stem, [])
        if module not in known:
            known.append(module)
    return found


def forget(paths: Iterable[Path]) -> None:
    """Files that were changed: they are run anew by the next graph that imports them. Running calls keep the old."""
    for path in paths:
        sys.modules.pop(_module_name(path.resolve()), None)


def _run_import(word: Word, report: Report) -> bool:
    if not word.text.endswith(".py"):
        hint = "write the path of a .py file, from the graph; an installed package registers its node types itself"
        report.error("not-python", f"{quote(word.text)} is no Python file", word.span, hint)
        return False
    path = word.span.source.folder / word.text
    try:
        path = path.resolve()
        source = read_source(path, str(word.span.source.folder / word.text))
    except Unreadable as error:
        note = (Note("imported here", word.span),) if error.place else ()
        report.error(error.code, error.message, error.place or word.span, error.hint, note)
        return False
    except (OSError, ValueError, RuntimeError) as error:  # from resolve(): a NUL byte, a loop of links
        report.error("file-unreadable", f"cannot read {quote(word.text)}: {error}", word.span)
        return False
    name = _module_name(path)
    return name in sys.modules or _execute(name, path, source, word, report)


def _module_name(path: Path) -> str:
    stem = re.sub(r"\W", "_", path.stem)
    return f"_voicegraph_{stem}_{hashlib.sha256(str(path).encode('utf-8', 'surrogateescape')).hexdigest()[:8]}"


def _execute(name: str, path: Path, source: Source, word: Word, report: Report) -> bool:
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:  # cannot be: the suffix is .py
        raise ImportError(f"no loader for {path}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # annotations and dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the user's code may raise anything
        _forget(name, module)
        _tell(error, source, path, word, report)
        return False
    return True


def _forget(name: str, module: ModuleType) -> None:
    """A module that failed is run again at the next load."""
    if sys.modules.get(name) is module:
        del sys.modules[name]


def _tell(error: BaseException, source: Source, path: Path, word: Word, report: Report) -> None:
    here = Note("imported here", word.span)
    if isinstance(error, SyntaxError) and error.filename == str(path):
        report.error("import-syntax", error.msg or "not Python", _syntax_place(error, source), "", (here,))
        return
    said = _PRIVATE.sub(_file_of, str(error).strip().partition("\n")[0].replace(_module_name(path), str(path)))
    message = said if isinstance(error, VoicegraphError) else f"{type(error).__name__}: {said}".removesuffix(": ")
    report.error("import-failed", message, _raised_at(error, source, path), _hint(error, path), (here,))


def _file_of(private: re.Match[str]) -> str:
    return str(getattr(sys.modules.get(private[0]), "__file__", private[0]))


def _syntax_place(error: SyntaxError, source: Source) -> Span:
    line, column = error.lineno or 1, error.offset or 1
    end = (
        error.end_offset if error.end_lineno == line and error.end_offset and error.end_offset > column else column + 1
    )
    return Span(source, line, column, line, end)


def _raised_at(error: BaseException, source: Source, path: Path) -> Span:
    """The innermost line of the user's file that the exception came through."""
    frames = traceback.extract_tb(error.__traceback__)
    line = next((frame.lineno for frame in reversed(frames) if frame.filename == str(path) and frame.lineno), 1)
    text = source.lines[line - 1] if line <= len(source.lines) else ""
    return Span(source, line, len(text) - len(text.lstrip()) + 1, line, len(text.rstrip()) + 1)


def _hint(error: BaseException, path: Path) -> str:
    if isinstance(error, ModuleNotFoundError) and error.name:
        if path.with_name(f"{error.name}.py").exists():
            return f"{error.name}.py beside it is not importable: install it as a package, or move its code in here"
        return f"is it installed? pip install {error.name}"
    return ""
