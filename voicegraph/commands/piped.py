"""Standard output whose reader may go away, as in `voicegraph run ... | head`."""

from __future__ import annotations

import asyncio
import signal

from rich.console import Console


class PipedConsole(Console):
    """Ends the program when its reader has gone: a call as Ctrl-C would, in good order, with its reply kept."""

    def on_broken_pipe(self) -> None:
        try:
            super().on_broken_pipe()  # what is written from now on goes nowhere
        except SystemExit:
            if not _in_a_loop():
                raise
            signal.raise_signal(signal.SIGINT)  # an exit inside a task would tear the loop


def _in_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
