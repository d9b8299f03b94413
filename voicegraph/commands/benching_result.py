"""What `voicegraph bench` has found: shown, written, compared, and judged."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from voicegraph.commands import terminal
from voicegraph.errors import VoicegraphError

if TYPE_CHECKING:
    from rich.progress import Progress

    from voicegraph.graph import Diagnostic
    from voicegraph.observe.bench.compare import Comparison
    from voicegraph.observe.bench.result import Result


class Old(NamedTuple):
    """A result to compare with."""

    path: Path
    result: Result


def before(compare: Path | None, *files: Path | None) -> Old | None:
    """Finds fault with the files that are named before anything is measured. Raises VoicegraphError."""
    for file in files:
        if file is not None and file.is_dir():
            raise VoicegraphError(f"cannot write {file}: it is a directory")
        if file is not None and not file.parent.is_dir():
            raise VoicegraphError(f"cannot write {file}: there is no directory {file.parent}")
    if compare is None:
        return None
    from voicegraph.observe.bench.result import read

    return Old(compare, read(compare))


def bar() -> Progress:
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


@dataclass(frozen=True)
class Outcome:
    """broken: what is told of budgets that were not kept."""

    result: Result
    broken: tuple[Diagnostic, ...] = ()
    old: Old | None = None

    def tell(self, json_file: Path | None, html: Path | None) -> None:
        """All of it. Raises GraphError where a budget is broken."""
        if self.result.alone:
            self._show_node()
        else:
            self._show_graph()
        if self.old is not None:
            from voicegraph.observe.bench.compare import compare

            _show(compare(self.old.result, self.result), self.old.path)
        if json_file is not None:
            from voicegraph.observe.bench.result import write

            write(self.result, json_file)
            terminal.notice(f"wrote {json_file}", style="")
        if html is not None:
            self._write_page(html)
        if self.broken:
            from voicegraph.graph import GraphError

            raise GraphError(self.broken)

    def _show_graph(self) -> None:
        from voicegraph.observe.bench import tables
        from voicegraph.observe.bench.figures import figures

        found = figures(self.result.calls)
        terminal.show(tables.summary(self.result, found), "")
        if found.answers or found.barge_ins:
            terminal.show(tables.answer_table(found), "")
        else:
            terminal.notice(f"nobody answered {self.result.caller.told}: there is no answer to measure", style="yellow")
        terminal.show(tables.node_table(found))
        if self.result.budgets:
            terminal.show("", tables.budget_table(self.result))

    def _show_node(self) -> None:
        from voicegraph.observe.bench import tables
        from voicegraph.observe.bench.figures import figures

        terminal.show(tables.node_summary(self.result), "", tables.cost_table(self.result.costs))
        found = figures(self.result.calls)
        if any(node.queue or node.total for node in found.nodes.values()):
            terminal.show(terminal.headline("At the pace of a call"), tables.node_table(found))

    def _write_page(self, file: Path) -> None:
        from voicegraph.observe.page import Report, render

        page = render(
            Report(
                title=f"voicegraph bench: {self.result.graph}",
                results=self.result,
                old=self.old.result if self.old else None,
            )
        )
        try:
            file.write_text(page, encoding="utf-8")
        except OSError as error:
            raise VoicegraphError(f"cannot write {file}: {error.strerror}") from error
        terminal.notice(f"wrote {file}", style="")


def _show(comparison: Comparison, old: Path) -> None:
    from voicegraph.observe.bench.compare import ERROR
    from voicegraph.observe.bench.tables import comparison_table

    terminal.show(terminal.headline(f"Compared with {old}"))
    if comparison.changed:
        terminal.show("the graph is another version of itself:", *(f"  {line}" for line in comparison.changed), "")
    if comparison.versions[0] != comparison.versions[1]:
        terminal.show(f"then voicegraph was {comparison.versions[0]}, now it is {comparison.versions[1]}", "")
    terminal.show(comparison_table(comparison))
    if any(each.verdict == "too few rounds" for each in comparison.figures):
        terminal.notice(f"to call a difference, both results need {comparison.rounds_needed} rounds", style="yellow")
    else:
        terminal.show("", f"the machine itself, by the yardstick: {_speed(comparison.slower)}")
        terminal.show(f"if nothing has changed, {ERROR:.0%} of such tables show a difference somewhere")


def _speed(slower: float) -> str:
    return "as fast as then" if abs(slower) < 0.005 else f"{abs(slower):.0%} {'slower' if slower > 0 else 'faster'}"
