"""What the page does, in Python: plays the stream in order, drops what a clear may drop, tells how far it has come."""

from __future__ import annotations

import asyncio
import json
import struct
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from voicegraph.serve.doors import Closed
from voicegraph.transports.browser_sound import HEADER, MUST

REPORT = struct.Struct("<II")
ECHO = """
nodes:
  line: browser.call
  stt: {use: script.stt, with: {script: []}}
  aggregator: aggregator
  echo: echo.chat
  sentences: sentences
  tts: tone.tts
flow: line -> stt -> aggregator -> echo -> sentences -> tts -> line
"""
"""A graph for pages that have nothing to say."""


@dataclass
class Loudspeaker:
    """heard: every sample that was played. waiting: chunks of (start, must, samples). position, clears: as reported."""

    heard: list[int] = field(default_factory=list[int])
    waiting: deque[tuple[int, bool, list[int]]] = field(default_factory=deque[tuple[int, bool, list[int]]])
    position: int = 0
    clears: int = 0
    paused: bool = False

    def take(self, message: bytes) -> None:
        start, flags = HEADER.unpack_from(message)
        samples = memoryview(message[HEADER.size :]).cast("h").tolist()
        self.waiting.append((start, bool(flags & MUST), samples))

    def clear(self) -> None:
        self.waiting = deque(chunk for chunk in self.waiting if chunk[1])
        self.clears += 1
        self.paused = False

    def play(self, samples: int) -> None:
        while samples and self.waiting and not self.paused:
            start, must, sound = self.waiting.popleft()
            self.heard += sound[:samples]
            self.position = start + min(samples, len(sound))
            if sound[samples:]:
                self.waiting.appendleft((self.position, must, sound[samples:]))
            samples -= min(samples, len(sound))

    @property
    def report(self) -> bytes:
        return REPORT.pack(self.position, self.clears)


class Peer:
    """A page in Python, at the other end of a line's connection: 20 ms of silence, or of `sound`, after another.

    views: what it was shown. orders: clear, pause and resume, with when they came. closed: code and reason.
    """

    path, peer = "/browser", "192.0.2.1"
    headers: Mapping[str, str] = {}

    def __init__(self, rate: int = 16_000, query: Mapping[str, str] | None = None) -> None:
        self.query = query or {}
        self.loudspeaker = Loudspeaker()
        self.views: list[dict[str, Any]] = []
        self.orders: list[str] = []
        self.closed: tuple[int, str] | None = None
        self.reads = True
        self.frame = rate // 50
        self._coming: asyncio.Queue[str | bytes | None] = asyncio.Queue()
        self._gone = asyncio.Event()

    # --- as the line sees it -----------------------------------------------------------------------------------------

    def send_now(self, *messages: str | bytes) -> bool:
        """Knows no way, as some web servers do not."""
        return False

    async def receive(self) -> str | bytes:
        message = None if self._gone.is_set() else await self._coming.get()
        if message is None:
            raise Closed
        return message

    async def send(self, message: str | bytes) -> None:
        if not self.reads:
            await self._gone.wait()
        if self._gone.is_set():
            raise Closed
        if isinstance(message, bytes):
            self.loudspeaker.take(message)
            return
        view = json.loads(message)
        self.views.append(view)
        if view["type"] in ("clear", "pause", "resume"):
            self.orders.append(view["type"])
            self.loudspeaker.paused = view["type"] == "pause"
            if view["type"] == "clear":
                self.loudspeaker.clear()

    async def close(self, code: int = 1000, reason: str = "") -> None:
        self.closed = self.closed or (code, reason)
        self.leave()

    # --- as a test drives it -----------------------------------------------------------------------------------------

    def say(self, message: str | bytes) -> None:
        self._coming.put_nowait(message)

    def leave(self) -> None:
        self._gone.set()
        self._coming.put_nowait(None)

    async def talk(self, seconds: float) -> None:
        """So long, with a microphone that hears nothing and a loudspeaker that plays what has come."""
        for _ in range(round(seconds * 50)):
            await asyncio.sleep(0.02)
            self.loudspeaker.play(self.frame)
            self.say(self.loudspeaker.report + bytes(2 * self.frame))

    def shown(self, kind: str) -> list[dict[str, Any]]:
        return [view for view in self.views if view["type"] == kind]

    def transcript(self) -> list[dict[str, Any]]:
        """The last state of each utterance, in their order."""
        entries = {view["entry"]: view for view in self.views if view["type"] in ("caller", "agent")}
        return [entries[number] for number in sorted(entries)]
