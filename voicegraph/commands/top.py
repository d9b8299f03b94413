"""`voicegraph top`: how a server is, live."""

from __future__ import annotations

from time import sleep
from typing import TYPE_CHECKING, Annotated

import typer

from voicegraph.commands import terminal
from voicegraph.errors import VoicegraphError

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from voicegraph.commands.asking import Server
    from voicegraph.observe.stats import Stats

EVERY = 1.0
"""Seconds from one look to the next."""
AROUND = 30
"""Lines of the screen that are not calls."""

ServerArgument = Annotated[
    str, typer.Argument(metavar="URL", help="Of a `voicegraph serve` that runs: http://127.0.0.1:8080.")
]


def top(
    url: ServerArgument = "http://127.0.0.1:8080",
    once: Annotated[bool, typer.Option("--once", help="Look once, and end.")] = False,
    json: Annotated[bool, typer.Option("--json", help="For programs: a line of JSON for each look.")] = False,
) -> None:
    """Shows a server: its calls, how long its nodes take, what is dropped, and how its processes are."""
    from voicegraph.commands.asking import Server

    server, console = Server(url), terminal.stdout()
    if console.is_terminal and not once and not json:
        _live(server, console)
        return
    while True:
        if json:
            console.out(server.ask("/stats").decode().rstrip("\n"), highlight=False)
        else:
            terminal.show(_screen(_stats(server), server, console))
        if once:
            return
        sleep(EVERY)


def _live(server: Server, console: Console) -> None:
    """On the terminal's other screen, until Ctrl-C. A server that does not answer is asked again."""
    from rich.console import Group
    from rich.live import Live
    from rich.text import Text

    shown = _screen(_stats(server), server, console)
    with Live(shown, console=console, screen=True, auto_refresh=False) as live:
        while True:
            sleep(EVERY)
            try:
                shown = _screen(_stats(server), server, console)
            except VoicegraphError as error:
                live.update(Group(Text(f"{error}\n", "bold red"), shown), refresh=True)
            else:
                live.update(shown, refresh=True)


def _screen(stats: Stats, server: Server, console: Console) -> RenderableType:
    from voicegraph.observe.screen import screen

    most_calls = max(5, console.height - AROUND) if console.is_terminal else 1_000
    return screen(stats, server.url, most_calls=most_calls, width=console.width)


def _stats(server: Server) -> Stats:
    import msgspec

    from voicegraph.observe.stats import Stats

    try:
        return msgspec.json.decode(server.ask("/stats"), type=Stats)
    except msgspec.MsgspecError:
        raise VoicegraphError(f"{server.url}/stats is not of a `voicegraph serve` of this version") from None
