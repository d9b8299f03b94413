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
    """wav, transcript: where to. Only their owner may read them. A disk that fails is logged once."""

    def __init__(self, wav: Path, transcript: Path) -> None:
        self._wav_path, self._transcript_path = wav, transcript
        self._wav: IO[bytes] | None = None
        self._transcript: IO[bytes] | None = None
        self._size = 0
        self._failed = False

    def open(self) -> None:
        self._later(self._open)

    def add(self, line: dict[str, Any]) -> None:
        """One line of the transcript."""
        self._later(lambda: self._add(msgspec.json.encode(line) + b"\n"))

    def sound(self, rate: int, pcm: bytes) -> None:
        """More of both sides."""
        self._later(lambda: self._sound(rate, pcm))

    async def close(self) -> None:
        """Waits until all is written."""
        await asyncio.get_running_loop().run_in_executor(_threads(), self._attempt, self._close)

    # --- in the thread -----------------------------------------------------------------------------------------------

    def _later(self, work: Callable[[], None]) -> None:
        _threads().submit(self._attempt, work)

    def _attempt(self, work: Callable[[], None]) -> None:
        if self._failed:
            return
        try:
            work()
        except OSError as error:
            self._failed = True
            logger.error("{} cannot be written: {}. The call goes on without.", self._wav_path, error.strerror or error)

    def _open(self) -> None:
        self._wav, self._transcript = _private(self._wav_path), _private(self._transcript_path)

    def _add(self, line: bytes) -> None:
        if self._transcript is not None:
            self._transcript.write(line)
            self._transcript.flush()

    def _sound(self, rate: int, pcm: bytes) -> None:
        """Appends, and says in the header how long it is now."""
        if self._wav is None:
            return
        self._wav.seek(HEADER + self._size)
        self._wav.write(pcm)
        self._size = min(self._size + len(pcm), LONGEST)
        self._wav.seek(0)
        self._wav.write(_header(rate, self._size))
        self._wav.flush()

    def _close(self) -> None:
        for file in (self._wav, self._transcript):
            if file is not None:
                file.close()


def _private(path: Path) -> IO[bytes]:
    return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o600), "w+b")


def _header(rate: int, size: int) -> bytes:
    """Of a WAV file of PCM16: RIFF, one `fmt ` chunk, one `data` chunk (Microsoft, "Multimedia Programming", 1991)."""
    width = 2 * CHANNELS
    sound = struct.pack("<4sIHHIIHH4sI", b"fmt ", 16, 1, CHANNELS, rate, rate * width, width, 16, b"data", size)
    return struct.pack("<4sI4s", b"RIFF", HEADER - 8 + size, b"WAVE") + sound
