"""Who hears, thinks and speaks behind a vendor's protocol. No vendor and no engine is known here.

All times are seconds of audio from its first sample. Sound is signed 16-bit little-endian mono PCM.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

FLUSH = b""
"""In a stream of caller audio: make up your mind about what came so far (Deepgram's Finalize)."""


class Word(NamedTuple):
    """A word with its place in the audio, in seconds."""

    text: str
    start: float
    end: float
    confidence: float = 1.0


@dataclass(frozen=True)
class Began:
    """The caller began to speak. at: their first sound."""

    at: float


@dataclass(frozen=True)
class Paused:
    """The caller fell silent. at: just behind their last sound.

    done: probability that their turn is over. The same pause may be told again as that changes.
    """

    at: float
    done: float = 1.0


@dataclass(frozen=True)
class Said:
    """What was said from `start` to `end`: all words since the last final one, in order.

    final: the next `Said` goes on behind `end`; else it replaces this one. Before a `Paused` comes a final one, unless
    nothing was said.
    flushed: it answers a FLUSH, with words or without. Each FLUSH is answered by exactly one, which is final.
    """

    words: tuple[Word, ...]
    start: float
    end: float
    final: bool = False
    flushed: bool = False
    language: str = "en"

    @property
    def text(self) -> str:
        return " ".join(word.text for word in self.words)


Heard = Began | Paused | Said


class ToolRequest(NamedTuple):
    """A function to call. arguments: a JSON object."""

    name: str
    arguments: str


@dataclass(frozen=True)
class Sound:
    """A piece of speech. words: those whose sound begins in it, with times since the beginning of the whole speech."""

    pcm: bytes
    words: tuple[Word, ...] = ()


class Hearing(Protocol):
    """Recognises speech."""

    def hear(self, pcm: AsyncIterator[bytes], rate: int, *, pause: float = 0.3) -> AsyncGenerator[Heard, None]:
        """What is heard in one stream of caller audio, as soon as it is known; ends behind the stream's end.

        pcm: pieces of any size, as they come; a FLUSH among them asks for a final `Said` at once. rate: in Hz.
        pause: seconds of silence that are one. Where the stream ends, what was still open becomes final.
        """
        ...


class Thinking(Protocol):
    """Answers a conversation."""

    def answer(
        self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]] = ()
    ) -> AsyncGenerator[str | ToolRequest, None]:
        """The answer, token by token with their own spaces, and the functions to call.

        messages, tools: as in a request to OpenAI's chat completions, whichever protocol they came by.
        """
        ...


class Speaking(Protocol):
    """Speaks a text."""

    def speak(self, text: str, rate: int, *, voice: str = "", speed: float = 1.0) -> AsyncGenerator[Sound, None]:
        """The sound of a text at `rate` Hz, in pieces of 20 to 100 ms, as they are made: faster than they sound.

        voice: as the vendor's client named it; a backend may have one voice for all. Nothing for a text without words.
        """
        ...


def _nothing() -> None:
    """Loads no models."""


@dataclass(frozen=True)
class Backend:
    """The three. Use `contextlib.aclosing` around each stream of theirs: one that is left early lets go at once.

    models: names in the model store that it needs. warm: blocks until what it needs is loaded.
    """

    hearing: Hearing
    thinking: Thinking
    speaking: Speaking
    models: tuple[str, ...] = ()
    warm: Callable[[], None] = _nothing


def text_of(message: Mapping[str, Any]) -> str:
    """The text of a message, whose content may be a list of parts."""
    content = message.get("content") or ""
    return content if isinstance(content, str) else " ".join(part.get("text", "") for part in content)
