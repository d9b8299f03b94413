"""What the engine asks of a store of rendered phrases (`voicegraph.phrases` has one on disk)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from voicegraph.graph.plan import PlannedNode


class Piece(NamedTuple):
    """A chunk of a phrase's sound, as a voice gave it: the fields of a TTSAudio."""

    pcm: bytes
    rate: int
    text: str


class Phrases(Protocol):
    """Sound of phrases, by the voice that spoke them: its type and its configuration."""

    async def find(self, voice: PlannedNode, text: str) -> Sequence[Piece] | None:
        """The sound of this text in this voice, if it is there. Never raises for a store that cannot be read."""
        ...

    def keep(self, voice: PlannedNode, text: str, pieces: Sequence[Piece]) -> None:
        """Takes a phrase in. Returns at once, and never raises for a store that cannot be written."""
        ...


class NoPhrases:
    """A store that keeps nothing."""

    async def find(self, voice: PlannedNode, text: str) -> None:
        """There is nothing to find."""

    def keep(self, voice: PlannedNode, text: str, pieces: Sequence[Piece]) -> None:
        """Forgets it at once."""
