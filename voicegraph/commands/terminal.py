"""How commands speak: data to stdout, notices to stderr; rich on a terminal, plain text elsewhere."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from voicegraph.errors import CallFailed, VoicegraphError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from loguru import Message, Record
    from rich.console import Console, RenderableType

PIPED_WIDTH = 240
"""Columns where no terminal sets them: wide enough that no table is cut."""

log_level = "WARNING"
"""From which level on messages are logged, for processes that are started by this one."""

_COLOURS = (
    (r"\berror\[[\w-]+\]", "bold red"),
    (r"\bwarning\[[\w-]+\]", "bold yellow"),
    (r"(?m)^note:", "bold cyan"),
    (r"(?m)^ *\d* \|", "blue"),
    (r"(?m)(?<=\| ) *\^+.*$", "bold red"),
)
"""How diagnostics are coloured: what, and how."""


def stdout() -> Console:
    """For data: what somebody may want to pipe on."""
    from voicegraph.commands.piped import PipedConsole

    return PipedConsole(highlight=False, width=None if sys.stdout.isatty() else PIPED_WIDTH)


def stderr() -> Console:
    """For notices."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, width=None if sys.stderr.isatty() else PIPED_WIDTH)


def show(*parts: RenderableType) -> None:
    """Puts data on stdout, one part below the other; in a pipe without the blanks that fill up a table's lines."""
    console = stdout()
    if console.is_terminal:
        for part in parts:
            console.print(part)
        return
    with console.capture() as captured:
        for part in parts:
            console.print(part)
    console.out("\n".join(line.rstrip() for line in captured.get().splitlines()), highlight=False)


def headline(text: str) -> RenderableType:
    """Stands above a part, with a blank line before it."""
    from rich.text import Text

    return Text(f"\n{text}", "bold")


def notice(text: str, style: str = "dim") -> None:
    """One line about what is being done."""
    from rich.text import Text

    stderr().print(Text(text, style), soft_wrap=True)


def diagnostics(text: str, console: Console) -> None:
    """What is wrong with a graph, as `voicegraph.graph.render` words it."""
    from rich.text import Text

    coloured = Text(text)
    for pattern, style in _COLOURS:
        coloured.highlight_regex(pattern, style)
    console.print(coloured, soft_wrap=True)


def tell(error: VoicegraphError) -> None:
    """A user's mistake, without a traceback."""
    from rich.text import Text

    from voicegraph.graph import GraphError

    if isinstance(error, GraphError):
        diagnostics(str(error), stderr())
        return
    message = str(error)
    if isinstance(error, CallFailed) and isinstance(error.__cause__, VoicegraphError):
        message = f"{error.node}: {error.__cause__}"
    stderr().print(Text.assemble(("error: ", "bold red"), message), soft_wrap=True)


def log_to_stderr(level: str) -> None:
    """Log messages of this level and above, one line each. The stream is looked up each time: a live view stands in."""
    from loguru import logger

    global log_level
    log_level = level

    def write(message: Message) -> None:
        sys.stderr.write(message)

    def worth_it(record: Record) -> bool:
        """A node's fault is told once: not here, where a command shows the conversation (`faults_are_shown`)."""
        return not {"fault", "shown"} <= record["extra"].keys()

    tty = sys.stderr.isatty()
    logger.remove()
    logger.add(write, level=level, format=_log_line, filter=worth_it, colorize=tty, backtrace=False, diagnose=False)


def faults_are_shown() -> AbstractContextManager[object]:
    """While this lasts, the faults of nodes are told elsewhere than in the log."""
    from loguru import logger

    return logger.contextualize(shown=True)


def _log_line(record: Record) -> str:
    """`warning  stt: ...`, with the traceback of a fault that is nobody's mistake."""
    error = record["exception"]
    ours = error is not None and isinstance(error.value, VoicegraphError)
    record["extra"]["word"] = record["level"].name.lower()
    return "<level>{extra[word]}</level>  {message}\n" + ("{exception}" if error and not ours else "")
