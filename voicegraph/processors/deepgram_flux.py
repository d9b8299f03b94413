"""Recognises speech, and the caller's turns, with Deepgram's Flux models."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import field
from typing import Annotated

from annotated_types import Interval

from voicegraph.call import Call, this_call
from voicegraph.durations import Duration
from voicegraph.frames import Audio
from voicegraph.node import node
from voicegraph.ports import Rate
from voicegraph.providers import deepgram
from voicegraph.providers.deepgram import KEY, Address, Extra
from voicegraph.providers.deepgram_flux import PATH, Flux, Given
from voicegraph.providers.deepgram_stream import Stream
from voicegraph.providers.deepgram_tape import Tape


@node("deepgram.flux", extra="deepgram", packages=("websockets",), env=(KEY,))
class DeepgramFlux:
    """Writes down what the caller says, and hears when their turn begins and ends, with one of Deepgram's Flux models.

    It needs no VAD: give its frames to an aggregator with `end_of_turn: stt`. A lost connection is replaced, and the
    turn sent again from its beginning: no word is lost. The settings have the names of Deepgram's parameters.

    model: see Deepgram's list. keyterm: words to expect. language_hint: languages, for flux-general-multi.
    eot_threshold: how sure it is that the turn is over when it says so. eager_eot_threshold: how sure for a final
    transcript ahead of that, with which an aggregator with `speculate: true` begins the answer; speech that goes on
    takes it back. null for none. eot_timeout_ms: milliseconds of silence that end the turn in any case. sample_rate:
    8000 spares the conversion for a line at 8 kHz. extra: more of Deepgram's parameters, passed on as they are.
    base_url: by default DEEPGRAM_BASE_URL's, else Deepgram's own. reconnect: for how long it tries to replace a lost
    connection before it fails. stall: a connection over which nothing comes back for so long is lost; null for never.
    """

    model: str = "flux-general-en"
    keyterm: tuple[str, ...] = ()
    language_hint: tuple[str, ...] = ()
    eot_threshold: Annotated[float, Interval(ge=0.5, le=1)] = 0.7
    eager_eot_threshold: Annotated[float, Interval(ge=0.3, le=0.9)] | None = None
    eot_timeout_ms: Annotated[int, Interval(ge=500, le=60_000)] = 5000
    sample_rate: Annotated[int, Interval(ge=8_000, le=48_000)] = 16_000
    extra: Extra = field(default_factory=Extra)
    base_url: Address | None = None
    reconnect: Duration = 10.0
    stall: Duration | None = 3.0
    call: Call = this_call()

    def __post_init__(self) -> None:
        if self.eager_eot_threshold is not None and self.eager_eot_threshold > self.eot_threshold:
            raise ValueError(f"eager_eot_threshold is above eot_threshold ({self.eot_threshold:g}): lower it")
        self._query: deepgram.Query = {
            "model": self.model,
            "encoding": "linear16",
            "sample_rate": self.sample_rate,
            "eot_threshold": self.eot_threshold,
            "eager_eot_threshold": self.eager_eot_threshold,
            "eot_timeout_ms": self.eot_timeout_ms,
            "keyterm": self.keyterm,
            "language_hint": self.language_hint,
        }
        deepgram.check_extra(self.extra, self._query)

    def warm(self) -> None:
        """Imports what a connection needs, and reads the certificates."""
        deepgram.warm()

    async def listen(self, frames: AsyncIterator[Annotated[Audio, Rate("sample_rate")]]) -> AsyncIterator[Given]:
        """Connects before there is any sound, and talks with Deepgram until the call is over."""
        url = deepgram.address(self.base_url, PATH, {**self._query, **self.extra})
        tape = Tape(self.sample_rate)
        flux = Flux(tape, language="en" if self.model.endswith("-en") else None)
        stream = Stream(self.call, url, self.model, tape, reconnect=self.reconnect, stall=self.stall)
        async with aclosing(stream.converse(frames, flux)) as given:
            async for frame in given:
                yield frame
