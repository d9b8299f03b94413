"""A graph whose files change while it is served: new calls get the new one, if it is in order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from loguru import logger

from voicegraph.engine.offload import offload
from voicegraph.errors import VoicegraphError, fault
from voicegraph.graph.imports import forget
from voicegraph.graph.plan import Plan
from voicegraph.graph.source import noting_files

if TYPE_CHECKING:
    from voicegraph.serve.app import App

EVERY = 0.25
"""Seconds from one look to the next. Files are loaded when two looks find them alike: editors write in steps."""

Stamps = dict[Path, tuple[int, int] | None]


class Watch:
    """Of the files that a graph was read from. load: reads it anew. tell: is given the mistakes of one that is wrong.

    files: what the graph that is served was read from; those that could not be found are watched, too.
    """

    def __init__(self, files: set[Path], load: Callable[[], Plan], tell: Callable[[VoicegraphError], None]) -> None:
        self._files = files
        self._load = load
        self._tell = tell
        self._loaded = self._seen = _stamps(files)

    async def run(self, app: App) -> None:
        """Looks for ever."""
        while True:
            await asyncio.sleep(EVERY)
            await self.look(app)

    async def look(self, app: App) -> None:
        """Once. Replaces the app's plan if the files have changed and are in order."""
        before, self._seen = self._seen, await offload(_stamps, self._files)
        if self._seen == self._loaded or self._seen != before:
            return
        read = self._seen
        changed = {path for path, stamp in read.items() if stamp != self._loaded.get(path)}
        try:
            plan = await offload(self._read, changed)
            await app.replace(plan)
        except Exception as error:  # noqa: BLE001 - a node's fault, or a file's: it ends neither calls nor the watch
            self._tell(fault(error))
            logger.warning("the graph has mistakes: calls go on with the one before")
        else:
            logger.info("{} was changed: new calls are served by it", plan.name)
        self._seen = await offload(_stamps, self._files)
        self._loaded = {**self._seen, **read}  # what was written meanwhile is read at the next look

    def _read(self, changed: set[Path]) -> Plan:
        forget(changed)
        with noting_files() as files:
            try:
                return self._load()
            finally:
                self._files = self._files | files


def _stamps(files: set[Path]) -> Stamps:
    """When each was last written, and how long it is; None for one that is not there."""
    stamps: Stamps = {}
    for path in files:
        try:
            found = path.stat()
        except (OSError, ValueError):
            stamps[path] = None
        else:
            stamps[path] = (found.st_mtime_ns, found.st_size)
    return stamps
