"""Recognises speech with Whisper in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Annotated

from annotated_types import Ge, Interval, Le

from voicegraph import models
from voicegraph.call import Call, this_call
from voicegraph.durations import Duration
from voicegraph.frames import Audio, SpeechStarted, SpeechStopped, Transcript
from voicegraph.node import node
from voicegraph.ports import Rate
from voicegraph.providers.utterances import Excerpt, Utterances
from voicegraph.providers.whisper import Reading, Recognised, Whisper
from voicegraph.shared import shared

Heard = Audio | SpeechStarted | SpeechStopped


@node("whisper.stt", extra="local", packages=("numpy", "ctranslate2", "tokenizers"))
class WhisperSTT:
    """Writes down what the caller says: partial transcripts while they speak, a final one at each pause.

    It needs a VAD on its wires (`line -> vad -> stt` beside `line -> stt`) to know when that is. When speech goes on
    within `join` of a pause, the next transcript has the same `start` and replaces the last.

    model: a name of `voicegraph models`, or the folder of a Whisper converted for CTranslate2. language: "en", "de",
    ...; by default English for an English model, and whatever is heard for others. partials: how often, null for never.
    pre_roll: sound read before the start that the VAD tells. beam: hypotheses in parallel; 1 makes more mistakes and
    is hardly faster. floor, margin: the encoder sees an utterance and margin, at least floor, instead of 30 s; the
    whole 30 s if it is longer than full_above (0s: always, six times slower), and, with `fallback`, once more if the
    text repeats itself. threads: more than one per model slows a busy machine down.
    """

    model: str = "whisper-tiny.en"
    language: str | None = None
    partials: Annotated[Duration, Ge(0.1)] | None = 0.3
    join: Duration = 1.0
    pre_roll: Annotated[Duration, Le(1.0)] = 0.3
    beam: Annotated[int, Interval(ge=1, le=10)] = 2
    floor: Duration = 2.0
    margin: Duration = 0.5
    full_above: Duration = 28.0
    fallback: bool = True
    threads: Annotated[int, Ge(1)] = 1
    call: Call = this_call()

    def __post_init__(self) -> None:
        self._reading = Reading(
            floor=self.floor,
            margin=self.margin,
            full_above=self.full_above,
            repeated="reread" if self.fallback else "cut",
            beam=self.beam,
            language=self.language,
        )
        self._glance = replace(self._reading, repeated="cut", beam=1)  # for partials

    def models(self) -> list[str]:
        return [self.model]

    def warm(self) -> None:
        """Loads the model, and reads a second of silence so that the first utterance is as quick as the others."""
        self._load().read(bytes(32_000), self._reading)

    async def listen(self, frames: AsyncIterator[Annotated[Heard, Rate(16_000)]]) -> AsyncIterator[Transcript]:
        """Reads one excerpt at a time, in a thread, and goes on listening meanwhile."""
        utterances = Utterances(pre_roll=self.pre_roll, join=self.join, partials=self.partials)
        news = asyncio.Event()
        hearing = asyncio.create_task(_hear(frames, utterances, news))
        try:
            while not utterances.over:
                if excerpt := utterances.due():
                    if said := await self.call.offload(self._read, excerpt):
                        yield _transcript(said, excerpt, final=excerpt.final and not utterances.goes_on(excerpt))
                else:
                    await news.wait()
                    news.clear()
            await hearing
        finally:
            hearing.cancel()
            await asyncio.wait([hearing])

    def _read(self, excerpt: Excerpt) -> Recognised | None:
        return self._load().read(excerpt.pcm, self._reading if excerpt.final else self._glance)

    def _load(self) -> Whisper:
        folder = models.path(self.model)
        return shared(("whisper", folder, self.threads), lambda: Whisper(folder, self.threads))


async def _hear(frames: AsyncIterator[Heard], utterances: Utterances, news: asyncio.Event) -> None:
    try:
        async for frame in frames:
            utterances.hear(frame)
            news.set()
    finally:
        utterances.end()
        news.set()


def _transcript(said: Recognised, excerpt: Excerpt, *, final: bool) -> Transcript:
    return Transcript(
        said.text,
        final=final,
        start=excerpt.start,
        end=excerpt.end,
        confidence=round(said.confidence, 3),
        language=said.language,
    )
