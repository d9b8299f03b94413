"""What a phrase's sound is kept under: everything that it depends on.

That is the text, and the voice: its node type, its configuration with defaults, the service that it asks, the model
files that it loads, and the rate of its sound. Never a key: voices of one name in two accounts count as one.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from voicegraph import models
from voicegraph.frames import TTSAudio
from voicegraph.graph.formats import given_rates
from voicegraph.graph.plan import PlannedNode
from voicegraph.node import NodeType

VERSION = 1
"""Of the keys and of what a file holds. Files of another version are nobody's, and go when they are the oldest."""

REMEMBERED = 256
"""Voices whose digest is not computed anew for each phrase."""


class Keys:
    """Makes keys. A voice is made once to see its configuration, and remembered."""

    def __init__(self) -> None:
        self._voices: dict[int, tuple[PlannedNode, str]] = {}  # by identity: a configuration has no hash

    def of(self, voice: PlannedNode, text: str) -> str:
        """64 hexadecimal digits. The text's white space counts as single spaces."""
        _, digest = self._voices.get(id(voice)) or self._remember(voice)
        return _sha256(f"{digest} {' '.join(text.split())}")

    def _remember(self, voice: PlannedNode) -> tuple[PlannedNode, str]:
        if len(self._voices) >= REMEMBERED:
            self._voices.clear()
        return self._voices.setdefault(id(voice), (voice, _sha256(canonical(_describe(voice)))))


def _describe(voice: PlannedNode) -> dict[str, Any]:
    kind, instance = voice.kind, voice.make()
    config = {each.name: getattr(instance, each.name) for each in kind.fields}
    if not config.get("base_url", True):
        config["base_url"] = _address(kind)
    return {
        "version": VERSION,
        "type": (kind.name, kind.module),  # graphs that import different files may give one name to two types
        "config": config,
        "models": [_model(name) for name in instance.models()] if hasattr(instance, "models") else [],
        "format": ("pcm_s16le mono", given_rates(kind, instance).get(TTSAudio)),
    }


def _address(kind: NodeType) -> list[str | None]:
    """Where a voice without a `base_url` leads: by convention `ACME_BASE_URL` stands beside the key `ACME_API_KEY`."""
    return [os.environ.get(name.removesuffix("_API_KEY") + "_BASE_URL") or None for name in kind.env]


def _model(name: str) -> Any:
    """A known model is the bytes that its name stands for; a file of the user's is what is there now."""
    if known := models.manifest().get(name):
        return [(file.name, file.sha256) for file in known.files]
    path = Path(name).expanduser().absolute()
    try:
        stat = path.stat()
    except OSError:  # told where the voice loads it
        return str(path)
    return str(path), stat.st_size, stat.st_mtime_ns


def canonical(value: object) -> str:
    """One text for equal values, in every process: what has no order is sorted."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return canonical({each.name: getattr(value, each.name) for each in dataclasses.fields(value) if each.init})
    if isinstance(value, Mapping):
        pairs = cast("Mapping[object, object]", value)
        return "{" + ",".join(sorted(f"{canonical(key)}:{canonical(each)}" for key, each in pairs.items())) + "}"
    if isinstance(value, set | frozenset):
        return "<" + ",".join(sorted(map(canonical, cast("frozenset[object]", value)))) + ">"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(canonical, cast("tuple[object, ...]", value))) + "]"
    return repr(value)


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
