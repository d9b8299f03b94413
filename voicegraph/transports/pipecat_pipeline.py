"""The line of a graph that is a part of a pipecat pipeline (`voicegraph.pipecat.GraphProcessor`)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Self

from annotated_types import Interval

from voicegraph.call import Call, this_call
from voicegraph.durations import Duration
from voicegraph.errors import VoicegraphError
from voicegraph.frames import (
    Audio,
    Dtmf,
    EndOfTurn,
    ReplyEnd,
    SpeechStarted,
    SpeechStopped,
    Transcript,
    TTSAudio,
    UserTurn,
)
from voicegraph.node import node
from voicegraph.ports import Rate
from voicegraph.providers.pipecat_seam import RATE, Around, Inbound
from voicegraph.settings import Spoken


@node("pipecat.pipeline", line=True, extra="pipecat", packages=("pipecat",))
class PipecatPipeline:
    """The pipecat pipeline around this graph: what comes down it, and what goes on.

    It gives what the wired nodes take: sound, speech, transcripts and keys of the caller, or the contexts of pipecat's
    own aggregator as turns. It takes the agent's voice, ours or that of `pipecat.tts`. The graph is run by a
    `voicegraph.pipecat.GraphProcessor`.

    rate: of the agent's sound, in Hz; best the pipeline's `audio_out_sample_rate`. lead: how much sound the pipeline
    has of what is to be heard. greeting: what the agent says first.
    """

    greeting: Spoken = ""
    rate: int = RATE
    lead: Annotated[Duration, Interval(ge=0.2)] = 0.4
    call: Call = this_call()

    def __post_init__(self) -> None:
        self.inbound = Inbound()
        self._around: Around | None = None

    def join(self, around: Around) -> None:
        """Before the call is run."""
        self._around = around

    async def __aenter__(self) -> Self:
        if self._around is None:
            raise VoicegraphError(
                "the graph is a part of a pipecat pipeline: put a voicegraph.pipecat.GraphProcessor of it there, or "
                "name a caller with --in question.wav"
            )
        return self

    async def __aexit__(self, *_: object) -> None:
        """Nothing is held."""

    @property
    def around(self) -> Around:
        assert self._around is not None
        return self._around

    async def listen(
        self,
    ) -> AsyncIterator[Audio | SpeechStarted | SpeechStopped | Transcript | EndOfTurn | Dtmf | UserTurn]:
        """In the order in which it comes."""
        if self.greeting:
            self.call.say(self.greeting)
        async for frame in self.inbound:
            yield frame  # type: ignore[misc]  # every CallerFrame stands above

    async def play(self, audio: Annotated[TTSAudio, Rate("rate")]) -> None:
        """Waits until there is room."""
        await self.around.give(audio)

    async def on_reply_end(self, end: ReplyEnd) -> None:
        await self.around.give(end)

    def clear(self) -> None:
        self.inbound.clear()
        self.around.clear()

    def pause(self) -> None:
        self.around.pause()

    def resume(self) -> None:
        self.around.resume()

    async def drain(self) -> None:
        await self.around.drain()
