"""The model store: models by name, fetched once, verified, kept in the user's cache directory.

    models.path("silero-vad")          what a node loads: a file or a directory; ModelError says how to get it
    models.missing(names)              those that must be pulled first
    models.pull(names)                 fetches them

Environment: `VOICEGRAPH_MODELS` is another directory to keep them in; `VOICEGRAPH_OFFLINE=1` forbids fetching.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from voicegraph.models.manifest import MANIFEST, File, Model
from voicegraph.models.progress import Progress, Silent, megabytes
from voicegraph.models.store import State, Store

__all__ = [
    "File",
    "Model",
    "Progress",
    "Silent",
    "State",
    "Store",
    "fetching_is_off",
    "manifest",
    "megabytes",
    "missing",
    "path",
    "pull",
    "root",
    "state",
]


def root() -> Path:
    """The directory that models are kept in."""
    if given := os.environ.get("VOICEGRAPH_MODELS"):
        return Path(given).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("voicegraph", appauthor=False)) / "models"


def manifest() -> Mapping[str, Model]:
    """Every model known by name."""
    return MANIFEST


def path(name_or_path: str | Path) -> Path:
    """What a node loads: for a model's name its file or directory in the store, for a path that exists the path.

    A name wins over a path of the same spelling: write `./silero-vad` for a file of your own. Raises ModelError, which
    tells the command to run.
    """
    return _store().path(name_or_path)


def missing(names: Iterable[str | Path]) -> list[Model]:
    """Those models that are not here whole. Paths that exist are never missing; raises ModelError for others."""
    return _store().missing(names)


def pull(names: Iterable[str | Path], *, offline: bool | None = None, progress: Progress | None = None) -> None:
    """Fetches what is missing of these models. Raises ModelError.

    offline: refuse if anything is missing; by default as `VOICEGRAPH_OFFLINE` says.
    """
    store = _store()
    refuse = fetching_is_off() if offline is None else offline
    store.pull(names, offline=refuse, progress=progress)


def state(name: str, *, verify: bool = False) -> State:
    """Whether a model is here. verify: read every byte of it rather than trust what was recorded."""
    return _store().state(name, verify=verify)


def _store() -> Store:
    return Store(root(), MANIFEST)


def fetching_is_off() -> bool:
    """Whether `VOICEGRAPH_OFFLINE` forbids fetching."""
    return os.environ.get("VOICEGRAPH_OFFLINE", "").lower() not in ("", "0", "false", "no")
