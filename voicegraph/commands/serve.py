"""`voicegraph serve`: a graph that many can call, over its line's protocol."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
from voicegraph.commands.exporting import OtelOption, SpansOption, WordsOption
from voicegraph.commands.run import GraphArgument, RecordOption, SetOption
from voicegraph.errors import VoicegraphError

if TYPE_CHECKING:
    from voicegraph.graph import Plan
    from voicegraph.observe.exporting import Exports
    from voicegraph.serve.app import App
    from voicegraph.serve.edition import Edition
    from voicegraph.serve.limits import Limits

PORT = 8080
LOOPBACK = "127.0.0.1"
EVERYWHERE = ("0.0.0.0", "::")
PACKAGES = ("uvicorn", "websockets", "prometheus_client")


@dataclass
class Serving:
    """What one process is asked to serve. Can be pickled, for those that are started to do so."""

    graph: Path
    sets: tuple[str, ...]
    limits: Limits
    exports: Exports
    record: Path | None = None
    watch: bool = False
    emulated: bool = False
    alone: bool = True
    log_level: str = "WARNING"
    files: set[Path] = field(default_factory=set[Path])
    failed: bool = False

    def __call__(self) -> App:
        """The app of this process."""
        from voicegraph.commands.opening import phrase_store
        from voicegraph.serve.app import App
        from voicegraph.serve.watch import Watch

        if not self.alone:
            terminal.log_to_stderr(self.log_level)
            _take_place()
        plan = self.open()
        watch = Watch(self.files, self.open, terminal.tell) if self.watch else None
        return App(
            plan,
            limits=self.limits,
            record=self.record,
            phrases=phrase_store(emulated=self.emulated),
            warmed=self._warmed,
            beside=watch.run if watch else None,
            exports=self.exports,
        )

    def open(self) -> Plan:
        """Raises GraphError."""
        from voicegraph.graph import FORMATS, compile_plan, load
        from voicegraph.graph.source import noting_files

        with noting_files() as files:
            graph = load(self.graph, self.sets)
        self.files |= files
        if graph.warnings:
            terminal.diagnostics(FORMATS["text"](graph.warnings), terminal.stderr())
        return compile_plan(graph)

    def _warmed(self, failure: VoicegraphError | None) -> None:
        """A process that cannot be made ready ends: whoever started it is to know."""
        if failure is None:
            from voicegraph.serve.server import settle

            settle()
            terminal.notice("ready" if self.alone else f"process {_pid()} is ready", style="green")
            return
        self.failed = True
        if self.alone:
            import signal

            signal.raise_signal(signal.SIGTERM)
        else:
            import os

            from uvicorn.config import STARTUP_FAILURE

            os._exit(STARTUP_FAILURE)  # nothing runs here yet


def serve(
    graph: GraphArgument,
    host: Annotated[str, typer.Option(help="0.0.0.0 lets other machines in.")] = LOOPBACK,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 for any that is free.")] = PORT,
    workers: Annotated[int, typer.Option(min=1, help="Processes. Each has its own models and calls.")] = 1,
    max_calls: Annotated[int, typer.Option(min=1, help="At a time, in each process.")] = 100,
    drain: Annotated[str, typer.Option(help="How long calls may go on after a SIGTERM.")] = "5m",
    watch: Annotated[bool, typer.Option("--watch", help="New calls get the graph as it is changed.")] = False,
    record: RecordOption = None,
    spans: SpansOption = None,
    otel: OtelOption = False,
    words: WordsOption = False,
    set: SetOption = None,
    emulate: EmulateOption = False,
    backend: BackendOption = None,
    script: ScriptOption = None,
    faults: FaultsOption = None,
    offline: OfflineOption = False,
) -> None:
    """Serves a graph to callers, until SIGTERM or Ctrl-C and until the calls are over then."""
    _need_packages()
    from voicegraph.commands.opening import pull_models
    from voicegraph.observe.exporting import Exports
    from voicegraph.serve.edition import edition
    from voicegraph.serve.limits import Limits
    from voicegraph.serve.server import listen, run, run_workers

    limits = Limits(max_calls=max_calls, drain=_seconds(drain))
    exports = Exports(spans, otel, words)
    exports.check()
    with emulating(emulate, Emulation(backend, script, faults, offline)):
        serving = Serving(
            graph, tuple(set or ()), limits, exports, record, watch, emulate, workers == 1, terminal.log_level
        )
        plan = serving.open()
        doors = edition(plan)
        pull_models(plan, offline=offline)
        with listen(host, port, shared=not serving.alone) as listener:
            _tell(plan, doors, host, listener.getsockname()[1])
            if serving.alone:
                run(serving(), listener)
            else:
                run_workers(replace(serving), limits, workers, listener)
    if serving.failed:  # which was logged
        raise typer.Exit(1)


def _tell(plan: Plan, doors: Edition, host: str, port: int) -> None:
    """Where callers come in."""
    near = "localhost" if host in EVERYWHERE else f"[{host}]" if ":" in host else host
    where = f"{near}:{port}"
    terminal.notice(f"serving {plan.name}; Ctrl-C lets the calls end, a second one does not", style="")
    if "/" in doors.pages:
        terminal.notice(f"  open http://{where}/", style="")
    else:
        for page in doors.pages.values():
            if page.invites:
                terminal.notice(f"  http://{where}{page.path}  is asked by the carrier", style="")
        for path in doors.sockets:
            terminal.notice(f"  ws://{where}{path}", style="")
    terminal.notice(f"  http://{where}/health  /ready  /metrics  /calls  /stats  /tap")


def _seconds(text: str) -> float:
    from voicegraph.durations import parse_duration

    try:
        return parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--drain") from None


def _need_packages() -> None:
    missing = [package for package in PACKAGES if find_spec(package) is None]
    if missing:
        raise VoicegraphError(f'serving needs {", ".join(missing)}: pip install "voicegraph[serve]"')


def _take_place() -> None:
    """This process may stand in the place of one that died, and lets its calls end if its parent dies."""
    import os
    import threading

    from voicegraph.serve.metrics import FOLDER
    from voicegraph.serve.server import leave_dead_behind

    leave_dead_behind(os.environ[FOLDER])
    threading.Thread(target=_follow, name="voicegraph-parent", daemon=True).start()


def _follow() -> None:
    import multiprocessing
    import os
    import signal

    if (parent := multiprocessing.parent_process()) is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)


def _pid() -> int:
    import os

    return os.getpid()
