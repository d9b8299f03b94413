"""`voicegraph trace`: the times of a call as a page that needs nothing beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from voicegraph.commands import terminal


def trace(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="What `run --trace` or `bench --json` wrote, or a recording's .jsonl.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="HTML", help="Where the page goes: beside FILE by default.")
    ] = None,
    open: Annotated[bool, typer.Option("--open", help="Show it in the browser.")] = False,
) -> None:
    """Makes a page of a call's times: every turn, every node, and where the time went."""
    from voicegraph.observe.page import Report, write
    from voicegraph.observe.traces import read

    found = read(file)
    page = out or file.with_suffix(".html")
    write(Report(found.graph, found), page)
    terminal.notice(f"wrote {page}", style="")
    if open:
        show(page)


def show(page: Path) -> None:
    """Opens a page in the browser; says so if there is none."""
    import webbrowser

    address = page.resolve().as_uri()
    if not webbrowser.open(address):
        terminal.notice(f"no browser could be started; open {address} in one", style="yellow")
