"""A backend that does what a script says: the same every time, and no model behind it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count, pairwise
from pathlib import Path
from random import Random
from typing import Annotated, Any, Literal

import msgspec
from annotated_types import Ge

from voicegraph.durations import Duration
from voicegraph.emulators.backend import FLUSH, Backend, Heard, Sound, ToolRequest, Word, text_of
from voicegraph.emulators.listening import ByEar, ByTime, Utterance
from voicegraph.emulators.reading import read_settings
from voicegraph.frames import Sentence
from voicegraph.processors.echo import word_by_word
from voicegraph.processors.tone import Tone
from voicegraph.settings import OrText
from voicegraph.testing.latency import Latency, draw, pass_time
from voicegraph.testing.scripted import Says, Tool
from voicegraph.testing.scripted.hearing import ends
from voicegraph.testing.scripted.llm import RESULT
from voicegraph.testing.speech import utter_words

HEARD = "{heard}"
PIECE = 0.1
"""Seconds of speech in a piece, at most."""


@dataclass(frozen=True, kw_only=True)
class Latencies:
    """Each a duration, or `{p50: 80ms, p95: 200ms}`.

    transcript: from the sound to what is heard in it. first_token, token: to the first of an answer, and to each next.
    first_sound, sound: the same of speech, in pieces of up to 100 ms.
    """

    __pydantic_config__ = {"extra": "forbid"}

    transcript: Latency = 0.08
    first_token: Latency = 0.2
    token: Latency = 0.015
    first_sound: Latency = 0.1
    sound: Latency = 0.0


def _utterance(text: str) -> Utterance:
    return Utterance(text=text)


@dataclass(frozen=True, kw_only=True)
class Script:
    """What a backend hears, says and sounds like.

    hears: what the caller says, utterance by utterance, or by time if each has `at` and `until`. Sound that carries its
    words (voicegraph.testing.speech) says those. unscripted: what is heard in a sound that nothing was written for.
    partials: how often a transcript is told while the caller speaks. says: the lines of the language model; the first
    that is unused in a conversation and whose cue fits, else the last that fits. otherwise: for what none fits;
    `{heard}` stands for what was asked. voice: `tone` beeps for each word, `words` is sound that carries them.
    """

    __pydantic_config__ = {"extra": "forbid"}

    seed: int = 0
    hears: tuple[Annotated[Utterance, OrText(_utterance)], ...] = ()
    unscripted: str = "I said something that is in no script."
    partials: Annotated[Duration, Ge(0.02)] = 0.25
    says: tuple[Says, ...] = ()
    otherwise: str = "You said: {heard}"
    voice: Literal["tone", "words"] = "tone"
    latency: Latencies = field(default_factory=Latencies)

    def __post_init__(self) -> None:
        spans = [each.span for each in self.hears if each.span]
        if spans and len(spans) < len(self.hears):
            raise ValueError("either all of `hears` have a time, or none")
        if any(after[0] < before[1] for before, after in pairwise(spans)):
            raise ValueError("what `hears` has with times is in their order, and one ends before the next begins")


def scripted(script: Script | str | Path | None = None) -> Backend:
    """script: the path of a YAML file, or what stands in one. Raises GraphError, which tells every mistake in it.

    Without a script it hears what simulated speech says, answers that it did, and speaks in beeps.
    """
    if isinstance(script, str | Path):
        script = read_settings(script, Script, "begin with `says:` or `hears:`, or leave the file out")
    script = script or Script()
    return Backend(_Hearing(script), _Thinking(script), _Speaking(script))


class _Part:
    """Of a script. Each stream has a source of chance of its own: others at the same time change nothing in it."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._numbers = count()

    def _random(self) -> Random:
        return Random(f"{self._script.seed} {type(self).__name__} {next(self._numbers)}")


