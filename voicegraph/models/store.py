"""Keeps models on disk: `ROOT/NAME/FILE`, verified by SHA-256, put in place whole or not at all.

What was verified is recorded in `ROOT/NAME/.verified.json` with the file's size and time of change, so that loading a
model costs a `stat` and not a hundred megabytes of hashing; a file that changed since is hashed again. Downloads are
put together in `ROOT/.partial/NAME` and outlive a broken connection. One process at a time fetches a model.
"""

from __future__ import annotations

import difflib
import errno
import hashlib
import json
import os
import shutil
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from enum import Enum
from functools import partial as bind
from importlib import import_module
from pathlib import Path
from typing import TypedDict

from voicegraph.errors import ModelError
from voicegraph.models.manifest import Derived, File, Model
from voicegraph.models.progress import Progress, Silent, megabytes

RECORD = ".verified.json"
SPARE = 16_000_000
"""Bytes that must be free beyond what a pull writes."""


class State(Enum):
    """How a model is on this machine."""

    READY = "ready"
    ABSENT = "absent"
    CORRUPT = "corrupt"


class Seen(TypedDict):
    """What a file was when its checksum was last verified."""

    sha256: str
    size: int
    mtime_ns: int


class Store:
    """The models of a manifest in one directory. See `voicegraph.models`, which uses the user's."""

    def __init__(self, root: Path, models: Mapping[str, Model]) -> None:
        self._root = root
        self._models = models

    def path(self, name_or_path: str | Path) -> Path:
        """What a node loads. Raises ModelError. May take seconds once, to make a derived file."""
        model = self._model(name_or_path)
        if model is None:
            return Path(name_or_path).expanduser()
        match self.state(model.name):
            case State.ABSENT:
                raise ModelError(
                    f"the model {model.name} is not on this machine ({megabytes(model.download)} to fetch). "
                    f"Run: voicegraph models pull {model.name}"
                )
            case State.CORRUPT:
                raise ModelError(
                    f"the model {model.name} is corrupt: {self._root / model.name} is not what it should be. "
                    f"Fetch it again with: voicegraph models pull {model.name}"
                )
            case State.READY:
                return self._derived(model) or self._root / model.name / model.entry

    def missing(self, names: Iterable[str | Path]) -> list[Model]:
        """Those that are absent or corrupt, each once, in the order asked for."""
        found = {model.name: model for model in map(self._model, names) if model}
        return [model for model in found.values() if self.state(model.name) is not State.READY]

    def state(self, name: str, *, verify: bool = False) -> State:
        """verify: hash every byte rather than trust the record."""
        model = self._known(name)
        states = {self._file_state(model, file, verify) for file in model.files}
        return next((state for state in (State.CORRUPT, State.ABSENT) if state in states), State.READY)

    def pull(self, names: Iterable[str | Path], *, offline: bool = False, progress: Progress | None = None) -> None:
        """Fetches what is missing of them (paths that exist never are); raises ModelError."""
        models = [model for model in map(self._model, names) if model]
        lacking = self.missing(model.name for model in models)
        if lacking and offline:
            corrupt = {model for model in lacking if self.state(model.name) is State.CORRUPT}
            told = ", ".join(model.name + (" (corrupt)" if model in corrupt else "") for model in lacking)
            raise ModelError(
                f"not on this machine: {told}, and fetching is off. With a network, run: "
                f"voicegraph models pull {' '.join(model.name for model in lacking)}"
            )
        tell = progress or Progress()
        for model in lacking:
            with self._disk(), self._locked(model, tell):
                self._fetch(model, tell)
        for model in models:
            self._derived(model, tell)

    # --- looking ---------------------------------------------------------------------------------------------------

    def _model(self, name_or_path: str | Path) -> Model | None:
        """The model of that name, or None for a path that exists."""
        if isinstance(name_or_path, str) and name_or_path in self._models:
            return self._models[name_or_path]
        if Path(name_or_path).expanduser().exists():
            return None
        return self._known(str(name_or_path))

    def _known(self, name: str) -> Model:
        if name in self._models:
            return self._models[name]
        near = difflib.get_close_matches(name, self._models, n=1, cutoff=0.4)
        hint = f"did you mean `{near[0]}`?" if near else f"the models known by name are {', '.join(self._models)}."
        raise ModelError(f"no model and no file `{name}`: {hint}")

    def _file_state(self, model: Model, file: File, verify: bool = False) -> State:
        where = self._root / model.name / file.name
        try:
            stat = where.stat()
        except OSError:
            return State.ABSENT
        if stat.st_size != file.size:
            return State.CORRUPT
        if not verify and self._record(model).get(file.name) == _seen(file.sha256, stat):
            return State.READY
        if _sha256(where) != file.sha256:
            return State.CORRUPT
        self._remember(model, file.name, file.sha256)
        return State.READY

    def _record(self, model: Model) -> dict[str, Seen]:
        try:
            record: dict[str, Seen] = json.loads((self._root / model.name / RECORD).read_bytes())
        except (OSError, ValueError):
            return {}
        return record

    def _remember(self, model: Model, name: str, sha256: str) -> None:
        """Records a file as verified. A store that cannot be written to still works, only slower."""
        directory = self._root / model.name
        record = self._record(model) | {name: _seen(sha256, (directory / name).stat())}
        draft = directory / f"{RECORD}.{os.getpid()}"
        try:
            draft.write_text(json.dumps(record, indent=1))
            draft.replace(directory / RECORD)
        except OSError:
            draft.unlink(missing_ok=True)

    # --- fetching --------------------------------------------------------------------------------------------------

    def _fetch(self, model: Model, tell: Progress) -> None:
        """Tries the sources in order. Under the lock, so another process may have done it all by now."""
        from voicegraph.models import sources

        lacking = [file for file in model.files if self._file_state(model, file) is not State.READY]
        if not lacking:
            return
        scratch = self._root / ".partial" / model.name
        scratch.mkdir(parents=True, exist_ok=True)
        self._check_room(model, lacking)
        why: list[str] = []
        for source in model.sources:
            tell.say(f"{model.name}: from {source}")
            try:
                with tell.bar(model.name, model.download if source is model.sources[0] else model.size) as advance:
                    sources.fetch(source, lacking, scratch, advance)
                self._accept(model, lacking, scratch)
            except sources.SourceFailed as failed:
                why.append(f"{source}: {failed}")
                tell.say(f"{model.name}: {failed}")
            else:
                shutil.rmtree(scratch, ignore_errors=True)
                tell.say(f"{model.name}: verified")
                return
        raise ModelError(f"the model {model.name} could not be fetched:\n" + "\n".join(f"  - {line}" for line in why))

    def _accept(self, model: Model, files: list[File], scratch: Path) -> None:
        """Verifies what came, all of it before any of it is put in place."""
        from voicegraph.models import sources

        came = {file: sources.partial(scratch, file) for file in files}
        for file, part in came.items():
            if _sha256(part) != file.sha256:
                part.unlink()
                raise sources.SourceFailed(f"{file.name} has the wrong checksum and was thrown away")
        directory = self._root / model.name
        directory.mkdir(exist_ok=True)
        for file, part in came.items():
            part.replace(directory / file.name)
            self._remember(model, file.name, file.sha256)

    def _check_room(self, model: Model, files: list[File]) -> None:
        need = model.download + sum(file.size for file in files) + SPARE
        free = shutil.disk_usage(self._root).free
        if free < need:
            raise ModelError(
                f"no room for {model.name}: it needs {megabytes(need)}, and {self._root} has {megabytes(free)} free. "
                "Make room, or name another directory in VOICEGRAPH_MODELS."
            )

    def _derived(self, model: Model, tell: Progress | None = None) -> Path | None:
        """The derived file, made now if it is not there; None where there is none or it cannot be made."""
        if not (derived := model.derived):
            return None
        where = self._root / model.name / derived.name
        if not self._is_made(model, derived):
            try:
                with self._locked(model, tell or Silent()):
                    if not self._is_made(model, derived):
                        (tell or Silent()).say(f"{model.name}: making {derived.name}")
                        self._make(model, derived)
            except (ImportError, OSError):  # the original does the same, only slower
                return None
        return where

    def _is_made(self, model: Model, derived: Derived) -> bool:
        try:
            stat = (self._root / model.name / derived.name).stat()
        except OSError:
            return False
        record = self._record(model).get(derived.name)
        return record is not None and record == _seen(record["sha256"], stat)

    def _make(self, model: Model, derived: Derived) -> None:
        module, function = derived.make.split(":")
        make = getattr(import_module(module), function)
        directory = self._root / model.name
        draft = directory / f".{derived.name}"
        try:
            make(directory / derived.original, draft)
            draft.replace(directory / derived.name)
        finally:
            draft.unlink(missing_ok=True)
        self._remember(model, derived.name, _sha256(directory / derived.name))

    @contextmanager
    def _locked(self, model: Model, tell: Progress) -> Generator[None]:
        from filelock import FileLock, Timeout

        locks = self._root / ".locks"
        locks.mkdir(parents=True, exist_ok=True)
        lock = FileLock(locks / f"{model.name}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            tell.say(f"{model.name}: another process is at it; waiting")
            lock.acquire()
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def _disk(self) -> Generator[None]:
        """Turns trouble with the disk into words."""
        try:
            yield
        except OSError as error:
            full = error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
            what = "the disk is full" if full else f"cannot be written to ({error.strerror or error})"
            raise ModelError(
                f"{self._root}: {what}. Name a directory with room that you may write to in VOICEGRAPH_MODELS."
            ) from error


def _seen(sha256: str, stat: os.stat_result) -> Seen:
    return {"sha256": sha256, "size": stat.st_size, "mtime_ns": stat.st_mtime_ns}


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        for block in iter(bind(stream.read, 1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()
