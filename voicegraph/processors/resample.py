"""Converts sound to another sample rate, where two nodes differ."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from voicegraph.frames import Audio, ReplyEnd, TTSAudio
from voicegraph.node import node
from voicegraph.ports import Rate

if TYPE_CHECKING:
    from voicegraph.audio.resample import Resampler

GAP = 0.001
"""Seconds. Caller audio further than this from where it was expected begins a new stream."""


@node("resample", extra="audio", packages=("numpy",))
class Resample:
    """Converts the caller's and the agent's sound to `rate`, in Hz. It holds back less than 2 ms.

    It seldom has to be written in a graph: where two rates meet, the plan puts one in.
    """

    rate: int

    def __post_init__(self) -> None:
        self._caller: Resampler | None = None
        self._next_in = 0.0  # position in the call of the next sample that comes in, and of the next that goes out
        self._next_out = 0.0
        self._agent: Resampler | None = None
        self._turn = 0
        self._interruptible = True  # what of the agent's voice is being converted

    def warm(self) -> None:
        """Imports numpy."""
        self._stream(2 * self.rate)

    def on_audio(self, audio: Audio) -> Annotated[Audio, Rate("rate")] | None:
        if audio.rate == self.rate:
            return audio
        stream = self._caller
        if stream is None or stream.source != audio.rate or abs(audio.at - self._next_in) > GAP:
            stream = self._caller = self._stream(audio.rate)
            self._next_out = audio.at
        self._next_in = audio.at + audio.seconds
        pcm = stream.feed(audio.pcm)
        if not pcm:
            return None
        made = Audio(pcm, rate=self.rate, at=self._next_out)
        self._next_out += made.seconds
        return made

    def on_voice(self, audio: TTSAudio) -> Iterator[Annotated[TTSAudio, Rate("rate")]]:
        if audio.rate == self.rate:
            yield audio
            return
        stream = self._agent
        if stream is None or (stream.source, self._turn) != (audio.rate, audio.turn):
            stream = self._agent = self._stream(audio.rate)
        elif audio.interruptible and not self._interruptible:  # what must be said is said to its last sample
            yield from self._rest(stream)
            stream = self._agent = self._stream(audio.rate)
        self._turn, self._interruptible = audio.turn, audio.interruptible
        pcm = stream.feed(audio.pcm)
        if pcm or audio.text:
            yield TTSAudio(pcm, rate=self.rate, text=audio.text)

    def on_reply_end(self, end: ReplyEnd) -> Iterator[Annotated[TTSAudio, Rate("rate")]]:
        """The end of a reply lets go of what was held back."""
        if self._agent is not None and self._turn == end.turn:
            yield from self._rest(self._agent)
            self._agent = None

    def _rest(self, stream: Resampler) -> Iterator[TTSAudio]:
        if pcm := stream.flush():
            yield TTSAudio(pcm, rate=self.rate, interruptible=self._interruptible)

    def _stream(self, source: int) -> Resampler:
        from voicegraph.audio.resample import Resampler

        return Resampler(source, self.rate)
