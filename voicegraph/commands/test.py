"""`voicegraph test`: conversations with graphs, in virtual time, and whether they went as they should."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from voicegraph.commands import terminal
from voicegraph.errors import VoicegraphError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from voicegraph.graph import Diagnostic
    from voicegraph.testing.conversations import Outcome, Suite


def conversations(
    context: typer.Context,
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Test files.", show_default=False)],
    select: Annotated[str, typer.Option("-k", metavar="TEXT", help="Only tests with this in their name.")] = "",
    seed: Annotated[int | None, typer.Option(min=0, help="Of all randomness.", show_default=False)] = None,
    junit: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the results for a CI system.")] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show what happened in tests that pass, too.")
    ] = False,
) -> None:
    """Tests conversations: what callers do, and what has to come of it."""
    asked = context.parent.params if context.parent else {}
    if not (asked.get("verbose") or asked.get("log_level")):
        terminal.log_to_stderr("CRITICAL")  # what is worth a message stands in the timeline
    results = Results(verbose=verbose)
    try:
        for file in files:
            _run(file, select, seed, results)
    finally:  # Ctrl-C, too, leaves what is known by then
        if junit is not None:
            results.write(junit)
        results.summary()
    if not (results.outcomes or results.wrong):
        raise typer.BadParameter(f"no test has {select!r} in its name", param_hint="-k")
    if results.wrong or not all(outcome.passed for outcome in results.outcomes):
        raise typer.Exit(1)


def _run(file: Path, select: str, seed: int | None, results: Results) -> None:
    from voicegraph.commands.opening import pull_models
    from voicegraph.graph import GraphError
    from voicegraph.testing.conversations import read_suite, run_case, warm_up

    try:
        suite = read_suite(file)
    except GraphError as error:
        results.file_is_wrong(file, error.diagnostics)
        return
    cases = [case for case in suite.cases if select.casefold() in case.title.casefold()]
    if not cases:
        return
    if suite.real:
        pull_models(suite.plan, offline=False)
        warm_up(suite)
    results.begin(suite)
    for case in cases:
        results.add(run_case(suite, case, seed))


class Results:
    """What came of the tests so far; shows it as it comes. wrong: files that are, with what is wrong."""

    def __init__(self, *, verbose: bool) -> None:
        self.outcomes: list[Outcome] = []
        self.wrong: dict[str, Sequence[Diagnostic]] = {}
        self._verbose = verbose
        self._width = 0

    def begin(self, suite: Suite) -> None:
        """A file."""
        from rich.text import Text

        self._width = max(len(case.title) for case in suite.cases)
        terminal.show(Text(suite.name, "bold"))

    def file_is_wrong(self, file: Path, diagnostics: Sequence[Diagnostic]) -> None:
        from voicegraph.graph import FORMATS

        self.wrong[str(file)] = diagnostics
        terminal.diagnostics(FORMATS["text"](diagnostics) + "\n", terminal.stdout())

    def add(self, outcome: Outcome) -> None:
        """A test."""
        from rich.text import Text

        from voicegraph.testing.conversations.timeline import printable

        self.outcomes.append(outcome)
        word = ("passed", "green") if outcome.passed else ("FAILED", "bold red")
        times = f"{outcome.seconds:6.1f} s in {outcome.took * 1000:.0f} ms"
        seed = "" if outcome.passed else f", seed {outcome.seed}"
        terminal.show(
            Text.assemble("  ", word, f"  {printable(outcome.case.title):<{self._width}}  ", (times + seed, "dim"))
        )
        if not outcome.passed:
            self._tell(outcome)
        elif self._verbose:
            self._show(outcome)

    def _tell(self, outcome: Outcome) -> None:
        """Why it failed."""
        from voicegraph.graph import FORMATS

        terminal.diagnostics("\n" + FORMATS["text"](outcome.found) + "\n", terminal.stdout())
        self._show(outcome)

    def _show(self, outcome: Outcome) -> None:
        from voicegraph.testing.conversations import timeline

        console = terminal.stdout()
        if console.is_terminal:
            console.print(timeline.as_table(outcome.timeline))
        else:
            console.out(timeline.as_text(outcome.timeline), highlight=False)
        console.print()

    def summary(self) -> None:
        """The last line."""
        from rich.text import Text

        failed = sum(not outcome.passed for outcome in self.outcomes)
        counts = [(len(self.outcomes) - failed, "passed"), (failed, "failed"), (len(self.wrong), "wrong")]
        words = ", ".join(f"{count} {word}" for count, word in counts if count)
        if not words:
            return
        seconds, took = (sum(getattr(each, name) for each in self.outcomes) for name in ("seconds", "took"))
        look = "bold red" if failed or self.wrong else "bold green"
        times = f"  {seconds:.1f} s of calls in {took:.2f} s" if self.outcomes else ""
        terminal.show(Text.assemble((words, look), (times, "dim")))

    def write(self, file: Path) -> None:
        """For CI systems."""
        from voicegraph.testing.conversations.junit import as_xml

        try:
            file.write_bytes(as_xml(self.outcomes, self.wrong))
        except OSError as error:
            raise VoicegraphError(f"cannot write {file}: {error.strerror}") from error
