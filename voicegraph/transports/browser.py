"""A call from a web page: PCM16 over a WebSocket, paced by what the page has played.

To the page: binary messages of sound (voicegraph.transports.browser_sound), and text messages, each a JSON object with
a `type`: `hello`, `clear`, `pause`, `resume`, `alive`, and what voicegraph.observe.views holds. From the page: binary
messages, 20 ms of the microphone behind the place that its loudspeaker has come to; and `{"type": "hang-up"}`. Why a
call is over stands in the reason with which the WebSocket is closed.
"""

from __future__ import annotations

import asyncio
import struct
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import msgspec

from voicegraph.call import Call, this_call
from voicegraph.durations import Duration
from voicegraph.errors import CallFailed
from voicegraph.frames import Audio, TTSAudio
from voicegraph.node import node
from voicegraph.ports import Rate
from voicegraph.serve.doors import Closed, Connection, Page, Socket, told
from voicegraph.serve.reasons import REASONS
from voicegraph.settings import Spoken
from voicegraph.transports import browser_page
from voicegraph.transports.browser_sound import Stream

if TYPE_CHECKING:
    from voicegraph.engine.session import Session
    from voicegraph.observe.live import Live
    from voicegraph.observe.views import View

HEADER = struct.Struct("<II")
"""Before the PCM16 of a message from the page: how far it has played the stream, in samples; how many clears it did."""
LONGEST = 1.0
"""Seconds of sound in one message from the page, at most. It sends 20 ms."""
SHORTEST = 0.01
"""Seconds that a message from the page counts for, at least, however empty it is."""
AHEAD = 5.0
"""Seconds of sound by which the page may be ahead of the clock: what a network held back comes at once."""
SILENT = 15.0
"""Seconds after which a page that sends nothing is gone. It sends silence when the microphone is muted."""
UNREAD = 15.0
"""Seconds after which a page that takes nothing is gone."""
UNHEARD = 15.0
"""Seconds after which a page that plays nothing of what it has got is given up: its words would never be heard."""
ALIVE = 5.0
"""Seconds after which something is sent even if there is nothing to say, so that the page knows that we are there."""
LAST_WORDS = 2.0
"""Seconds that the end of the call waits for the page to be told of it."""


class HangUp(msgspec.Struct, tag="hang-up"):
    """All that the page says in words."""


