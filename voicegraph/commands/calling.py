"""What `voicegraph call` shows: one call as a timeline, many in figures."""

from __future__ import annotations

import importlib
import json
from importlib.util import find_spec
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from voicegraph.commands import terminal
from voicegraph.errors import VoicegraphError

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from voicegraph.caller.load import Made, Plan
    from voicegraph.caller.result import Result, Results

MOST_TOLD = 10
"""Failed calls that are told one by one."""


# --- one call -------------------------------------------------------------------------------------------------------


def one(plan: Plan, seed: int, record: Path | None, json_file: Path | None, *, transcribe: bool) -> bool:
    """Makes it and tells of it. Returns whether it failed."""
    from voicegraph.caller.load import call as make

    with terminal.stderr().status("calling", spinner="dots"):
        made: Made = _run(make(plan, Random(seed), stoppable=True))
    _tell(made, transcribe=transcribe)
    if record and made.phone:
        from voicegraph.caller.recording import record as write

        write(record, made.phone.leg)
        terminal.notice(f"wrote {record}", style="")
    if json_file:
        _write(json_file, made.result.as_data())
    if made.stopped:
        raise KeyboardInterrupt
    return made.result.failed


def _tell(made: Made, *, transcribe: bool) -> None:
    from voicegraph.caller.timeline import rows
    from voicegraph.testing.conversations import timeline

    console = terminal.stdout()
    if made.phone:
        texts: dict[int, str] = {}
        if transcribe:
            from voicegraph.caller.voices import transcribe as write_down

            texts = write_down(made.phone.leg)
        found = rows(made.phone, texts)
        if console.is_terminal:
            console.print(timeline.as_table(found))
        else:
            console.out(timeline.as_text(found), highlight=False)
        terminal.show(terminal.headline("At the caller's ear"), _figures(made.result))
    for note in made.notes:
        terminal.notice(note, style="yellow")
    if made.stopped:
        return
    if made.failure and made.failure.in_a_file:
        from voicegraph.graph import FORMATS

        terminal.diagnostics("\n" + FORMATS["text"]([made.failure.diagnostic]), terminal.stderr())
    elif made.failure:
        terminal.tell(made.failure)
    elif made.result.failed:
        terminal.tell(VoicegraphError(made.result.reason))


def _figures(result: Result) -> Any:
    from rich.table import Table

    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    told = {
        "connected in": _milliseconds(result.connecting),
        "greeting": _milliseconds(result.greeting),
        "answers": ", ".join(map(_milliseconds, result.answers)),
        "unanswered": str(result.unanswered or ""),
        "barge-in stops": ", ".join(map(_milliseconds, result.stops)),
        "talked over": str(result.talked_over or ""),
        "dead air": _milliseconds(result.dead_air),
        "late sound": str(result.gaps or ""),
        "marks": f"{result.marks}, {result.flushed_marks} of them flushed" if result.marks else "none",
        "lasted": f"{result.seconds:.1f} s",
    }
    for name, value in told.items():
        if value:
            table.add_row(name, value)
    return table


def _milliseconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds * 1000:.0f} ms"


# --- many -----------------------------------------------------------------------------------------------------------


def many(plan: Plan, number: int, concurrent: int, every: float, seed: int, json_file: Path | None) -> bool:
    """Makes them and tells of them. Returns whether one failed."""
    from voicegraph.caller.load import calls as make
    from voicegraph.caller.result import Results

    so_far = Results()
    with _bar() as bar:
        task = bar.add_task("calling", total=number, failed=0)

        def done(result: Result) -> None:
            so_far.calls.append(result)
            bar.update(task, completed=len(so_far.calls), failed=len(so_far.failed))

        try:
            _run(make(plan, number, concurrent=concurrent, every=every, seed=seed, done=done))
        finally:  # Ctrl-C, too, leaves what is known by then
            bar.stop()
            if so_far.calls:
                _sum_up(so_far)
                if json_file:
                    _write(json_file, so_far.as_data())
    return bool(so_far.failed)


def _sum_up(results: Results) -> None:
    from rich.table import Table

    from voicegraph.caller.result import FIGURES

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("ms")
    for heading in ("p50", "p95", "p99", "worst", "count"):
        table.add_column(heading, justify="right")
    for name, words in FIGURES.items():
        if spread := results.spread(name):
            *figures, count = spread.values()
            table.add_row(words, *(f"{each * 1000:.1f}" for each in figures), f"{count:.0f}")
    failed = results.failed
    terminal.show(table, f"\n{len(results.calls)} calls, {len(failed)} failed")
    for each in failed[:MOST_TOLD]:
        terminal.notice(f"failed: {each.reason}", style="red")
    if len(failed) > MOST_TOLD:
        terminal.notice(f"and {len(failed) - MOST_TOLD} more", style="red")


def _bar() -> Any:
    from rich import progress

    columns = (
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TextColumn("{task.fields[failed]} failed"),
        progress.TimeElapsedColumn(),
    )
    console = terminal.stderr()
    return progress.Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _run(main: Coroutine[Any, Any, Any]) -> Any:
    """On uvloop where that is installed: half the load of the machine may be this caller's."""
    import asyncio

    uvloop: Any = importlib.import_module("uvloop") if find_spec("uvloop") else None
    with asyncio.Runner(loop_factory=uvloop and uvloop.new_event_loop) as runner:
        return runner.run(main)


def _write(file: Path, data: dict[str, Any]) -> None:
    try:
        file.write_text(json.dumps(data, indent=2) + "\n")
    except OSError as error:
        raise VoicegraphError(f"cannot write {file}: {error.strerror}") from error
    terminal.notice(f"wrote {file}", style="")
