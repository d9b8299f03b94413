"""`voicegraph graph`, `expand` and `schema`: a graph as a picture, in its long form, and what an editor knows of it."""

from __future__ import annotations

import shutil
import subprocess
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from voicegraph.commands import terminal
from voicegraph.commands.run import GraphArgument, SetOption
from voicegraph.errors import VoicegraphError


class Format(StrEnum):
    """The language of a picture."""

    MERMAID = "mermaid"
    DOT = "dot"


def graph(
    graph: GraphArgument,
    format: Annotated[Format, typer.Option(help="mermaid is shown by GitHub, dot by graphviz.")] = Format.MERMAID,
    png: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw it, with graphviz.")] = None,
    svg: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw it, with graphviz.")] = None,
    set: SetOption = None,
) -> None:
    """Draws a graph: nodes, wires and the frames on them, converters included."""
    from voicegraph.graph import compile_plan, load
    from voicegraph.graph.draw import FORMATS

    plan = compile_plan(load(graph, set or (), ready=False))
    pictures = [(kind, file) for kind, file in (("png", png), ("svg", svg)) if file]
    for kind, file in pictures:
        _draw(FORMATS["dot"](plan), kind, file)
    if not pictures:
        typer.echo(FORMATS[format.value](plan), nl=False)


def expand(graph: GraphArgument, set: SetOption = None) -> None:
    """Prints a graph in its long form: everything resolved, each wire with its frames."""
    from voicegraph.graph import load
    from voicegraph.graph.expand import long_form

    typer.echo(long_form(load(graph, set or (), ready=False)), nl=False)


def schema() -> None:
    """Prints the JSON Schema of graph files, for editors."""
    import json

    from voicegraph.graph.schema import json_schema

    typer.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))


def _draw(text: str, kind: str, file: Path) -> None:
    """Has graphviz make an image."""
    program = shutil.which("dot")
    if program is None:
        raise VoicegraphError(
            "drawing an image needs graphviz, whose `dot` is not on the PATH. Install it (apt install graphviz, "
            "brew install graphviz), or leave out the file and paste the Mermaid text where it is shown."
        )
    done = subprocess.run([program, f"-T{kind}"], input=text.encode(), capture_output=True, check=False)
    if done.returncode:
        raise VoicegraphError(f"graphviz failed: {done.stderr.decode(errors='replace').strip()}")
    try:
        file.write_bytes(done.stdout)
    except OSError as error:
        raise VoicegraphError(f"cannot write {file}: {error.strerror}") from error
    terminal.notice(f"wrote {file}", style="")