class Refused(Exception):
    """What the page sent is against the protocol. name: in voicegraph.serve.reasons."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


_from_page = msgspec.json.Decoder(HangUp)


@node("browser.call", line=True)
class BrowserCall:
    """Talks to somebody in a web page, which `voicegraph serve` shows at its address.

    title: of the page. rate: of both directions, in Hz. lead: how much audio is sent ahead of what is being heard.
    greeting: what the agent says first. origins: pages of other addresses that may call here, such as
    `https://www.example.com`; the page itself always may. details: the page shows the graph, the times of its nodes and
    which of them fails; false for callers whom that does not concern.
    """

    title: str = "Talk to the agent"
    rate: Literal[16_000, 24_000] = 16_000
    lead: Duration = 0.3
    greeting: Spoken = ""
    origins: tuple[str, ...] = ()
    details: bool = True
    call: Call = this_call()

    def __post_init__(self) -> None:
        self._connection: Connection | None = None
        self._stream = Stream(self.rate, self.lead)
        self._orders: deque[str] = deque()  # to be sent before any sound
        self._views: dict[str, str] = {}  # to be sent when there is no sound to send, by key
        self._stirred = asyncio.Event()  # there is something to send
        self._moved = asyncio.Event()  # there may be room
        self._live: Live | None = None
        self._paused = False
        self._heard_at = 0.0  # when the page last played something, or had nothing to play

    # --- for the server and the session ------------------------------------------------------------------------------

    def doors(self) -> Sequence[Page | Socket]:
        return browser_page.doors(self.title, self.origins)

    def attach(self, connection: Connection) -> None:
        self._connection = connection

    def observer(self) -> Live:
        """Shows the call to the page."""
        from voicegraph.observe.live import Live
        from voicegraph.observe.views import graph

        session = cast("Session", self.call)
        self._order("hello", rate=self.rate, details=self.details)
        if self.details:
            self._show("graph", graph(session.plan))
        self._live = Live(session, self._show, details=self.details)
        return self._live

    # --- the line ----------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> BrowserCall:
        if self._connection is None:
            raise CallFailed("browser.call", "its callers come in by a web page: run the graph with `voicegraph serve`")
        for name, value in self._connection.query.items():
            self.call.variables.setdefault(name, value)
        self._heard_at = self.call.now()
        self.call.keep(self._send(self._connection))
        return self

    async def __aexit__(self, *_: Any) -> None:
        """Shows how what was open has ended."""
        if self._live is not None:
            self._live.close()
        with suppress(Closed, TimeoutError):
            async with asyncio.timeout(LAST_WORDS):
                assert self._connection is not None
                for message in (*self._orders, *self._views.values()):
                    await self._connection.send(message)

    async def listen(self) -> AsyncIterator[Annotated[Audio, Rate("rate")]]:
        """Until the page is gone, or hangs up."""
        connection = self._connection
        assert connection is not None
        began, samples, spent = self.call.now(), 0, 0.0
        try:
            while True:
                async with asyncio.timeout(SILENT):
                    message = await connection.receive()
                if (pcm := self._read(message)) is None:
                    break
                spent += max(SHORTEST, len(pcm) / (2 * self.rate))
                if spent > self.call.now() - began + AHEAD:
                    raise Refused("flood")
                if pcm and not samples and self.greeting:
                    self.call.say(self.greeting)
                if pcm:
                    yield Audio(pcm, rate=self.rate, at=samples / self.rate)
                samples += len(pcm) // 2
        except Closed:
            self.call.hang_up(REASONS["lost"].text)
        except TimeoutError:
            await self._refuse(connection, "silent")
        except Refused as refused:
            await self._refuse(connection, refused.name)
        else:
            self.call.hang_up(REASONS["hung-up"].text)

    async def play(self, audio: Annotated[TTSAudio, Rate("rate")]) -> None:
        """Waits until there is room."""
        await self._until(self.lead)
        self._stream.add(audio)
        self._stirred.set()

    def clear(self) -> None:
        self._stream.clear()
        self._paused = False
        self._order("clear")
        self._moved.set()

    def pause(self) -> None:
        self._paused = True
        self._order("pause")

    def resume(self) -> None:
        self._paused = False
        self._order("resume")

    async def drain(self) -> None:
        await self._until(0.0)

    # --- inside ------------------------------------------------------------------------------------------------------

    async def _until(self, left: float) -> None:
        """Waits until no more than so many seconds are still to be heard."""
        while self._stream.left > left:
            self._moved.clear()
            await self._moved.wait()

    def _read(self, message: str | bytes) -> bytes | None:
        """The microphone's sound in a message from the page; None when it hangs up. Raises Refused."""
        if isinstance(message, str):
            try:
                _from_page.decode(message)
            except msgspec.DecodeError as error:
                raise Refused("malformed") from error
            return None
        if len(message) > HEADER.size + 2 * LONGEST * self.rate:
            raise Refused("oversize")
        if len(message) < HEADER.size or len(message) % 2:
            raise Refused("malformed")
        self._played(*HEADER.unpack_from(message))
        return message[HEADER.size :]

    def _played(self, position: int, clears: int) -> None:
        try:
            news = self._stream.played(position, clears)
        except ValueError as error:
            raise Refused("malformed") from error
        for turn, seconds in news.items():
            self.call.played(turn, seconds)
        if news:
            self._moved.set()
            self._stirred.set()
        if news or self._paused or not self._stream.ahead:
            self._heard_at = self.call.now()
        elif self.call.now() - self._heard_at > UNHEARD:
            raise Refused("unheard")

    def _order(self, kind: str, **more: Any) -> None:
        self._orders.append(msgspec.json.encode({"type": kind, **more}).decode())
        self._stirred.set()

    def _show(self, key: str, view: View) -> None:
        self._views.pop(key, None)  # the newest comes last, so that messages stay in the order of what they tell
        self._views[key] = msgspec.json.encode(view).decode()
        self._stirred.set()

    def _next(self) -> str | bytes | None:
        """The next message to the page: what cannot wait, then sound, then what is only seen."""
        if self._orders:
            return self._orders.popleft()
        if (sound := self._stream.next()) is not None:
            return sound
        return self._views.pop(next(iter(self._views))) if self._views else None

    async def _send(self, connection: Connection) -> None:
        try:
            while True:
                self._stirred.clear()
                while (message := self._next()) is not None:
                    async with asyncio.timeout(UNREAD):
                        await connection.send(message)
                try:
                    async with asyncio.timeout(ALIVE):
                        await self._stirred.wait()
                except TimeoutError:
                    self._order("alive")
        except Closed:
            pass  # `listen` learns of it too
        except TimeoutError:
            await self._refuse(connection, "slow-reader")

    async def _refuse(self, connection: Connection, name: str) -> None:
        await connection.close(*told(name))
        self.call.hang_up(REASONS[name].text)
