"""The command line: `voicegraph`, `python -m voicegraph`, and `python runner.py` in a checkout.

Exit codes: 0; 1 when a graph is wrong, or a run or a test failed; 2 for wrong usage; 130 after Ctrl-C.
"""

from __future__ import annotations

import errno
from enum import StrEnum
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from voicegraph import __version__
from voicegraph.commands import (
    bench,
    call,
    check,
    emulate,
    graph,
    models,
    new,
    nodes,
    run,
    serve,
    tap,
    terminal,
    test,
    top,
    trace,
    warm,
)
from voicegraph.errors import VoicegraphError


class Level(StrEnum):
    """What is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Commands(TyperGroup):
    """Turns a user's mistake, and Ctrl-C, into a line and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except VoicegraphError as error:
            terminal.tell(error)
            raise typer.Exit(1) from error
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            terminal.tell(VoicegraphError(f"cannot write the output: {error.strerror}"))
            raise typer.Exit(1) from error
        except KeyboardInterrupt as error:
            terminal.notice("stopped")
            raise typer.Exit(130) from error


app = typer.Typer(
    name="voicegraph",
    cls=Commands,
    help="A voice agent is a graph in a YAML file.",
    epilog="Begin with: voicegraph run graphs/hello.yaml --in question.wav --out reply.wav",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(run.run)
app.command()(call.call)
app.command()(check.check)
app.command()(graph.graph)
app.command()(graph.expand)
app.command()(graph.schema)
app.command()(nodes.nodes)
app.command("test")(test.conversations)
app.command()(serve.serve)
app.command()(top.top)
app.command()(tap.tap)
app.command()(warm.warm)
app.command()(bench.bench)
app.command()(trace.trace)
app.command()(emulate.emulate)
app.add_typer(models.app)
app.add_typer(new.app)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"voicegraph {__version__}")
        raise typer.Exit


@app.callback()
def options(
    verbose: Annotated[int, typer.Option("--verbose", "-v", count=True, help="Log more; twice for all.")] = 0,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Log errors only.")] = False,
    log_level: Annotated[Level | None, typer.Option(help="Log from this level on, to stderr.")] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """A voice agent is a graph in a YAML file."""
    by_flags = Level.ERROR if quiet else (Level.WARNING, Level.INFO, Level.DEBUG)[min(verbose, 2)]
    terminal.log_to_stderr((log_level or by_flags).value.upper())


def main() -> None:
    app(prog_name="voicegraph")
