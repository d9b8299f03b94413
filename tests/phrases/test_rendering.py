"""Which voices a plan's phrases are rendered in, and one phrase in one voice, outside any call."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import pytest

from tests.phrases.voices import plan_of, voice
from voicegraph import Audio, Sentence, TTSAudio, node
from voicegraph.engine.jumping import JumpingLoop
from voicegraph.engine.phrases import Piece
from voicegraph.errors import ProviderError, VoicegraphError
from voicegraph.frames import UserTurn
from voicegraph.graph.plan import Edge, Plan, PlannedNode, Recover
from voicegraph.node import node_type
from voicegraph.phrases import render, voices_of


@node("phrases.whole_turn")
class WholeTurn:
    """Speaks all sentences of a reply in one breath."""

    async def speak(self, sentences: AsyncIterator[Sentence]) -> AsyncIterator[TTSAudio]:
        said = [sentence.text async for sentence in sentences]
        yield TTSAudio(b"\1\0" * len(said), 8_000, " ".join(said))


@node("phrases.broken")
class Broken:
    """Dies in mid-sentence."""

    def on_sentence(self, sentence: Sentence) -> Iterator[TTSAudio]:
        yield TTSAudio(b"\1\0", 8_000, sentence.text)
        raise ProviderError("Acme", "is down", retryable=True)


@node("phrases.hanging")
class Hanging:
    async def on_sentence(self, sentence: Sentence) -> TTSAudio:
        await asyncio.Event().wait()
        raise AssertionError


@node("phrases.silent")
class Silent:
    def on_sentence(self, sentence: Sentence) -> TTSAudio:
        return TTSAudio(b"", 8_000, sentence.text)


@node("phrases.line", line=True)
class Line:
    async def listen(self) -> AsyncIterator[Audio]:
        yield Audio(b"")

    async def play(self, audio: TTSAudio) -> None: ...
    def clear(self) -> None: ...
    async def drain(self) -> None: ...


def rendered(target: object, text: str = "hello you") -> tuple[Piece, ...]:
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        return runner.run(render(PlannedNode("tts", node_type(target)), text))


def test_the_sound_as_the_voice_gives_it() -> None:
    pieces = asyncio.run(render(voice(rate=22_050), "hello you"))
    assert [(piece.text, piece.rate, len(piece.pcm)) for piece in pieces] == [
        ("hello", 22_050, 160),
        ("you", 22_050, 160),
    ]


def test_a_voice_that_takes_a_whole_turn() -> None:
    assert rendered(WholeTurn) == (Piece(b"\1\0", 8_000, "hello you"),)


def test_no_voice_stands_in() -> None:
    """What is kept under a voice's name is that voice."""
    planned = PlannedNode("tts", node_type(Broken), {}, Recover(retries=5, fallback=("backup",)), cache=True)
    with pytest.raises(VoicegraphError, match="tts: Acme: is down"):
        asyncio.run(render(planned, "hello"))


def test_half_a_phrase_is_none() -> None:
    with pytest.raises(VoicegraphError, match="Acme: is down"):
        rendered(Broken)


def test_silence_is_no_phrase() -> None:
    with pytest.raises(VoicegraphError, match="tts: gave no sound"):
        rendered(Silent)


def test_a_voice_that_hangs() -> None:
    with pytest.raises(VoicegraphError, match="tts: was not done after 60 s"):
        rendered(Hanging)


def test_voices_are_the_graphs_and_those_that_stand_in_for_it() -> None:
    first, second = voice("a", fallback=("b", "c")), voice("b", fallback=("d", "a"))
    plan = plan_of(first, second, voice("c"), voice("d"), voice("e"))
    assert [each.name for each in voices_of(plan)] == ["a", "b", "c", "d"]


def test_only_a_voice_that_the_caller_hears() -> None:
    """Another node that takes sentences is none."""
    line = PlannedNode("line", node_type(Line))
    edges = (
        Edge("brain", "subtitles", Sentence),
        Edge("brain", "tts", Sentence),
        Edge("tts", "line", TTSAudio),
    )
    nodes = {"line": line, "subtitles": voice("subtitles"), "tts": voice("tts")}
    plan = Plan(name="two", nodes=nodes, edges=edges, line="line")
    assert [each.name for each in voices_of(plan)] == ["tts"]
    assert voices_of(replace(plan, edges=edges[:2])) == ()
    assert voices_of(replace(plan, edges=(Edge("line", "brain", UserTurn),))) == ()
