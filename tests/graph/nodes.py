"""Small node types for the tests of graph files. Nothing in here runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from voicegraph import (
    Audio,
    Dtmf,
    Duration,
    Rate,
    Sentence,
    SpeechStarted,
    SpeechStopped,
    Token,
    ToolCall,
    Transcript,
    TTSAudio,
    UserTurn,
    node,
)
from voicegraph.processors import resample as resample
from voicegraph.settings import Spoken
from voicegraph.tools import Tools


@node("t.line", line=True)
class Line:
    """A telephone."""

    rate: int = 16_000
    greeting: Spoken = ""

    async def listen(self) -> AsyncIterator[Annotated[Audio, Rate("rate")] | Dtmf]:
        yield Audio(b"")

    async def speak(self, audio: Annotated[TTSAudio, Rate("rate")]) -> None: ...

    def clear(self) -> None: ...

    async def drain(self) -> None: ...


@node("t.vad")
class Vad:
    threshold: float = 0.5
    rate: Literal[8000, 16000] = 16000

    def on_audio(self, audio: Annotated[Audio, Rate("rate")]) -> SpeechStarted | SpeechStopped | None: ...


@node("t.stt")
class Stt:
    model: str = "small"

    async def listen(self, frames: AsyncIterator[Annotated[Audio, Rate(16_000)]]) -> AsyncIterator[Transcript]:
        async for _ in frames:
            yield Transcript("")


@node("t.stt-2")
class OtherStt:
    def on_audio(self, audio: Audio) -> Transcript | None: ...


@dataclass
class Interrupts:
    __pydantic_config__ = {"extra": "forbid"}

    after_speech: Duration = 0.25
    min_words: int = 2
    ignore: list[str] = field(default_factory=list[str])


@node("t.aggregator")
class Aggregator:
    end_silence: Duration = 0.5
    interrupt: Interrupts = field(default_factory=Interrupts)

    def on_speech(self, frame: SpeechStarted | SpeechStopped) -> None: ...

    def on_text(self, frame: Transcript | Dtmf) -> UserTurn | None: ...


@node("t.llm")
class Llm:
    model: str = "small"
    temperature: float | None = None
    system: str = ""
    extra: dict[str, Any] = field(default_factory=dict[str, Any])
    effort: Literal["low", "high"] | int = "low"

    def on_turn(self, turn: UserTurn) -> Token | None: ...


@node("t.big-llm")
class BigLlm:
    """Also calls tools."""

    def on_turn(self, turn: UserTurn) -> Token | ToolCall | None: ...


@node("t.caller-of-tools")
class CallsTools:
    """May call tools."""

    tools: Tools = ()
    model: str = ""

    def on_turn(self, turn: UserTurn) -> Token | None: ...


@node("t.phone", line=True)
class Phone(Line):
    """A telephone that can be put through."""

    async def listen(self) -> AsyncIterator[Audio | Dtmf]:
        yield Audio(b"")

    async def transfer(self, to: str) -> None: ...

    async def send_dtmf(self, digits: str) -> None: ...


@node("t.tools")
def tools(call: ToolCall) -> None: ...


@node("t.sentences")
def sentences(token: Token) -> Sentence | None: ...


@node("t.tts")
class Tts:
    voice: str
    rate: int | None = 22_050

    async def speak(self, text: AsyncIterator[Sentence]) -> AsyncIterator[Annotated[TTSAudio, Rate("rate")]]:
        async for _ in text:
            yield TTSAudio(b"")


@node("t.shout")
def shout(frame: Transcript) -> Transcript:
    return frame


@node("t.vendor", extra="vendor", packages=("no_such_package_a", "no_such_package_b"), env=("VENDOR_KEY",))
class Vendor:
    def __post_init__(self) -> None:
        import no_such_package_a  # type: ignore[import-not-found]  # noqa: F401  # pyright: ignore

    def on_turn(self, turn: UserTurn) -> Token | None: ...


@node("t.fussy")
class Fussy:
    """Fails as a user's class may fail."""

    fail: str = ""

    def __post_init__(self) -> None:
        if self.fail == "value":
            raise ValueError("this cannot be")
        if self.fail:
            raise KeyError(self.fail)

    @property
    def rate(self) -> int:
        return 0

    def on_turn(self, turn: UserTurn) -> Token | None: ...


@node("t.unsure")
class Unsure:
    """Its rate is said to stand in a field that it does not have."""

    def on_turn(self, turn: Sentence) -> Annotated[TTSAudio, Rate("hertz")] | None: ...


AGENT = """\
nodes:
  line: t.line
  vad: t.vad
  stt: {use: t.stt, with: {model: nova}}
  aggregator:
    use: t.aggregator
    with:
      end_silence: 500ms
      interrupt: {after_speech: 250ms, ignore: [uh-huh, okay]}
  llm: {use: t.llm, recover: {timeout: 3s, retries: 1, say: One moment please., then: {line.hang_up: {}}}}
  sentences: t.sentences
  tts:
    use: t.tts
    with: {voice: Rachel}
    cache: true
    recover: {timeout: 500ms, stall: 1s, fallback: backup}
  backup: {use: t.tts, with: {voice: alloy, rate: 24000}}
flow:
  - line -> [vad, stt] -> aggregator -> llm -> sentences -> tts -> line
  - line.dtmf -> aggregator
budgets: {answer: 900ms, barge_in: 150ms, tts: 300ms}
watchdog: {silence: 4s}
"""
"""A whole agent, without a mistake."""