class _Hearing(_Part):
    async def hear(self, pcm: AsyncIterator[bytes], rate: int, *, pause: float = 0.3) -> AsyncGenerator[Heard, None]:
        script, random, loop = self._script, self._random(), asyncio.get_running_loop()
        timed = any(each.span for each in script.hears)
        listener = (
            ByTime(rate, pause, script.partials, script.hears)
            if timed
            else ByEar(rate, pause, script.partials, script.hears, script.unscripted)
        )
        due: asyncio.Queue[tuple[float, Heard] | None] = asyncio.Queue()

        def tell(everything: Iterable[Heard]) -> None:
            for heard in everything:
                due.put_nowait((loop.time() + draw(script.latency.transcript, random), heard))

        async def listen() -> None:
            try:
                async for piece in pcm:
                    tell([listener.flush()] if piece == FLUSH else listener.feed(piece))
                tell(listener.end())
            finally:
                due.put_nowait(None)

        listening = asyncio.create_task(listen())
        try:
            while (item := await due.get()) is not None:
                await pass_time(item[0] - loop.time())
                yield item[1]
            await listening
        finally:
            listening.cancel()
            await asyncio.wait([listening])


class _Thinking(_Part):
    async def answer(
        self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]] = ()
    ) -> AsyncGenerator[str | ToolRequest, None]:
        latency, random = self._script.latency, self._random()
        wait = latency.first_token
        for piece in self._pieces(messages, {tool["function"]["name"] for tool in tools}):
            await pass_time(draw(wait, random))
            yield piece
            wait = latency.token

    def _pieces(self, messages: Sequence[Mapping[str, Any]], tools: set[str]) -> Iterator[str | ToolRequest]:
        asked = [text_of(message) for message in messages if message["role"] == "user"]
        line = self._choose(asked)
        if results := _results(messages):
            for token in word_by_word((line.tool or Tool(name="")).then.replace(RESULT, ", ".join(results))):
                yield token.text
            return
        tool = line.tool if line.tool and line.tool.name in tools else None
        text = line.text or ("" if tool else self._otherwise(asked))
        for token in word_by_word(text):
            yield token.text
        if tool:
            yield ToolRequest(tool.name, msgspec.json.encode(tool.arguments or {}).decode())

    def _choose(self, asked: Sequence[str]) -> Says:
        """The line for what was asked last. The others are gone through too: nothing is remembered between requests."""
        used: set[int] = set()
        line = Says()
        for words in asked:
            fitting = [number for number, each in enumerate(self._script.says) if ends(words, each.cue)]
            chosen = next((number for number in fitting if number not in used), fitting[-1] if fitting else None)
            used.add(-1 if chosen is None else chosen)
            line = Says() if chosen is None else self._script.says[chosen]
        return line

    def _otherwise(self, asked: Sequence[str]) -> str:
        return self._script.otherwise.replace(HEARD, asked[-1] if asked else "")


class _Speaking(_Part):
    async def speak(self, text: str, rate: int, *, voice: str = "", speed: float = 1.0) -> AsyncGenerator[Sound, None]:
        latency, random = self._script.latency, self._random()
        wait = latency.first_sound
        for sound in _sounds(_VOICES[self._script.voice](text, rate), rate):
            await pass_time(draw(wait, random))
            yield sound
            wait = latency.sound


def _in_tones(text: str, rate: int) -> Iterator[tuple[str, bytes]]:
    for word in text.split():
        yield word, b"".join(piece.pcm for piece in Tone(rate=rate).on_sentence(Sentence(word)))


def _in_words(text: str, rate: int) -> Iterator[tuple[str, bytes]]:
    return utter_words(text, rate=rate, origin=0)


_VOICES = {"tone": _in_tones, "words": _in_words}


def _sounds(words: Iterable[tuple[str, bytes]], rate: int) -> Iterator[Sound]:
    """In pieces, each word in the one in which it begins."""
    size, done = 2 * int(PIECE * rate), 0
    for word, pcm in words:
        placed = (Word(word, done / (2 * rate), (done + len(pcm)) / (2 * rate)),)
        done += len(pcm)
        for begin in range(0, len(pcm), size):
            yield Sound(pcm[begin : begin + size], () if begin else placed)


def _results(messages: Sequence[Mapping[str, Any]]) -> list[str]:
    """What functions gave since the user's last words."""
    results: list[str] = []
    for message in reversed(messages):
        if message["role"] == "user":
            break
        if message["role"] == "tool":
            results.insert(0, text_of(message))
    return results
