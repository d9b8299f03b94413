"""The emulator of OpenAI for a test, quick and with the faults that the test wants."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import pytest

from voicegraph.emulators.exchange import Exchange
from voicegraph.emulators.faults import AnyFault, Faults
from voicegraph.emulators.scripted import Latencies, Script, scripted
from voicegraph.emulators.server import Emulators, in_thread

AT_ONCE = Latencies(transcript=0.0, first_token=0.0, token=0.0, first_sound=0.0, sound=0.0)


class Emulated:
    """A running emulator, to which the environment points."""

    def __init__(self, emulators: Emulators, ended: queue.Queue[Exchange]) -> None:
        self.emulators = emulators
        self.url = emulators.environment["OPENAI_BASE_URL"]
        self._ended = ended

    async def asked(self) -> None:
        """Returns once there was a request."""
        while not self.emulators.exchanges:  # noqa: ASYNC110 - they are another thread's
            await asyncio.sleep(0)

    def next_ended(self) -> Exchange:
        """The next exchange that is over. Waits for it."""
        return self._ended.get(timeout=5)


@contextmanager
def emulated(*faults: AnyFault, latency: Latencies = AT_ONCE, **script: Any) -> Generator[Emulated]:
    """script: fields of Script."""
    ended: queue.Queue[Exchange] = queue.Queue()
    backend = scripted(Script(latency=latency, **script))
    with (
        in_thread(["openai"], backend=backend, faults=Faults(faults), ended=ended.put) as emulators,
        pytest.MonkeyPatch.context() as environment,
    ):
        for name, value in emulators.environment.items():
            environment.setenv(name, value)
        yield Emulated(emulators, ended)
