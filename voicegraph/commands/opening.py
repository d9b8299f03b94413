"""From what `run` and `bench` are given to a plan that is ready: the caller's WAV put in, models fetched, all warm."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from voicegraph.commands import terminal
from voicegraph.errors import CallFailed, ProviderError

if TYPE_CHECKING:
    from voicegraph.graph import Plan
    from voicegraph.phrases import PhraseStore

FILE_LINE = "file.call"
WORTH_TELLING = 0.3
"""Seconds of loading that people notice."""


def open_plan(path: Path, sets: Sequence[str], input: Path | None = None, output: Path | None = None) -> Plan:
    """The plan of a graph file, with its line playing `input` and recording to `output` if these are given.

    Raises GraphError for a graph that is wrong and AudioError for files that cannot be used, before anything is loaded.
    """
    from voicegraph.graph import FORMATS, compile_plan, load

    graph = load(path, [*sets, *_on_files(path, sets, input, output)])
    if graph.warnings:
        terminal.diagnostics(FORMATS["text"](graph.warnings), terminal.stderr())
    plan = compile_plan(graph)
    if plan.line and not _models_of(plan, (plan.line,)):
        line = plan.nodes[plan.line].make()
        if hasattr(line, "warm"):
            line.warm()
    return plan


def pull_models(plan: Plan, *, offline: bool) -> None:
    """Fetches the models that the plan needs and this machine does not have, after saying which. Raises ModelError."""
    pull(_models_of(plan, (*plan.nodes, *plan.standby)), plan.name, offline=offline)


def pull(wanted: Sequence[str], who: str, *, offline: bool) -> None:
    """The same for models by their names. who: needs them."""
    from voicegraph import models

    missing = models.missing(wanted)
    if not missing:
        return
    if not (offline or models.fetching_is_off()):
        sizes = [f"{model.name} ({models.megabytes(model.download)})" for model in missing]
        total = models.megabytes(sum(model.download for model in missing))
        in_all = f"; {total} in all" if len(missing) > 1 else ""
        terminal.notice(f"{who} needs models that are to be fetched: {', '.join(sizes)}{in_all}", style="")
    models.pull([model.name for model in missing], offline=offline or None, progress=models.Progress(terminal.stderr()))


async def warm_up(plan: Plan, phrases: PhraseStore) -> None:
    """Loads what all calls share, and says how long that took. Raises CallFailed for a vendor that refuses."""
    import asyncio

    from voicegraph.engine.session import warm
    from voicegraph.graph import Plan

    clock = asyncio.get_running_loop().time
    began = clock()
    with terminal.stderr().status("loading models", spinner="dots"):
        for node in {**plan.standby, **plan.nodes}.values():
            try:
                await warm(Plan(name=node.name, nodes={node.name: node}, edges=()))
            except ProviderError as error:
                raise CallFailed(node.name, str(error)) from error
        await phrases.load(plan)
    if clock() - began > WORTH_TELLING:
        terminal.notice(f"ready in {clock() - began:.1f} s")


def phrase_store(*, emulated: bool) -> PhraseStore:
    """The process's store of rendered phrases. What emulators say is not kept."""
    from voicegraph import phrases

    return phrases.in_memory() if emulated else phrases.of_user()


def _on_files(path: Path, sets: Sequence[str], input: Path | None, output: Path | None) -> list[str]:
    """Changes to the graph that make its line play a file; a line of another type gives way to `file.call`."""
    from voicegraph.graph.line import find_line

    line = find_line(path, sets)
    if line is None:  # no line, or a mistake that `load` explains
        if (input or output) and path.is_file():
            terminal.notice(f"{path} has no line for --in and --out")
        return []
    if line.use == FILE_LINE and input is None and "input" not in line.settings:
        raise typer.BadParameter(f"{path} plays a WAV file as the caller: say which, with --in question.wav")
    if line.use != FILE_LINE and output and not input:
        raise typer.BadParameter(f"the line of {path} is {line.use}, so --out goes with an --in", param_hint="--out")
    changes = [f"nodes.{line.name}.use={FILE_LINE}"] if input and line.use != FILE_LINE else []
    for key, value in (("input", input), ("output", output)):
        if value is not None:
            changes.append(f"nodes.{line.name}.with.{key}={_quoted(value)}")
    return changes


def _quoted(path: Path) -> str:
    """A path as a YAML scalar, whatever its characters."""
    return json.dumps(str(path).replace("${", "$${"))


def _models_of(plan: Plan, names: Sequence[str]) -> list[str]:
    """The models that these nodes need with their configuration, each once."""
    planned = (plan.nodes.get(name) or plan.standby[name] for name in names)
    instances = (node.make() for node in planned)
    return list(dict.fromkeys(model for each in instances if hasattr(each, "models") for model in each.models()))
