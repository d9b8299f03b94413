"""The node piper.tts."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any, cast

import pytest

from tests.models.fetched import fetched
from voicegraph.call import Call, give_call
from voicegraph.errors import CallFailed
from voicegraph.frames import Frame, Sentence, TTSAudio
from voicegraph.node import node_type
from voicegraph.processors.piper import PiperTTS
from voicegraph.testing import run_node

LONG = "You can park behind the building, the entrance is on Maple Street, and the receptionist will help you."


@pytest.fixture(scope="module", autouse=True)
def voice() -> Path:
    return fetched("piper-en_US-joe-medium")


def spoken(*texts: str) -> list[TTSAudio]:
    return [cast(TTSAudio, frame) for frame in run_node(PiperTTS, *map(Sentence, texts), warmed=True)]


def test_a_sentence_is_spoken_in_short_chunks_at_the_rate_it_said() -> None:
    chunks = spoken("We are open until six.")
    assert 1.0 < sum(chunk.seconds for chunk in chunks) < 3.0
    assert max(chunk.seconds for chunk in chunks) <= 0.1
    assert {chunk.rate for chunk in chunks} == {node_type(PiperTTS).configure({}).rate}


def test_the_first_chunk_of_a_sentence_has_its_text() -> None:
    assert [chunk.text for chunk in spoken("Yes.", "😀", "...", "We are.") if chunk.text] == ["Yes.", "We are."]


class Counted:
    """A call whose threads are the test's own, and counted."""

    def __init__(self) -> None:
        self.offloaded = 0

    async def offload(self, function: Callable[..., Any], *args: Any) -> Any:
        self.offloaded += 1
        return function(*args)


def test_an_interrupt_leaves_the_rest_of_the_sentence_unmade() -> None:
    async def interrupted_after(chunks: int) -> int:
        node, call = PiperTTS(), Counted()
        give_call(node, cast(Call, call))
        speech = cast("AsyncGenerator[Frame]", node.on_sentence(Sentence(LONG)))
        for _ in range(chunks):
            await anext(speech)
        await speech.aclose()
        return call.offloaded

    assert asyncio.run(interrupted_after(1)) == 2  # the voice, and the first piece


@pytest.mark.parametrize(
    ("config", "rate"),
    [({}, 22_050), ({"voice": "piper-en_US-joe-medium"}, 22_050), ({"voice": "nowhere.onnx"}, None)],
)
def test_the_rate_is_known_without_loading(config: dict[str, Any], rate: int | None) -> None:
    assert node_type(PiperTTS).configure(config).rate == rate


def test_a_voice_of_the_users(voice: Path) -> None:
    assert node_type(PiperTTS).configure({"voice": str(voice)}).rate == 22_050
    assert run_node(PiperTTS, Sentence("Yes."), with_={"voice": str(voice)})


def test_a_missing_voice_is_told(tmp_path: Path) -> None:
    with pytest.raises(CallFailed, match="no model and no file"):
        run_node(PiperTTS, Sentence("Yes."), with_={"voice": str(tmp_path / "none.onnx")})
