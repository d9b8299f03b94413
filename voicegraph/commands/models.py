"""`voicegraph models`: the models that are known by name, and those on this machine."""

from __future__ import annotations

from typing import Annotated

import typer

from voicegraph.commands import terminal

app = typer.Typer(name="models", help="Lists, fetches and finds models.", invoke_without_command=True)


def _names(incomplete: str) -> list[str]:
    from voicegraph import models

    return [name for name in models.manifest() if name.startswith(incomplete)]


@app.callback()
def models(context: typer.Context) -> None:
    """Lists, fetches and finds models."""
    if context.invoked_subcommand is None:
        list_models()


@app.command("list")
def list_models() -> None:
    """Lists the models that are known by name."""
    from rich.text import Text

    from voicegraph import models
    from voicegraph.observe.tables import plain_table

    looks = {models.State.READY: "green", models.State.ABSENT: "dim", models.State.CORRUPT: "bold red"}
    table = plain_table("model", "state", "MB", "licence", "about", left=2)
    for column in table.columns[3:]:
        column.justify, column.no_wrap = "left", False
    for name, model in models.manifest().items():
        state = models.state(name)
        table.add_row(name, Text(state.value, looks[state]), f"{model.size / 1e6:.0f}", model.licence, model.about)
    terminal.show(table)
    terminal.notice(f"kept in {models.root()}")


@app.command()
def pull(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", autocompletion=_names, show_default=False)],
    offline: Annotated[bool, typer.Option("--offline", help="Refuse if anything is missing.")] = False,
) -> None:
    """Fetches models and verifies them."""
    from voicegraph import models

    missing = {model.name for model in models.missing(names)}
    models.pull(names, offline=offline or None, progress=models.Progress(terminal.stderr()))
    for name in names:
        if name not in missing:
            terminal.notice(f"{name} is here already")


@app.command()
def path(name: Annotated[str, typer.Argument(metavar="NAME", autocompletion=_names, show_default=False)]) -> None:
    """Prints where a model is."""
    from voicegraph import models

    typer.echo(models.path(name))
