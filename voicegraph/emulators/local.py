"""A backend of models in this process: Whisper hears, llama.cpp thinks, Piper speaks. Needs the extra `local`."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing
from random import Random
from typing import Any, TypeVar, cast

from voicegraph.call import Call, give_call
from voicegraph.emulators.backend import Backend, Sound, ToolRequest, text_of
from voicegraph.emulators.listening import spread
from voicegraph.emulators.local_hearing import LocalHearing
from voicegraph.engine.offload import offload, offload_stream
from voicegraph.frames import Message, Sentence, TTSAudio, UserTurn
from voicegraph.processors.llama import LlamaChat
from voicegraph.processors.piper import PiperTTS
from voicegraph.processors.silero import SileroVAD
from voicegraph.processors.whisper import WhisperSTT

T = TypeVar("T")

LETTER = 0.07
"""Seconds that a letter takes, pauses included: Piper does not say where its words are. Measured, in English."""
SPEEDS = (0.25, 4.0)
"""What Piper takes."""
_SYSTEM = ("system", "developer")


def local(
    stt: str = WhisperSTT.model, llm: str = LlamaChat.model, voice: str = PiperTTS.voice, *, seed: int = 0
) -> Backend:
    """stt, llm, voice: names of models (`voicegraph models`). It calls no tools, and has but one voice."""
    nodes = (SileroVAD(), WhisperSTT(model=stt), LlamaChat(model=llm), PiperTTS(voice=voice))

    def warm() -> None:
        for node in nodes:
            node.warm()

    return Backend(
        hearing=LocalHearing(stt, lambda pause: _alone(SileroVAD(min_silence=pause))),
        thinking=_Thinking(llm, seed),
        speaking=_Speaking(voice),
        models=tuple(model for node in nodes for model in node.models()),
        warm=warm,
    )


class _NoCall:
    """What these nodes ask of a call, without one around them."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)

    async def offload(self, function: Callable[..., T], *args: Any) -> T:
        return await offload(function, *args)

    def offload_stream(self, produce: Callable[[Callable[[T], bool]], None]) -> AsyncGenerator[T, None]:
        return offload_stream(produce)


def _alone(node: T, seed: int = 0) -> T:
    """The node, which serves no call."""
    give_call(node, cast("Call", _NoCall(seed)))
    return node


class _Thinking:
    def __init__(self, model: str, seed: int) -> None:
        self._model = model
        self._seed = seed

    async def answer(
        self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]] = ()
    ) -> AsyncGenerator[str | ToolRequest, None]:
        said = [Message(each["role"], text_of(each)) for each in messages if each["role"] not in _SYSTEM]
        system = "\n".join(text_of(each) for each in messages if each["role"] in _SYSTEM)
        llm = _alone(LlamaChat(model=self._model, system=system or LlamaChat.system), self._seed)
        turn = UserTurn(said[-1].content if said else "", messages=tuple(said))
        async with aclosing(_generator(llm.on_turn(turn))) as tokens:
            async for token in tokens:
                yield token.text


class _Speaking:
    def __init__(self, voice: str) -> None:
        self._voice = voice

    async def speak(self, text: str, rate: int, *, voice: str = "", speed: float = 1.0) -> AsyncGenerator[Sound, None]:
        slowest, fastest = SPEEDS
        tts = _alone(PiperTTS(voice=self._voice, speed=min(max(speed, slowest), fastest)))
        placing = _Placing(text, tts.speed)
        async with aclosing(_generator(tts.on_sentence(Sentence(text)))) as made:
            held: bytes | None = None  # until it is known whether it is the last
            async for pcm in _at(made, rate):
                if held is not None:
                    yield placing.place(held, rate)
                held = pcm
        if held is not None:
            yield placing.place(held, rate, last=True)


async def _at(made: AsyncIterator[TTSAudio], rate: int) -> AsyncGenerator[bytes, None]:
    """The same at another rate."""
    from voicegraph.audio.resample import Resampler

    resampler: Resampler | None = None
    async for audio in made:
        resampler = resampler or Resampler(audio.rate, rate)
        if pcm := resampler.feed(audio.pcm):
            yield pcm
    if resampler is not None and (pcm := resampler.flush()):
        yield pcm


class _Placing:
    """Puts the words of a text to the pieces of its sound, by their letters."""

    def __init__(self, text: str, speed: float) -> None:
        words = text.split()
        self._words = spread(words, 0.0, LETTER / speed * sum(len(word) for word in words))
        self._at = 0.0

    def place(self, pcm: bytes, rate: int, *, last: bool = False) -> Sound:
        """The last piece has all that are left."""
        begins, self._at = self._at, self._at + len(pcm) / (2 * rate)
        count = len(self._words) if last else sum(word.start < self._at for word in self._words)
        placed, self._words = self._words[:count], self._words[count:]
        if last and placed:
            placed = spread([word.text for word in placed], max(begins, min(placed[0].start, self._at)), self._at)
        return Sound(pcm, tuple(placed))


def _generator(stream: AsyncIterator[T]) -> AsyncGenerator[T, None]:
    """What an `async def` with a `yield` makes, whatever its annotation says."""
    return cast("AsyncGenerator[T, None]", stream)
