"""`voicegraph tap`: the frames of a call that is on, as JSON Lines."""

from __future__ import annotations

from collections.abc import Iterator
from time import sleep
from typing import TYPE_CHECKING, Annotated

import typer

from voicegraph.commands import terminal
from voicegraph.commands.top import ServerArgument
from voicegraph.errors import VoicegraphError

if TYPE_CHECKING:
    from voicegraph.commands.asking import Server

LOOKS_EVERY = 0.5
"""Seconds from one look for a call to the next."""


def tap(
    url: ServerArgument,
    node: Annotated[
        str | None,
        typer.Argument(
            metavar="NODE", help="Whose frames: what it gives. All nodes', if left out.", show_default=False
        ),
    ] = None,
    call: Annotated[
        str | None, typer.Option("--call", metavar="ID", help="Of several, as `voicegraph top` shows them.")
    ] = None,
    words: Annotated[
        bool, typer.Option("--words", help="What is said, too: if the server was started with --words.")
    ] = False,
) -> None:
    """Prints the frames of a call that is on, as JSON Lines, until it is over."""
    from voicegraph.commands.asking import Server

    query = {"node": node, "call": call, "words": "1" if words else None}
    lines = _lines(Server(url), {name: value for name, value in query.items() if value is not None})
    console = terminal.stdout()
    for line in lines:
        console.out(line, highlight=False)


def _lines(server: Server, query: dict[str, str]) -> Iterator[str]:
    """Waits for a call, where none is on and none was chosen."""
    from voicegraph.commands.asking import Refused

    waits = False
    while True:
        try:
            for line in server.lines("/tap", query):
                yield line.decode().rstrip("\n")
            return
        except Refused as error:
            if error.status != 404 or str(error) != "no call is on":
                raise VoicegraphError(str(error)) from error
        if not waits:
            terminal.notice("no call is on: waiting for one; Ctrl-C ends this")
            waits = True
        sleep(LOOKS_EVERY)
