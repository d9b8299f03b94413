"""Voices for the tests of phrases, and sound."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from pathlib import Path
from typing import Annotated, Any, ClassVar

from voicegraph import Sentence, TTSAudio, node
from voicegraph.engine.phrases import Piece
from voicegraph.graph.builtin import register_builtin
from voicegraph.graph.plan import Edge, Plan, PlannedNode, Recover
from voicegraph.node import lookup, node_type
from voicegraph.ports import Rate


@node("phrases.voice", env=("PHRASES_API_KEY",))
class Voice:
    """A voice with settings of many kinds."""

    person: str = "anna"
    speed: float = 1.0
    rate: int = 8_000
    base_url: str | None = None
    tags: frozenset[str] = frozenset()
    extra: dict[str, Any] = field(default_factory=dict[str, Any])

    def on_sentence(self, sentence: Sentence) -> Iterator[Annotated[TTSAudio, Rate("rate")]]:
        for word in sentence.text.split():
            yield TTSAudio(word.encode().ljust(160, b"\0"), self.rate, word)


@node("phrases.other_voice", env=("PHRASES_API_KEY",))
class OtherVoice(Voice):
    """Has the same settings, and is another."""


@node("phrases.file_voice")
class FileVoice:
    """A voice that is a file."""

    path: str
    hertz: ClassVar[int] = 8_000

    @property
    def rate(self) -> int:
        return self.hertz

    def models(self) -> list[str]:
        return [self.path]

    def on_sentence(self, sentence: Sentence) -> Annotated[TTSAudio, Rate("rate")]:
        return TTSAudio(Path(self.path).read_bytes(), 8_000, sentence.text)


def voice(name: str = "tts", *, fallback: tuple[str, ...] = (), **config: Any) -> PlannedNode:
    recover = Recover(fallback=fallback) if fallback else None
    return PlannedNode(name, node_type(Voice), config, recover)


def named(kind: str, **config: Any) -> PlannedNode:
    """A voice of a built-in type."""
    register_builtin()
    return PlannedNode("tts", lookup(kind), config)


def sound(size: int = 1_000, text: str = "hello") -> tuple[Piece, ...]:
    return (Piece(bytes(range(256)) * (size // 256) + bytes(size % 256), 8_000, text),)


def plan_of(*voices: PlannedNode, phrases: tuple[str, ...] = ()) -> Plan:
    """A plan that speaks with the first of them; the others stand by."""
    first, *others = voices
    return Plan(
        name="phrases",
        nodes={first.name: first},
        edges=(Edge("nobody", first.name, Sentence),),
        standby={each.name: each for each in others},
        phrases=phrases,
    )
