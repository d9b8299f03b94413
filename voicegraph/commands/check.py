"""`voicegraph check`: every mistake in graph files, without running them."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from voicegraph.commands import terminal
from voicegraph.commands.run import SetOption

if TYPE_CHECKING:
    from voicegraph.graph import Diagnostic


class Format(StrEnum):
    """How diagnostics are written."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"


def check(
    graphs: Annotated[list[Path], typer.Argument(metavar="GRAPH...", help="Graph files.", show_default=False)],
    format: Annotated[Format, typer.Option(help="text for people, json for programs, github for its workflows.")] = (
        Format.TEXT
    ),
    set: SetOption = None,
) -> None:
    """Checks graph files and tells every mistake in them."""
    from voicegraph.graph import FORMATS

    found = [diagnostic for path in graphs for diagnostic in _check(path, set or [])]
    written = FORMATS[format.value](found)
    if format is not Format.TEXT:
        typer.echo(written)
    elif found:
        terminal.diagnostics(written, terminal.stdout())
    errors = sum(diagnostic.severity == "error" for diagnostic in found)
    if errors:
        terminal.notice(f"{errors} error{'s' if errors > 1 else ''}", style="bold red")
        raise typer.Exit(1)


def _check(path: Path, sets: list[str]) -> tuple[Diagnostic, ...]:
    """What is wrong with one graph; says so if nothing is."""
    from voicegraph.graph import GraphError, compile_plan, load

    try:
        graph = load(path, sets)
        plan = compile_plan(graph)
    except GraphError as error:
        return error.diagnostics
    terminal.notice(f"{path}: ok, {len(plan.nodes)} nodes, {len(plan.edges)} wires", style="green")
    return graph.warnings
