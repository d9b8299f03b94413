"""What the processes of one server (`--workers`) tell each other: how they are, and frames of a call.

Each listens on a socket in the folder that they share, which only their user may enter. A question is a line of JSON;
what comes back ends with the connection.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any

import msgspec
from loguru import logger

WITHIN = 1.0
"""Seconds that a process has for an answer. One that is too busy is left out."""
LONGEST = 1 << 16

Question = dict[str, Any]


class Peers:
    """folder: that is shared. answer: to a question of another process. pid: this process's."""

    def __init__(
        self, folder: Path, answer: Callable[[Question], AsyncGenerator[bytes]], pid: int | None = None
    ) -> None:
        self._own = folder / f"{pid or os.getpid()}.sock"
        self._folder = folder
        self._answer = answer
        self._server: asyncio.Server | None = None
        self._answering: set[asyncio.Task[Any]] = set()

    async def start(self) -> None:
        """A process that cannot listen is not seen by the others."""
        try:
            self._server = await asyncio.start_unix_server(self._serve, self._own, limit=LONGEST)
            self._own.chmod(0o600)  # should the folder be open to others
        except (OSError, AttributeError, NotImplementedError) as error:  # a path that is too long, or no such sockets
            logger.warning("this process is not shown by the others: {}", error)

    async def stop(self) -> None:
        if self._server is None:
            return
        self._server.close()
        for task in self._answering:
            task.cancel()
        with suppress(FileNotFoundError):
            self._own.unlink()

    async def ask_all(self, question: Question) -> list[bytes]:
        """What the others answer, in time."""
        others = [path for path in self._folder.glob("*.sock") if path != self._own]
        answers = await asyncio.gather(*(self._ask(path, question) for path in others))
        return [answer for answer in answers if answer is not None]

    async def stream(self, pid: int, question: Question) -> AsyncGenerator[bytes]:
        """What one of them answers, piece by piece. Raises OSError if it is gone."""
        reader, writer = await asyncio.open_unix_connection(self._folder / f"{pid}.sock")
        try:
            writer.write(msgspec.json.encode(question) + b"\n")
            while piece := await reader.read(LONGEST):
                yield piece
        finally:
            writer.close()

    async def _ask(self, path: Path, question: Question) -> bytes | None:
        try:
            async with asyncio.timeout(WITHIN), aclosing(self.stream(int(path.stem), question)) as pieces:
                return b"".join([piece async for piece in pieces])
        except (OSError, TimeoutError, ValueError):
            return None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._answering.add(task)
        try:
            question = msgspec.json.decode(await reader.readline(), type=Question)
            await until_either(self._write(question, writer), reader.read())  # nothing more comes: the other is gone
        except (OSError, ValueError):
            pass
        finally:
            self._answering.discard(task)
            writer.close()

    async def _write(self, question: Question, writer: asyncio.StreamWriter) -> None:
        async with aclosing(self._answer(question)) as pieces:
            async for piece in pieces:
                writer.write(piece)
                await writer.drain()


async def until_either(work: Coroutine[Any, Any, None], left: Coroutine[Any, Any, Any]) -> None:
    """Does some work, unless whoever it is for leaves before it is done. Raises what the work raises."""
    working, leaving = asyncio.create_task(work), asyncio.create_task(left)
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
    finally:
        over = working.done()
        working.cancel()
        leaving.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)
    if over:
        working.result()
