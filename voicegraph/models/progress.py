"""Tells people how a pull goes, on stderr: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


def megabytes(size: float) -> str:
    """Bytes for people, in the decimal megabytes of download pages."""
    return f"{size / 1e6:.1f} MB" if size < 1e7 else f"{size / 1e6:.0f} MB"


class Progress:
    """Where a pull says what it does. console: rich's; stderr if not given."""

    def __init__(self, console: Console | None = None) -> None:
        if console is None:
            from rich.console import Console

            console = Console(stderr=True)
        self._console = console

    def say(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    @contextmanager
    def bar(self, label: str, total: int) -> Generator[Callable[[int], None]]:
        """A bar of `total` bytes, for as long as the context; gives the function to tell how many have come."""
        if not self._console.is_terminal:
            self.say(f"{label}: {megabytes(total)}")
            yield lambda done: None
            return
        from rich import progress

        columns = (
            progress.TextColumn("{task.description}", markup=False),
            progress.BarColumn(),
            progress.DownloadColumn(),
            progress.TransferSpeedColumn(),
            progress.TimeRemainingColumn(compact=True),
        )
        with progress.Progress(*columns, console=self._console, transient=True) as bars:
            task = bars.add_task(label, total=total)
            yield lambda done: bars.update(task, completed=done)


class Silent(Progress):
    """For programs."""

    def __init__(self) -> None:
        pass

    def say(self, line: str) -> None:
        pass

    @contextmanager
    def bar(self, label: str, total: int) -> Generator[Callable[[int], None]]:
        yield lambda done: None
