"""Phrases on disk: `ROOT/KEY.phrase`, put in place whole, verified when read, the least recently used given up first.

Any number of processes may share a folder, without locks. A file is written under a name of its own and renamed, so
that who reads sees all of it or none; two who write the same phrase put the same thing there. What is not as it should
be, for whatever reason, is deleted, and the phrase rendered anew.

Nothing is synced to the disk: after a loss of power a renamed file may be empty or cut short, and its checksum tells.
Waiting for the disk would cost every new phrase tens of milliseconds, and save one rendering after a loss of power.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from voicegraph.engine.phrases import Piece

MAGIC = b"voicegraph phrase 1\n"
"""Begins a file. Then the SHA-256 of key and body, and the body: a msgpack array of [pcm, rate, text]."""

HEAD = len(MAGIC) + hashlib.sha256().digest_size
LIMIT = 256_000_000
"""Bytes: 90 minutes of sound at 24 kHz."""
STEP = 32
"""A look at all files (20 ms for 2500) is due when this part of the limit has been written, and makes room for it. So
one process keeps to the limit, and each further one may be over it by such a part for a while."""
FORGOTTEN = 3_600 * 10**9
"""Nanoseconds after which an unfinished file is of a process that died over it."""

_KEPT = re.compile(r"[0-9a-f]{64}\.phrase")
_UNFINISHED = re.compile(r"[0-9a-f]{64}\..*\.part")

_decoder = msgspec.msgpack.Decoder(tuple[Piece, ...])


class Folder:
    """Blocking. Its methods raise OSError where the disk refuses. limit: bytes of all phrases."""

    def __init__(self, root: Path, limit: int = LIMIT) -> None:
        self.root = root
        self.limit = limit
        self._room = 0  # bytes that may be written before the next look

    def read(self, key: str) -> tuple[Piece, ...] | None:
        """A phrase's sound; None if it is not there, or was not what it should be. It counts as used now."""
        path = self._path(key)
        try:
            data = path.read_bytes() if path.stat().st_size <= self.limit else b""
        except FileNotFoundError:
            return None
        pieces = unseal(key, data)
        with suppress(OSError):  # a folder that may only be read serves as well
            if pieces is None:
                path.unlink()
            else:
                os.utime(path)
        return pieces

    def write(self, key: str, pieces: Sequence[Piece]) -> None:
        """Puts a phrase there, and makes room for it. One that alone is over the limit is not kept."""
        data = seal(key, pieces)
        if len(data) > self.limit:
            return
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._room < len(data):
            self._room = max(self.limit // STEP, len(data))
            self._keep_free(self._room)
        self._room -= len(data)
        with tempfile.NamedTemporaryFile(dir=self.root, prefix=f"{key}.", suffix=".part", delete=False) as draft:
            try:
                draft.write(data)
                draft.close()  # where it may turn out that the disk is full
                Path(draft.name).replace(self._path(key))
            except BaseException:
                _delete(Path(draft.name))
                raise

    def use(self, key: str, pieces: Sequence[Piece]) -> None:
        """A phrase was said from memory: it counts as used now, and is written if it is not there (any more)."""
        try:
            os.utime(self._path(key))
        except FileNotFoundError:
            self.write(key, pieces)

    def _path(self, key: str) -> Path:
        return self.root / f"{key}.phrase"

    def _keep_free(self, room: int) -> None:
        """Deletes the oldest until so much can be written, and what was begun long ago and never finished."""
        kept = sorted(self._files(_KEPT), reverse=True)
        newest = kept[0][0] if kept else 0  # by the clock of the disk, which need not be this machine's
        for _, size, path in kept:
            room += size
            if room > self.limit:
                _delete(path)
        for changed, _, path in self._files(_UNFINISHED):
            if changed < newest - FORGOTTEN:
                _delete(path)

    def _files(self, name: re.Pattern[str]) -> Iterator[tuple[int, int, Path]]:
        """When each was last used, in ns, its bytes, and its path. Other files in the folder are not ours to touch."""
        with os.scandir(self.root) as entries:
            for entry in entries:
                if name.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                    with suppress(FileNotFoundError):  # another process was quicker
                        stat = entry.stat(follow_symlinks=False)
                        yield stat.st_mtime_ns, stat.st_size, Path(entry.path)


def seal(key: str, pieces: Sequence[Piece]) -> bytes:
    """What a file of this phrase holds."""
    body = msgspec.msgpack.encode([tuple(piece) for piece in pieces])
    return MAGIC + _checksum(key, body) + body


def unseal(key: str, data: bytes) -> tuple[Piece, ...] | None:
    """The sound in a file; None if it is not what was written for this phrase."""
    body = data[HEAD:]
    if data[:HEAD] != MAGIC + _checksum(key, body):
        return None
    try:
        return _decoder.decode(body)
    except msgspec.DecodeError:  # somebody else's, with our checksum
        return None


def _checksum(key: str, body: bytes) -> bytes:
    return hashlib.sha256(key.encode() + body).digest()


def _delete(path: Path) -> None:
    with suppress(OSError):  # gone already, or in use where that matters: then the next who makes room will
        path.unlink()
