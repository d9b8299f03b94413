"""The files of a recording, written by a thread, so that a slow disk is not heard."""

from __future__ import annotations

import asyncio
import os
import struct
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, Any

import msgspec
from loguru import logger

from voicegraph.shared import shared

CHANNELS = 2
HEADER = 44
LONGEST = 0xFFFFFFFF - HEADER
"""Bytes of sound that a WAV file can tell of."""


def _threads() -> ThreadPoolExecutor:
    """One thread for all recordings of the process: what it is given is done in order."""
    return shared("voicegraph.recordings", lambda: ThreadPoolExecutor(1, thread_name_prefix="voicegraph-recording"))


class Files:
    """wav, transcript: where to. Only their owner may read them. A disk that fails ends the file that it fails."""

    def __init__(self, wav: Path, transcript: Path) -> None:
        self._wav, self._transcript = _Kept(wav), _Kept(transcript)
        self._size = 0

    def open(self) -> None:
        for kept in (self._wav, self._transcript):
            self._later(kept, lambda file: None)

    def add(self, line: dict[str, Any]) -> None:
        """One line of the transcript."""
        told = msgspec.json.encode(line) + b"\n"
        self._later(self._transcript, lambda file: file.write(told))

    def sound(self, rate: int, pcm: bytes) -> None:
        """More of both sides."""
        self._later(self._wav, lambda file: self._append(file, rate, pcm))

    async def close(self) -> None:
        """Waits until all is written."""
        loop = asyncio.get_running_loop()
        for kept in (self._wav, self._transcript):
            await loop.run_in_executor(_threads(), kept.close)

    def _later(self, kept: _Kept, work: Callable[[IO[bytes]], object]) -> None:
        _threads().submit(kept.do, work)

    def _append(self, file: IO[bytes], rate: int, pcm: bytes) -> None:
        """In the thread: the sound, and then how long it is now. So the header never tells of more than there is."""
        file.seek(HEADER + self._size)
        file.write(pcm)
        file.flush()
        self._size = min(self._size + len(pcm), LONGEST)
        file.seek(0)
        file.write(_header(rate, self._size))


class _Kept:
    """One of the files, in the thread. When the disk fails it, that is logged once, and the call goes on without."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = None
        self._failed = False

    def do(self, work: Callable[[IO[bytes]], object]) -> None:
        if self._failed:
            return
        try:
            if self._file is None:
                self._file = _private(self._path)
            work(self._file)
            self._file.flush()
        except OSError as error:
            self._fail(error)

    def close(self) -> None:
        file, self._file = self._file, None
        try:
            if file is not None:
                file.close()
        except OSError as error:
            self._fail(error)

    def _fail(self, error: OSError) -> None:
        if not self._failed:
            logger.error("{} cannot be written: {}. The call goes on without.", self._path, error.strerror or error)
        self._failed = True
        self.close()


def _private(path: Path) -> IO[bytes]:
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o600), "w+b")


def _header(rate: int, size: int) -> bytes:
    """Of a WAV file of PCM16: RIFF, one `fmt ` chunk, one `data` chunk (Microsoft, "Multimedia Programming", 1991)."""
    width = 2 * CHANNELS
    sound = struct.pack("<4sIHHIIHH4sI", b"fmt ", 16, 1, CHANNELS, rate, rate * width, width, 16, b"data", size)
    return struct.pack("<4sI4s", b"RIFF", HEADER - 8 + size, b"WAVE") + sound
