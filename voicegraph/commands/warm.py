"""`voicegraph warm`: a graph's phrases rendered ahead, so that they can be said with every provider down."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

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
from voicegraph.commands.run import GraphArgument, SetOption
from voicegraph.errors import VoicegraphError

if TYPE_CHECKING:
    from voicegraph.graph import Plan
    from voicegraph.graph.plan import PlannedNode
    from voicegraph.phrases import PhraseStore

LOOKS = {"cached": "dim", "rendered": "green", "failed": "bold red"}
"""What can come of a phrase, and how that is shown."""


def warm(
    graph: GraphArgument,
    set: SetOption = None,
    offline: OfflineOption = False,
    emulate: EmulateOption = False,
    backend: BackendOption = None,
    script: ScriptOption = None,
    faults: FaultsOption = None,
) -> None:
    """Renders a graph's phrases ahead in each of its voices, and loads its models."""
    import asyncio

    from voicegraph.commands.opening import phrase_store, pull_models

    with emulating(emulate, Emulation(backend, script, faults, offline)):
        plan = _plan(graph, set or [])
        pull_models(plan, offline=offline)
        warming = _Warming(plan, phrase_store(emulated=emulate))
        asyncio.run(warming.run())
    if warming.trouble():
        raise typer.Exit(1)


def _plan(path: Path, sets: list[str]) -> Plan:
    """The plan of a graph file. Its line is not used, so a line that plays a file may be without one."""
    from voicegraph.graph import FORMATS, compile_plan, load

    graph = load(path, sets)
    if graph.warnings:
        terminal.diagnostics(FORMATS["text"](graph.warnings), terminal.stderr())
    return compile_plan(graph)


class _Warming:
    """What came of a graph's nodes and phrases; shows it as it comes."""

    def __init__(self, plan: Plan, store: PhraseStore) -> None:
        from voicegraph.phrases import voices_of

        self._plan = plan
        self._store = store
        self._voices = voices_of(plan)
        self._width = max((len(voice.name) for voice in self._voices), default=0)
        self._counts: Counter[str] = Counter()
        self._cold = 0

    async def run(self) -> None:
        with terminal.stderr().status("loading models", spinner="dots"):
            for node in {**self._plan.standby, **self._plan.nodes}.values():
                if node.name != self._plan.line:
                    await self._warm(node)
            await self._store.load(self._plan)
        for voice in self._voices:
            for text in self._plan.phrases:
                await self._phrase(voice, text)
        self._store.close()
        self._summary()

    def trouble(self) -> bool:
        """Something is not as it has to be before a call."""
        return bool(self._cold or self._counts["failed"] or self._store.trouble)

    async def _warm(self, node: PlannedNode) -> None:
        """One at a time: where one cannot be loaded, the others still can."""
        from voicegraph.engine.session import warm
        from voicegraph.graph import Plan

        try:
            await warm(Plan(name=node.name, nodes={node.name: node}, edges=()))
        except Exception as error:  # noqa: BLE001 - it is told, and ends in the exit code
            self._cold += 1
            terminal.notice(_safe(f"{node.name}: {_reason(error)}", node), style="bold red")

    async def _phrase(self, voice: PlannedNode, text: str) -> None:
        import asyncio

        from voicegraph.observe.tables import milliseconds
        from voicegraph.phrases import render

        clock = asyncio.get_running_loop().time
        began = clock()
        pieces = await self._store.find(voice, text)
        outcome = "cached"
        if pieces is None:
            try:
                pieces = await render(voice, text)
            except Exception as error:  # noqa: BLE001 - as above
                self._show("failed", voice, _safe(_reason(error), voice), text)
                return
            outcome = "rendered"
            self._store.keep(voice, text, pieces)
        seconds = sum(len(piece.pcm) / (2 * piece.rate) for piece in pieces)
        self._show(outcome, voice, f"{seconds:5.2f} s of sound in {milliseconds(clock() - began):>5} ms", text)

    def _show(self, outcome: str, voice: PlannedNode, what: str, text: str) -> None:
        from rich.text import Text

        from voicegraph.testing.conversations.timeline import printable

        self._counts[outcome] += 1
        word, name = f"{outcome:<8}", f"  {voice.name:<{self._width}}  "
        terminal.show(Text.assemble((word, LOOKS[outcome]), name, printable(what), (f"  {printable(text)}", "dim")))

    def _summary(self) -> None:
        if not self._voices or not self._plan.phrases:
            lacks = "voice" if not self._voices else "phrase that is known before a call"
            terminal.notice(f"{self._plan.name} has no {lacks}", style="yellow")
            return
        counted = ", ".join(f"{self._counts[outcome]} {outcome}" for outcome in LOOKS if self._counts[outcome])
        terminal.notice(f"{counted}; {self._where()}")

    def _where(self) -> str:
        if self._store.folder is None:
            return "emulated voices are not kept"
        if self._store.trouble:  # has been warned of
            return "not all of it could be kept"
        return f"kept in {self._store.folder.root}"


def _reason(error: Exception) -> str:
    return str(error) if isinstance(error, VoicegraphError) else f"{type(error).__name__}: {error}"


def _safe(text: str, node: PlannedNode) -> str:
    """Without the node's keys, which a library may quote in its errors."""
    for name in node.kind.env:
        if key := os.environ.get(name):
            text = text.replace(key, f"${name}")
    return text
