"""Phrases whose sound is kept: rendered once per voice, and said again without asking anybody.

    store = phrases.of_user()
    await store.load(plan)                 # when the process warms up
    Session(plan, phrases=store)           # finds, and keeps what is new

Environment: `VOICEGRAPH_PHRASES` is another directory to keep them in.
"""

from __future__ import annotations

import os
from pathlib import Path

from voicegraph.phrases.folder import Folder
from voicegraph.phrases.key import Keys
from voicegraph.phrases.rendering import render, voices_of
from voicegraph.phrases.store import PhraseStore

__all__ = ["Folder", "Keys", "PhraseStore", "in_memory", "of_user", "render", "root", "voices_of"]


def root() -> Path:
    """The directory that phrases are kept in."""
    if given := os.environ.get("VOICEGRAPH_PHRASES"):
        return Path(given).expanduser()
    import platformdirs

    return Path(platformdirs.user_cache_dir("voicegraph", appauthor=False)) / "phrases"


def of_user() -> PhraseStore:
    """A store in that directory: one per process, for all its calls."""
    return PhraseStore(Folder(root()))


def in_memory() -> PhraseStore:
    """A store that is gone with the process: for sound that is not to be mistaken for the real one."""
    return PhraseStore(None)
