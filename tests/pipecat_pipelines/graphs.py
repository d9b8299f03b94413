"""Nodes and graphs of these tests."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

from voicegraph.call import Call, this_call
from voicegraph.errors import ProviderError
from voicegraph.frames import Audio, Interrupt, Pause, Resume, Sentence, Token, Transcript, TTSAudio, UserTurn
from voicegraph.graph import Plan, compile_plan, loads
from voicegraph.node import node
from voicegraph.ports import Rate

RATE = 16_000
WARMS, MAY_WARM = threading.Event(), threading.Event()
"""`seam.slow` is in its thread; and what it waits for there."""
SIGNALS: dict[str, type[Pause] | type[Resume]] = {"pause": Pause, "resume": Resume}
LET_GO: list[str] = []
"""What `seam.slow` was cancelled in."""


@node("seam.brain")
class Brain:
    """Answers each turn with what it was asked, word by word, so often."""

    times: int = 1

    async def on_turn(self, turn: UserTurn) -> AsyncIterator[Token]:
        for number in range(self.times):
            for word in turn.text.split():
                await asyncio.sleep(0)
                yield Token(f"{word} ")
            yield Token(f"{number}. ")


@node("seam.voice")
class Voice:
    """100 ms for each word, whose samples have the number of the turn."""

    async def on_sentence(self, sentence: Sentence) -> AsyncIterator[Annotated[TTSAudio, Rate(RATE)]]:
        for word in sentence.text.split():
            await asyncio.sleep(0)
            yield TTSAudio(sentence.turn.to_bytes(2, "little") * (RATE // 10), rate=RATE, text=word)


@node("seam.asks")
class Asks:
    """Every transcript is a turn. One that begins with `stop` interrupts first, and `boom` is a fault.

    `pause` and `resume` are no turns.
    """

    def on_transcript(self, heard: Transcript) -> Iterator[UserTurn | Interrupt | Pause | Resume]:
        if heard.text in SIGNALS:
            yield SIGNALS[heard.text]()
            return
        if heard.text.startswith("boom"):
            raise RuntimeError(heard.text)
        if heard.text.startswith("stop"):
            yield Interrupt()
        yield UserTurn(heard.text)


@node("seam.ears")
class Ears:
    """Understands each frame of sound as its length."""

    def on_audio(self, audio: Audio) -> Transcript:
        return Transcript(f"{len(audio.pcm)} bytes at {audio.at:.2f}")


@node("seam.beat")
async def beat() -> AsyncIterator[Audio]:
    """A source that is no line."""
    yield Audio(b"")


@node("seam.parrot")
class Parrot:
    """Says what it hears, and hangs up at a goodbye, once that is said."""

    call: Call = this_call()

    async def on_transcript(self, heard: Transcript) -> AsyncIterator[Sentence]:
        yield Sentence(heard.text)
        if heard.text == "goodbye":
            self.call.hang_up("all is said", after_speaking=True)


@node("seam.broken")
class Broken:
    """Cannot be entered."""

    async def __aenter__(self) -> None:
        raise ProviderError("acme", "the key is refused", retryable=False)

    async def __aexit__(self, *_: Any) -> None:
        """Never comes to it."""

    def on_transcript(self, heard: Transcript) -> None:
        """Never comes to it."""


@node("seam.slow")
class Slow:
    """Takes long to load, or if `entering`, to enter."""

    entering: bool = False
    call: Call = this_call()

    def warm(self) -> None:
        if not self.entering:
            WARMS.set()
            MAY_WARM.wait(20)

    async def __aenter__(self) -> None:
        try:
            await asyncio.Event().wait() if self.entering else None
        except asyncio.CancelledError:
            LET_GO.append("entering")
            raise

    async def __aexit__(self, *_: Any) -> None:
        """Nothing to let go of."""

    def on_transcript(self, heard: Transcript) -> None:
        """Nothing to do."""


def plan(nodes: str, flow: str) -> Plan:
    """nodes: beside the pipeline, `name: type` separated by semicolons."""
    lines = "\n".join(f"  {each.strip()}" for each in nodes.split(";"))
    return compile_plan(
        loads(f"nodes:\n  pipeline: {{use: pipecat.pipeline, with: {{rate: {RATE}}}}}\n{lines}\nflow: {flow}\n")
    )


def brain(times: int = 1) -> Plan:
    """Words in, words out."""
    return plan(
        f"asks: seam.asks; llm: {{use: seam.brain, with: {{times: {times}}}}}; sentences: sentences; tts: pipecat.tts",
        "pipeline -> asks -> llm -> sentences -> tts -> pipeline",
    )


def speaker(times: int = 1) -> Plan:
    """Words in, sound out."""
    return plan(
        f"asks: seam.asks; llm: {{use: seam.brain, with: {{times: {times}}}}}; sentences: sentences; tts: seam.voice",
        "pipeline -> asks -> llm -> sentences -> tts -> pipeline",
    )
