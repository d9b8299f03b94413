"""Sound files: any WAV in, as mono PCM16 at a wanted rate; mono PCM16 WAVs out, whole or not at all.

A plain file (PCM16, mono, already at the wanted rate) needs only the standard library. Other widths, channel counts
and codecs need soundfile, other rates numpy: both come with the extra `audio`.
"""

from __future__ import annotations

import importlib
import io
import os
import wave
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from voicegraph.errors import AudioError

RATES = range(1_000, 384_001)
"""Sample rates that a sound file may have; anything else is a damaged header."""
UNKNOWN_LENGTH = 0x7FFF0000
"""A length from here on in a header means "up to the end": that is how programs write WAVs into a pipe."""
BLOCK = 65_536
"""Samples decoded at a time, over all channels."""


def read_wav(path: str | Path, rate: int) -> bytes:
    """The sound of a WAV file as mono PCM16 at `rate`. Channels are averaged. Raises AudioError."""
    with _opened(path) as file:
        plain = _plain(file, rate)
        sound = b"".join([plain] if plain is not None else _decoded(file, path, rate))
    if not sound:
        raise AudioError(f"{path} holds no sound: its header is there, but not one sample. Record it again.")
    return sound


def check_readable(path: str | Path) -> None:
    """Raises the AudioError that a missing, truncated or foreign file would give, without decoding it."""
    with _opened(path):
        pass


def write_wav(path: str | Path, pcm: bytes, rate: int) -> None:
    """Writes mono PCM16: into a file beside the target first, so that the target is whole or untouched."""
    target = Path(path).resolve()
    data = io.BytesIO()
    with wave.open(data, "wb") as writer:
        writer.setparams((1, 2, rate, len(pcm) // 2, "NONE", "not compressed"))
        writer.writeframesraw(pcm)
    try:
        if _is_device(target):
            target.write_bytes(data.getbuffer())
            return
        part = _part(target)
        try:
            part.write_bytes(data.getbuffer())
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(path, error) from error


def check_writable(path: str | Path) -> None:
    """Raises the AudioError that `write_wav` would give, before there is anything to write."""
    target = Path(path).resolve()
    try:
        if target.is_dir():
            raise AudioError(f"{path} is a directory: name a file in it, such as {Path(path) / 'reply.wav'}")
        if not target.parent.is_dir():
            raise AudioError(f"cannot write {path}: there is no directory {target.parent}. Create it first.")
        if not _is_device(target):
            part = _part(target)
            part.touch(exist_ok=False)
            part.unlink()
    except OSError as error:
        raise _unwritable(path, error) from error


def _part(target: Path) -> Path:
    return target.with_name(f".{target.name}.{os.getpid()}.part")


def _is_device(target: Path) -> bool:
    """/dev/null and its like are written to, never replaced."""
    return target.exists() and not target.is_file()


def _unwritable(path: str | Path, error: OSError) -> AudioError:
    return AudioError(f"cannot write {path}: {error.strerror or error}. Choose another place for the output.")


@contextmanager
def _opened(path: str | Path) -> Generator[BinaryIO]:
    """The file, at its beginning, after a check that it is a WAV and all there."""
    source = Path(path)
    try:
        if source.is_dir():
            raise AudioError(f"{path} is a directory: name a WAV file in it")
        if source.exists() and not source.is_file():
            raise AudioError(f"{path} is a pipe or a device: save the sound to a WAV file first")
        with source.open("rb") as file:
            _check_whole(file, path)
            yield file
    except FileNotFoundError:
        here = "" if source.is_absolute() else f" in {Path.cwd()}"
        raise AudioError(f"there is no file {path}{here}: give the path of a WAV file") from None
    except OSError as error:
        raise AudioError(f"cannot read {path}: {error.strerror or error}") from error


def _check_whole(file: BinaryIO, path: str | Path) -> None:
    head = file.read(12)
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    if not head:
        raise AudioError(f"{path} is empty (0 bytes): give a WAV file with sound in it")
    if head[:4] not in (b"RIFF", b"RF64") or head[8:] != b"WAVE":
        raise AudioError(f"{path} is not a WAV file: convert it first, for example with `ffmpeg -i {path} sound.wav`")
    claimed = int.from_bytes(head[4:8], "little") + 8
    if size + 1 < claimed < UNKNOWN_LENGTH:
        raise AudioError(
            f"{path} is cut short: {size} of {claimed} bytes are there. Copy it again, or repair it with "
            f"`ffmpeg -i {path} sound.wav`."
        )


def _plain(file: BinaryIO, rate: int) -> bytes | None:
    """The samples if they need no conversion, else None."""
    try:
        with wave.open(file) as reader:
            plain = (reader.getnchannels(), reader.getsampwidth(), reader.getframerate()) == (1, 2, rate)
            there = os.fstat(file.fileno()).st_size  # a header may claim gigabytes
            sound = reader.readframes(min(reader.getnframes(), there)) if plain else None
    except (wave.Error, EOFError, RuntimeError):  # another codec, or damage: for soundfile to tell
        sound = None
    return sound and sound[: len(sound) & ~1]


def _decoded(file: BinaryIO, path: str | Path, rate: int) -> Iterator[bytes]:
    """The samples in blocks, mixed to mono and resampled."""
    try:
        import numpy as np

        soundfile: Any = importlib.import_module("soundfile")  # it has no type stubs
        from voicegraph.audio.resample import Resampler
    except ImportError as error:
        raise AudioError(
            f"{path} is not 16-bit mono at {rate} Hz, and converting it needs packages that are not installed: "
            "pip install 'voicegraph[audio]'"
        ) from error
    file.seek(0)
    try:
        with soundfile.SoundFile(file) as sound:
            if sound.samplerate not in RATES:
                raise AudioError(f"{path} says it has {sound.samplerate} samples per second: its header is damaged")
            stream = Resampler(sound.samplerate, rate)
            count = 1 + BLOCK // sound.channels
            while len(block := sound.read(count, dtype="float32", always_2d=True)):
                mono = np.nan_to_num(block).mean(axis=1, dtype=np.float64) * 32_768
                yield stream.feed(np.clip(np.rint(mono), -32_768, 32_767).astype("<i2").tobytes())
            yield stream.flush()
    except soundfile.SoundFileError as error:
        raise AudioError(f"cannot read {path} as a WAV file: {getattr(error, 'error_string', error)}") from error
