"""An agent at the other end of a Media Stream, written for these tests: it greets, listens, answers and can be cut."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from voicegraph.caller.dialling import Over
from voicegraph.testing.telephone import LineEar, line_codes

STREAM = "MZ" + "0" * 32
HUSH = 0.4
"""Seconds of silence after which the caller is answered."""

Send = Callable[[str | bytes], Awaitable[None]]


@dataclass
class Wire:
    """A connection in memory: what the caller sends is in `sent`, and an agent's `receive` gives it."""

    sent: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    waiting: int = 0
    closed: bool = False

    def __post_init__(self) -> None:
        self._to_agent: asyncio.Queue[str] = asyncio.Queue()
        self._to_caller: asyncio.Queue[str | bytes | Over] = asyncio.Queue()

    async def send(self, message: str) -> None:
        self.sent.append(json.loads(message))
        await self._to_agent.put(message)

    async def receive(self) -> str | bytes:
        message = await self._to_caller.get()
        if isinstance(message, Over):
            raise message
        return message

    async def close(self) -> None:
        self.closed = True

    # --- the agent's end

    async def say(self, message: str | bytes) -> None:
        await self._to_caller.put(message)

    async def heard(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(await self._to_agent.get())
        return message

    def end(self, code: int = 1000) -> None:
        self._to_caller.put_nowait(Over(code, ""))

    def of(self, event: str) -> list[dict[str, Any]]:
        return [message for message in self.sent if message["event"] == event]


def media(codes: bytes, stream: str = STREAM) -> str:
    payload = base64.b64encode(codes).decode()
    return json.dumps({"event": "media", "streamSid": stream, "media": {"payload": payload}})


def mark(name: str, stream: str = STREAM) -> str:
    return json.dumps({"event": "mark", "streamSid": stream, "mark": {"name": name}})


def clear(stream: str = STREAM) -> str:
    return json.dumps({"event": "clear", "streamSid": stream})


@dataclass
class Talker:
    """Greets, and answers with `answer` after the caller's words; falls silent when the caller speaks over it."""

    say: Send
    greeting: str = "Oak Dental, good morning."
    answer: str = "You said {}"
    goodbye: str = ""

    def __post_init__(self) -> None:
        self.heard: list[str] = []
        self._ear = LineEar()
        self._words: list[str] = []
        self._quiet = 0
        self._stream = ""
        self._turns = 0
        self._speaking = ""

    async def take(self, message: dict[str, Any]) -> bool:
        """What the carrier sent. False when the call is over."""
        match message["event"]:
            case "start":
                self._stream = message["streamSid"]
                if self.greeting:
                    await self._speak(self.greeting)
            case "media":
                await self._listen(message["media"])
            case "mark":
                if self._speaking == message["mark"]["name"]:
                    self._speaking = ""
                    return not (self.goodbye and self.goodbye in self.heard)
            case "stop":
                return False
            case _:
                pass
        return True

    async def _listen(self, sound: dict[str, Any]) -> None:
        codes = base64.b64decode(sound["payload"])
        blocks = list(self._ear.feed_codes(codes, int(sound["timestamp"]) / 1000))
        if blocks and self._speaking:
            self._speaking = ""
            await self.say(clear(self._stream))
        self._words += [block.word.text for block in blocks if block.word]
        self._quiet = 0 if blocks else self._quiet + 1
        if self._words and self._quiet * 0.02 >= HUSH:
            self.heard.append(" ".join(self._words))
            self._words.clear()
            await self._speak(self.answer.format(self.heard[-1]))

    async def _speak(self, text: str) -> None:
        self._turns += 1
        self._speaking = f"turn {self._turns}"
        await self.say(media(line_codes(text, origin=self._turns), self._stream))
        await self.say(mark(self._speaking, self._stream))
