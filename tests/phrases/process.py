"""What other processes do to a folder of phrases: `python -m tests.phrases.process WHAT ROOT ...`."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

from tests.phrases.voices import sound, voice
from voicegraph.engine.phrases import Piece
from voicegraph.phrases import Folder, Keys, PhraseStore

LIMIT = 40_000
KEYS = [f"{number:064x}" for number in range(12)]


def right(key: str) -> tuple[Piece, ...]:
    """The sound that belongs to a key."""
    return sound(4_000 + int(key, 16), key)


def crowd(root: Path, seed: str) -> None:
    """Writes and reads at random. Whatever is read is whole and right."""
    folder, random = Folder(root, LIMIT), Random(int(seed))
    hits = 0
    for _ in range(400):
        key = random.choice(KEYS)
        if random.random() < 0.5:
            folder.write(key, right(key))
        else:
            found = folder.read(key)
            assert found in (None, right(key))
            hits += found is not None
    assert hits


def crash(root: Path) -> None:
    """Dies when a phrase is written and not yet in place."""
    Path.replace = lambda *_: os._exit(9)  # type: ignore[method-assign]
    Folder(root).write(KEYS[0], right(KEYS[0]))


def full(root: Path) -> None:
    """No file may be longer than 10 kB: what is longer fails in the middle of its writing."""
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))

    async def call(store: PhraseStore) -> Sequence[Piece] | None:
        store.keep(voice(), "short", sound(5_000))
        store.keep(voice(), "long", sound(50_000))
        store.close()
        return await store.find(voice(), "long")

    store = PhraseStore(Folder(root))
    assert asyncio.run(call(store)) == sound(50_000)
    sys.stdout.write(str(store.trouble))


def key(root: Path) -> None:
    """Tells a key."""
    config: dict[str, Any] = {"tags": ["b", "a", "c"], "extra": {"y": [1, {"z": None}], "x": 2}}
    sys.stdout.write(Keys().of(voice(**config), "Hello there."))


if __name__ == "__main__":
    what, root, *more = sys.argv[1:]
    tasks: dict[str, Callable[..., None]] = {"crowd": crowd, "crash": crash, "full": full, "key": key}
    tasks[what](Path(root), *more)
