"""`voicegraph bench`: how long the turns of a graph take, or a node of it, and whether they keep its budgets."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from voicegraph.commands.benching import Asked
from voicegraph.commands.emulating import (
    BackendOption,
    EmulateOption,
    Emulation,
    FaultsOption,
    OfflineOption,
    ScriptOption,
    emulating,
)
from voicegraph.commands.run import FastOption, SetOption


def bench(
    graph: Annotated[Path | None, typer.Argument(metavar="[GRAPH]", help="A graph file.", show_default=False)] = None,
    turns: Annotated[int, typer.Option(min=1, help="Turns to measure, at least.")] = 30,
    rounds: Annotated[int, typer.Option(min=1, help="In so many rounds, whose differences tell the noise.")] = 10,
    input: Annotated[
        list[Path] | None, typer.Option("--in", metavar="WAV", help="What a caller says, recorded. Repeatable.")
    ] = None,
    conversations: Annotated[
        Path | None, typer.Option(metavar="FILE", help="What callers do: a file of `voicegraph test`.")
    ] = None,
    select: Annotated[str, typer.Option("-k", metavar="TEXT", help="Only conversations with this in their name.")] = "",
    virtual: Annotated[
        bool, typer.Option("--virtual", help="In virtual time, with scripted vendors and callers: hours in seconds.")
    ] = False,
    node: Annotated[
        str | None,
        typer.Option(metavar="NODE", help="One node alone: a node of the graph, a type, or processors.MODULE."),
    ] = None,
    imports: Annotated[
        list[Path] | None, typer.Option(metavar="FILE.py", help="Where its type is defined. Repeatable.")
    ] = None,
    with_: Annotated[
        list[str] | None, typer.Option("--with", metavar="KEY=VALUE", help="A setting of it. Repeatable.")
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the result there.")] = None,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write it there as a page.")] = None,
    compare: Annotated[
        Path | None, typer.Option(metavar="OLD.json", help="Tell what has changed since an earlier result.")
    ] = None,
    set: SetOption = None,
    fast: FastOption = False,
    offline: OfflineOption = False,
    emulate: EmulateOption = False,
    backend: BackendOption = None,
    script: ScriptOption = None,
    faults: FaultsOption = None,
) -> None:
    """Measures the turns of a graph, node by node, and checks them against its budgets. Or measures one node."""
    from voicegraph.commands.benching_result import before

    sets, sounds = tuple(set or ()), tuple(input or ())
    asked: Asked | None = None
    if node is not None:
        _refuse("a graph as a whole", {"--conversations": conversations, "-k": select, "--virtual": virtual})
        _refuse("--node TYPE, which is in no graph", {"--imports": graph and imports, "--with": graph and with_})
        _refuse("a graph", {"--set": set if graph is None else None})
    elif graph is not None:
        _refuse("--node", {"--imports": imports, "--with": with_})
        asked = Asked(graph, sets, sounds, conversations, select, virtual, emulate, backend)
    else:
        raise typer.BadParameter("name a graph file, or one node: --node TYPE", param_hint="GRAPH")
    old = before(compare, json_file, html)
    with emulating(emulate, Emulation(backend, script, faults, offline)):
        if asked is not None:
            from voicegraph.commands import benching_graph

            outcome = benching_graph.measure(asked, turns, rounds, old, fast=fast, offline=offline)
        else:
            from voicegraph.commands import benching_node

            settings = tuple(imports or ()), tuple(with_ or ())
            wanted = benching_node.Wanted(node or "", graph, sets, *settings, sounds, emulate)
            outcome = benching_node.measure(wanted, turns, rounds, old, offline=offline)
    outcome.tell(json_file, html)


def _refuse(goes_with: str, options: Mapping[str, object]) -> None:
    """Raises typer.BadParameter if any of these was given."""
    if given := [name for name, value in options.items() if value]:
        raise typer.BadParameter(f"goes with {goes_with}", param_hint=", ".join(given))
