"""`voicegraph bench`: many calls on one graph, and whether they keep its budgets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from voicegraph.commands import terminal
from voicegraph.commands.emulating import (
    BackendOption,
    EmulateOption,
    Emulation,
    FaultsOption,
    OfflineOption,
    ScriptOption,
    emulating,
)
from voicegraph.commands.placing import Places
from voicegraph.commands.run import FastOption, GraphArgument, InOption, SetOption
from voicegraph.errors import VoicegraphError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.progress import Progress

    from voicegraph.graph import Plan
    from voicegraph.observe.bench import Figures
    from voicegraph.phrases import PhraseStore


def bench(
    graph: GraphArgument,
    runs: Annotated[int, typer.Option(min=1, help="Calls to measure, after one to warm up.")] = 10,
    input: InOption = None,
    set: SetOption = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the figures there as well.")
    ] = None,
    fast: FastOption = False,
    offline: OfflineOption = False,
    emulate: EmulateOption = False,
    backend: BackendOption = None,
    script: ScriptOption = None,
    faults: FaultsOption = None,
) -> None:
    """Runs a graph many times, and checks the times against its budgets."""
    import asyncio

    from voicegraph.commands.opening import open_plan, phrase_store, pull_models
    from voicegraph.engine.jumping import JumpingLoop
    from voicegraph.observe.bench import answer_figures, budget_figures, node_figures

    with emulating(emulate, Emulation(backend, script, faults, offline)):
        plan = open_plan(graph, set or (), input)
        pull_models(plan, offline=offline)
        try:
            with asyncio.Runner(loop_factory=JumpingLoop if fast else None) as runner:
                figures = runner.run(_measure(plan, runs, phrase_store(emulated=emulate)))
        except VoicegraphError as error:
            raise Places(graph, set or ()).told(error) from error
    for table in (answer_figures(figures), node_figures(figures), budget_figures(figures)):
        if table.row_count:
            terminal.show(table, "")
    if json_file is not None:
        _write(json_file, figures.as_data())
        terminal.notice(f"wrote {json_file}", style="")
    if broken := [budget.name for budget in figures.budgets() if budget.broken]:
        raise VoicegraphError(f"{plan.name} breaks its budget for {', '.join(broken)}")


async def _measure(plan: Plan, runs: int, phrases: PhraseStore) -> Figures:
    """The figures of all calls but the first."""
    from voicegraph.commands.opening import warm_up
    from voicegraph.engine.session import Session
    from voicegraph.observe.bench import Figures
    from voicegraph.observe.turns import Milestones

    await warm_up(plan, phrases)
    figures = Figures(plan)
    with _bar() as bar:
        task = bar.add_task("warming up", total=runs)
        for number in range(runs + 1):
            milestones = Milestones()
            session = Session(plan, call_id=f"run {number}", seed=number, observers=(milestones,), phrases=phrases)
            await session.run()
            if number:
                figures.add(session.timings(), milestones)
            bar.update(task, description="measuring", completed=number)
    return figures


def _bar() -> Progress:
    """How far it is, on a terminal."""
    from rich import progress

    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TimeRemainingColumn(compact=True),
    )
    console = terminal.stderr()
    return progress.Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _write(file: Path, data: Mapping[str, Any]) -> None:
    try:
        file.write_text(json.dumps(data, indent=2) + "\n")
    except OSError as error:
        raise VoicegraphError(f"cannot write {file}: {error.strerror}") from error
