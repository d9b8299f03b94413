"""Recognises speech with Deepgram's Nova models."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import field
from typing import Annotated, Literal

from annotated_types import Ge, Interval

from voicegraph.call import Call, this_call
from voicegraph.durations import Duration
from voicegraph.node import node
from voicegraph.ports import Rate
from voicegraph.providers import deepgram
from voicegraph.providers.deepgram import KEY, Address, Extra
from voicegraph.providers.deepgram_nova import PATH, Given, Heard, Nova
from voicegraph.providers.deepgram_stream import Stream
from voicegraph.providers.deepgram_tape import Tape


@node("deepgram.stt", extra="deepgram", packages=("websockets",), env=(KEY,))
class DeepgramSTT:
    """Writes down what the caller says, with one of Deepgram's Nova models.

    A partial transcript grows until it is final, and the next follows it. A lost connection is replaced, and what was
    heard since the last final transcript sent again: no word is lost. The settings have the names of Deepgram's
    parameters.

    model, language: see Deepgram's list; language `multi` for several at a time. keyterm: words to expect.
    interim_results: give partial transcripts. smart_format: write numbers, dates and so on as one would. endpointing:
    milliseconds of silence that are a pause: the transcript is final and EndOfTurn is given, for an aggregator with
    `end_of_turn: stt`. utterance_end_ms: milliseconds without a word after which it is given too, even in noise.
    vad_events: give SpeechStarted and SpeechStopped, in place of a VAD. finalize: where a VAD is wired to this node,
    its pauses make the transcript final at once. sample_rate: 8000 spares the conversion for a line at 8 kHz. extra:
    more of Deepgram's parameters, passed on as they are. base_url: by default DEEPGRAM_BASE_URL's, else Deepgram's own.
    reconnect: for how long it tries to replace a lost connection before it fails. stall: a connection over which
    nothing comes back for so long is lost; null for never.
    """

    model: str = "nova-3"
    language: str | None = None
    keyterm: tuple[str, ...] = ()
    interim_results: bool = True
    smart_format: bool = True
    endpointing: Annotated[int, Ge(10)] | Literal[False] = 300
    utterance_end_ms: Annotated[int, Ge(1000)] | None = 1000
    vad_events: bool = False
    finalize: bool = True
    sample_rate: Annotated[int, Interval(ge=8_000, le=48_000)] = 16_000
    extra: Extra = field(default_factory=Extra)
    base_url: Address | None = None
    reconnect: Duration = 10.0
    stall: Duration | None = 8.0
    call: Call = this_call()

    def __post_init__(self) -> None:
        if self.utterance_end_ms is not None and not self.interim_results:
            raise ValueError("utterance_end_ms needs interim_results: set it to null, or interim_results to true")
        self._query: deepgram.Query = {
            "model": self.model,
            "language": self.language,
            "encoding": "linear16",
            "sample_rate": self.sample_rate,
            "channels": 1,
            "interim_results": self.interim_results,
            "smart_format": self.smart_format,
            "endpointing": self.endpointing,
            "utterance_end_ms": self.utterance_end_ms,
            "vad_events": self.vad_events,
            "keyterm": self.keyterm,
        }
        deepgram.check_extra(self.extra, self._query)

    def warm(self) -> None:
        """Imports what a connection needs, and reads the certificates."""
        deepgram.warm()

    async def listen(self, frames: AsyncIterator[Annotated[Heard, Rate("sample_rate")]]) -> AsyncIterator[Given]:
        """Connects before there is any sound, and talks with Deepgram until the call is over."""
        url = deepgram.address(self.base_url, PATH, {**self._query, **self.extra})
        tape = Tape(self.sample_rate)
        nova = Nova(tape, vad_events=self.vad_events, finalize=self.finalize, language=self.language)
        stream = Stream(self.call, url, self.model, tape, reconnect=self.reconnect, stall=self.stall)
        async with aclosing(stream.converse(frames, nova)) as given:
            async for frame in given:
                yield frame
