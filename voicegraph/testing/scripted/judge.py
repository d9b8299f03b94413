"""An end-of-turn judge of simulated speech."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import field

from voicegraph.call import Call, this_call
from voicegraph.durations import Duration
from voicegraph.frames import Audio, EndOfTurn, SpeechStarted, SpeechStopped
from voicegraph.node import node
from voicegraph.testing.latency import Latency, draw
from voicegraph.testing.scripted.hearing import Hearing, ends
from voicegraph.testing.speech import HeardWord

Heard = Audio | SpeechStarted | SpeechStopped


@node("scripted.judge")
class ScriptedJudge:
    """Judges at each pause whether the caller is done: they are, unless it is told otherwise.

    A pause is what a VAD on its wires calls one, or without a VAD `min_silence`. probability: that they are done.
    behind: the same where what they said ends with these words (`{"and then": 0.1}`), whatever their case and
    punctuation. latency: from the pause to the judgement; speech makes it void.
    """

    probability: float = 1.0
    behind: dict[str, float] = field(default_factory=dict[str, float])
    min_silence: Duration = 0.1
    latency: Latency = 0.02
    call: Call = this_call()

    def __post_init__(self) -> None:
        self._hearing = Hearing(self.min_silence)
        self._said: list[str] = []
        self._due: tuple[float, EndOfTurn] | None = None

    async def listen(self, frames: AsyncIterator[Heard]) -> AsyncIterator[EndOfTurn]:
        while True:
            try:
                async with asyncio.timeout_at(self._due[0] if self._due else None):
                    frame = await anext(frames)
            except TimeoutError:
                assert self._due is not None
                (_, judgement), self._due = self._due, None
                yield judgement
            except StopAsyncIteration:
                return
            else:
                self._hear(frame)

    def _hear(self, frame: Heard) -> None:
        for heard in self._hearing.take(frame):
            if isinstance(heard, HeardWord):
                self._said.append(heard.text)
            elif isinstance(heard, SpeechStarted):
                self._due = None
            else:
                when = self.call.now() + draw(self.latency, self.call.random)
                self._due = when, EndOfTurn(heard.at, self._judge())

    def _judge(self) -> float:
        said = " ".join(self._said)
        return next((each for ending, each in self.behind.items() if ends(said, ending)), self.probability)
